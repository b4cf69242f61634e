// three majors of d3-array in one program
import * as one from 'd3-array@^1';
import * as two from 'd3-array@^2';
import * as three from 'd3-array@3.2.4';

const values = [3, 1, 2];
console.log(
  `1.x ${one.max(values)} · 2.x ${two.max(values)} · 3.x ${three.max(values)} · ` +
    `groups: ${typeof one.groups} ${typeof two.groups} ${typeof three.groups}`,
);
