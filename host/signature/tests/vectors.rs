//! What providers' own libraries and documents sign is taken.

use std::collections::BTreeSet;

use crate::support::{Sent, vectors};
use data_encoding::BASE64;
use stepwell_signature::{
    Check, Outgoing, Request, Secret, SignError, Verified, provider, providers, sign, verify,
};

#[test]
fn each_vector_verifies_and_each_provider_has_one() {
    let mut seen = BTreeSet::new();
    for (name, vector) in vectors() {
        let verified = vector
            .verdict(&vector.sent())
            .unwrap_or_else(|refused| panic!("{name}: {refused}"));
        assert_eq!(verified.delivery_id, vector.delivery_id, "{name}");
        let check = &vector.preset().scheme.check;
        let signs = match check {
            Check::Signature(_) => true,
            Check::Jwt(jwt) => !jwt.partial,
            _ => false,
        };
        assert_eq!(verified.fingerprint.is_some(), signs, "{name}");
        seen.insert(vector.provider);
    }
    let all: BTreeSet<_> = providers()
        .iter()
        .map(|provider| provider.name.clone())
        .collect();
    assert_eq!(seen, all);
}

/// What this crate signs, it takes; so a sample of each scheme can be sent.
#[test]
fn what_is_signed_here_verifies_here() {
    let mut signed = 0;
    for (name, vector) in vectors() {
        let Some(secret) = &vector.secret else {
            continue;
        };
        let scheme = &vector.preset().scheme;
        let secret = Secret::parse(scheme, secret).expect("a secret");
        let mut sent = vector.sent();
        // What the sample's author writes; the rest is signed anew, at another time.
        sent.headers
            .retain(|(header, _)| header.eq_ignore_ascii_case("content-type"));
        let later = vector.now_ms + 1_000;
        let headers = sent.with(|&request| {
            sign(
                scheme,
                &secret,
                &Outgoing {
                    request,
                    id: "again",
                    now_ms: later,
                },
            )
        });
        match headers {
            Ok(headers) => {
                sent.headers.extend(
                    headers
                        .into_iter()
                        .map(|(name, value)| (name, value.into_bytes())),
                );
                vector
                    .verdict_at(&sent, later)
                    .unwrap_or_else(|refused| panic!("{name}: {refused}"));
                signed += 1;
            }
            Err(SignError::PrivateKey | SignError::NotAHeader(_)) => {}
            Err(error) => panic!("{name}: {error}"),
        }
    }
    assert!(signed > 50, "{signed}");
}

/// The examples that providers publish.
#[test]
fn published_examples_verify() {
    let slack = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    let hubspot = r#"[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM","changeFlag":"NEW","appId":54321}]"#;
    let form = "CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212";
    type Example = (
        &'static str,
        &'static str,
        i64,
        Vec<(&'static str, &'static str)>,
        &'static str,
    );
    let examples: [Example; 6] = [
        (
            "github",
            "It's a Secret to Everybody",
            0,
            vec![(
                "x-hub-signature-256",
                "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
            )],
            "Hello, World!",
        ),
        (
            "bitbucket",
            "It's a Secret to Everybody",
            0,
            vec![(
                "x-hub-signature",
                "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9",
            )],
            "Hello World!",
        ),
        (
            "slack",
            "8f742231b10e8888abcd99yyyzzz85a5",
            1_531_420_618_000,
            vec![
                ("x-slack-request-timestamp", "1531420618"),
                (
                    "x-slack-signature",
                    "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
                ),
            ],
            slack,
        ),
        (
            "svix",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            1_614_265_330_000,
            vec![
                ("svix-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
                ("svix-timestamp", "1614265330"),
                (
                    "svix-signature",
                    "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
                ),
            ],
            r#"{"test": 2432232314}"#,
        ),
        (
            "hubspot-v1",
            "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy",
            0,
            vec![(
                "x-hubspot-signature",
                "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de",
            )],
            hubspot,
        ),
        (
            "twilio",
            "12345",
            0,
            vec![
                ("content-type", "application/x-www-form-urlencoded"),
                ("x-twilio-signature", "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
            ],
            form,
        ),
    ];
    for (name, secret, now_ms, headers, body) in examples {
        let scheme = &provider(name).expect("a provider").scheme;
        let secret = Secret::parse(scheme, secret).expect("a secret");
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_bytes()))
            .collect();
        let url = "https://mycompany.com/myapp.php?foo=1&bar=2";
        let request = Request {
            method: "POST",
            url,
            headers: &headers,
            body: body.as_bytes(),
        };
        verify(scheme, &secret.into(), &request, now_ms)
            .unwrap_or_else(|refused| panic!("{name}: {refused}"));
    }
}

