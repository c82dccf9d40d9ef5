//! Webhooks whose senders publish their keys: the server fetches them from the sender alone, keeps them, and asks for
//! what the sender wants to be asked for. The sender is on this machine, and has a certificate.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use parking_lot::Mutex;
use reqwest::StatusCode;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use stepwell_api::Accepted;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::support::deliveries::list;
use crate::support::senders::{Delivery, PUBLIC, add, url_of};
use crate::support::{Server, accepted_task, refusal, repository, typed};

const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:orders";

fn fixture(name: &str) -> PathBuf {
    repository().join("tests/fixtures/tls").join(name)
}

fn key() -> RsaKeyPair {
    let key = PrivateKeyDer::from_pem_file(fixture("sender.key")).unwrap();
    RsaKeyPair::from_pkcs8(key.secret_der()).unwrap()
}

fn sign(message: &str) -> Vec<u8> {
    let key = key();
    let mut signature = vec![0; key.public_modulus_len()];
    let random = SystemRandom::new();
    key.sign(
        &RSA_PKCS1_SHA256,
        &random,
        message.as_bytes(),
        &mut signature,
    )
    .unwrap();
    signature
}

/// The sender's key as a set, under that name.
fn key_set(name: &str) -> String {
    let key = key();
    // SEQUENCE { INTEGER n, INTEGER 65537 }: two heads of four bytes, and a zero before the number.
    let public = key.public_key().as_ref();
    let n = BASE64URL_NOPAD.encode(&public[9..9 + key.public_modulus_len()]);
    json!({"keys": [{"kty": "RSA", "kid": name, "n": n, "e": "AQAB"}]}).to_string()
}

/// What stands at the sender's URLs, and how often each was asked for.
#[derive(Clone, Default)]
struct Publishes {
    pages: Arc<Mutex<HashMap<String, String>>>,
    asked: Arc<Mutex<Vec<String>>>,
    base: String,
}

impl Publishes {
    async fn start() -> Self {
        let certificates = CertificateDer::pem_file_iter(fixture("local.pem")).unwrap();
        let certificates = certificates.map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_file(fixture("local.key")).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(certificates, key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let published = Self {
            base: format!("https://{}", listener.local_addr().unwrap()),
            ..Self::default()
        };
        let shared = published.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, shared) = (acceptor.clone(), shared.clone());
                tokio::spawn(async move {
                    let mut stream = acceptor.accept(stream).await.ok()?;
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        head.push(stream.read_u8().await.ok()?);
                    }
                    let head = String::from_utf8(head).ok()?;
                    let path = head.split(' ').nth(1)?.to_owned();
                    let page = shared.pages.lock().get(&path).cloned();
                    shared.asked.lock().push(path);
                    let (status, page) = match page {
                        Some(page) => ("200 OK", page),
                        None => ("404 Not Found", String::new()),
                    };
                    let answer = format!(
                        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{page}",
                        page.len()
                    );
                    stream.write_all(answer.as_bytes()).await.ok()?;
                    stream.shutdown().await.ok()
                });
            }
        });
        published
    }

    fn publish(&self, path: &str, page: &str) {
        self.pages.lock().insert(path.to_owned(), page.to_owned());
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock())
    }
}

/// A server that trusts the sender's certificate.
async fn server() -> Server {
    let trusted = fixture("authority-local.pem");
    let prelude = format!("export SSL_CERT_FILE='{}'", trusted.display());
    Server::after(
        &prelude,
        &["--egress-allow", "127.0.0.1/32", "--public-url", PUBLIC],
    )
    .await
}

/// The scheme of a preset, with its URLs led to the sender of this test.
fn scheme(preset: &str, sender: &Publishes) -> Value {
    let known = stepwell_signature::provider(preset).unwrap();
    let mut scheme = serde_json::to_value(&known.scheme).unwrap();
    if let Some(certificate) = scheme.pointer_mut("/check/signature/certificate") {
        certificate["within"] = json!([format!("{}/SimpleNotificationService-*.pem", sender.base)]);
    }
    if let Some(jwt) = scheme.pointer_mut("/check/jwt") {
        jwt["keys"] = json!(format!("{}/certs", sender.base));
    }
    if let Some(challenge) = &known.challenge {
        scheme["challenge"] = serde_json::to_value(challenge).unwrap();
        let own = format!("{}/?Action=ConfirmSubscription&*", sender.base);
        scheme["challenge"]["visit"]["within"] = json!([own]);
    }
    json!({"provider": "custom", "scheme": scheme})
}

