// lodash-es, whole and one module of it
import { map } from 'lodash-es';
import alone from 'lodash-es@^4/map';
import camelCase from 'lodash-es@^4/camelCase';

console.log(`same map: ${map === alone} · ${alone([1, 2], (x) => 2 * x)} · ${camelCase('user id')}`);
