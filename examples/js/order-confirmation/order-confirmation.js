// A paid order gets the text of its confirmation. The sums are made by a file beside the step, which
// `import` finds and `stepwell step add` takes along.

import { cents, money } from "./lib/money.js";

export const condition = {
  order: {
    status: "paid",
    currency: /^[A-Z]{3}$/,
    lines: [{ sku: String, price: Number, count: { $gte: 1 } }],
  },
};

export const content = async () => {
  const { id, currency, lines } = data.order;
  const sums = lines.map(({ price, count }) => cents(price) * count);
  const total = sums.reduce((sum, line) => sum + line, 0);

  data.confirmation = {
    totalCents: total,
    text: [
      `Thank you for order ${id}.`,
      ...lines.map(({ sku, count }, index) => `${count} × ${sku}: ${money(sums[index], currency)}`),
      `Total: ${money(total, currency)}`,
    ].join("\n"),
  };
  console.log(`order ${id} comes to ${money(total, currency)}`);
};
