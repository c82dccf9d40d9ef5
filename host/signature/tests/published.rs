//! Senders that publish their keys sign for all their customers: what is another customer's is refused, and so is a key
//! from elsewhere.

use serde_json::{Value, json};
use stepwell_signature::{
    Keys, Scheme, SchemeError, Secret, Secrets, challenge, keys_url, provider, verify,
};

use crate::support::{Sent, Vector, vectors};

fn vector(file: &str) -> Vector {
    let all = vectors().into_iter();
    let mut found = all.filter(|(name, _)| name == file);
    found.next().expect(file).1
}

/// The same request with another value in its JSON body.
fn with(vector: &Vector, pointer: &str, value: Value) -> Sent {
    let mut sent = vector.sent();
    let mut body: Value = serde_json::from_slice(&sent.body).expect("JSON");
    *body.pointer_mut(pointer).expect(pointer) = value;
    sent.body = body.to_string().into_bytes();
    sent
}

#[track_caller]
fn refused(vector: &Vector, sent: &Sent, code: &str) {
    let refused = vector.verdict(sent).expect_err(code);
    assert_eq!(refused.code(), code, "{refused}");
}

#[test]
fn what_sns_signs_cannot_be_changed_and_other_topics_are_refused() {
    for file in ["aws-sns", "aws-sns-version-1", "aws-sns-subscription"] {
        let vector = vector(file);
        let other = "arn:aws:sns:eu-west-1:999999999999:orders";
        for (pointer, value, code) in [
            ("/Message", "another", "signature-mismatch"),
            ("/MessageId", "another", "signature-mismatch"),
            (
                "/Timestamp",
                "2023-11-14T22:13:21.000Z",
                "signature-mismatch",
            ),
            (
                "/Timestamp",
                "2023-11-14T20:13:20.000Z",
                "timestamp-too-old",
            ),
            ("/Type", "UnsubscribeConfirmation", "signature-mismatch"),
            ("/TopicArn", other, "token-mismatch"),
            ("/TopicArn", "", "token-missing"),
            ("/Signature", "AAAA", "signature-mismatch"),
            ("/Signature", "", "signature-missing"),
            ("/Signature", "no base64!", "signature-malformed"),
        ] {
            refused(&vector, &with(&vector, pointer, value.into()), code);
        }
        // The other algorithm than the one that signed.
        let swapped = if file == "aws-sns-version-1" {
            "2"
        } else {
            "1"
        };
        let swapped = with(&vector, "/SignatureVersion", swapped.into());
        refused(&vector, &swapped, "signature-mismatch");
        let unwritten = with(&vector, "/SignatureVersion", json!(null));
        assert_eq!(
            vector.verdict(&unwritten).is_ok(),
            file != "aws-sns-version-1"
        );
    }
    let vector = vector("aws-sns");
    let without_keys = vector.sent().with(|request| {
        verify(
            &vector.preset().scheme,
            &vector.secrets(),
            request,
            vector.now_ms,
        )
    });
    assert_eq!(without_keys.expect_err("no keys").code(), "key-missing");
}

#[test]
fn a_certificate_comes_from_the_sender_only() {
    let sns = vector("aws-sns");
    let scheme = &sns.preset().scheme;
    let url = sns.sent().with(|request| {
        let url = keys_url(scheme, request).expect("a URL");
        url.map(|url| url.into_owned())
    });
    let own = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem";
    assert_eq!(url.as_deref(), Some(own));
    for other in [
        "https://sns.s3.amazonaws.com/SimpleNotificationService-0.pem",
        "https://evil.example/SimpleNotificationService-0.pem",
        "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0.pem",
        "https://sns.eu-west-1.amazonaws.com@evil.example/SimpleNotificationService-0.pem",
    ] {
        let sent = with(&sns, "/SigningCertURL", other.into());
        let refused = sent.with(|request| keys_url(scheme, request).map(|_| ()));
        let refused = refused.expect_err(other);
        assert_eq!(refused.code(), "key-url-refused");
        assert!(!refused.to_string().contains("evil"), "{refused}");
    }
    let missing = with(&sns, "/SigningCertURL", json!(null));
    let refused = missing.with(|request| keys_url(scheme, request).map(|_| ()));
    assert_eq!(refused.expect_err("no URL").code(), "content-missing");
    // Another one's key.
    let mut foreign = vector("aws-sns");
    foreign.keys = vector("paypal").keys;
    self::refused(&foreign, &foreign.sent(), "signature-mismatch");
}

#[test]
fn a_subscription_is_confirmed_by_a_visit_of_the_senders_own_url() {
    let subscription = vector("aws-sns-subscription");
    let question = provider("aws-sns").expect("a preset").challenge.as_ref();
    let question = question.expect("a question");
    assert!(question.after_verification);
    let answer =
        |sent: &Sent| sent.with(|request| challenge(question, &Secrets::default(), request));
    let visited = answer(&subscription.sent()).expect("an answer").visit;
    let visited = visited.expect("a URL");
    assert!(
        visited.starts_with("https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&")
    );
    for other in ["https://evil.example/?Action=ConfirmSubscription&a=b", ""] {
        let sent = with(&subscription, "/SubscribeURL", other.into());
        assert_eq!(answer(&sent), None, "{other}");
    }
    assert_eq!(answer(&vector("aws-sns").sent()), None);
}

