// Three forms of one website, each with its webhook: three steps in one file. Every
// `export const condition` begins another step, with a scope of its own.

export const condition = {
  $via: { name: "Contact Form" },
  email: String,
};

export const content = async () => {
  data.leadType = "contact_inquiry";
  data.priority = "normal";
  data.source = "website_contact_form";

  data.emailValid = /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(data.email);
  if (!data.emailValid) {
    console.warn("the address does not look like one");
    data.validationError = "Invalid email format";
    data.requiresReview = true;
  }
};

// An inquiry about a product, with what the catalogue knows of it.

export const condition = {
  $via: { name: "Product Inquiries" },
  product: String,
};

// A map, not an object: a product named `constructor` is not in it.
const CATALOGUE = new Map([
  ["automation-platform", { category: "Enterprise", price: "Custom" }],
  ["integration-tools", { category: "Developer", price: "Subscription" }],
  ["analytics-suite", { category: "Business", price: "Monthly" }],
]);
const UNKNOWN = { category: "Unknown", price: "Contact Sales" };

export const content = async () => {
  data.leadType = "product_inquiry";
  data.priority = "high";
  data.source = "product_page_form";

  data.productInfo = CATALOGUE.get(data.product) ?? UNKNOWN;
  data.productCategory = data.productInfo.category;
  console.log(`an inquiry about ${data.product}: ${data.productCategory}`);
};

// A support request finds the team that takes it.

export const condition = {
  $via: { name: "Support Tickets" },
  issue: String,
};

// The first word that is found counts.
const TEAMS = {
  login: "authentication",
  billing: "financial",
  technical: "engineering",
  feature: "product",
};

export const content = async () => {
  const issue = data.issue.toLowerCase();
  const word = Object.keys(TEAMS).find((word) => issue.includes(word));
  const urgent = data.urgency === "high";

  data.ticketType = "support_request";
  data.priority = urgent ? "urgent" : "normal";
  data.source = "support_form";
  data.category = word ? TEAMS[word] : "general";
  data.assignedTeam = data.category;
  console.log(`${urgent ? "an urgent" : "a normal"} ticket for ${data.assignedTeam}`);
};
