class A {}

class B extends A { constructor(...args) { super(...args); this.x = new.target } }

class C extends mixin(A, B).d { ; a() {} ; b() { return super.b } }

class Fields {
  a
  b = 1
  c = this.b; d
  'e' = 2
  1 = 3
  [f] = 4
  static g
  static h = 5
  #i = 6
  static #j
  k = () => this.#i
  l = function () { return arguments }
  get = 1
  set = 2
  async = 3
  static = 4
  of; from; as
}

class Methods {
  a() {}
  'b'() {}
  2() {}
  [c]() {}
  *d() { yield this }
  async e() { await this }
  async *f() { yield await this }
  get g() { return 1 }
  set g(value) { this.#h = value }
  #h = 1
  get #j() {}
  static k() {}
  static *l() {}
  static async m() {}
  static async *n() {}
  static get o() {}
  static set o(value) {}
  static #p() {}
  get() {}
  set() {}
  async() {}
  static() {}
  static static() {}
  static get() {}
  static async() {}
  if() {} else() {} default() {} constructor_() {} declare() {} readonly() {}
  get if() {}
  get 'p'() {}
  get [q]() {}
  async [r]() {}
  *[s]() {}
  static constructor() {}
}

class Blocks { static { this.a = 1; const b = 2; { let c } } static {} }

class D { a = class { b = class {} } }

const e = class extends A {}, f = class G {}

x = { y: class { static z = 1 } }

class Private { #a; static is(b) { return b?.c.d } e() { return this.#a.#b?.c } }
