// A completed order is reported to several systems at once, and one that does not answer keeps none
// of the others from being told.
//
// Config: FULFILLMENT_URL, FULFILLMENT_API_KEY, ANALYTICS_URL, ANALYTICS_TOKEN, and for orders of
// high value CUSTOMER_SUCCESS_URL, CUSTOMER_SUCCESS_TOKEN.

export const condition = {
  order: { status: "completed", customer: Object, total: Number },
};

// Orders above this total are reported to customer success, too.
const HIGH_VALUE = 1000;

export const content = async () => {
  const { order } = data;
  const report = {
    orderId: order.id,
    customerId: order.customer.id,
    total: order.total,
    items: order.items ?? [],
    completedAt: new Date().toISOString(),
  };

  // A call is under way as soon as it is made; the calls overlap.
  const calls = {
    fulfillment: post(
      "FULFILLMENT_URL",
      { "X-API-Key": task.config("FULFILLMENT_API_KEY") },
      {
        ...report,
        action: "ship_order",
      },
    ),
    analytics: post("ANALYTICS_URL", bearer("ANALYTICS_TOKEN"), {
      event: "order_completed",
      properties: report,
      timestamp: report.completedAt,
    }),
  };
  if (order.total > HIGH_VALUE) {
    calls["customer success"] = post("CUSTOMER_SUCCESS_URL", bearer("CUSTOMER_SUCCESS_TOKEN"), {
      ...report,
      priority: "high",
      assignToCSM: true,
    });
  }

  const names = Object.keys(calls);
  const results = await Promise.allSettled(Object.values(calls));
  let failed = 0;
  results.forEach((result, index) => {
    const answered = result.status === "fulfilled";
    if (answered && result.value.ok) return;
    failed += 1;
    const why = answered ? result.value.status : result.reason.message;
    console.warn(`${names[index]} was not told: ${why}`);
  });

  const sent = results.length;
  data.notifications = {
    sent,
    successful: sent - failed,
    failed,
    completedAt: new Date().toISOString(),
  };
  if (failed > 0) data.notifications.requiresRetry = true;
  console.log(`${sent - failed} of ${sent} systems were told`);
};

function post(urlKey, headers, body) {
  return connectors.fetch({
    url: task.config(urlKey),
    options: {
      method: "POST",
      headers: { "Content-Type": "application/json", ...headers },
      body: JSON.stringify(body),
    },
  });
}

function bearer(tokenKey) {
  return { Authorization: `Bearer ${task.config(tokenKey)}` };
}
