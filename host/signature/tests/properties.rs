//! Laws that hold for each input.

mod support;

use std::sync::OnceLock;

use proptest::prelude::*;
use stepwell_signature::{Check, Content, Request, Secret, Secrets, challenge, providers, verify};
use support::{Sent, Vector, vectors};

fn all() -> &'static [(String, Vector)] {
    static ALL: OnceLock<Vec<(String, Vector)>> = OnceLock::new();
    ALL.get_or_init(|| {
        vectors()
            .into_iter()
            .filter(|(_, v)| v.preset().scheme.check != Check::None)
            .collect()
    })
}

/// Bytes that look like a signature as often as not.
fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..80),
        "(sha256=|sha1=|v0=|v1=|v1,|t=[0-9]{0,21},v1=|ts=1;h1=|HMAC |Basic |Bearer )?[A-Za-z0-9+/=._, ;-]{0,90}"
            .prop_map(String::into_bytes),
    ]
}

fn every_header(sent: &mut Sent, value: &[u8]) {
    for (_, old) in &mut sent.headers {
        *old = value.to_vec();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever stands in the headers, it is no signature, and nothing panics.
    #[test]
    fn no_foreign_bytes_verify(value in value(), now_ms in any::<i64>()) {
        for (name, vector) in all() {
            let mut sent = vector.sent();
            if sent.headers.is_empty() {
                continue; // the proof stands in the body or URL
            }
            every_header(&mut sent, &value);
            prop_assert!(vector.verdict_at(&sent, now_ms).is_err(), "{}", name);
            prop_assert!(vector.verdict_at(&sent, vector.now_ms).is_err(), "{}", name);
        }
    }

    /// The same for bodies and URLs, of which a signature says what they are.
    #[test]
    fn no_foreign_body_verifies(body in proptest::collection::vec(any::<u8>(), 0..200), url in "\\PC{0,60}") {
        for (name, vector) in all() {
            let covered = match &vector.preset().scheme.check {
                Check::Signature(signature) => !signature.partial,
                check => matches!(check, Check::Jwt(_)),
            };
            let mut sent = vector.sent();
            sent.body.clone_from(&body);
            sent.url.clone_from(&url);
            prop_assert!(vector.verdict(&sent).is_err() || !covered, "{}", name);
        }
    }

    /// One flipped bit anywhere in the headers: the request is refused, or the bit is no part of
    /// what is proved (an id that is not signed, the case of a hex digit or of `Bearer`).
    #[test]
    fn one_bit_is_seen(at in any::<prop::sample::Index>(), bit in 0u8..8) {
        for (name, vector) in all() {
            let mut sent = vector.sent();
            let Some((header, value)) = sent.headers.last_mut() else { continue };
            let at = at.index(value.len());
            let old = value[at];
            value[at] ^= 1 << bit;
            let same = old.eq_ignore_ascii_case(&value[at]) || value[at].is_ascii_whitespace();
            let list = ["pagerduty", "stripe", "workos", "mux", "sanity", "calendly", "elevenlabs", "paddle"];
            if same || list.contains(&name.as_str()) || header.to_ascii_lowercase().contains("timestamp") {
                continue;
            }
            let header = header.clone();
            prop_assert!(vector.verdict(&sent).is_err(), "{} {}", name, header);
        }
    }

    #[test]
    fn no_challenge_panics(value in value(), body in value(), method in "(GET|POST)") {
        for provider in providers() {
            let Some(question) = &provider.challenge else { continue };
            let query: String = form_urlencoded::byte_serialize(&value).collect();
            let url = format!("https://a/?challenge={query}&crc_token={query}&validationToken={query}&hub.mode=subscribe");
            let headers = [("x-okta-verification-challenge", value.as_slice())];
            let request = Request { method: &method, url: &url, headers: &headers, body: &body };
            if let Some(answer) = challenge(question, &Secrets::default(), &request) {
                prop_assert!(answer.body.len() < 8192);
            }
        }
    }

    #[test]
    fn no_secret_or_template_panics(text in "\\PC{0,80}") {
        for provider in providers() {
            if let Ok(secret) = Secret::parse(&provider.scheme, &text) {
                let request = Request { method: "POST", url: "", headers: &[], body: b"" };
                let verdict = verify(&provider.scheme, &secret.into(), &request, 0);
                prop_assert!(verdict.is_err());
            }
        }
        if let Ok(content) = Content::try_from(text.clone()) {
            prop_assert_eq!(String::from(content), text);
        }
    }
}
