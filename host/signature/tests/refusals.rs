//! Each preset refuses what it must, and says why.

use crate::support::{Sent, Vector, vectors};
use stepwell_signature::{Check, Format, Place, Secret, Secrets, Signature, Unit};

/// The vectors of which the request is checked at all.
fn checked() -> Vec<(String, Vector)> {
    vectors()
        .into_iter()
        .filter(|(_, vector)| vector.preset().scheme.check != Check::None)
        .collect()
}

fn signature(vector: &Vector) -> Option<&'static Signature> {
    match &vector.preset().scheme.check {
        Check::Signature(signature) => Some(signature),
        _ => None,
    }
}

/// Whether the secret is a public key. That of a published key says for whom a request is.
fn has_public_key(signature: &Signature) -> bool {
    signature.algorithm.is_asymmetric() && signature.certificate.is_none()
}

/// Another secret of the same form.
fn another(text: &str) -> String {
    // In the middle: the last character of base64 holds bits that must be zero.
    let middle = text.chars().count() / 2;
    text.chars()
        .enumerate()
        .map(|(at, old)| match old {
            _ if at != middle => old,
            'A' => 'B',
            _ => 'A',
        })
        .collect()
}

/// The headers that hold the signature, token or password.
fn proof(vector: &Vector) -> Vec<String> {
    let places: Vec<&Place> = match &vector.preset().scheme.check {
        Check::Signature(signature) => std::iter::once(&signature.at)
            .chain(&signature.or_at)
            .collect(),
        Check::Jwt(jwt) => vec![&jwt.at],
        Check::Token(token) => vec![&token.at],
        Check::Basic => return vec!["authorization".to_owned()],
        Check::None => vec![],
    };
    let header = |place: &&Place| match place {
        Place::Header(name) => Some(name.clone()),
        _ => None,
    };
    places.iter().filter_map(header).collect()
}

#[track_caller]
fn refused(name: &str, vector: &Vector, sent: &Sent, codes: &[&str]) {
    refused_at(name, vector, sent, vector.now_ms, codes);
}

#[track_caller]
fn refused_at(name: &str, vector: &Vector, sent: &Sent, now_ms: i64, codes: &[&str]) {
    let refused = vector.verdict_at(sent, now_ms).expect_err(name);
    assert!(codes.contains(&refused.code()), "{name}: {refused}");
    let text = format!("{refused} {refused:?}");
    for (_, value) in &sent.headers {
        let shown = String::from_utf8_lossy(value);
        assert!(
            shown.len() < 8 || !text.contains(&*shown),
            "{name} shows what was sent: {text}"
        );
    }
    if let Some(secret) = &vector.secret {
        assert!(
            !text.contains(secret.as_str()),
            "{name} shows the secret: {text}"
        );
    }
}

const MISMATCH: [&str; 3] = ["signature-mismatch", "token-mismatch", "claim-refused"];
const MISSING: [&str; 2] = ["signature-missing", "token-missing"];
const MALFORMED: [&str; 3] = ["signature-malformed", "token-malformed", "token-mismatch"];

#[test]
fn another_secret() {
    for (name, vector) in checked() {
        let scheme = &vector.preset().scheme;
        let text = vector.secret.as_deref().expect("a secret");
        // Another of the same form; a public key is that of another provider's vector.
        let other = match signature(&vector).map(has_public_key) {
            Some(true) => continue,
            _ => another(text),
        };
        assert_ne!(other, text, "{name}");
        let other = Secrets::from(Secret::parse(scheme, &other).expect("a secret"));
        let verdict = vector
            .sent()
            .with(|request| vector.verify_by(&other, request, vector.now_ms));
        let refused = verdict.expect_err(&name);
        assert!(MISMATCH.contains(&refused.code()), "{name}: {refused}");
    }
}

#[test]
fn another_public_key() {
    let keys: Vec<_> = checked()
        .into_iter()
        .filter(|(_, v)| signature(v).is_some_and(has_public_key))
        .collect();
    let raw = |v: &Vector| {
        v.secret
            .clone()
            .expect("a key")
            .trim_start_matches("whpk_")
            .to_owned()
    };
    for (name, vector) in &keys {
        let Some((_, other)) = keys.iter().find(|(n, v)| {
            n != name && signature(v).map(|s| s.algorithm) == signature(vector).map(|s| s.algorithm)
        }) else {
            continue;
        };
        let form = signature(vector)
            .expect("signed")
            .secret
            .prefix
            .clone()
            .unwrap_or_default();
        let scheme = &vector.preset().scheme;
        let secret = Secrets::from(Secret::parse(scheme, &(form + &raw(other))).expect("a key"));
        let verdict = vector
            .sent()
            .with(|request| vector.verify_by(&secret, request, vector.now_ms));
        assert_eq!(
            verdict.expect_err(name).code(),
            "signature-mismatch",
            "{name}"
        );
    }
    assert_eq!(keys.len(), 4);
}

