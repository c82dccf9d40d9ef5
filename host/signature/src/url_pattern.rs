//! Patterns of URLs that are a sender's own.

use std::fmt;

use serde::{Deserialize, Serialize};

/// No sender's URL is longer, in bytes.
const LONGEST: usize = 2048;
const SCHEME: &str = "https://";
const REGION: &str = "{aws_region}";

/// URLs under which a sender publishes something: `https://`, the host, and a path. In the host,
/// `{aws_region}` stands for a region of AWS, such as `eu-west-1`. In the path, one `*` stands for letters,
/// digits and `-_.`, at least one; behind a `?`, also for `&=:%+~`.
///
/// Only a part of a path is free, and no part of a host but the region: who can choose the URL must not be
/// able to lead it to a server of his own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UrlPattern(String);

/// A text is no [`UrlPattern`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a URL pattern is `https://`, a host, and a path with at most one `*`, such as `https://keys.example.com/certs/*.pem`"
)]
pub struct UrlPatternError;

impl TryFrom<String> for UrlPattern {
    type Error = UrlPatternError;

    fn try_from(text: String) -> Result<Self, UrlPatternError> {
        let rest = text.strip_prefix(SCHEME).ok_or(UrlPatternError)?;
        let (host, path) = rest.split_at(rest.find('/').ok_or(UrlPatternError)?);
        let plain = host.replacen(REGION, "r", 1);
        let is_host = |b: u8| b.is_ascii_alphanumeric() || b"-.:".contains(&b);
        let is_path = |b: u8| b.is_ascii_graphic() && !b"\\#@".contains(&b);
        let is_fit = !plain.is_empty()
            && plain.bytes().all(is_host)
            && path.bytes().all(is_path)
            && path.bytes().filter(|b| *b == b'*').count() <= 1
            && text.len() <= LONGEST;
        if is_fit {
            Ok(Self(text))
        } else {
            Err(UrlPatternError)
        }
    }
}

impl From<UrlPattern> for String {
    fn from(pattern: UrlPattern) -> Self {
        pattern.0
    }
}

impl fmt::Display for UrlPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl UrlPattern {
    /// Whether the URL is one of these.
    pub(crate) fn matches(&self, url: &str) -> bool {
        let halves = |text: &str| {
            let rest = text.strip_prefix(SCHEME)?;
            let (host, path) = rest.split_at(rest.find('/')?);
            Some((host.to_owned(), path.to_owned()))
        };
        let (Some((host, path)), Some((given_host, given_path))) = (halves(&self.0), halves(url))
        else {
            return false;
        };
        url.len() <= LONGEST && is_host(&host, &given_host) && is_path(&path, &given_path)
    }
}

fn is_host(pattern: &str, host: &str) -> bool {
    match pattern.split_once(REGION) {
        None => pattern == host,
        Some((before, after)) => host
            .strip_prefix(before)
            .and_then(|rest| rest.strip_suffix(after))
            .is_some_and(is_region),
    }
}

/// Two letters, words of letters, and a number: no bucket's or service's name is like that.
fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [first, words @ .., number] = parts.as_slice() else {
        return false;
    };
    let is_word = |word: &&str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
    first.len() == 2
        && is_word(first)
        && !words.is_empty()
        && words.iter().all(is_word)
        && (1..=2).contains(&number.len())
        && number.bytes().all(|b| b.is_ascii_digit())
}

fn is_path(pattern: &str, path: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else {
        return pattern == path;
    };
    let more: &[u8] = if before.contains('?') { b"&=:%+~" } else { b"" };
    let is_free = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b) || more.contains(&b);
    path.strip_prefix(before)
        .and_then(|rest| rest.strip_suffix(after))
        .is_some_and(|free| !free.is_empty() && free.bytes().all(is_free))
}

#[cfg(test)]
mod tests {
    use super::UrlPattern;

    #[test]
    fn no_url_of_another_matches() {
        let sns = "https://sns.{aws_region}.amazonaws.com/SimpleNotificationService-*.pem";
        let paypal = "https://api.paypal.com/v1/notifications/certs/CERT-*";
        let subscribe = "https://sns.{aws_region}.amazonaws.com/?Action=ConfirmSubscription&*";
        for (pattern, url, expected) in [
            (
                sns,
                "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-01ab.pem",
                true,
            ),
            (
                sns,
                "https://sns.us-gov-west-1.amazonaws.com/SimpleNotificationService-01ab.pem",
                true,
            ),
            (
                sns,
                "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-01ab.pem",
                false,
            ),
            // Buckets of strangers.
            (
                sns,
                "https://sns.s3.amazonaws.com/SimpleNotificationService-01ab.pem",
                false,
            ),
            (
                sns,
                "https://sns.s3-us-west-2.amazonaws.com/SimpleNotificationService-01ab.pem",
                false,
            ),
            (
                sns,
                "https://sns.eu-west-1.s3.amazonaws.com/SimpleNotificationService-01ab.pem",
                false,
            ),
            (
                sns,
                "https://sns.eu-west-1.amazonaws.com.evil.example/SimpleNotificationService-1.pem",
                false,
            ),
            (
                sns,
                "https://evil.example/sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem",
                false,
            ),
            (
                sns,
                "https://sns.eu-west-1.amazonaws.com@evil.example/SimpleNotificationService-1.pem",
                false,
            ),
            (
                sns,
                "https://sns.eu-west-1.amazonaws.com:444/SimpleNotificationService-01ab.pem",
                false,
            ),
            (
                sns,
                "https://sns.eu-west-1.amazonaws.com/x/SimpleNotificationService-01ab.pem",
                false,
            ),
            (
                sns,
                "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-../a.pem",
                false,
            ),
            (
                sns,
                "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1%2f.pem",
                false,
            ),
            (
                sns,
                "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-.pem",
                false,
            ),
            (
                sns,
                "https://sns..amazonaws.com/SimpleNotificationService-1.pem",
                false,
            ),
            (
                sns,
                "https://sns.EU-WEST-1.amazonaws.com/SimpleNotificationService-1.pem",
                false,
            ),
            (
                paypal,
                "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a784",
                true,
            ),
            (
                paypal,
                "https://api.paypal.com/v1/notifications/certs/CERT-1?a=b",
                false,
            ),
            (
                paypal,
                "https://api.paypal.com/v1/notifications/certs/",
                false,
            ),
            (
                subscribe,
                "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=arn:aws:sns:us-east-1:1:T&Token=2336f",
                true,
            ),
            (
                subscribe,
                "https://sns.us-east-1.amazonaws.com/?Action=DeleteTopic&TopicArn=a",
                false,
            ),
            (
                subscribe,
                "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&a#b",
                false,
            ),
            (subscribe, "", false),
        ] {
            let pattern = UrlPattern::try_from(pattern.to_owned()).expect("a pattern");
            assert_eq!(pattern.matches(url), expected, "{url}");
        }
    }

    #[test]
    fn a_pattern_names_a_host() {
        for wrong in [
            "",
            "https://",
            "https:///a",
            "https://a.example",
            "http://a.example/",
            "https://*.example/",
            "https://{aws_region}{aws_region}/",
            "https://a@b.example/",
            "https://a.example/**",
            "https://a.example/ b",
        ] {
            assert!(UrlPattern::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
