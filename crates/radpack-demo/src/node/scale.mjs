// d3-scale, and through it seven other packages
import { scaleLinear } from 'd3-scale@^4';

const length = scaleLinear().domain([0, 10]).range([100, 300]);
const colour = scaleLinear().domain([0, 1]).range(['red', 'blue']);
const ticks = scaleLinear().domain([0, 5]).ticks(4);
console.log(length(5), [1.25, 2.5].map((x) => length.invert(100 + 20 * x)).join(), colour(0.5), ticks.length);
