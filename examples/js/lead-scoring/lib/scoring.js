// What makes a lead promising. Each rule is worth its points once.

const ASKS = /\b(price|pricing|quote|demo)\b/i;
const RULES = [
  {
    reason: "asks for a price or a demo",
    points: 40,
    holds: ({ message }) => ASKS.test(message ?? ""),
  },
  {
    reason: "writes from a company",
    points: 25,
    holds: ({ email }) => !lib.addresses.isFreeMail(email),
  },
  {
    reason: "names the company",
    points: 15,
    holds: ({ company }) => String(company ?? "").trim() !== "",
  },
  { reason: "has more than 50 people", points: 20, holds: ({ employees }) => employees > 50 },
];

export function score(lead) {
  const found = RULES.filter((rule) => rule.holds(lead));
  return {
    points: found.reduce((sum, { points }) => sum + points, 0),
    reasons: found.map(({ reason }) => reason),
  };
}

export function grade(points) {
  if (points >= 70) return "A";
  return points >= 40 ? "B" : "C";
}
