//! How a step fails: worth another try, or final.

use std::error::Error;
use std::fmt;
use std::time::Duration;

/// Why a step failed. Its changes to the data are dropped, its logs are kept.
///
/// `?` turns any standard error into a failure that is *retried* by the step's policy, with the
/// error and all its sources in the text; a config key that is missing makes one that is final. [`ResultExt::stop`], [`OptionExt::or_stop`] and
/// [`Failure::stop`] make one that is *final*: for what another try would not mend.
///
/// ```
/// use stepwell_sdk::prelude::*;
///
/// #[step(condition = { amount: String })]
/// fn parse_amount() -> Result {
///     let text: String = data::require("/amount")?;
///     let amount: f64 = text.parse().stop()?;
///     if amount < 0.0 {
///         return Err(Failure::stop(format!("{amount} is less than nothing")));
///     }
///     data::set("/amount", amount)?;
///     Ok(())
/// }
/// # use stepwell_sdk::mock::Mock;
/// # let failure = Mock::new().data(json!({"amount": "x"})).run(parse_amount).failure();
/// # assert_eq!(failure, Failure::stop("invalid float literal"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    retry: bool,
    text: String,
    after: Option<Duration>,
}

impl Failure {
    /// A failure that is worth another try: the step's retry policy decides when.
    pub fn retry(text: impl fmt::Display) -> Self {
        Self {
            retry: true,
            text: text.to_string(),
            after: None,
        }
    }

    /// A final failure: the task ends in `error`.
    pub fn stop(text: impl fmt::Display) -> Self {
        Self {
            retry: false,
            text: text.to_string(),
            after: None,
        }
    }

    /// This failure, but final.
    #[must_use]
    pub fn into_stop(self) -> Self {
        Self {
            retry: false,
            after: None,
            ..self
        }
    }

    /// This failure, to be tried again after so long and not after the delay of the step's policy;
    /// with `None` it is as it was. At most a day: a longer time counts as a day. A final failure
    /// stays final.
    #[must_use]
    pub fn retry_after(self, after: impl Into<Option<Duration>>) -> Self {
        match after.into() {
            Some(after) if self.retry => Self {
                after: Some(after),
                ..self
            },
            _ => self,
        }
    }

    /// After how long the step wants to be tried again, if it said so.
    pub fn after(&self) -> Option<Duration> {
        self.after
    }

    /// Whether another try was asked for.
    pub fn is_retry(&self) -> bool {
        self.retry
    }

    /// What went wrong, as the timeline shows it.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

// `Failure` is no `std::error::Error` itself, or this would overlap with `From<T> for T`.
impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let text = chain(&error);
        if is_final(&error) {
            Self::stop(text)
        } else {
            Self::retry(text)
        }
    }
}

/// A source without a text, by which an error says that another try would not help. An error itself cannot
/// be asked for its type unless it is `'static`; its sources are.
#[derive(Debug)]
pub(crate) struct Final;

impl fmt::Display for Final {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl Error for Final {}

fn is_final(error: &dyn Error) -> bool {
    let mut source = error.source();
    while let Some(error) = source {
        if error.is::<Final>() {
            return true;
        }
        source = error.source();
    }
    false
}

/// An error and its sources, joined by `: `. A source whose text the error already ends with is
/// left out: many errors print their source themselves.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        source = error.source();
    }
    text
}

/// Makes the error of a `Result` final.
pub trait ResultExt<T> {
    /// The value, or a failure that is not tried again: `text.parse::<f64>().stop()?`.
    fn stop(self) -> Result<T, Failure>;

    /// The value, or a failure that is tried again after so long, if that is known:
    ///
    /// ```
    /// use stepwell_sdk::prelude::*;
    ///
    /// #[step(condition = { url: String })]
    /// async fn deliver() -> Result {
    ///     let response = connectors::fetch(Request::post(data::require::<String>("/url")?)).await?;
    ///     let after = response.retry_after();
    ///     response.require_ok().retry_after(after)?;
    ///     Ok(())
    /// }
    /// # use std::time::Duration;
    /// # use stepwell_sdk::mock::{Mock, Reply};
    /// # let busy = Reply::status(429).header("Retry-After", "120");
    /// # let mock = Mock::new().data(json!({"url": "https://a.example/"}));
    /// # let failure = mock.reply("POST", "https://a.example/", busy).run(deliver).failure();
    /// # assert_eq!(failure.after(), Some(Duration::from_secs(120)));
    /// ```
    fn retry_after(self, after: impl Into<Option<Duration>>) -> Result<T, Failure>;
}

impl<T, E: Into<Failure>> ResultExt<T> for Result<T, E> {
    fn stop(self) -> Result<T, Failure> {
        self.map_err(|error| error.into().into_stop())
    }

    fn retry_after(self, after: impl Into<Option<Duration>>) -> Result<T, Failure> {
        self.map_err(|error| error.into().retry_after(after))
    }
}

/// Makes an error final: `return Err(error.stop())`.
pub trait ErrorExt {
    /// A failure that is not tried again.
    fn stop(self) -> Failure;
}

