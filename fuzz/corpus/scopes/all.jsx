#!/usr/bin/env node
const App = ({ a = () => 1 }) => <ul className="a" {...p} onClick={e => { go(e) }}>Don't {list.map(x => <li key={x}>{x}</li>)} <br/></ul>
exports.f = a.b.c = function named() { label: for (;;) { if (a) /re'/.test(b); else a++ / 2 } };
var o = { x: function () {}, get y() { return 1 }, ['z']: a ? b => c : (d), async *q() {}, 1() {} }, w = (function () {})()
