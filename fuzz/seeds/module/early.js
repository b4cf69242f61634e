import a, { b as c } from "./a.js";
export { a, d as default };
label: for (const e of c) { if (e) continue label; else break }
class F extends a { #g; static { super.h } constructor() { super(); delete this.i } j() { return #g in this } }
var d = /(?<k>[a-z]|(?:l))+(?=m)\k<k>/v, n = a.o.p[0]()`q${d}r`.s + c - d * a ** c || d && a;
function* t({ u, ...v }, [w] = [], x = yield) { "use strict"; let y; try {} catch { yield* y } }
let z = async (a) => { await import(`./z.js`) };
