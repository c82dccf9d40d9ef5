// A lead finds the team that answers it. The condition names no webhook: the step follows whatever
// step made the lead.

export const condition = {
  leadType: String,
  priority: String,
  emailValid: { $ne: false },
};

const TEAMS = new Map([
  ["product_inquiry", "sales"],
  ["contact_inquiry", "front-desk"],
]);
const HOURS = new Map([
  ["urgent", 1],
  ["high", 4],
]);

export const content = async () => {
  const team = TEAMS.get(data.leadType) ?? "operations";
  const answerWithinHours = HOURS.get(data.priority) ?? 24;

  data.routing = { team, answerWithinHours };
  task.name(`${data.leadType} for ${team}`);
  task.tags([team, data.priority]);
  console.log(`${team} answers within ${answerWithinHours} h`);
};
