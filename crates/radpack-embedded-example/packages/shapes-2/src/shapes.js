export { circle } from './round.js';
export const exportAs = async (format) => (await import('./export.js'))[format];
