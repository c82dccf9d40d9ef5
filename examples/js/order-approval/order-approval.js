// A large order waits until it is approved or rejected. The step asks, and while there is no decision
// it parks the task and asks again; the task costs nothing in the meantime and outlives a restart.
//
// Config: APPROVALS_URL; optionally APPROVAL_INTERVAL_MS (15 minutes) and APPROVAL_CHECKS (96).

export const condition = {
  order: { id: { $type: ["number", "string"] }, total: { $gt: 500 } },
};

const QUARTER_HOUR = 15 * 60 * 1000;

export const content = async () => {
  const { order } = data;
  const checks = (data.approval?.checks ?? 0) + 1;
  const { status, by } = await decision(order.id);
  data.approval = { status, checks };
  task.name(`Approval of order ${order.id}`);
  task.tags(["orders", `approval-${status}`]);

  switch (status) {
    case "approved":
      data.approval.by = by;
      audit.log(`order ${order.id} over ${order.total} was approved by ${by}`);
      task.complete({ orderId: order.id, approved: true, by });
      break;
    case "rejected":
      data.approval.by = by;
      audit.log(`order ${order.id} over ${order.total} was rejected by ${by}`);
      task.complete({ orderId: order.id, approved: false, by });
      break;
    case "withdrawn":
      console.log(`order ${order.id} is of no interest any more`);
      task.ignore();
      break;
    default:
      if (checks >= Number(task.config("APPROVAL_CHECKS") ?? 96)) {
        // Trying again would not help; a person has to look.
        throw Object.assign(new Error(`no decision after ${checks} checks`), { final: true });
      }
      console.log(`check ${checks}: no decision yet`);
      task.park(Number(task.config("APPROVAL_INTERVAL_MS") ?? QUARTER_HOUR));
      // The condition observes nothing that this run has changed.
      step.redo();
  }
};

async function decision(orderId) {
  const response = await connectors.fetch({
    url: `${task.config("APPROVALS_URL")}/${encodeURIComponent(orderId)}`,
    options: { method: "GET", headers: { Accept: "application/json" } },
  });
  if (response.status === 404) return { status: "pending" };
  if (!response.ok) throw new Error(`approvals answered ${response.status}`);
  return response.body;
}
