//! How a webhook recognises a repeated delivery, as the command line takes and shows it.

use anyhow::{Result, bail};
use clap::Args;
use stepwell_api::{Dedup, DedupSettings};

use crate::domain::dedup::{DedupError, DedupRule, key_pointer};
use crate::terminal::units::{parse_duration, span};

/// How a repeated delivery is recognised.
#[derive(Debug, Clone, Args)]
pub struct DedupArgs {
    /// The header whose value is the same in a repeated delivery, e.g. Idempotency-Key: a repeat makes no
    /// task, and is answered with the first one's id
    #[arg(long, value_name = "NAME", value_parser = dedup_header, conflicts_with = "dedup_pointer")]
    dedup_header: Option<String>,
    /// Where a body has the value that is the same in a repeated delivery, e.g. /event/id
    #[arg(long, value_name = "POINTER", value_parser = dedup_pointer)]
    dedup_pointer: Option<String>,
    /// For how long a repeat is recognised: 1m to 30d, 72h if this is not given
    #[arg(long, value_name = "DURATION", value_parser = dedup_window)]
    dedup_window: Option<u64>,
}

impl DedupArgs {
    /// Whether anything of it is given.
    pub fn is_named(&self) -> bool {
        self.dedup_header.is_some() || self.dedup_pointer.is_some() || self.dedup_window.is_some()
    }

    /// The rule with the given options; the other members are those of the present rule.
    pub fn rule(self, now: Option<DedupSettings>) -> Result<Option<DedupSettings>> {
        let named = self.dedup_window;
        let window_ms = named.or(now.as_ref().and_then(|now| now.window_ms));
        if self.dedup_header.is_some() || self.dedup_pointer.is_some() {
            return Ok(Some(DedupSettings {
                header: self.dedup_header,
                pointer: self.dedup_pointer,
                window_ms,
            }));
        }
        if now.is_none() && window_ms.is_some() {
            bail!(
                "--dedup-window needs --dedup-header or --dedup-pointer: the webhook has no rule by which a repeat is recognised"
            );
        }
        Ok(now.map(|now| DedupSettings { window_ms, ..now }))
    }
}

fn dedup_header(text: &str) -> Result<String, DedupError> {
    DedupRule::new(Some(text), None, None).map(|_| text.to_owned())
}

fn dedup_pointer(text: &str) -> Result<String, DedupError> {
    key_pointer(text).map(|pointer| pointer.to_string())
}

/// A window in milliseconds.
fn dedup_window(text: &str) -> Result<u64> {
    let window = u64::try_from(parse_duration(text)?.as_millis())?;
    DedupRule::new(Some("x"), None, Some(window))?;
    Ok(window)
}

/// A dedup rule for people.
pub fn shown(dedup: &Dedup) -> String {
    let Dedup {
        header,
        pointer,
        window_ms,
    } = dedup;
    let place = match (header, pointer) {
        (Some(header), _) => format!("header {header}"),
        (None, pointer) => format!("pointer {}", pointer.as_deref().unwrap_or_default()),
    };
    format!("{place}, for {}", span(*window_ms))
}
