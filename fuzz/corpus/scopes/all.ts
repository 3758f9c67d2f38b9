type F = (a: number) => { b: string };
interface I<T> { f(): void; g: () => T }
@dec({ a: 1 }) export default class Cart<T extends { a: string }> extends Base<T> implements I<T> {
    private items: Map<string, () => void> = new Map();
    constructor(private readonly n?: number) { super(n!) }
    get total(): number { return this.items.map((x: T): number => x.a / 2).length }
    static async *make<U>(this: void, f: (x: U) => void = () => {}): Promise<{ a: U }> { yield /[/]/g }
    static { go() }
    #check = async x => ({ x })
    over(a: string): void;
    over(a: any) { return <T,>(x: T) => x as { a: string } }
    [Symbol.iterator]() { return `a${b ? `${c}` : '}'}` }
}