impl<E: Error> ErrorExt for E {
    fn stop(self) -> Failure {
        Failure::from(self).into_stop()
    }
}

/// Makes a missing value a failure.
pub trait OptionExt<T> {
    /// The value, or a final failure with this text: `map.get(code).or_stop("no such code")?`.
    fn or_stop(self, text: impl fmt::Display) -> Result<T, Failure>;

    /// The value, or a failure that is tried again.
    fn or_retry(self, text: impl fmt::Display) -> Result<T, Failure>;
}

impl<T> OptionExt<T> for Option<T> {
    fn or_stop(self, text: impl fmt::Display) -> Result<T, Failure> {
        self.ok_or_else(|| Failure::stop(text))
    }

    fn or_retry(self, text: impl fmt::Display) -> Result<T, Failure> {
        self.ok_or_else(|| Failure::retry(text))
    }
}

/// What a step may return.
#[diagnostic::on_unimplemented(
    message = "a step cannot return `{Self}`",
    label = "must be `()` or `Result<(), E>`",
    note = "`E` is `stepwell_sdk::Failure` or any type that implements `std::error::Error`; `Box<dyn Error>` and `String` do not"
)]
pub trait Ending {
    /// What a step returns that was not run.
    fn untouched() -> Self;

    /// How the run ended.
    fn into_result(self) -> Result<(), Failure>;
}

impl Ending for () {
    fn untouched() -> Self {}

    fn into_result(self) -> Result<(), Failure> {
        Ok(())
    }
}

impl<E: Into<Failure>> Ending for Result<(), E> {
    fn untouched() -> Self {
        Ok(())
    }

    fn into_result(self) -> Result<(), Failure> {
        self.map_err(Into::into)
    }
}

/// The outcome of a step's function.
pub fn finish(ending: impl Ending) -> Result<(), Failure> {
    ending.into_result()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the order cannot be read")]
    struct Outer(#[source] Middle);

    #[derive(Debug, thiserror::Error)]
    #[error("the total is wrong: {0}")]
    struct Middle(#[source] std::num::ParseFloatError);

    fn outer() -> Outer {
        Outer(Middle("x".parse::<f64>().unwrap_err()))
    }

    #[test]
    fn the_whole_chain_is_in_the_text_and_nothing_twice() {
        let failure = Failure::from(outer());
        assert_eq!(
            failure.text(),
            "the order cannot be read: the total is wrong: invalid float literal"
        );
        assert!(failure.is_retry());
    }

    #[test]
    fn a_missing_config_key_is_final_also_as_a_source() {
        #[derive(Debug, thiserror::Error)]
        #[error("the shop cannot be asked")]
        struct Shop(#[from] crate::task::TaskError);
        let missing = || crate::task::TaskError::NoConfig {
            key: "SHOP_URL".into(),
        };
        let text = "the config has no `SHOP_URL`; set it with `stepwell config set SHOP_URL VALUE`";
        assert_eq!(Failure::from(missing()), Failure::stop(text));
        let wrapped = Failure::from(Shop(missing()));
        assert_eq!(
            wrapped,
            Failure::stop(format!("the shop cannot be asked: {text}"))
        );
        let refused = crate::task::TaskError::Refused("no".into());
        assert_eq!(Failure::from(refused), Failure::retry("no"));
    }

    #[test]
    fn stop_makes_every_kind_of_error_final() {
        let text = Failure::from(outer()).text().to_owned();
        assert_eq!(Err::<(), _>(outer()).stop(), Err(Failure::stop(&text)));
        assert_eq!(outer().stop(), Failure::stop(&text));
        assert_eq!(
            Err::<(), _>(Failure::retry("x")).stop(),
            Err(Failure::stop("x"))
        );
        assert_eq!(None::<u8>.or_stop("none"), Err(Failure::stop("none")));
        assert_eq!(None::<u8>.or_retry("none"), Err(Failure::retry("none")));
        assert_eq!(Some(1).or_stop("none"), Ok(1));
    }

    #[test]
    fn a_delay_belongs_to_a_failure_that_is_retried() {
        let after = Duration::from_secs(5);
        let failure = Failure::retry("busy").retry_after(after);
        assert_eq!((failure.is_retry(), failure.after()), (true, Some(after)));
        assert_eq!(failure.clone().retry_after(None), failure);
        assert_eq!(Failure::stop("no").retry_after(after), Failure::stop("no"));
        assert_eq!(failure.into_stop(), Failure::stop("busy"));
        let failed: Result<(), Failure> = "x".parse::<u8>().map(drop).retry_after(after);
        assert_eq!(failed.unwrap_err().after(), Some(after));
    }

    #[test]
    fn a_question_mark_retries() {
        fn step() -> Result<(), Failure> {
            "x".parse::<u8>()?;
            Ok(())
        }
        assert_eq!(
            finish(step()),
            Err(Failure::retry("invalid digit found in string"))
        );
        assert_eq!(finish(()), Ok(()));
    }
}
