//! A workspace's settings: what a tenant sets of the workspace itself.

use url::Url;

use super::limits::URL_BYTES;
use super::rate::Rate;
use super::retention::Retention;

/// A workspace's settings. By default there is no URL, and finished tasks are kept as
/// [`Retention::default`] says.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct WorkspaceSettings {
    /// The URL to which notices of tasks that fail for good are sent. It may hold a secret: it is never logged.
    pub failure_url: Option<String>,
    /// How long its finished tasks are kept.
    pub retention: Retention,
    /// How many requests its webhooks take together; without one as many as come.
    pub rate: Option<Rate>,
}

/// Why a URL cannot be a failure URL. The text does not repeat it, for it may hold a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FailureUrlError {
    /// No URL, or none of a kind that can be posted to.
    #[error(
        "the failure URL is not an absolute http or https URL; write e.g. https://ops.example.com/failed"
    )]
    NotHttp,
    /// A login that no request would carry.
    #[error(
        "the failure URL has a user name or password, which are not sent; put a token in its path or query"
    )]
    Login,
    /// Longer than any should be.
    #[error("the failure URL has {0} bytes, and at most {URL_BYTES} are allowed")]
    TooLong(usize),
}

/// Refuses a URL that no notice could be posted to. Whether its host may be called is the egress
/// policy's to say, each time.
pub fn check_failure_url(text: &str) -> Result<(), FailureUrlError> {
    if text.len() > URL_BYTES {
        return Err(FailureUrlError::TooLong(text.len()));
    }
    let url = Url::parse(text).map_err(|_| FailureUrlError::NotHttp)?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(FailureUrlError::NotHttp);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(FailureUrlError::Login);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_posted_to_is_a_failure_url() {
        for fine in [
            "https://ops.example.com/failed?token=x",
            "http://127.0.0.1:8080/",
        ] {
            assert_eq!(check_failure_url(fine), Ok(()), "{fine}");
        }
        for wrong in [
            "",
            "none",
            "ops.example.com",
            "ftp://a.b/",
            "mailto:a@b",
            "https://",
        ] {
            assert_eq!(
                check_failure_url(wrong),
                Err(FailureUrlError::NotHttp),
                "{wrong}"
            );
        }
        assert_eq!(
            check_failure_url("https://u:p@a.b/"),
            Err(FailureUrlError::Login)
        );
        let long = format!("https://a.b/{}", "x".repeat(URL_BYTES));
        assert_eq!(
            check_failure_url(&long),
            Err(FailureUrlError::TooLong(long.len()))
        );
    }
}
