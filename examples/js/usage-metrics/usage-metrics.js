// Every webhook is counted by an analytics platform. Counting must not get in the way: if it fails,
// the log says so and the task goes on.
//
// Config: ANALYTICS_ENDPOINT, ANALYTICS_TOKEN, and METRICS_SALT, without which no sender is reported.

export const condition = {
  $via: { type: "webhook" },
};

export const content = async () => {
  const { $via, ...sent } = data;
  const metrics = {
    webhookId: $via.id,
    webhookName: $via.name,
    method: $via.method,
    receivedAt: new Date($via.received).toISOString(),
    waitedMs: Math.max(0, Date.now() - $via.received),
    // Bytes, not characters.
    payloadSize: new TextEncoder().encode(JSON.stringify(sent)).length,
    sender: sender($via.ip),
    userAgent: $via.userAgent ?? "unknown",
  };
  console.log("metrics:", metrics);
  data.metrics = metrics;

  const problem = await send({
    event: "webhook_received",
    timestamp: metrics.receivedAt,
    properties: metrics,
  });
  data.metricsRecorded = problem === undefined;
  if (problem) console.warn(`the metrics were not sent: ${problem}`);
};

// Tells senders apart without telling who they are.
function sender(ip) {
  const salt = task.config("METRICS_SALT");
  if (!ip || !salt) return null;
  return crypto.createHash("sha256").update(salt).update(ip).digest("hex").slice(0, 16);
}

// What went wrong, if anything did.
async function send(event) {
  try {
    const response = await connectors.fetch({
      url: task.config("ANALYTICS_ENDPOINT"),
      options: {
        method: "POST",
        headers: {
          "Content-Type": "application/json",
          Authorization: `Bearer ${task.config("ANALYTICS_TOKEN")}`,
        },
        body: JSON.stringify(event),
        timeout: 2000,
      },
    });
    return response.ok ? undefined : `${response.status} ${response.statusText}`.trimEnd();
  } catch (error) {
    return error.message;
  }
}
