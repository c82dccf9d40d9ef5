// A webhook error that another system or step reports is sorted by severity. What may be an attack
// goes to Slack at once, the rest to the monitoring system.
//
// Config: MONITORING_ENDPOINT, MONITORING_TOKEN. Connector: slackCom.

export const condition = {
  webhookError: true,
};

const HIGH = new Set(["authentication_failed", "rate_limit_exceeded", "malicious_request"]);
const SECRET = /authorization|cookie|password|secret|token/i;

export const content = async () => {
  const details = {
    timestamp: new Date().toISOString(),
    webhookId: data.$via?.id ?? null,
    webhookName: data.$via?.name ?? null,
    errorType: data.errorType ?? "unknown",
    errorMessage: data.errorMessage ?? "no message",
    requestData: redacted(data.originalRequest ?? null),
    userAgent: data.userAgent ?? data.$via?.userAgent ?? null,
    ipAddress: data.ipAddress ?? data.$via?.ip ?? null,
  };
  const severity = HIGH.has(details.errorType) ? "high" : "normal";
  console.error(`${severity} severity: ${details.errorType}: ${details.errorMessage}`);
  data.errorDetails = details;
  data.severity = severity;

  if (severity === "high") {
    await connectors.slackCom.send({
      channel: "#security-alerts",
      text: `${details.errorType} at ${details.webhookName}: ${details.errorMessage} (task ${task.id()})`,
    });
  } else {
    await report({ event: "webhook_error", severity, details });
  }
  data.errorLogged = true;
  data.loggedAt = new Date().toISOString();
};

async function report(event) {
  const response = await connectors.fetch({
    url: task.config("MONITORING_ENDPOINT"),
    options: {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        Authorization: `Bearer ${task.config("MONITORING_TOKEN")}`,
      },
      body: JSON.stringify(event),
    },
  });
  // Thrown on purpose: the run is tried again, and changes nothing until it succeeds.
  if (!response.ok) throw new Error(`monitoring answered ${response.status}`);
}

// A request's parameters and headers, without those that must not appear in an alert.
function redacted(value) {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(redacted);
  const entries = Object.entries(value);
  return Object.fromEntries(
    entries.map(([key, member]) => [key, SECRET.test(key) ? "[redacted]" : redacted(member)]),
  );
}
