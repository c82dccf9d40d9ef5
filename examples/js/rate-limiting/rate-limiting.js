// Requests of a webhook are counted by the minute, and what is too much is marked to be dropped.
//
// A task knows nothing of other tasks, so the count is kept where all can see it: a counter service
// that adds one to a key and answers with the sum. To turn requests away before they become tasks,
// set a limit on the webhook itself; this step is for limits that depend on the data, here on the
// customer's plan.
//
// Config: COUNTER_URL, optionally COUNTER_TOKEN. Connector: slackCom.

export const condition = {
  $via: { type: "webhook" },
  apiKey: String,
};

const WINDOW = 60_000;
const FREE = 100;
// A map, not an object: a plan that calls itself `constructor` is none.
const REQUESTS = new Map([
  ["free", FREE],
  ["business", 5_000],
]);

export const content = async () => {
  const { id, name, received } = data.$via;
  const window = Math.floor(received / WINDOW);
  const limit = REQUESTS.get(data.plan) ?? FREE;

  const count = await increment(`${id}:${data.apiKey}:${window}`);
  data.rateLimiting = { count, limit, windowStart: new Date(window * WINDOW).toISOString() };
  data.rateLimited = count > limit;

  if (!data.rateLimited) {
    data.readyForProcessing = true;
    console.log(`request ${count} of ${limit} in this minute`);
    return;
  }
  data.dropRequest = true;
  console.warn(`too many requests by ${name}: ${count} of ${limit}`);
  // The count passes the limit once in a window, so there is one alert.
  if (count === limit + 1) {
    await alert(`${name} gets more than ${limit} requests a minute of one customer`);
  }
};

// A run that fails is tried again, and would count the request twice: so this does not throw.
async function alert(text) {
  try {
    await connectors.slackCom.send({ channel: "#alerts", text });
  } catch (error) {
    console.warn(`the alert was not sent: ${error.message}`);
  }
}

async function increment(key) {
  const response = await connectors.fetch({
    url: task.config("COUNTER_URL"),
    options: {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        Authorization: `Bearer ${task.config("COUNTER_TOKEN") ?? ""}`,
      },
      // The key is of no use after its window.
      body: JSON.stringify({ key, ttl: (2 * WINDOW) / 1000 }),
    },
  });
  // No count, no verdict: the run is tried again.
  if (!response.ok) throw new Error(`the counter answered ${response.status}`);
  return response.body.count;
}