/// A message of SNS as it sends it.
fn message(sender: &Publishes, certificate: &str, mut changes: Value) -> Delivery {
    let now = jiff::Timestamp::now().to_string();
    let mut body = json!({"Type": "Notification", "MessageId": "m-1", "TopicArn": TOPIC, "Timestamp": now, "Message": "{\"n\": 1}"});
    body.as_object_mut()
        .unwrap()
        .append(changes.as_object_mut().unwrap());
    let names = [
        "Message",
        "MessageId",
        "Subject",
        "SubscribeURL",
        "Timestamp",
        "Token",
        "TopicArn",
        "Type",
    ];
    let lines = names
        .iter()
        .filter_map(|name| Some(format!("{name}\n{}\n", body.get(name)?.as_str()?)));
    let text: String = lines.collect();
    body["SignatureVersion"] = json!("2");
    body["Signature"] = json!(BASE64.encode(&sign(&text)));
    body["SigningCertURL"] = json!(format!("{}{certificate}", sender.base));
    let plain = ("content-type", "text/plain; charset=UTF-8".to_owned());
    Delivery::post(&body.to_string(), &[plain])
}

#[tokio::test]
async fn snss_messages_are_verified_by_its_certificate_and_its_subscription_is_confirmed() {
    let (sender, server) = (Publishes::start().await, server().await);
    let mut settings = scheme("aws-sns", &sender);
    settings["secret"] = json!(TOPIC);
    let webhook = add(&server, "Topic", settings).await;
    let url = url_of(&webhook);
    let path = "/SimpleNotificationService-1.pem";

    // Nothing stands there yet. The sender is told to send again, and nothing of the reason.
    let early = message(&sender, path, json!({}));
    let response = early.send(&server, url).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["retry-after"], "10");
    let problem = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    assert_eq!(refusal(&problem).code, "key-unavailable");
    assert!(!problem.to_string().contains("127.0.0.1"), "{problem}");
    assert_eq!(sender.asked(), [path]);

    // The subscription is confirmed by the URL that the message names, and makes no task.
    sender.publish(path, &fs::read_to_string(fixture("sender.pem")).unwrap());
    let confirm = "/?Action=ConfirmSubscription&Token=t-1";
    let subscription = |target: &str| {
        let url = format!("{}{target}", sender.base);
        let fields =
            json!({"Type": "SubscriptionConfirmation", "Token": "t-1", "SubscribeURL": url});
        message(&sender, path, fields)
    };
    let (status, answer) = subscription(confirm).answer(&server, url).await;
    assert_eq!(
        (status.as_u16(), refusal(&answer).code.as_str()),
        (503, "confirmation-failed"),
        "{answer}"
    );
    assert_eq!(sender.asked(), [path, confirm]);
    sender.publish(confirm, "<ConfirmSubscriptionResponse/>");
    let (status, answer) = subscription(confirm).answer(&server, url).await;
    assert_eq!((status.as_u16(), answer), (200, json!("confirmed")));
    // The certificate is kept.
    assert_eq!(sender.asked(), [confirm]);
    assert_eq!(server.tasks("").await.len(), 0);

    let sent = message(&sender, path, json!({"Subject": "größer"}));
    let (status, answer) = sent.answer(&server, url).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let id = accepted_task(&answer);
    let data = server.wait(&id, "unmatched").await.data.clone();
    assert_eq!(
        (&data["Subject"], &data["Message"]),
        (&json!("größer"), &json!("{\"n\": 1}"))
    );
    assert_eq!(data["$via"]["verified"], "custom");
    let (_, again) = sent.answer(&server, url).await;
    assert_eq!(
        again,
        json!({"task": id, "duplicate": true}),
        "a retry of SNS"
    );

    // For a request that is refused the server fetches no key.
    let changed = sent.body.replace("größer", "kleiner");
    for (delivery, code) in [
        (sent.saying(&changed), "signature-mismatch"),
        (
            message(
                &sender,
                path,
                json!({"TopicArn": "arn:aws:sns:eu-west-1:1:others"}),
            ),
            "token-mismatch",
        ),
        (
            message(&sender, path, json!({"Timestamp": "2023-01-01T00:00:00Z"})),
            "timestamp-too-old",
        ),
        (
            // What the sender signed for another's topic, with the lines cut so that it reads as a message of this one.
            message(
                &sender,
                path,
                json!({"MessageId": "m-3", "Type": "Notification\nMessageId\nm-4\nTopicArn\narn:aws:sns:eu-west-1:1:others\nType\nNotification"}),
            ),
            "value-unexpected",
        ),
        (
            message(&sender, "/other.pem", json!({"MessageId": "m-2"})),
            "key-url-refused",
        ),
        (
            message(
                &sender,
                "@example.com/SimpleNotificationService-1.pem",
                json!({"MessageId": "m-2"}),
            ),
            "key-url-refused",
        ),
    ] {
        let (status, answer) = delivery.answer(&server, url).await;
        assert_eq!(
            (status.as_u16(), refusal(&answer).code.as_str()),
            (401, code),
            "{answer}"
        );
    }
    // Signed, and the URL is not the sender's: it is a message like any other.
    let strange = json!({"Type": "SubscriptionConfirmation", "Token": "t", "MessageId": "m-3", "SubscribeURL": "https://example.com/"});
    let (status, answer) = message(&sender, path, strange).answer(&server, url).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert!(!accepted_task(&answer).is_empty());
    assert_eq!(sender.asked(), Vec::<String>::new());

    // Strangers name more certificates than are kept and may be asked for. The one that verifies is still there.
    for n in 0..30 {
        let other = format!("/SimpleNotificationService-other-{n}.pem");
        let forged = message(&sender, &other, json!({"MessageId": format!("forged-{n}")}));
        let (status, answer) = forged.answer(&server, url).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
    }
    assert!(sender.asked().len() < 30, "strangers are bounded");
    let later = message(&sender, path, json!({"MessageId": "m-5"}));
    let (status, answer) = later.answer(&server, url).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(sender.asked(), Vec::<String>::new());

    let listed = list(&server, "webhook=Topic").await;
    assert!(
        listed.iter().any(|one| one.verdict == "challenged"),
        "{listed:?}"
    );
    for code in [
        "key-unavailable",
        "confirmation-failed",
        "key-url-refused",
        "token-mismatch",
    ] {
        assert!(
            listed.iter().any(|one| one.code.as_deref() == Some(code)),
            "{code}: {listed:?}"
        );
    }
}

