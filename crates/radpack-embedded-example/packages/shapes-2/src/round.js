import { red, blue } from 'colors';
import { attributes } from './attributes.js';

export const circle = (radius, cool = false) => `<circle ${attributes({ r: radius, fill: cool ? blue : red })}/>`;
