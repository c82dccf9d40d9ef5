//! Webhooks of a manifest. How requests are verified is checked here with the code that the server checks it with,
//! so that errors have a line.

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::check::Check;
use super::model::{Verification, Webhook};
use super::{replies, schema, settings, tuning};
use crate::catalog::check_authentication;
use crate::deploy::reader::{Fields, Names, Place};
use crate::domain::authentication::{Authentication, network};
use crate::domain::ids::WebhookName;
use crate::domain::intake::{IntakeChange, at_once};
use crate::domain::limits::{REQUESTS_AT_ONCE, SECRET_OVERLAP_SECONDS, TOLERANCE_SECONDS};
use crate::domain::webhook::correlation;
use crate::terminal::units::parse_duration;

/// How long a secret that is exchanged stays valid if nothing is said, in seconds: a day.
const OVERLAP: u64 = 86_400;

impl Check<'_> {
    pub(super) fn webhooks(&mut self, place: Option<&Place<'_>>) -> Vec<Webhook> {
        let mut names = Names::default();
        let places = self.reader.list(place);
        let read = places.iter().map(|place| self.webhook(place, &mut names));
        read.flatten().collect()
    }

    fn webhook(&mut self, place: &Place<'_>, names: &mut Names) -> Option<Webhook> {
        let known = [
            "name",
            "correlate",
            "dedup",
            "methods",
            "headers",
            "rate",
            "atOnce",
            "recordBodies",
            "reply",
            "wait",
            "redirect",
            "allowOrigins",
            "schema",
            "onMismatch",
            "disabled",
            "provider",
            "scheme",
            "secret",
            "secretOverlap",
            "verifyToken",
            "allowIps",
            "tolerance",
        ];
        let fields = self.reader.fields(place, &known)?;
        let correlate = fields.entry("correlate").map(|place| {
            let text = self.reader.text(place)?;
            match correlation(&text) {
                Ok(_) => Some(text),
                Err(error) => self.reader.fault(&place.at, error.to_string()),
            }
        });
        let dedup = fields.entry("dedup");
        let dedup = dedup.and_then(|place| tuning::dedup(&mut self.reader, place));
        let verification = self.verification(&fields);
        let intake = self.intake(&fields);
        let rate = fields.entry("rate");
        let rate = rate.and_then(|place| settings::rate(&mut self.reader, place));
        let at_once = fields.entry("atOnce").and_then(|place| self.at_once(place));
        let record_bodies = fields.entry("recordBodies");
        let record_bodies = record_bodies.and_then(|place| self.reader.boolean(place));
        let replies = replies::replies(&mut self.reader, &fields);
        let schema = schema::schema(&mut self.reader, &fields);
        let disabled = fields.entry("disabled");
        let disabled = disabled.and_then(|place| self.reader.boolean(place));
        let place = self.reader.required(&fields, "name")?;
        let name: WebhookName = self.reader.name(place)?;
        self.reader
            .unique(names, &place.at, "a webhook", name.as_str());
        Some(Webhook {
            name,
            correlate: correlate.flatten(),
            dedup,
            methods: intake.0,
            headers: intake.1,
            rate,
            at_once,
            record_bodies,
            reply: replies.reply,
            wait_seconds: replies.wait_seconds,
            redirect: replies.redirect,
            allow_origins: replies.allow_origins,
            schema: schema.schema,
            on_mismatch: schema.on_mismatch,
            disabled,
            verification: verification?,
        })
    }

    /// Methods and names of header fields, as the server would show them.
    fn intake(&mut self, fields: &Fields<'_>) -> (Option<Vec<String>>, Option<Vec<String>>) {
        let methods = fields.entry("methods").and_then(|place| {
            let texts = self.texts(place);
            match IntakeChange::of(Some(&texts), None) {
                Ok(change) => {
                    let methods = change.methods.unwrap_or_default();
                    Some(methods.names().map(str::to_owned).collect())
                }
                Err(error) => self.reader.fault(&place.at, error.to_string()),
            }
        });
        let headers = fields.entry("headers").and_then(|place| {
            let texts = self.texts(place);
            match IntakeChange::of(None, Some(&texts)) {
                Ok(change) => change.headers,
                Err(error) => self.reader.fault(&place.at, error.to_string()),
            }
        });
        (methods, headers)
    }

    /// A number, or the word `none`.
    fn at_once(&mut self, place: &Place<'_>) -> Option<Option<u32>> {
        let text = self.reader.figure(place)?;
        if text == "none" {
            return Some(None);
        }
        let number = text.parse::<u32>().map_err(|_| {
            let most = REQUESTS_AT_ONCE;
            format!("must be a number of requests, 1 to {most}, or `none`")
        });
        let number = number.and_then(|number| at_once(number).map_err(|error| error.to_string()));
        match number {
            Ok(number) => Some(Some(number)),
            Err(error) => self.reader.fault(&place.at, error),
        }
    }

    fn texts(&mut self, place: &Place<'_>) -> Vec<String> {
        let places = self.reader.list(Some(place));
        let texts = places.iter().filter_map(|place| self.reader.text(place));
        texts.collect()
    }

    fn verification(&mut self, fields: &Fields<'_>) -> Option<Verification> {
        let faults = self.reader.faults.len();
        let mut text = |key: &str| fields.entry(key).and_then(|place| self.reader.text(place));
        let (provider, secret) = (text("provider"), text("secret"));
        let verify_token = text("verifyToken").map(Zeroizing::new);
        let scheme = match fields
            .entry("scheme")
            .map(|place| (place, self.reader.json(place)))
        {
            Some((_, Some(Value::Object(members)))) => Some(members),
            Some((place, Some(_))) => {
                let message = "must be a mapping with `check`; docs/webhooks.md has an example";
                self.reader.fault(&place.at, message)
            }
            _ => None,
        };
        let most = u64::from(TOLERANCE_SECONDS);
        let tolerance = self.seconds(fields, "tolerance", (1, most));
        let overlap = self.seconds(fields, "secretOverlap", (0, SECRET_OVERLAP_SECONDS));
        let verification = Verification {
            provider,
            scheme,
            secret: secret.map(Zeroizing::new),
            overlap_seconds: overlap.unwrap_or(OVERLAP),
            verify_token,
            allow_ips: self.networks(fields),
            tolerance_seconds: tolerance.and_then(|seconds| u32::try_from(seconds).ok()),
        };
        // What could not be read is told already.
        if self.reader.faults.len() > faults {
            return None;
        }
        let Some(provider) = &verification.provider else {
            let alone = ["scheme", "secret", "verifyToken", "tolerance"];
            let alone = alone
                .into_iter()
                .find_map(|key| Some((key, fields.entry(key)?)));
            return match alone {
                Some((key, place)) => {
                    let message = format!("`{key}` needs a `provider` beside it");
                    self.reader.fault(&place.at, message)
                }
                None => Some(verification),
            };
        };
        let set = Authentication {
            provider: provider.clone(),
            scheme: verification.scheme.clone().map(json_text),
            tolerance_seconds: verification.tolerance_seconds,
            ..Authentication::default()
        };
        let secret = verification.secret.as_ref().map(|text| text.as_str());
        let token = verification.verify_token.as_ref().map(|text| text.as_str());
        if let Err(error) = check_authentication(&set, secret, token) {
            let key = match error.field() {
                "tolerance_seconds" => "tolerance",
                "verify_token" => "verifyToken",
                field => field,
            };
            let at = fields.entry(key).map_or(&fields.at, |place| &place.at);
            return self.reader.fault(at, error.to_string());
        }
        Some(verification)
    }

    /// A duration in whole seconds, within these bounds.
    fn seconds(
        &mut self,
        fields: &Fields<'_>,
        key: &str,
        (least, most): (u64, u64),
    ) -> Option<u64> {
        let place = fields.entry(key)?;
        let text = self.reader.text(place)?;
        match parse_duration(&text).map(|time| time.as_secs()) {
            Ok(seconds) if (least..=most).contains(&seconds) => Some(seconds),
            Ok(seconds) => {
                let message = format!("is {seconds} s; it must be {least} s to {most} s");
                self.reader.fault(&place.at, message)
            }
            Err(error) => self.reader.fault(&place.at, error.to_string()),
        }
    }

    fn networks(&mut self, fields: &Fields<'_>) -> Option<Vec<String>> {
        let place = fields.entry("allowIps")?;
        let places = self.reader.list(Some(place));
        let read = places.iter().map(|place| {
            let text = self.reader.text(place)?;
            match network(&text) {
                Ok(net) => Some(net.to_string()),
                Err(error) => self.reader.fault(&place.at, error.to_string()),
            }
        });
        let read: Vec<_> = read.collect();
        read.into_iter().collect()
    }
}

fn json_text(members: Map<String, Value>) -> String {
    Value::Object(members).to_string()
}
