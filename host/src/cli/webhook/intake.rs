//! The methods of a webhook, the header fields that its tasks keep, and its limits, as the command line takes them.

use clap::Args;
use stepwell_api::WebhookChange;

use crate::domain::rate::Rate;

/// Methods, header fields and limits.
#[derive(Debug, Clone, Args)]
pub struct IntakeArgs {
    /// A method that it accepts, of POST, PUT, PATCH, GET, HEAD and OPTIONS; may be given several times [default: POST, PUT]
    #[arg(long = "method", value_name = "METHOD")]
    methods: Vec<String>,
    /// A header that its tasks keep in $via.headers; may be given several times
    #[arg(long = "header", value_name = "NAME")]
    headers: Vec<String>,
    /// How many requests it takes, e.g. 100/s, 600/m, 1000/h; more are refused with 429
    #[arg(long, value_name = "RATE")]
    rate: Option<Rate>,
    /// How many requests it takes in at once; more are refused with 429
    #[arg(long, value_name = "NUMBER")]
    at_once: Option<u32>,
    /// Whether bodies of refused deliveries are recorded, so that they can be sent again; true if it is never set
    #[arg(long, value_name = "true|false")]
    record_bodies: Option<bool>,
}

/// A rate for people.
pub fn rate_text(rate: stepwell_api::Rate) -> String {
    Rate {
        requests: rate.requests,
        seconds: rate.seconds,
    }
    .to_string()
}

impl IntakeArgs {
    /// Adds the options that were given to a change.
    pub fn set(self, change: &mut WebhookChange) {
        change.methods = Some(self.methods).filter(|methods| !methods.is_empty());
        change.headers = Some(self.headers).filter(|headers| !headers.is_empty());
        change.rate = self.rate.map(|rate| Some(rate.into()));
        change.at_once = self.at_once.map(Some);
        change.record_bodies = self.record_bodies;
    }
}
