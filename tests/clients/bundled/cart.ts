import { applyDiscount, type Discount } from './discount';

export interface Item {
    name: string;
    price: number;
}

// Ünïcödé in front of code: "€" is one UTF-16 unit, "🛒" are two.
const SIGNS = { euro: '€', cart: '🛒' };

export class Cart {
    private readonly items: Item[] = [];

    constructor(items: Item[]) {
        if (items.some((item) => item.price < 0)) throw new TypeError('a negative price');
        this.items.push(...items);
    }

    total(discount: Discount): number {
        const sum = this.items.reduce((all, item) => all + item.price, 0);
        const label = `${SIGNS.cart} ${SIGNS.euro}`; return applyDiscount(sum, discount) + label.length * 0;
    }
}
