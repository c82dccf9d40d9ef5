//! The presets of services and generic methods, as data: `data/providers.json`.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::challenge::Challenge;
use crate::scheme::Scheme;
use crate::secret::{Secret, SecretError};

const TABLE: &str = include_str!("../data/providers.json");

/// A named preset: how the requests of one service, or of a generic method such as `bearer`, are verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// The name by which it is chosen: lower-case letters, digits and hyphens.
    pub name: String,
    /// The name as the service writes it.
    pub title: String,
    /// How its requests are verified.
    pub scheme: Scheme,
    /// What the secret is and where the user finds it; none if there is no secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Setup>,
    /// What the verify token is and where the user enters it; none if the challenge needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify_token: Option<Setup>,
    /// URL of the service's documentation of its webhooks. Empty for a generic method.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub docs: String,
    /// What the user must know: which part of a request is not signed, and other limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// How long a delivery's id is remembered, in hours. 72 unless the service repeats a delivery for longer.
    #[serde(default = "three_days")]
    pub dedup_hours: u32,
    /// The challenge that the service sends before its first delivery, if it sends one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenge: Option<Challenge>,
}

/// What a value that the user has to set is, in words; not the value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setup {
    /// What it is, in the service's words.
    pub what: String,
    /// Where the user finds it.
    pub find: String,
    /// What the service's values begin with, where the scheme takes others, too: another one is probably a slip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begins_with: Option<String>,
}

const fn three_days() -> u32 {
    72
}

impl Provider {
    /// Reads a secret of this service.
    ///
    /// # Errors
    ///
    /// What it should have been, with the service's name: "the signing secret of Svix: the secret
    /// begins with `whsec_`, and the rest is base64".
    pub fn parse_secret(&self, text: &str) -> Result<Secret, String> {
        Secret::parse(&self.scheme, text).map_err(|error: SecretError| match &self.secret {
            Some(setup) => format!("the {} of {}: {error}", setup.what, self.title),
            None => error.to_string(),
        })
    }
}

/// All presets, sorted by name.
pub fn providers() -> &'static [Provider] {
    static TABLE_READ: OnceLock<Vec<Provider>> = OnceLock::new();
    // The table is compiled in, and a test parses it: the default is never used.
    TABLE_READ.get_or_init(|| serde_json::from_str(TABLE).unwrap_or_default())
}

/// The preset of that name.
#[must_use]
pub fn provider(name: &str) -> Option<&'static Provider> {
    let all = providers();
    all.binary_search_by(|provider| provider.name.as_str().cmp(name))
        .ok()
        .and_then(|at| all.get(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_reads_and_each_scheme_makes_sense() {
        let table: Vec<Provider> = serde_json::from_str(TABLE).expect("the table");
        assert!(table.is_sorted_by(|a, b| a.name < b.name));
        for entry in &table {
            let name = &entry.name;
            assert!(
                name.bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'),
                "{name}"
            );
            assert_eq!(entry.scheme.check(), Ok(()), "{name}");
            assert_eq!(provider(name), Some(entry));
            let again: Provider =
                serde_json::from_str(&serde_json::to_string(entry).expect("JSON")).expect("read");
            assert_eq!(&again, entry);
            let partial = match &entry.scheme.check {
                crate::Check::Signature(signature) => signature.partial,
                crate::Check::Jwt(jwt) => jwt.partial,
                _ => false,
            };
            // An answer that asks for a URL of a stranger's choice would be a way to reach others.
            let visits = entry.challenge.iter().filter(|one| one.visit.is_some());
            assert!(visits.clone().all(|one| one.after_verification), "{name}");
            assert!(
                !partial || entry.note.is_some(),
                "{name} does not say what is signed"
            );
            let asks = entry
                .challenge
                .as_ref()
                .is_some_and(|challenge| challenge.verify_token.is_some());
            assert_eq!(asks, entry.verify_token.is_some(), "{name}");
        }
        assert_eq!(provider("nobody"), None);
    }

    #[test]
    fn a_wrong_secret_says_what_a_right_one_is() {
        let error = provider("svix")
            .expect("svix")
            .parse_secret("sk_live_hidden")
            .expect_err("no whsec_");
        assert_eq!(
            error,
            "the signing secret of Svix: the secret begins with `whsec_`, and the rest is base64"
        );
    }
}