#[test]
fn a_token_of_google_is_for_this_account_and_url() {
    let vector = vector("google-pubsub");
    let scheme = &vector.preset().scheme;
    let mut elsewhere = vector.sent();
    elsewhere.url = "https://hooks.example.com/other".to_owned();
    refused(&vector, &elsewhere, "claim-refused");
    let other = Secret::parse(scheme, "evil@other.iam.gserviceaccount.com").expect("an address");
    let verdict = vector
        .sent()
        .with(|request| vector.verify_by(&other.into(), request, vector.now_ms));
    assert_eq!(
        verdict.expect_err("another account").code(),
        "claim-refused"
    );
    let late = vector.verdict_at(&vector.sent(), vector.now_ms + 4_000_000);
    assert_eq!(late.expect_err("expired").code(), "timestamp-too-old");
    let keys = vector.keys.clone().expect("keys");
    let mut renamed = self::vector("google-pubsub");
    renamed.keys = Some(keys.replace("k-1", "k-2"));
    refused(&renamed, &renamed.sent(), "key-unknown");
    // Claims that are not signed are not believed: the payload of the token is changed.
    let mut forged = vector.sent();
    let value = forged.header("Authorization").expect("the token");
    let text = String::from_utf8(value.clone()).expect("text");
    let (head, rest) = text.split_once('.').expect("a token");
    let (claims, tag) = rest.split_once('.').expect("a token");
    let claims = data_encoding::BASE64URL_NOPAD
        .decode(claims.as_bytes())
        .expect("base64url");
    let claims = String::from_utf8(claims)
        .expect("text")
        .replace("1137742", "9999999");
    let claims = data_encoding::BASE64URL_NOPAD.encode(claims.as_bytes());
    *value = format!("{head}.{claims}.{tag}").into_bytes();
    refused(&vector, &forged, "signature-mismatch");
}

#[test]
fn paypals_webhook_id_is_signed() {
    let vector = vector("paypal");
    let scheme = &vector.preset().scheme;
    let other = Secret::parse(scheme, "9JE4291016473214C").expect("an id");
    let verdict = vector
        .sent()
        .with(|request| vector.verify_by(&other.into(), request, vector.now_ms));
    assert_eq!(
        verdict.expect_err("another webhook").code(),
        "signature-mismatch"
    );
    let mut changed = vector.sent();
    changed.body.push(b' ');
    refused(&vector, &changed, "signature-mismatch");
    for header in ["PAYPAL-TRANSMISSION-ID", "PAYPAL-TRANSMISSION-TIME"] {
        let mut sent = vector.sent();
        sent.header(header).expect(header).push(b'0');
        refused(&vector, &sent, "signature-mismatch");
        sent.header(header).expect(header).clear();
        refused(&vector, &sent, "content-missing");
    }
}

#[test]
fn adyens_items_are_signed_in_part_and_no_second_one_is_taken() {
    let vector = vector("adyen");
    let item = "/notificationItems/0/NotificationRequestItem";
    for (name, value) in [
        ("pspReference", json!("1")),
        ("originalReference", json!("1")),
        ("merchantAccountCode", json!("Other")),
        ("merchantReference", json!("Other")),
        ("amount/value", json!(1)),
        ("amount/currency", json!("USD")),
        ("eventCode", json!("REFUND")),
        ("success", json!("false")),
    ] {
        let sent = with(&vector, &format!("{item}/{name}"), value);
        refused(&vector, &sent, "signature-mismatch");
    }
    let mut sent = vector.sent();
    let body: Value = serde_json::from_slice(&sent.body).expect("JSON");
    let first = body["notificationItems"][0].clone();
    for more in [vec![first.clone()], vec![json!(null), first]] {
        let mut body = body.clone();
        let items = body["notificationItems"].as_array_mut().expect("items");
        items.extend(more);
        sent.body = body.to_string().into_bytes();
        refused(&vector, &sent, "value-unexpected");
    }
}

#[test]
fn a_question_of_a_scheme_signs_nothing_for_strangers() {
    let scheme = |question: Value| {
        let signature = json!({"algorithm": "hmac-sha256", "at": {"header": "x"}, "encoding": "hex", "content": "{body}"});
        let scheme = json!({"check": {"signature": signature}, "challenge": question});
        let scheme: Scheme = serde_json::from_value(scheme).expect("a scheme");
        scheme.check()
    };
    for (method, answer, after, expected) in [
        ("GET", "{echo}", false, Ok(())),
        ("POST", "{echo}", false, Ok(())),
        ("POST", "{hmac_hex}", true, Ok(())),
        ("GET", "{hmac_hex}", false, Err(SchemeError::Challenge)),
        (
            "POST",
            "a {hmac_base64}",
            false,
            Err(SchemeError::Challenge),
        ),
        // A GET is verified only as a delivery.
        ("GET", "{echo}", true, Err(SchemeError::Challenge)),
    ] {
        let question = json!({"method": method, "echo": {"query": "q"}, "answer": {"text": answer}, "after_verification": after});
        assert_eq!(scheme(question), expected, "{method} {answer} {after}");
    }
}

