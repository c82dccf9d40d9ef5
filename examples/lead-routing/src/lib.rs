//! A lead finds the team that answers it.
//!
//! Its condition names no webhook: it follows whatever step made the lead.

use stepwell_sdk::prelude::*;

#[step(condition = { leadType: String, priority: String, emailValid: { "$ne": false } })]
fn lead_routing() -> Result {
    let kind: String = data::require("/leadType")?;
    let priority: String = data::require("/priority")?;
    let team = match kind.as_str() {
        "product_inquiry" => "sales",
        "contact_inquiry" => "front-desk",
        _ => "operations",
    };
    let answer_within_hours = match priority.as_str() {
        "urgent" => 1,
        "high" => 4,
        _ => 24,
    };
    data::set(
        "/routing",
        json!({ "team": team, "answerWithinHours": answer_within_hours }),
    )?;
    task::set_name(&format!("{kind} for {team}"))?;
    task::set_tags([team, &priority])?;
    console::log!("{team} answers within {answer_within_hours} h");
    Ok(())
}

#[cfg(test)]
mod tests {
    use stepwell_sdk::mock::Mock;

    use super::*;

    fn lead(kind: &str, priority: &str) -> Mock {
        Mock::new().data(json!({ "leadType": kind, "priority": priority, "emailValid": true }))
    }

    #[test]
    fn kind_and_priority_decide() {
        for (kind, priority, team, hours) in [
            ("contact_inquiry", "normal", "front-desk", 24),
            ("product_inquiry", "high", "sales", 4),
            ("partner_inquiry", "urgent", "operations", 1),
        ] {
            let outcome = lead(kind, priority).run(lead_routing);
            assert_eq!(
                outcome.data["routing"],
                json!({ "team": team, "answerWithinHours": hours })
            );
            assert_eq!(outcome.name, Some(format!("{kind} for {team}")));
            assert_eq!(outcome.tags, [team, priority]);
        }
    }

    #[test]
    fn nobody_is_sent_to_a_wrong_address() {
        let lead =
            json!({ "leadType": "contact_inquiry", "priority": "normal", "emailValid": false });
        assert!(!Mock::new().data(lead).matches(lead_routing));
    }
}
