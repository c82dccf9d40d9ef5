// A price is converted at the day's rate. The call is made by the web's own `fetch` and `URL`, so code
// that is written for browsers or Node can be brought along.
//
// Config: RATES_URL, RATES_KEY.

export const condition = {
  price: { amount: { $gt: 0 }, currency: /^[A-Z]{3}$/ },
  convertTo: /^[A-Z]{3}$/,
  converted: null,
};

export const content = async () => {
  const { amount, currency } = data.price;
  const wanted = data.convertTo;
  const rate = currency === wanted ? 1 : await rateOf(currency, wanted);
  data.converted = { amount: Math.round(amount * rate * 100) / 100, currency: wanted, rate };
  console.log(`${amount} ${currency} is ${data.converted.amount} ${wanted}`);
};

async function rateOf(from, to) {
  const url = new URL(task.config("RATES_URL"));
  url.searchParams.set("base", from);
  url.searchParams.set("symbols", to);
  const response = await fetch(url, {
    headers: { "X-Api-Key": task.config("RATES_KEY"), Accept: "application/json" },
  });
  if (response.status === 400 || response.status === 404) {
    const { message } = await response.json();
    throw Object.assign(new Error(`no rate of ${from} in ${to}: ${message}`), { final: true });
  }
  if (!response.ok) throw new Error(`${url.pathname} answered ${response.status}`);
  if (!response.headers.get("content-type")?.startsWith("application/json")) {
    throw new Error(`${url.pathname} did not answer with JSON`);
  }
  const { rates } = await response.json();
  return rates[to];
}
