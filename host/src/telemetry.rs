//! How the server tells what it does: tracing events on standard error. What may be in them is the
//! business of whoever emits them; the rule is: never bodies, URL keys or secrets.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is wrong.
    #[error(
        "`{filter}` is not a log filter: {source}; use a level (error, warn, info, debug, trace) or e.g. `info,stepwell::engine=debug`"
    )]
    BadFilter {
        /// The refused filter.
        filter: String,
        /// Why.
        source: tracing_subscriber::filter::ParseError,
    },
    /// Somebody set it up before.
    #[error("logging is set up already")]
    SetUpAlready,
}

/// Sets up logging for this process: lines for people (in colour on a terminal, unless `NO_COLOR` is
/// set), or with `json` one JSON object a line. `filter` is a level, or directives as
/// `tracing_subscriber::EnvFilter` has them.
pub fn init(json: bool, filter: &str) -> Result<(), TelemetryError> {
    let filter = EnvFilter::try_new(filter).map_err(|source| TelemetryError::BadFilter {
        filter: filter.chars().take(120).collect(),
        source,
    })?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if json {
        builder.json().flatten_event(true).try_init()
    } else {
        let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        builder.with_ansi(colour).try_init()
    }
    .map_err(|_| TelemetryError::SetUpAlready)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_filter_says_what_would_be_right() {
        let error = init(false, "stepwell=loud").unwrap_err().to_string();
        assert!(
            error.contains("`stepwell=loud` is not a log filter") && error.contains("info"),
            "{error}"
        );
    }
}
