//! Laws that hold for each input. `PROPTEST_CASES` sets how many are tried.

use std::sync::OnceLock;

use crate::support::{Sent, Vector, vectors};
use proptest::prelude::*;
use stepwell_signature::{
    Check, Content, Encoding, Format, Place, Request, Secret, Secrets, challenge, providers, verify,
};

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

/// A part of a request that a change must not pass in.
#[derive(Debug)]
enum Signed {
    /// A header of that name, from that byte on.
    Header(String, usize),
    Body,
}

fn parts(vector: &Vector) -> Vec<Signed> {
    let scheme = &vector.preset().scheme;
    let mut parts = Vec::new();
    let mut header = |place: &Place| match place {
        Place::Header(name) if vector.sent().header(name).is_some() => {
            // Of a list, the last entry is the one that fits.
            let value = vector.sent().header(name).expect("the header").clone();
            let from = match &scheme.check {
                Check::Signature(signature) if *place == signature.at => match signature.format {
                    Format::List { separator, .. } => value
                        .iter()
                        .rposition(|&b| char::from(b) == separator)
                        .map_or(0, |at| at + 1),
                    _ => 0,
                },
                _ => 0,
            };
            parts.push(Signed::Header(name.clone(), from));
        }
        _ => {}
    };
    match &scheme.check {
        Check::Signature(signature) => {
            // Of several headers, one fits.
            header(signature.or_at.first().unwrap_or(&signature.at));
            signature
                .timestamp
                .iter()
                .for_each(|timestamp| header(&timestamp.at));
            if String::from(signature.content.clone()).contains("{id}") {
                scheme.delivery_id.iter().for_each(&mut header);
            }
            if !signature.partial {
                parts.push(Signed::Body);
            }
        }
        Check::Jwt(jwt) => {
            header(&jwt.at);
            if !jwt.partial {
                parts.push(Signed::Body);
            }
        }
        Check::Token(token) => header(&token.at),
        Check::Basic => header(&Place::Header("authorization".to_owned())),
        Check::None => {}
    }
    parts
}

/// Whether that byte is a hex digit of the signature, or in front of a token.
fn case_is_free(vector: &Vector, part: &Signed, at: usize) -> bool {
    let Signed::Header(name, _) = part else {
        return false;
    };
    match &vector.preset().scheme.check {
        Check::Signature(signature) => {
            let value = vector.sent().header(name).expect("the header").clone();
            let digits = value.len()
                - value
                    .iter()
                    .rev()
                    .take_while(|b| b.is_ascii_hexdigit())
                    .count();
            signature.encoding == Encoding::Hex && at >= digits
        }
        Check::Jwt(jwt) => jwt.prefix.as_ref().is_some_and(|prefix| at < prefix.len()),
        Check::Token(token) => token
            .prefix
            .as_ref()
            .is_some_and(|prefix| at < prefix.len()),
        Check::Basic => at < "Basic ".len(),
        Check::None => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever stands in the headers, it is no signature, and nothing panics.
    #[test]
    fn no_foreign_bytes_verify(value in value(), now_ms in any::<i64>()) {
        for (name, vector) in all() {
            let mut sent = vector.sent();
            if !parts(vector).iter().any(|part| matches!(part, Signed::Header(..))) {
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
                check => matches!(check, Check::Jwt(jwt) if !jwt.partial),
            };
            let mut sent = vector.sent();
            sent.body.clone_from(&body);
            sent.url.clone_from(&url);
            prop_assert!(vector.verdict(&sent).is_err() || !covered, "{}", name);
        }
    }

    /// One flipped bit in what is signed, or in the signature: the request is refused. Only the case
    /// of hex digits and of a prefix such as `Bearer` may change.
    #[test]
    fn one_bit_is_seen(at in any::<prop::sample::Index>(), bit in 0u8..8) {
        for (name, vector) in all() {
            for part in parts(vector) {
                let mut sent = vector.sent();
                let (bytes, from) = match &part {
                    Signed::Header(header, from) => (sent.header(header).expect("the header"), *from),
                    Signed::Body => (&mut sent.body, 0),
                };
                let at = from + at.index(bytes.len() - from);
                let old = bytes[at];
                bytes[at] ^= 1 << bit;
                if old.eq_ignore_ascii_case(&bytes[at]) && case_is_free(vector, &part, at) {
                    continue;
                }
                prop_assert!(vector.verdict(&sent).is_err(), "{} {:?} at {}", name, part, at);
            }
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
