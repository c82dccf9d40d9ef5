//! Steps as users write them, and what they are given.

use serde_json::{Value, json};

pub const CONTACT_FORM: &str = "\
export const condition = { \"$via\": { name: \"Contact Form\" }, email: String };

export const content = async () => {
  console.log('Processing contact form submission...');
  console.log('Contact:', data.firstName, data.lastName);
  console.log('Email:', data.email);
  console.log('Company:', data.company);
  console.log('Webhook name:', data.$via.name);
  console.log('Webhook type:', data.$via.type);
  console.log('Received timestamp:', data.$via.received);

  data.contact = {
    fullName: `${data.firstName} ${data.lastName}`,
    email: data.email,
    company: data.company,
    source: 'website_form',
    receivedAt: new Date().toISOString()
  };

  data.processed = true;
};
";

/// The body of a step that calls a connector, and reads the clock.
pub const CALLS: &str = "
    const response = await connectors.fetch('https://a.example/x?y=1', {method: 'POST', body: {a: data.email}});
    if (!response.ok) throw new Error('no');
    data.url = response.body.url; data.at = new Date().toISOString();
    await task.park(60_000);";

pub fn contact() -> Value {
    json!({
        "firstName": "Sarah", "lastName": "Chen", "email": "sarah@company.com", "company": "TechCorp",
        "message": "Interested in your automation platform",
        "$via": {"type": "webhook", "id": "w", "name": "Contact Form", "received": 1_755_000_000_000_u64,
                 "method": "POST", "ip": "203.0.113.7", "headers": {}},
    })
}
