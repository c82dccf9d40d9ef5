//! Where tasks are stored, if not in the data directory.

use std::fmt;
use std::str::FromStr;

use url::Url;

/// The URL of a PostgreSQL database. It is printed without its password.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreUrl(String);

impl StoreUrl {
    /// The URL with its password.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl FromStr for StoreUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self(text.to_owned()));
        }
        Err(
            "it must be the URL of a PostgreSQL database, e.g. postgres://user@db.example/stepwell"
                .into(),
        )
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The driver takes all up to the `@` for the user and the password; a URL ends there before.
        let rest = self.0.split_once("://").map_or("", |(_, rest)| rest);
        let given = rest.split_once('@').map_or("", |(given, _)| given);
        if given.contains(['/', '?', '#']) {
            return f.write_str("postgres://…");
        }
        // Several hosts are no URL to others.
        let Ok(mut url) = Url::parse(&self.0) else {
            return f.write_str("postgres://…");
        };
        if url.password().is_some() {
            // Only a URL without a host has none.
            let _ = url.set_password(Some("***"));
        }
        if url.query().is_some_and(|query| query.contains("password")) {
            url.set_query(None);
        }
        url.fmt(f)
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_printed() {
        for (given, printed) in [
            ("postgres://u:secret@h:5/d", "postgres://u:***@h:5/d"),
            ("postgres://u@h/d?password=secret", "postgres://u@h/d"),
            (
                "postgres://u:secret@h1,h2:6/d",
                "postgres://u:***@h1,h2:6/d",
            ),
            ("postgres://u:12/secret@h/d", "postgres://…"),
            ("postgres:///d?host=/run/pg", "postgres:///d?host=/run/pg"),
        ] {
            let url: StoreUrl = given.parse().unwrap();
            assert_eq!(url.reveal(), given);
            for text in [url.to_string(), format!("{url:?}")] {
                assert!(text == printed || text == "postgres://…", "{text}");
                assert!(!text.contains("secret"), "{text}");
            }
        }
        for wrong in ["", "mysql://h/d", "/var/lib/stepwell"] {
            let error = wrong.parse::<StoreUrl>().unwrap_err();
            assert!(error.contains("e.g. postgres://"), "{error}");
        }
    }
}
