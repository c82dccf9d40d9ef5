//! API tokens: what a program or a person shows to use the API.

use std::fmt;

use super::clock::Millis;
use super::config_digest::TokenDigest;
use super::ids::{TokenName, WorkspaceName};
use super::limits;
use super::principal::{ADMIN, Scope};
use super::webhook::base62;

/// The prefix of every token, by which scanners for leaked secrets recognise one.
pub const PREFIX: &str = "swt_";
/// The digits of 256 random bits in base62.
const RANDOM: usize = 43;
/// The digits of a CRC-32 in base62.
const CHECKSUM: usize = 6;
/// A token as the store keeps it. Its text is shown once, when it is added, and not kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// Its id, base62, not secret.
    pub id: String,
    /// Its name, unique in its workspace, or among those of the server.
    pub name: TokenName,
    /// The one workspace that it may act in; `None` for all of them and the server itself.
    pub workspace: Option<WorkspaceName>,
    /// Its scopes there: at least one, in the order of [`Scope::ALL`].
    pub scopes: Vec<Scope>,
    /// The SHA-256 of its text. The text has 256 random bits, so that no slower digest is needed.
    pub digest: TokenDigest,
    /// When it was added.
    pub added: Millis,
    /// The principal that added it.
    pub added_by: String,
    /// When it ends, if it does by itself.
    pub expires: Option<Millis>,
    /// When it was last used, as far as that was written.
    pub used: Option<Millis>,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("workspace", &self.workspace)
            .field("scopes", &self.scopes)
            .field("expires", &self.expires)
            .field("used", &self.used)
            .finish_non_exhaustive()
    }
}

/// Why a token cannot be added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The journals would not tell it from the admin token.
    #[error(
        "a token cannot be called `{}`: the admin token is; choose another name",
        ADMIN
    )]
    Reserved,
    /// It could do nothing.
    #[error("a token needs at least one scope: {}", scopes_in_words())]
    NoScope,
    /// There is no such scope.
    #[error("`{}` is not a scope; the scopes are {}", .0, scopes_in_words())]
    NoSuchScope(String),
    /// Its time is none.
    #[error(
        "a token ends in 1 to {} seconds (ten years), or not by itself",
        limits::TOKEN_SECONDS
    )]
    Expiry,
    /// It would outlive the one that adds it.
    #[error(
        "a token that ends at a time adds only tokens that end by then: this one ends in {0} seconds"
    )]
    Outlives(u64),
}

impl TokenError {
    /// The member of the request that is wrong.
    pub fn field(&self) -> &'static str {
        match self {
            Self::Reserved => "name",
            Self::NoScope | Self::NoSuchScope(_) => "scopes",
            Self::Expiry | Self::Outlives(_) => "expires_in_seconds",
        }
    }
}

fn scopes_in_words() -> String {
    Scope::ALL.map(|scope| scope.to_string()).join(", ")
}

/// The scopes of these names, each once, in the order of [`Scope::ALL`].
///
/// # Errors
/// [`TokenError::NoScope`], [`TokenError::NoSuchScope`].
pub fn scopes<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Vec<Scope>, TokenError> {
    let mut found = Vec::new();
    for name in names {
        let scope = Scope::ALL.into_iter().find(|scope| scope.as_str() == name);
        let cut = || TokenError::NoSuchScope(name.chars().take(40).collect());
        found.push(scope.ok_or_else(cut)?);
    }
    if found.is_empty() {
        return Err(TokenError::NoScope);
    }
    Ok(Scope::ALL
        .into_iter()
        .filter(|scope| found.contains(scope))
        .collect())
}

/// A token's text: the prefix, 43 digits of base62 from 256 random bits, and 6 more, which are the
/// CRC-32 of those digits.
pub fn text(random: [u8; 32]) -> String {
    let random = base62(random);
    format!("{PREFIX}{random}{}", checksum(&random))
}

fn checksum(random: &str) -> String {
    base62(crc32fast::hash(random.as_bytes()).to_be_bytes())
}

/// Whether a text has the form of a token: one that has not was never given out by [`text`].
pub fn is_well_formed(text: &str) -> bool {
    let Some(rest) = text.strip_prefix(PREFIX) else {
        return false;
    };
    let is_digits = rest.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let split = rest.split_at_checked(RANDOM);
    is_digits && split.is_some_and(|(random, end)| end.len() == CHECKSUM && checksum(random) == end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_recognised_and_a_mistyped_one_is_not() {
        for random in [[0; 32], [255; 32], [7; 32]] {
            let text = text(random);
            assert_eq!(text.len(), 4 + RANDOM + CHECKSUM);
            assert!(is_well_formed(&text), "{text}");
            let swapped = text.replacen(&text[10..11], "_", 1);
            for wrong in [
                &text[1..],
                &text[..text.len() - 1],
                &format!("{text}0"),
                &text.to_uppercase(),
                &swapped,
                &text.replacen("swt_", "swt-", 1),
                "swt_",
                "",
                "swt_é",
            ] {
                assert!(!is_well_formed(wrong), "{wrong}");
            }
        }
        // Worked out with Python's zlib.crc32.
        assert_eq!(text([0; 32]), format!("swt_{}2CZclj", "0".repeat(43)));
    }

    #[test]
    fn scopes_are_named_once_and_in_order() {
        let all = scopes(["admin", "read", "read", "deploy"]).unwrap();
        assert_eq!(all, [Scope::Read, Scope::Deploy, Scope::Admin]);
        assert_eq!(scopes([]), Err(TokenError::NoScope));
        let error = scopes(["write"]).unwrap_err().to_string();
        assert!(error.contains("read, deploy, operate"), "{error}");
    }
}
