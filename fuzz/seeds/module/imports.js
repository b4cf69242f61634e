import d3, { scale as s, default as t } from "d3-scale";
import * as ns from '@scope/name@^4/entry';
import data from "./data.json" with { type: "json" };
import "./side-effect.js";
export { a as b, "not a name" as c } from "./a.js";
export * from "./stars.js";
export * as all from "./all.js";
export default function () {}
const later = import("./lazy.js"), json = import(`./j.json`, { with: { type: "json" } });
const worker = new URL("./worker.js", import.meta.url);
import(computed + ".js");
