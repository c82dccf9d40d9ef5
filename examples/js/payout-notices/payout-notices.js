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
    const error = new Error(`${payouts.length} payouts at once, ${MOST} is the most`);
    throw Object.assign(error, { final: true });
  }
  const interval = Number(task.config("SEND_INTERVAL_MS") ?? 250);
  const day = new Date(`${paidOn}T00:00:00Z`).toLocaleDateString("en-US", {
    year: "numeric",
    month: "long",
    day: "numeric",
    timeZone: "UTC",
  });

  // All that can be wrong with a payout is found before the first mail leaves.
  const mails = payouts.map(({ email, amount, currency }) => {
    const sum = amount.toLocaleString("en-US", { style: "currency", currency });
    return { to: email, subject: `Your payout of ${sum}`, text: `On ${day} we paid you ${sum}.` };
  });

  const refused = [];
  for (const [index, message] of mails.entries()) {
    if (index > 0) await sleep(interval);
    const problem = await send(message);
    if (problem) refused.push(`${message.to}: ${problem}`);
    else console.log(`${message.to}: ${message.subject}`);
  }

  data.notices = { sent: mails.length - refused.length, refused, totals: totals(payouts) };
  if (refused.length > 0) console.warn(`not told: ${refused.join(", ")}`);
};

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// What went wrong, if anything did. It does not throw: the run would be tried again, and those who
// were told already would be told twice.
async function send(message) {
  try {
    const response = await connectors.fetch({
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
    return response.ok ? undefined : response.status;
  } catch (error) {
    return error.message;
  }
}

// The sum in each currency, formatted.
function totals(payouts) {
  const sums = new Map();
  for (const { amount, currency } of payouts) {
    sums.set(currency, (sums.get(currency) ?? 0) + amount);
  }
  return [...sums].map(([currency, sum]) =>
    new Intl.NumberFormat("en-US", { style: "currency", currency }).format(sum),
  );
}
