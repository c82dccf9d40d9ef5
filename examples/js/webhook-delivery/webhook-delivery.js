// A signed webhook is delivered, in up to three attempts that the data keeps account of.
//
// A server error, a rate limit or no answer at all is worth another attempt: the step writes
// `retryAttempt`, which its condition observes, so that it matches anew, and `nextRetryAt`, until
// when the task waits. Any other refusal is final. After the third failure Slack is told.
//
// Config: WEBHOOK_ENDPOINT; WEBHOOK_SECRET; optionally RETRY_BASE_MS, the unit of the delay (1000).
// Connector: slackCom.

// A comparison never matches what is missing, so the first attempt has a branch of its own.
export const condition = {
  webhookData: Object,
  $or: [{ retryAttempt: null }, { retryAttempt: { $lt: 3 } }],
};

const ATTEMPTS = 3;

export const content = async () => {
  const attempt = (data.retryAttempt ?? 0) + 1;
  console.log(`delivery attempt ${attempt} of ${ATTEMPTS}`);
  delete data.nextRetryAt;

  const { delivered, problem, again } = await deliver(attempt);
  if (delivered) {
    data.webhookDelivered = true;
    data.deliveredAt = new Date().toISOString();
    data.deliveryAttempts = attempt;
    console.log(`delivered on attempt ${attempt}`);
  } else if (!again) {
    console.error(`refused for good: ${problem}`);
    giveUp(problem);
  } else {
    console.error(`attempt ${attempt} failed: ${problem}`);
    data.retryAttempt = attempt;
    data.lastError = problem;
    data.lastAttemptAt = new Date().toISOString();
    if (attempt < ATTEMPTS) {
      // Doubles with each attempt: 2 units after the first, 4 after the second.
      const delay = 2 ** attempt * Number(task.config("RETRY_BASE_MS") ?? 1000);
      data.nextRetryAt = new Date(Date.now() + delay).toISOString();
      console.log(`next attempt in ${delay} ms`);
    } else {
      giveUp(`failed after ${attempt} attempts: ${problem}`);
      await alert(data.deliveryError);
    }
  }
};

async function deliver(attempt) {
  const url = required("WEBHOOK_ENDPOINT");
  // The text that is signed is the text that is sent.
  const body = JSON.stringify(data.webhookData);
  const headers = {
    "Content-Type": "application/json",
    "X-Webhook-Signature": signature(required("WEBHOOK_SECRET"), body),
    "X-Retry-Attempt": String(attempt),
  };
  try {
    const response = await connectors.fetch({ url, options: { method: "POST", headers, body } });
    return {
      delivered: response.ok,
      problem: `${response.status} ${response.statusText}`.trimEnd(),
      again: response.status >= 500 || response.status === 429,
    };
  } catch (error) {
    return { delivered: false, problem: error.message, again: true };
  }
}

function signature(secret, text) {
  return `sha256=${crypto.createHmac("sha256", secret).update(text).digest("hex")}`;
}

// A key that is not set will not be set by trying again.
function required(key) {
  const value = task.config(key);
  if (value) return value;
  throw Object.assign(new Error(`the config has no ${key}`), { final: true });
}

function giveUp(problem) {
  data.webhookDelivered = false;
  data.finalFailure = true;
  data.deliveryError = problem;
}

// The delivery has failed either way, so an alert that is not sent must not fail the step.
async function alert(problem) {
  const text = `Webhook delivery gave up (task ${task.id()}): ${problem}`;
  try {
    await connectors.slackCom.send({ channel: "#alerts", text });
  } catch (error) {
    console.warn(`the alert was not sent: ${error.message}`);
  }
}