/// An old and a new secret are both valid, in each order; none at all is refused.
#[test]
fn two_secrets_and_none() {
    for (name, vector) in checked() {
        let scheme = &vector.preset().scheme;
        let text = vector.secret.as_deref().expect("a secret");
        let parse = |text: &str| Secret::parse(scheme, text).expect("a secret");
        if !signature(&vector).is_some_and(has_public_key) {
            let other = another(text);
            for (texts, fitting) in [([text, &other], 0), ([&other, text], 1)] {
                let both = Secrets::new(texts.iter().map(|text| parse(text)).collect());
                let verdict = vector
                    .sent()
                    .with(|request| vector.verify_by(&both, request, vector.now_ms));
                assert_eq!(verdict.expect(&name).secret, fitting, "{name}");
            }
        }
        let verdict = vector
            .sent()
            .with(|request| vector.verify_by(&Secrets::default(), request, vector.now_ms));
        assert_eq!(verdict.expect_err(&name).code(), "secret-missing", "{name}");
        for empty in ["", " ", "\n"] {
            assert!(Secret::parse(scheme, empty).is_err(), "{name}");
        }
        if let Some(prefix) =
            signature(&vector).and_then(|signature| signature.secret.prefix.as_deref())
        {
            assert!(Secret::parse(scheme, prefix).is_err(), "{name}");
        }
        assert!(!format!("{:?}", parse(text)).contains(text), "{name}");
    }
}

/// One bit of the body is another. What does not sign the body says so in its note.
#[test]
fn a_tampered_body() {
    let mut tried = 0;
    for (name, vector) in checked() {
        let whole = match &vector.preset().scheme.check {
            Check::Signature(signature) => !signature.partial || signature.body_hash.is_some(),
            Check::Jwt(jwt) => !jwt.partial,
            _ => false,
        };
        if !whole {
            assert!(vector.preset().note.is_some(), "{name}");
            continue;
        }
        // The ends and the middle, but for what a timestamp in the body needs to stay readable.
        for at in [0, vector.body.len() / 2, vector.body.len() - 1] {
            let mut sent = vector.sent();
            sent.body[at] ^= 1;
            let codes = [
                "signature-mismatch",
                "claim-refused",
                "body-hash-mismatch",
                "timestamp-missing",
            ];
            refused(&name, &vector, &sent, &codes);
        }
        let mut longer = vector.sent();
        longer.body.push(b' ');
        refused(
            &name,
            &vector,
            &longer,
            &["signature-mismatch", "claim-refused", "body-hash-mismatch"],
        );
        tried += 1;
    }
    assert!(tried > 50, "{tried}");
}

#[test]
fn a_missing_empty_doubled_or_unreadable_header() {
    for (name, vector) in checked() {
        let headers = proof(&vector);
        let present: Vec<_> = headers
            .iter()
            .filter(|h| vector.sent().header(h).is_some())
            .cloned()
            .collect();
        if headers.is_empty() {
            continue;
        }
        let change = |act: &dyn Fn(&mut Vec<u8>)| {
            let mut sent = vector.sent();
            for header in &present {
                act(sent.header(header).expect("the header"));
            }
            sent
        };
        let mut missing = vector.sent();
        missing
            .headers
            .retain(|(h, _)| !headers.iter().any(|p| p.eq_ignore_ascii_case(h)));
        refused(&name, &vector, &missing, &MISSING);
        refused(&name, &vector, &change(&|value| value.clear()), &MISSING);
        refused(
            &name,
            &vector,
            &change(&|value| *value = "größer".into()),
            &MALFORMED,
        );
        refused(
            &name,
            &vector,
            &change(&|value| *value = vec![0xff, 0xfe, 0]),
            &MALFORMED,
        );
        refused(
            &name,
            &vector,
            &change(&|value| value.push(0xff)),
            &MALFORMED,
        );
        let mut doubled = vector.sent();
        let first = doubled
            .headers
            .iter()
            .find(|(h, _)| present.iter().any(|p| p.eq_ignore_ascii_case(h)));
        let copy = first.expect("the header").clone();
        doubled.headers.push(copy);
        refused(&name, &vector, &doubled, &["value-doubled"]);
    }
}

