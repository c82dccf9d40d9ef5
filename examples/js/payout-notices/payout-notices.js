// Sellers are told of their payouts, one by one, with a pause between so as not to be taken for a
// flood. The pause is short: a longer one belongs between runs, by `task.park`.
//
// Config: MAIL_URL, MAIL_TOKEN, optionally SEND_INTERVAL_MS (250).

export const condition = {
  payouts: [{ email: String, amount: Number, currency: String }],
  paidOn: /^\d{4}-\d{2}-\d{2}$/,
  notices: null,
};

const MOST = 50;

export const content = async () => {
  const { payouts, paidOn } = data;
  if (payouts.length > MOST) {
    throw Object.assign(new Error(`${payouts.length} payouts at once, ${MOST} is the most`), { final: true });
  }
  const interval = Number(task.config("SEND_INTERVAL_MS") ?? 250);
  const day = new Date(`${paidOn}T00:00:00Z`).toLocaleDateString("en-US", {
    year: "numeric",
    month: "long",
    day: "numeric",
    timeZone: "UTC",
  });

  const refused = [];
  for (const [index, { email, amount, currency }] of payouts.entries()) {
    if (index > 0) await sleep(interval);
    const sum = amount.toLocaleString("en-US", { style: "currency", currency });
    const text = `On ${day} we paid you ${sum}.`;
    const response = await mail({ to: email, subject: `Your payout of ${sum}`, text });
    if (response.ok) console.log(`${email}: ${sum}`);
    else refused.push(`${email}: ${response.status}`);
  }

  data.notices = { sent: payouts.length - refused.length, refused, totals: totals(payouts) };
  if (refused.length > 0) console.warn(`not told: ${refused.join(", ")}`);
};

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function mail(message) {
  return connectors.fetch({
    url: task.config("MAIL_URL"),
    options: {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        Authorization: `Bearer ${task.config("MAIL_TOKEN")}`,
      },
      body: JSON.stringify(message),
    },
  });
}

// The sum in each currency, formatted.
function totals(payouts) {
  const sums = {};
  for (const { amount, currency } of payouts) sums[currency] = (sums[currency] ?? 0) + amount;
  return Object.entries(sums).map(([currency, sum]) =>
    new Intl.NumberFormat("en-US", { style: "currency", currency }).format(sum),
  );
}