#[test]
fn what_must_be_absent_is_named_right() {
    let signature = |absent: Value| json!({"algorithm": "hmac-sha256", "at": {"header": "x"}, "encoding": "hex", "content": "{body}", "absent": [absent]});
    for (absent, is_right) in [
        (json!({"query": "as"}), true),
        (json!({"pointer": "/items"}), true),
        (json!({"pointer": "items"}), false),
    ] {
        let scheme = json!({"check": {"signature": signature(absent.clone())}});
        let scheme: Scheme = serde_json::from_value(scheme).expect("a scheme");
        assert_eq!(scheme.check().is_ok(), is_right, "{absent}");
    }
}

#[test]
fn a_scheme_with_a_published_key_says_for_whom_a_request_is() {
    let certificate = json!({"at": {"header": "x-cert"}, "within": ["https://keys.example/*"]});
    let scheme = |changes: Value| {
        let mut signature = json!({"algorithm": "rsa-sha256", "at": {"header": "x"}, "encoding": "base64", "content": "{secret}{body}",
            "certificate": certificate});
        for (name, value) in changes.as_object().expect("an object") {
            signature[name] = value.clone();
        }
        let scheme: Scheme =
            serde_json::from_value(json!({"check": {"signature": signature}})).expect("a scheme");
        scheme.check()
    };
    let other = json!({"when": {"at": {"header": "v"}, "equals": "1"}, "algorithm": "hmac-sha256"});
    for (changes, expected) in [
        (json!({}), Ok(())),
        (json!({"content": "{body}"}), Err(SchemeError::ForAnyone)),
        (
            json!({"content": "{body}", "secret_at": {"header": "topic"}}),
            Err(SchemeError::ForAnyone),
        ),
        (
            json!({"content": "{body}{header:topic}", "secret_at": {"header": "topic"}}),
            Ok(()),
        ),
        (
            json!({"content": "{body}", "secret_at": {"pointer": "/topic"}}),
            Ok(()),
        ),
        (json!({"algorithm": "rsa-sha1"}), Ok(())),
        (
            json!({"algorithm": "hmac-sha256"}),
            Err(SchemeError::Certificate),
        ),
        (
            json!({"algorithm": "ed25519"}),
            Err(SchemeError::Certificate),
        ),
        (
            json!({"or_algorithm": other}),
            Err(SchemeError::Certificate),
        ),
        (json!({"certificate": null}), Err(SchemeError::Certificate)),
        (
            json!({"certificate": null, "content": "{body}", "algorithm": "rsa-sha1"}),
            Err(SchemeError::Certificate),
        ),
        (
            json!({"content": "{secret}{body_crc32}"}),
            Err(SchemeError::BodyNotSigned),
        ),
    ] {
        assert_eq!(scheme(changes.clone()), expected, "{changes}");
    }
    let token = |changes: Value| {
        let mut jwt = json!({"at": {"header": "x"}, "algorithm": "rs256", "partial": true, "keys": "https://keys.example/set", "secret_claim": "email"});
        for (name, value) in changes.as_object().expect("an object") {
            jwt[name] = value.clone();
        }
        let scheme: Scheme =
            serde_json::from_value(json!({"check": {"jwt": jwt}})).expect("a scheme");
        scheme.check()
    };
    for (changes, expected) in [
        (json!({}), Ok(())),
        (json!({"partial": false}), Err(SchemeError::BodyNotSigned)),
        (json!({"partial": false, "body_claim": "sha256"}), Ok(())),
        (json!({"secret_claim": null}), Err(SchemeError::ForAnyone)),
        (json!({"keys": null}), Err(SchemeError::Certificate)),
        (
            json!({"keys": "http://keys.example/set"}),
            Err(SchemeError::Certificate),
        ),
        (json!({"algorithm": "hs256"}), Err(SchemeError::Certificate)),
    ] {
        assert_eq!(token(changes.clone()), expected, "{changes}");
    }
}

#[test]
fn keys_are_read_from_both_forms() {
    for file in ["aws-sns", "paypal", "google-pubsub"] {
        let text = vector(file).keys.expect("keys");
        assert!(Keys::read(text.as_bytes()).is_ok(), "{file}");
        let long = format!("{}{text}", " ".repeat(stepwell_signature::LONGEST_KEYS));
        assert!(Keys::read(long.as_bytes()).is_err(), "{file}");
    }
}
