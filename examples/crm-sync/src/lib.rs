//! A new customer is sent to a CRM. A CRM that cannot be reached does not lose the customer: the
//! data says what went wrong, and that it is to be sent again.
//!
//! Config: `CRM_URL`, where customers are posted to; `CRM_TOKEN`, the bearer token.

use serde::Deserialize;
use stepwell_sdk::prelude::*;

#[derive(Deserialize)]
struct Customer {
    email: String,
    name: Option<String>,
    company: Option<String>,
}

#[step(condition = { customer: { created: true, email: String } })]
async fn crm_sync() -> Result {
    let customer: Customer = data::require("/customer")?;
    let request = Request::post(task::require_config("CRM_URL")?)
        .bearer(&task::require_config("CRM_TOKEN")?)
        .json(&json!({
            "event_type": "customer.created",
            "timestamp": time::now_rfc3339(),
            "data": {
                "email": customer.email,
                "name": customer.name,
                "company": customer.company,
                "source": "stepwell",
            },
        }));

    let problem = match connectors::fetch(request).await {
        Ok(response) if response.ok() => {
            console::log!("the CRM has {}", customer.email);
            data::set("/customer/syncedToCrm", true)?;
            data::set("/customer/syncedAt", time::now_rfc3339())?;
            return Ok(());
        }
        Ok(response) => format!(
            "CRM sync failed: {} {}",
            response.status, response.status_text
        ),
        Err(error) => format!("CRM sync failed: {error}"),
    };
    console::error!("{problem}");
    data::set("/customer/syncError", problem.trim_end())?;
    data::set("/customer/requiresRetry", true)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use stepwell_sdk::connectors::FetchError;
    use stepwell_sdk::mock::{CLOCK, Mock, Outcome, Reply};

    use super::*;

    const URL: &str = "https://crm.example/customers";

    fn sync(reply: Reply) -> Outcome {
        Mock::new()
            .data(json!({ "customer": { "created": true, "email": "a@b.c", "name": "Ada" } }))
            .config("CRM_URL", URL)
            .config("CRM_TOKEN", "secret")
            .reply("POST", URL, reply)
            .run(crm_sync)
    }

    #[test]
    fn a_new_customer_is_sent() {
        let outcome = sync(Reply::status(201));
        assert_eq!(outcome.result, Ok(()));
        assert_eq!(outcome.data["customer"]["syncedToCrm"], true);
        let call = &outcome.calls[0];
        assert_eq!(call.header("authorization"), Some("Bearer secret"));
        assert_eq!(call.header("content-type"), Some("application/json"));
        assert_eq!(
            call.json(),
            json!({
                "event_type": "customer.created",
                "timestamp": time::rfc3339(CLOCK),
                "data": { "email": "a@b.c", "name": "Ada", "company": null, "source": "stepwell" }
            })
        );
    }

    #[test]
    fn what_went_wrong_is_in_the_data() {
        let refused = FetchError::Connection("refused".to_owned());
        for (reply, problem) in [
            (Reply::status(502), "CRM sync failed: 502 Bad Gateway"),
            (Reply::status(599), "CRM sync failed: 599"),
            (
                Reply::error(refused),
                "CRM sync failed: connection failed: refused",
            ),
        ] {
            let outcome = sync(reply);
            assert_eq!(outcome.data["customer"]["syncError"], problem);
            assert_eq!(outcome.data["customer"]["requiresRetry"], true);
            assert_eq!(outcome.data["customer"].get("syncedToCrm"), None);
        }
    }

    #[test]
    fn a_missing_config_is_named() {
        let customer = json!({ "customer": { "created": true, "email": "a@b.c" } });
        let failure = Mock::new().data(customer).run(crm_sync).failure();
        assert!(failure.text().contains("CRM_URL"), "{failure}");
    }

    #[test]
    fn only_new_customers_with_an_address() {
        for customer in [json!({ "email": "a@b.c" }), json!({ "created": true })] {
            assert!(
                !Mock::new()
                    .data(json!({ "customer": customer }))
                    .matches(crm_sync)
            );
        }
    }
}
