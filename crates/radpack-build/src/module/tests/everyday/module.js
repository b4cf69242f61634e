#!/usr/bin/env node
import './side-effect.js';
import a from "./a.js"
import * as b from './b.js'
import { c } from './c.js'; import { d as e, default as f, 'g h' as i, } from '@scope/d';
import j, { k, l as m } from "./j.mjs?query#hash"
import n, * as o from 'n'
import{p}from'p';import*as q from'q';import r,{s}from'r'
import {} from './empty.js'
import {
  // a comment
  t, /* another */ u as
  v,
} from './t.js' // trailing
import from_ from 'from'
import { as, from, of, async, get as set } from 'words'

export { a, b as bb, c as default, e as 'e e' }
export { x, y as z, default as w, 'string' as str, if as iff } from "./x.js";
export * from './star.js'
export * as ns from './ns.js'; export * as 'n s' from './n-s.js'
export {}
export var v1, v2 = 2
export let l1 = 1, [l2, , l3 = l1, ...l4] = [], { l5, l6: l7, l8 = 8, [l1]: l9, ...l10 } = {}
export const c1 = function inner(param) { var local }, c2 = class Inner { method() {} }, c3 = (arrow) => arrow
export function f1(param, { destructured }) { var local }
export function* f2() {}
export async function f3() {}
export async function* f4() {}
export class K1 extends Base { method() {} static field = 1 }

const lazy = () => import('./lazy.js'), other = import("./other.js",), template = import(`./template.js`)
import(computed); import(`./${computed}.js`); import(a ? './b' : './c'); import(/* webpackIgnore: true */ './ignored.js')
const url = new URL('./asset.png', import.meta.url), worker = new Worker(new URL("./worker.js", import.meta.url), { type: 'module' })
const href = new URL(`./plain.svg`, import.meta.url,).href, not = new URL('./a', base), here = import.meta.url, dir = import.meta?.dirname

//# sourceMappingURL=inner.js.map
later()
/*# not a source map */
//# sourceMappingURL=module.js.map
