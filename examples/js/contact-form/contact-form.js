// A contact form becomes a lead. What it writes is what `lead-routing` waits for.

export const condition = {
  $via: { name: "Contact Form" },
  email: String,
};

export const content = async () => {
  const fullName = [data.firstName, data.lastName].filter(Boolean).join(" ");
  console.log(`a contact form from ${fullName} <${data.email}>`);

  data.contact = {
    fullName,
    email: data.email,
    company: data.company ?? null,
    source: "website_contact_form",
    // When the webhook came in, not when the step got to it.
    receivedAt: new Date(data.$via.received).toISOString(),
  };
  data.leadType = "contact_inquiry";
  data.priority = "normal";

  // One @, a dot behind it, no space. Only a mail that arrives would prove more.
  data.emailValid = /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(data.email);
  if (!data.emailValid) {
    console.warn("the address does not look like one");
    data.validationError = "Invalid email format";
    data.requiresReview = true;
  }
};
