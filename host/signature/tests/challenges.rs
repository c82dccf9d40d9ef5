//! Each challenge is answered as the provider's document says, and nothing else is.

use stepwell_signature::{Challenge, Request, Secret, Secrets, challenge, provider, providers};

fn question(name: &str) -> &'static Challenge {
    provider(name)
        .and_then(|provider| provider.challenge.as_ref())
        .unwrap_or_else(|| panic!("{name}"))
}

fn secrets(name: &str, text: &str) -> Secrets {
    let secret = Secret::parse(&provider(name).expect(name).scheme, text).expect("a secret");
    Secrets::from(secret)
        .with_verify_token("the token")
        .expect("a token")
}

fn answer(name: &str, request: &Request<'_>) -> Option<(String, &'static str)> {
    let secret = if name == "discord" {
        "e".repeat(64)
    } else {
        "secret".to_owned()
    };
    let secrets = if name == "discord" {
        Secrets::default()
            .with_verify_token(&secret)
            .expect("a token")
    } else {
        secrets(name, &secret)
    };
    let answer = challenge(question(name), &secrets, request)?;
    assert_eq!(answer.status, 200);
    Some((
        String::from_utf8(answer.body).expect("text"),
        answer.content_type,
    ))
}

const GET: Request<'static> = Request {
    method: "GET",
    url: "",
    headers: &[],
    body: b"",
};
const POST: Request<'static> = Request {
    method: "POST",
    ..GET
};
const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

#[test]
fn each_question_has_its_answer() {
    let meta =
        "https://a/in?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=the+token";
    let twitch = [(
        "Twitch-Eventsub-Message-Type",
        &b"webhook_callback_verification"[..],
    )];
    let grid = [("aeg-event-type", &b"SubscriptionValidation"[..])];
    let okta = [("X-Okta-Verification-Challenge", &b"abc"[..])];
    let table: [(&str, Request<'_>, &str, &str); 10] = [
        (
            "slack",
            Request {
                body: br#"{"type":"url_verification","challenge":"3eZb"}"#,
                ..POST
            },
            "3eZb",
            TEXT,
        ),
        ("meta", Request { url: meta, ..GET }, "1158201444", TEXT),
        ("whatsapp", Request { url: meta, ..GET }, "1158201444", TEXT),
        (
            "discord",
            Request {
                body: br#"{"id":"1","type":1}"#,
                ..POST
            },
            r#"{"type":1}"#,
            JSON,
        ),
        (
            "twitch",
            Request {
                headers: &twitch,
                body: br#"{"challenge":"pogchamp"}"#,
                ..POST
            },
            "pogchamp",
            TEXT,
        ),
        (
            "microsoft-graph",
            Request {
                url: "https://a/in?validationToken=Validation%3A+a%20b",
                ..POST
            },
            "Validation: a b",
            TEXT,
        ),
        (
            "okta",
            Request {
                headers: &okta,
                ..GET
            },
            r#"{"verification":"abc"}"#,
            JSON,
        ),
        (
            "dropbox",
            Request {
                url: "https://a/in?challenge=abc123",
                ..GET
            },
            "abc123",
            TEXT,
        ),
        (
            "event-grid",
            Request {
                headers: &grid,
                body: br#"[{"data":{"validationCode":"512d"}}]"#,
                ..POST
            },
            r#"{"validationResponse":"512d"}"#,
            JSON,
        ),
        // HMAC-SHA256("secret", "token"), of an independent implementation.
        (
            "x",
            Request {
                url: "https://a/in?crc_token=token&nonce=1",
                ..GET
            },
            r#"{"response_token":"sha256=6UERDj0r/oJiHw4+FDRzDXMF0QbF9oyHFl0LJ6RhGko="}"#,
            JSON,
        ),
    ];
    for (name, request, body, content_type) in table {
        assert_eq!(
            answer(name, &request),
            Some((body.to_owned(), content_type)),
            "{name}"
        );
    }
    let zoom = Request {
        body: br#"{"event":"endpoint.url_validation","payload":{"plainToken":"token"}}"#,
        ..POST
    };
    let expected = r#"{"plainToken":"token","encryptedToken":"e941110e3d2bfe82621f0e3e1434730d7305d106c5f68c87165d0b27a4611a4a"}"#;
    assert_eq!(answer("zoom", &zoom), Some((expected.to_owned(), JSON)));
}

#[test]
fn other_requests_have_none() {
    let event = Request {
        body: br#"{"type":"event_callback","challenge":"3eZb","event":"x"}"#,
        ..POST
    };
    for provider in providers()
        .iter()
        .filter(|provider| provider.challenge.is_some())
    {
        for request in [
            event,
            GET,
            POST,
            Request {
                method: "PUT",
                ..POST
            },
        ] {
            assert_eq!(
                answer(&provider.name, &request),
                None,
                "{} {}",
                provider.name,
                request.method
            );
        }
    }
}

/// The answers of X and Zoom are made with the secret that signs events: what could be an event, or
/// the content that is signed for one, is not answered.
#[test]
fn an_answer_is_no_signature_of_an_event() {
    for token in [
        "%7B%22a%22%3A1%7D",
        "v0:1700000000:%7B%7D",
        "a%20b",
        "%0A",
        &"a".repeat(257),
    ] {
        let url = format!("https://a/in?crc_token={token}");
        assert_eq!(answer("x", &Request { url: &url, ..GET }), None, "{token}");
    }
    let zoom =
        br#"{"event":"endpoint.url_validation","payload":{"plainToken":"v0:1700000000:{}"}}"#;
    assert_eq!(answer("zoom", &Request { body: zoom, ..POST }), None);
    assert!(question("zoom").after_verification);
}

#[test]
fn a_verify_token_must_be_the_chosen_one() {
    let url = "https://a/in?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=another";
    assert_eq!(answer("meta", &Request { url, ..GET }), None);
    let url = "https://a/in?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=";
    assert_eq!(answer("meta", &Request { url, ..GET }), None);
    let right =
        "https://a/in?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=the+token";
    let none = Secrets::default();
    assert_eq!(
        challenge(question("meta"), &none, &Request { url: right, ..GET }),
        None
    );
    assert!(Secrets::default().with_verify_token("").is_err());
}

/// Nothing long, and no control character, is repeated to a stranger.
#[test]
fn an_answer_is_short() {
    let long = format!("https://a/in?validationToken={}", "a".repeat(1025));
    assert_eq!(
        answer("microsoft-graph", &Request { url: &long, ..POST }),
        None
    );
    assert_eq!(
        answer(
            "microsoft-graph",
            &Request {
                url: "https://a/in?validationToken=a%0d%0ab",
                ..POST
            }
        ),
        None
    );
}