/// Two requests have two fingerprints; the same request has the same.
#[test]
fn a_fingerprint_names_a_request() {
    let fingerprint = |sent: &Sent, vector: &crate::support::Vector| -> Verified {
        vector.verdict(sent).expect("verified")
    };
    for (name, vector) in vectors() {
        let first = fingerprint(&vector.sent(), &vector);
        assert_eq!(first, fingerprint(&vector.sent(), &vector), "{name}");
    }
    let stripe = vectors()
        .into_iter()
        .find(|(name, _)| name == "stripe")
        .expect("stripe")
        .1;
    let scheme = &stripe.preset().scheme;
    let secret =
        Secret::parse(scheme, stripe.secret.as_deref().expect("a secret")).expect("a secret");
    let mut other = stripe.sent();
    other.headers.clear();
    let now_ms = stripe.now_ms + 1_000;
    let headers = other
        .with(|&request| {
            sign(
                scheme,
                &secret,
                &Outgoing {
                    request,
                    id: "",
                    now_ms,
                },
            )
        })
        .expect("signed");
    other.headers.extend(
        headers
            .into_iter()
            .map(|(name, value)| (name, value.into_bytes())),
    );
    assert_ne!(
        fingerprint(&stripe.sent(), &stripe).fingerprint,
        fingerprint(&other, &stripe).fingerprint
    );
}

/// An ECDSA signature (r, s) can be rewritten as (r, n - s) without the key: it is the same delivery.
#[test]
fn a_rewritten_ecdsa_signature_has_the_same_fingerprint() {
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
        0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let (_, vector) = vectors()
        .into_iter()
        .find(|(name, _)| name == "sendgrid")
        .expect("sendgrid");
    let first = vector.verdict(&vector.sent()).expect("verified");
    let mut sent = vector.sent();
    let value = sent
        .header("X-Twilio-Email-Event-Webhook-Signature")
        .expect("signature");
    let der = BASE64.decode(value).expect("base64");
    // SEQUENCE { INTEGER r, INTEGER s }, all of them shorter than 128 bytes.
    let (r, rest) = der[4..].split_at(usize::from(der[3]));
    let s: Vec<u8> = rest[2..].iter().copied().skip_while(|b| *b == 0).collect();
    let mut other = ORDER;
    let mut borrow = 0;
    for (at, digit) in other.iter_mut().rev().enumerate() {
        let less = i16::from(s.iter().rev().nth(at).copied().unwrap_or(0)) + borrow;
        let left = i16::from(*digit) - less;
        borrow = i16::from(left < 0);
        *digit = u8::try_from(left.rem_euclid(256)).expect("a byte");
    }
    let start = other.iter().position(|b| *b != 0).expect("not zero");
    let mut other = other[start..].to_vec();
    if other[0] >= 0x80 {
        other.insert(0, 0);
    }
    let integer = |bytes: &[u8]| [&[2, u8::try_from(bytes.len()).expect("short")], bytes].concat();
    let pair = [integer(r), integer(&other)].concat();
    let der = [&[0x30, u8::try_from(pair.len()).expect("short")], &pair[..]].concat();
    *value = BASE64.encode(&der).into_bytes();
    assert_ne!(sent.headers, vector.sent().headers);
    assert_eq!(vector.verdict(&sent).expect("verified"), first);
}
