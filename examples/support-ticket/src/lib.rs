//! A support request finds its category, and with it the team that takes it.

use stepwell_sdk::prelude::*;

/// A word in the request, and the team that such requests belong to. The first that is found counts.
const TEAMS: [(&str, &str); 4] = [
    ("login", "authentication"),
    ("billing", "financial"),
    ("technical", "engineering"),
    ("feature", "product"),
];

#[step(condition = { "$via": { "name": "Support Tickets" }, issue: String })]
fn support_ticket() -> Result {
    let issue: String = data::require("/issue")?;
    let urgency: Option<String> = data::get("/urgency")?;
    let urgent = urgency.as_deref() == Some("high");
    let team = team(&issue);
    console::log!(
        "{} ticket for {team}",
        if urgent { "an urgent" } else { "a normal" }
    );

    data::set("/ticketType", "support_request")?;
    data::set("/priority", if urgent { "urgent" } else { "normal" })?;
    data::set("/source", "support_form")?;
    data::set("/category", team)?;
    data::set("/assignedTeam", team)?;
    Ok(())
}

fn team(issue: &str) -> &'static str {
    let issue = issue.to_lowercase();
    let mut teams = TEAMS.iter();
    teams
        .find(|(word, _)| issue.contains(word))
        .map_or("general", |(_, team)| team)
}

#[cfg(test)]
mod tests {
    use stepwell_sdk::mock::Mock;

    use super::*;

    fn ticket(body: Value) -> Mock {
        Mock::new().webhook("Support Tickets").data(body)
    }

    #[test]
    fn a_word_in_the_issue_decides_on_the_team() {
        for (issue, expected) in [
            ("LOGIN fails since Monday", "authentication"),
            ("wrong amount on my billing page", "financial"),
            ("a technical question", "engineering"),
            ("please add a feature", "product"),
            ("login, then billing", "authentication"),
            ("hello?", "general"),
        ] {
            let outcome = ticket(json!({ "issue": issue })).run(support_ticket);
            assert_eq!(outcome.data["assignedTeam"], expected, "{issue}");
            assert_eq!(outcome.data["category"], expected, "{issue}");
        }
    }

    #[test]
    fn high_urgency_is_urgent() {
        let priority = |body| ticket(body).run(support_ticket).data["priority"].clone();
        assert_eq!(
            priority(json!({ "issue": "x", "urgency": "high" })),
            "urgent"
        );
        assert_eq!(
            priority(json!({ "issue": "x", "urgency": "low" })),
            "normal"
        );
        assert_eq!(priority(json!({ "issue": "x" })), "normal");
    }

    #[test]
    fn an_urgency_of_another_type_is_a_clear_failure() {
        let failure = ticket(json!({ "issue": "x", "urgency": 1 }))
            .run(support_ticket)
            .failure();
        assert!(failure.text().contains("`/urgency`"), "{failure}");
    }
}
