// Throws in functions of every kind; writes for each where that was and how V8 calls the function:
// line:column, a tab, the name. test_scopes.c compares. What V8 knows only at run time is left out:
// inherited methods, keys that are computed, methods that are called without their object.
'use strict';

function tell(run) {
  try {
    run();
  } catch (e) {
    if (e.message !== 'x') throw e;
    const top = e.stack.split('\n')[2]; // what called $
    const [, name, place] = /^ +at (?:(.*?) \()?.*?:(\d+:\d+)\)?$/.exec(top);
    console.log(place + '\t' + (name ?? '').replace(/ \[as .*\]$/, ''));
  }
}
const $ = () => { throw new Error('x'); };

class Cart {
  constructor(full) { if (full) $(); }
  total() { $(); }
  static make() { $(); }
  get price() { $(); }
  set price(to) { $(); }
  static get count() { $(); }
  #check() { $(); }
  check() { this.#check(); }
  *lines() { $(); }
  ['literal']() { $(); }
  [Symbol.iterator]() { $(); }
  'two words'() { $(); }
  12() { $(); }
  $dollar_1() { $(); }
  arrow = () => { $(); };
  block = function () { $(); }
  expression = a => a + $()
  static shared = () => $();
  #hidden = () => { $(); };
  callHidden() { this.#hidden(); }
  nested() { const inner = () => { $(); }; inner(); }
  callback() { [1].forEach(() => { $(); }); }
  setter() { this.late = () => { $(); }; this.late(); }
}
const cart = new Cart();
tell(() => new Cart(true));
for (const name of ['total', 'check', 'literal', Symbol.iterator, 'two words', 12, '$dollar_1', 'arrow', 'block',
  'expression', 'callHidden', 'nested', 'callback', 'setter'])
  tell(() => cart[name]());
tell(() => Cart.make());
tell(() => cart.price);
tell(() => (cart.price = 1));
tell(() => Cart.count);
tell(() => cart.lines().next());
tell(() => Cart.shared());
tell(() => new (class Field { a = 1; b = $() })());
tell(() => class Static { static { if (cart / 2 !== /2/) { $(); } } });
tell(() => class Shared { static a = $(); });

const object = {
  method() { $(); },
  property: function () { $(); },
  arrow: () => { $(); },
  expression: (a, b) => $(a ? b : a, `}${b}`),
  get getter() { $(); },
  'a b': function () { $(); },
  'quoted': () => { $(); },
  deep: { deeper: { method() { $(); } } },
  *generator() { $(); },
  get() { $(); },
  static: a => $(),
};
for (const name of ['method', 'property', 'arrow', 'expression', 'getter', 'a b', 'quoted', 'get', 'static'])
  tell(() => object[name]());
tell(() => object.deep.deeper.method());
tell(() => object.generator().next());

exports.assigned = function () { $(); };
exports.arrow = () => { $(); };
tell(() => exports.assigned());
tell(() => exports.arrow());
module.exports = function () { $(); };
tell(() => module.exports());
function Old() { this.own = function () { $(); }; this.arrow = () => $(); }
Old.prototype.method = function () { $(); };
Old.prototype['literal'] = function () { $(); };
Old.shared = function () { $(); };
const old = new Old();
tell(() => old.own());
tell(() => old.arrow());
tell(() => old.method());
tell(() => old.literal());
tell(() => Old.shared());
const q = { r: {} };
q.r.s = function () { $(); };
q[0] = function () { $(); };
q
  .line = () => { $(); };
tell(() => q.r.s());
tell(() => q[0]());
tell(() => q.line());

const wrapped = (f => f)(() => { $(); });
const wrapped2 = (f => f)(function () { $(); });
const chosen = q ? () => { $(); } : 0, either = 0 || function () { $(); }, inParens = (() => { $(); });
let later;
later ??= () => { $(); };
const curried = x => y => { $(); };
const listed = [() => { $(); }, 1];
const noSemicolon = a => $()
const oneLine = a =>
  a + $()
function declared() { $(); }
function* generator() { $(); }
const named = function inner() { $(); }, result = (function () { return function () { $(); }; })();
for (const f of [wrapped, wrapped2, chosen, either, inParens, later, curried(1), listed[0], noSemicolon, oneLine, declared, named,
  result])
  tell(() => f());
tell(() => generator().next());
tell(() => { (function () { $(); })(); });
tell(() => (() => $())());
tell(() => { function defaults(a = () => { $(); }) { a(); } defaults(); });
tell(() => { const { a = () => { $(); } } = {}; a(); });
tell(() => { const { a: b = () => { $(); } } = {}; b(); });

exports.Kept = class { method() { $(); } constructor(x) { if (x) $(); } };
const Kept = class { method() { $(); } constructor(x) { if (x) $(); } static shared() { $(); } };
const Outer = class Inner { method() { $(); } };
const Nameless = (() => class { method() { $(); } constructor(x) { if (x) $(); } static shared() { $(); } })();
for (const K of [exports.Kept, Kept, Nameless]) {
  tell(() => new K().method());
  tell(() => new K(true));
}
tell(() => Kept.shared());
tell(() => Nameless.shared());
tell(() => new Outer().method());

/* 😀 */ const emoji = '😀', astral = () => { '𝒜'; $(); }; // columns are UTF-16
tell(() => astral());
const text = `a ${(() => { '`'; return '}'; })()} ${`${1}`}`, template = () => `${text} ${$()}`;
tell(() => template());
const regex = a => /[/}]'"\/{/.test(a) / 2 + (a) / 3 + $();
tell(() => regex('}'));
