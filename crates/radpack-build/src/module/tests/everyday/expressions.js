a + b - c * d / e % f ** g;
a << b >> c >>> d & e | f ^ g;
a < b, a > b, a <= b, a >= b, a == b, a != b, a === b, a !== b;
a && b || c && !d;
a ?? b ?? c;
(a && b) ?? c;
a in b, a instanceof B;
a ? b : c ? d : e;
a ? (b, c) : d => e;

a = b = c; a += 1; a -= 1; a *= 1; a /= 1; a %= 1; a **= 1; a <<= 1; a >>= 1; a >>>= 1;
a &= 1; a |= 1; a ^= 1; a &&= 1; a ||= 1; a ??= 1;

[a, b] = [b, a]; [a.b, c[d], ...e] = f; ({ a, b: c.d, e = 1, ...f } = g);
[a = 1, [b], { c }] = d; [, a, , b] = c; ({ a: { b = 1 } = {} } = c); (a) = b; (a.b) = c;

-a, +a, !a, ~a, - -a, + +a, typeof a, void 0, delete a.b, typeof typeof a, !(a in b);
a++, a--, ++a, --a, a.b++, --a[b], a+++b, a - -b;

a.b.c, a[b], a[b, c], a(b), a(b, ...c), a(b,), a.if.else, a?.b, a?.[b], a?.(b), a?.b.c(d)?.[e];
a`b`, a.b`c${d}e`, a`b``c`, `a${b}c${`d${e}`}f`, `\`\${}\u{1F600}\x41\0`;
new A, new A(), new A.B(c), new (a())(b), new A().b, new A()(), new new A()(), new a[b](c), new this.a(), new (class {})();
a.#b;

a => b, (a) => b, (a, b) => c, () => {}, () => ({}), async a => b, async (a, b) => await c, async () => {};
({ a, b: [c] = [] }, [d, e = 1], ...f) => g;
(a = 1, { b = 2 } = {}) => { return a + b };
async ({ a = 1 }, ...b) => { for await (const c of b) await c };
f(a => b, (c, d) => { e }), [a => b], { x: a => b };
a => b => c => d;

({ a, b: c, 'd': e, 1: f, [g]: h, .5: i, ...j });
({ k() { return super.k() }, *l() { yield 1 }, async m() { await n }, async *o() { yield await p }, get q() { return 1 }, set q(r) {} });
({ get: 1, set: 2, async: 3, static: 4, if: 5, get get() {}, set set(a) {}, async async() {}, get [a]() {}, get 'b'() {}, get 1() {} });
({ get, set, async, of, from, as });
({ async() {}, get() {}, set() {}, await: 1, yield() {} });

[], [,], [, a], [a,], [a, , b], [...a, ...b], [[], {}];
({}), ({ a: {} }), ({ a, });

/a/, /[/\]]/g, /\//.test(a), a / b / c, (a) / b, a[0] / b, a++ / b, x = /=/, x / /y/, /[^/]+/gimsuy, /\u{61}/v, /(?<a>b)/d;

0, 1.5, .5, 5., 1e5, 1e-5, 1E+5, 0xFF, 0XfF, 0b10, 0o17, 10n, 0xFn, 1..toString(), 1.5.toFixed();

'', "", 'a\'b', "a\"b", 'a\
b', '\n\r\t\\\0\x41\u0041\u{1F600}', "é😀", 'it’s';

this, null, true, false, undefined, NaN, $, _, $_1, async, of, get, set, from, as, target, meta, let_;

(a, b), ((a)), (a + b) * c, (function () {})(), (() => {})(), (async () => { await a })(), !function () {}();
(function named(a) { return named })(1), (function* () { yield })(), (async function () {})(), (class Named extends Base {});

a = b ? c => d : (e, f) => g;
a = b || (c => d);
a = function () { return this }.bind(this);
a = async function () {}, b = class {}, c = class extends (d, e) {};
x = y
  .map(z => z + 1)
  .filter(Boolean)
x = a
  ? b
  : c
x = a &&
  b