#[tokio::test]
async fn strangers_make_the_server_ask_a_bounded_number_of_times() {
    let (sender, server) = (Publishes::start().await, server().await);
    let mut settings = scheme("aws-sns", &sender);
    settings["secret"] = json!(TOPIC);
    let webhook = add(&server, "Topic", settings).await;
    for number in 0..60 {
        let path = format!("/SimpleNotificationService-{number}.pem");
        let (status, answer) = message(&sender, &path, json!({}))
            .answer(&server, url_of(&webhook))
            .await;
        assert_eq!(
            (status.as_u16(), refusal(&answer).code.as_str()),
            (503, "key-unavailable"),
            "{answer}"
        );
    }
    let asked = sender.asked().len();
    assert!((20..40).contains(&asked), "{asked}");
}

#[tokio::test]
async fn a_push_of_google_is_verified_by_its_key_set_also_after_an_exchange() {
    let (sender, server) = (Publishes::start().await, server().await);
    let account = "push@project.iam.gserviceaccount.com";
    let mut settings = scheme("google-pubsub", &sender);
    settings["secret"] = json!(account);
    let webhook = add(&server, "Push", settings).await;
    let url = url_of(&webhook);
    let now = jiff::Timestamp::now().as_second();
    let push = |name: &str, id: &str, changes: Value| {
        let mut claims = json!({"aud": url, "email": account, "email_verified": true, "exp": now + 3600, "iat": now, "iss": "https://accounts.google.com"});
        for (claim, value) in changes.as_object().unwrap() {
            claims[claim] = value.clone();
        }
        let head = json!({"alg": "RS256", "kid": name, "typ": "JWT"});
        let text = |part: &Value| BASE64URL_NOPAD.encode(part.to_string().as_bytes());
        let signed = format!("{}.{}", text(&head), text(&claims));
        let token = format!("Bearer {signed}.{}", BASE64URL_NOPAD.encode(&sign(&signed)));
        let body = json!({"message": {"data": "aGVsbG8=", "messageId": id}, "subscription": "s"});
        let kind = ("content-type", "application/json".to_owned());
        Delivery::post(&body.to_string(), &[kind, ("authorization", token)])
    };
    sender.publish("/certs", &key_set("k-1"));
    for (id, duplicate) in [("1", false), ("2", false), ("1", true)] {
        // One token for several messages: each is a delivery of its own.
        let (status, answer) = push("k-1", id, json!({})).answer(&server, url).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        assert_eq!(typed::<Accepted>(&answer).duplicate, duplicate);
    }
    assert_eq!(sender.asked(), ["/certs"]);
    for (changes, code) in [
        (
            json!({"email": "evil@other.iam.gserviceaccount.com"}),
            "claim-refused",
        ),
        (json!({"email_verified": false}), "claim-refused"),
        (
            json!({"aud": "https://hooks.example.com/event/other"}),
            "claim-refused",
        ),
        (json!({"iss": "https://evil.example"}), "claim-refused"),
        (json!({"exp": now - 3600}), "timestamp-too-old"),
    ] {
        let (status, answer) = push("k-1", "3", changes).answer(&server, url).await;
        assert_eq!(
            (status.as_u16(), refusal(&answer).code.as_str()),
            (401, code),
            "{answer}"
        );
    }
    // A key that is not there is asked for once a minute at most.
    let (status, answer) = push("k-2", "3", json!({})).answer(&server, url).await;
    assert_eq!(
        (status.as_u16(), refusal(&answer).code.as_str()),
        (401, "key-unknown"),
        "{answer}"
    );
    assert_eq!(server.tasks("").await.len(), 2);
    assert!(sender.asked().len() <= 1);
}
