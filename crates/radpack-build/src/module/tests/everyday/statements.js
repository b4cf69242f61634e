// Statements as people write them.
'use strict';

if (a) b(); else if (c) { d(); } else e();

if (a)
  b()
else
  c()

for (let i = 0, n = list.length; i < n; ++i) { if (list[i] === x) continue; else break; }

for (const key in object) if (Object.prototype.hasOwnProperty.call(object, key)) keys.push(key);

for (const [key, { value, done = false }] of entries) console.log(key, value, done);

for (a.b of c) for ([d, e.f] of g) for ({ h, i: j = 1 } of k) ;

for (var i = 0; i < 10; i++) sum += i;

for (;;) { break }

for (const a of b) { for await (const c of a) { d(c) } }

outer: for (x of y) { inner: while (true) { if (z) continue outer; break inner; } }

while (i--) { stack.pop(); }

do { i++ } while (i < 10)

do x(); while (y);

switch (kind) {
  case 'a':
  case "b": { one(); break; }
  case c + d: return_ = 1; break
  default:
    two()
}

try { risky(); } catch { recover(); }

try { risky() } catch ({ message, cause: [first] }) { report(message, first) } finally { done() }

var a, b = 1, [c, , d = 2, ...e] = f, { g, h: i, j = 3, [k]: l, 'm': n, 1: o, ...p } = q;

let r
let s = t
const u = 1, v = function () { return }, w = () => { return v };

function plain(a, b = a, { c, d: [e] } = {}, ...rest) { return a + b, rest; }

function* generator() { const x = yield; yield x + 1; yield* other(); return yield
}

async function waits() { await a; for await (const b of c) yield_ = await b; return await d }

async function* both() { yield await a }

function nested() { function inner() { return function () { return arguments } } return inner }

throw new Error(`message ${a + `${b}`}`);

debugger;

{ let block = 1; { const inner = block } }

;;; { }

x = 1
y = 2; z = 3

a
++b
c--
d

await top; const e2 = await import('./e.js')
