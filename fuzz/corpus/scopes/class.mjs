export default class { constructor(x) { if (x) throw new Error } m() { throw new Error } }