/// The last character of a signature is cut off, another is added, the padding is altered.
#[test]
fn a_signature_that_is_nearly_right() {
    for (name, vector) in checked() {
        let change = |act: &dyn Fn(&mut Vec<u8>)| {
            let mut sent = vector.sent();
            for header in proof(&vector) {
                if let Some(value) = sent.header(&header) {
                    act(value);
                }
            }
            sent
        };
        let codes: Vec<_> = MISMATCH.iter().chain(&MALFORMED).copied().collect();
        if proof(&vector).is_empty() {
            continue;
        }
        refused(
            &name,
            &vector,
            &change(&|value| value.truncate(value.len() - 1)),
            &codes,
        );
        for junk in ["=", "A", "00", " ", ".", "\t"] {
            // White space around an entry of a list, or a pair, is no part of it.
            let spaced = signature(&vector)
                .is_some_and(|s| matches!(s.format, Format::List { .. } | Format::Pairs { .. }))
                && junk.trim().is_empty();
            if !spaced {
                refused(
                    &name,
                    &vector,
                    &change(&|value| value.extend(junk.as_bytes())),
                    &codes,
                );
            }
        }
        // The same bytes in another spelling: unused bits of the last character that are not zero.
        let text = |value: &[u8]| String::from_utf8(value.to_vec()).expect("text");
        let altered = change(&|value| {
            let end = text(value).trim_end_matches('=').len() - 1;
            value[end] = match value[end] {
                b'A'..=b'Y' | b'a'..=b'y' | b'0'..=b'8' => value[end] + 1,
                _ => b'B',
            };
        });
        refused(&name, &vector, &altered, &codes);
    }
}

/// Digits as a number, as senders write them; all else as a string.
fn scalar(text: &str) -> serde_json::Value {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if digits {
        serde_json::from_str(text).expect("a number")
    } else {
        text.into()
    }
}

fn with_timestamp(vector: &Vector, text: &[u8]) -> Option<Sent> {
    let timestamp = signature(vector)?.timestamp.as_ref()?;
    let mut sent = vector.sent();
    match &timestamp.at {
        Place::Header(name) => *sent.header(name).expect("the timestamp") = text.to_vec(),
        Place::Pair(key) => {
            let Place::Header(name) = &signature(vector)?.at else {
                return None;
            };
            let Format::Pairs { separator, .. } = &signature(vector)?.format else {
                return None;
            };
            let value = sent.header(name).expect("the signature");
            let old = String::from_utf8(value.clone()).expect("text");
            let rest = old
                .split(*separator)
                .filter(|pair| !pair.trim().starts_with(&format!("{key}=")));
            let mut new = [key.as_bytes(), b"=", text].concat();
            for pair in rest {
                new.extend(separator.to_string().as_bytes());
                new.extend(pair.as_bytes());
            }
            *value = new;
        }
        Place::Pointer(path) => {
            let mut json: serde_json::Value = serde_json::from_slice(&sent.body).expect("JSON");
            let text = std::str::from_utf8(text).ok()?;
            let old = json.pointer_mut(path).expect("the timestamp");
            *old = if old.is_string() {
                text.into()
            } else {
                scalar(text)
            };
            sent.body = json.to_string().into_bytes();
        }
        Place::Query(_) => return None,
    }
    Some(sent)
}

#[test]
fn old_and_future_requests() {
    let mut tried = 0;
    for (name, vector) in checked() {
        let Some(timestamp) = signature(&vector).and_then(|signature| signature.timestamp.as_ref())
        else {
            continue;
        };
        let tolerance = i64::from(timestamp.tolerance_seconds) * 1000;
        let ahead = i64::from(timestamp.ahead_seconds) * 1000;
        let sent = vector.sent();
        vector
            .verdict_at(&sent, vector.now_ms + tolerance)
            .expect(&name);
        vector
            .verdict_at(&sent, vector.now_ms - ahead)
            .expect(&name);
        refused_at(
            &name,
            &vector,
            &sent,
            vector.now_ms + tolerance + 1,
            &["timestamp-too-old"],
        );
        refused_at(
            &name,
            &vector,
            &sent,
            vector.now_ms - ahead - 1,
            &["timestamp-in-future"],
        );
        refused_at(&name, &vector, &sent, i64::MAX, &["timestamp-too-old"]);
        refused_at(&name, &vector, &sent, i64::MIN, &["timestamp-in-future"]);
        tried += 1;
    }
    assert!(tried > 20, "{tried}");
}

