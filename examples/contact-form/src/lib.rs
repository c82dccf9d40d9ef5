//! A contact form becomes a lead.
//!
//! The first of three forms that come in by webhooks of their own; see `product-inquiry` and
//! `support-ticket`. What it writes makes `lead-routing` match next.

use serde::{Deserialize, Serialize};
use stepwell_sdk::prelude::*;

/// What the website sends.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Form {
    #[serde(default)]
    first_name: String,
    #[serde(default)]
    last_name: String,
    email: String,
    company: Option<String>,
}

/// What the sales people see.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Contact {
    full_name: String,
    email: String,
    company: Option<String>,
    source: &'static str,
    received_at: String,
}

#[step(condition = { "$via": { "name": "Contact Form" }, email: String })]
fn contact_form() -> Result {
    let form: Form = data::read()?;
    let full_name = format!("{} {}", form.first_name, form.last_name);
    let full_name = full_name.trim();
    console::log!("a contact form from {full_name} <{}>", form.email);

    let email_valid = is_email(&form.email);
    data::set(
        "/contact",
        Contact {
            full_name: full_name.to_owned(),
            email: form.email,
            company: form.company,
            source: "website_contact_form",
            received_at: time::now_rfc3339(),
        },
    )?;
    data::set("/leadType", "contact_inquiry")?;
    data::set("/priority", "normal")?;
    data::set("/emailValid", email_valid)?;
    if !email_valid {
        console::warn!("the address does not look like one");
        data::set("/validationError", "Invalid email format")?;
        data::set("/requiresReview", true)?;
    }
    Ok(())
}

/// Whether a text has the form `local@domain.tld`, without spaces and with one `@`. Only a mail
/// that arrives would prove more.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    let Some((name, top)) = domain.rsplit_once('.') else {
        return false;
    };
    let parts = [local, name, top];
    !text.contains(char::is_whitespace)
        && !domain.contains('@')
        && parts.iter().all(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use stepwell_sdk::mock::{CLOCK, Mock};

    use super::*;

    fn form(body: Value) -> Mock {
        Mock::new().webhook("Contact Form").data(body)
    }

    #[test]
    fn a_form_becomes_a_lead() {
        let outcome = form(json!({
            "firstName": "Grace", "lastName": "Hopper", "email": "grace@navy.example",
            "company": "Navy", "message": "May I have a demo?"
        }))
        .run(contact_form);
        assert_eq!(outcome.result, Ok(()));
        assert_eq!(
            outcome.data["contact"],
            json!({
                "fullName": "Grace Hopper", "email": "grace@navy.example", "company": "Navy",
                "source": "website_contact_form", "receivedAt": time::rfc3339(CLOCK)
            })
        );
        assert_eq!(outcome.data["leadType"], "contact_inquiry");
        assert_eq!(outcome.data["emailValid"], true);
        assert_eq!(outcome.data["message"], "May I have a demo?");
        assert_eq!(outcome.data.get("requiresReview"), None);
        assert!(outcome.matches(&json!({"leadType": {"$type": "string"}})));
    }

    #[test]
    fn a_wrong_address_is_for_a_person_to_look_at() {
        let outcome = form(json!({"email": "grace at navy"})).run(contact_form);
        assert_eq!(outcome.data["emailValid"], false);
        assert_eq!(outcome.data["requiresReview"], true);
        assert_eq!(outcome.logs[1], "the address does not look like one");
    }

    #[test]
    fn other_forms_are_left_alone() {
        assert!(!form(json!({"message": "no address"})).matches(contact_form));
        let other = Mock::new().webhook("Support Tickets");
        assert!(!other.data(json!({"email": "a@b.c"})).matches(contact_form));
    }

    #[test]
    fn addresses() {
        for good in ["a@b.c", "first.last+tag@mail.example.org"] {
            assert!(is_email(good), "{good}");
        }
        for bad in [
            "", "a", "a@b", "@b.c", "a@.c", "a@b.", "a@b@c.d", "a b@c.d", "a@b .c",
        ] {
            assert!(!is_email(bad), "{bad}");
        }
    }
}
