/* A shop that fails, in four functions of three files. tests/http/test_sourcemaps.py bundles it. */
import { Cart, type Item } from './cart';

const PRICES: Item[] = [
    { name: 'tea', price: 4 },
    { name: 'pot', price: 21 },
];

function checkout(percent: number): number {
    const cart = new Cart(PRICES);
    return cart.total({ code: 'WINTER', percent });
}

/** The error of a checkout. */
export function failingCheckout(message: string): Error {
    try {
        checkout(101);
    } catch (error) {
        (error as Error).message = message;
        return error as Error;
    }
    throw new Error('that must fail');
}
