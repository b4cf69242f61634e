import { red } from 'colors';

export const circle = (radius) => `<circle r="${radius}" fill="${red}"/>`;
