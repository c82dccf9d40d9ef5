// A new customer is sent to a CRM. A CRM that cannot be reached does not lose the customer: the data
// says what went wrong, and that it is to be sent again.
//
// Config: CRM_URL, where customers are posted to; CRM_TOKEN, the bearer token.

export const condition = {
  customer: { created: true, email: String },
};

export const content = async () => {
  const { customer } = data;
  try {
    const response = await connectors.fetch({
      url: task.config("CRM_URL"),
      options: {
        method: "POST",
        headers: {
          "Content-Type": "application/json",
          Authorization: `Bearer ${task.config("CRM_TOKEN")}`,
        },
        body: JSON.stringify({
          event_type: "customer.created",
          timestamp: new Date().toISOString(),
          data: {
            email: customer.email,
            name: customer.name,
            company: customer.company,
            source: "stepwell",
          },
        }),
      },
    });
    // A status that is not 2xx is an answer, not an error.
    if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);

    customer.syncedToCrm = true;
    customer.syncedAt = new Date().toISOString();
    console.log(`the CRM has ${customer.email}`);
  } catch (error) {
    customer.syncError = `CRM sync failed: ${error.message}`;
    customer.requiresRetry = true;
    console.error(customer.syncError);
  }
};
