export type Discount = { code: string; percent: number };

export function applyDiscount(sum: number, discount: Discount): number {
    if (discount.percent > 100) {
        throw new RangeError(`discount ${discount.code} is too good: ${discount.percent} %`);
    }
    return (sum * (100 - discount.percent)) / 100;
}