#[test]
fn extreme_timestamps() {
    for (name, vector) in checked() {
        let Some(timestamp) = signature(&vector).and_then(|signature| signature.timestamp.as_ref())
        else {
            continue;
        };
        let numbers = timestamp.unit != Unit::Rfc3339;
        let most = u64::MAX.to_string();
        let zeros = "9".repeat(30);
        let table: [(&str, &[&str]); 12] = [
            ("0", &["timestamp-too-old"]),
            ("-1", &["timestamp-malformed"]),
            ("+1700000000", &["timestamp-malformed"]),
            (&most, &["timestamp-in-future"]),
            (&zeros, &["timestamp-malformed"]),
            ("1e9", &["timestamp-malformed"]),
            ("1700000000.5", &["timestamp-malformed"]),
            (" 1700000000", &["timestamp-malformed", "timestamp-too-old"]),
            ("0x65", &["timestamp-malformed"]),
            ("١٧", &["timestamp-malformed"]),
            (
                "9999-12-31T23:59:59Z",
                &["timestamp-malformed", "timestamp-in-future"],
            ),
            (
                "-009999-01-01T00:00:00Z",
                &["timestamp-malformed", "timestamp-too-old"],
            ),
        ];
        for (text, codes) in table {
            let Some(sent) = with_timestamp(&vector, text.as_bytes()) else {
                continue;
            };
            let codes: &[&str] = if numbers {
                codes
            } else {
                &[
                    "timestamp-malformed",
                    "timestamp-in-future",
                    "timestamp-too-old",
                ]
            };
            refused(&format!("{name} {text}"), &vector, &sent, codes);
        }
        if let Some(sent) = with_timestamp(&vector, b"") {
            refused(&name, &vector, &sent, &["timestamp-missing"]);
        }
        // Another recent time is not the one that was signed.
        let text = match timestamp.unit {
            Unit::Seconds => "1700000001".to_owned(),
            Unit::Milliseconds => "1700000001000".to_owned(),
            Unit::Rfc3339 => "2023-11-14T22:13:21Z".to_owned(),
        };
        let sent = with_timestamp(&vector, text.as_bytes()).expect("a timestamp");
        refused(&name, &vector, &sent, &["signature-mismatch"]);
    }
}

#[test]
fn a_signed_delivery_id_that_is_not_there() {
    for name in ["svix", "twitch", "standard-webhooks-ed25519"] {
        let vector = vectors()
            .into_iter()
            .find(|(n, _)| n == name)
            .expect(name)
            .1;
        let Some(Place::Header(header)) = &vector.preset().scheme.delivery_id else {
            panic!("{name}")
        };
        let mut missing = vector.sent();
        missing
            .headers
            .retain(|(h, _)| !h.eq_ignore_ascii_case(header));
        refused(name, &vector, &missing, &["delivery-id-missing"]);
        let mut other = vector.sent();
        *other.header(header).expect("the id") = b"msg_2".to_vec();
        refused(name, &vector, &other, &["signature-mismatch"]);
        let mut long = vector.sent();
        *long.header(header).expect("the id") = vec![b'a'; 513];
        refused(name, &vector, &long, &["delivery-id-malformed"]);
        assert!(
            vector
                .verdict(&vector.sent())
                .expect(name)
                .delivery_id_signed
        );
    }
}

/// A JSON body under Twilio's signature needs its digest in the URL, under whatever content type.
#[test]
fn twilio_bodies_are_covered() {
    let vector = vectors()
        .into_iter()
        .find(|(n, _)| n == "twilio-json")
        .expect("twilio")
        .1;
    let mut form = vector.sent();
    *form.header("content-type").expect("a type") = b"application/x-www-form-urlencoded".to_vec();
    refused("as a form", &vector, &form, &["signature-mismatch"]);
    form.body = b"".to_vec();
    refused("without a body", &vector, &form, &["body-hash-mismatch"]);
    let form = vectors()
        .into_iter()
        .find(|(n, _)| n == "twilio")
        .expect("twilio")
        .1;
    let mut json = form.sent();
    *json.header("content-type").expect("a type") = b"application/json".to_vec();
    refused("as JSON", &form, &json, &["signature-mismatch"]);
}
