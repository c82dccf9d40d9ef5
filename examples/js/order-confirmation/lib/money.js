// Money in whole cents. Sums of prices like 0.1 and 0.2 are exact only so.

export function cents(price) {
  const whole = Math.round(price * 100);
  // 19.99 * 100 is 1998.9999999999998, which is near enough; 19.995 is no price.
  if (!Number.isFinite(price) || Math.abs(whole - price * 100) > 1e-6) {
    throw Object.assign(new RangeError(`${price} is not a price`), { final: true });
  }
  return whole;
}

export function money(cents, currency) {
  return `${(cents / 100).toFixed(2)} ${currency}`;
}
