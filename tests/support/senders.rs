//! Senders of webhooks that sign as their documents say: with an HMAC and an Ed25519 key of their own, not with
//! the code that verifies.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use data_encoding::{BASE64, HEXLOWER};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use stepwell_api::Webhook;

use super::{Answer, Server};

/// A secret as Standard Webhooks writes it; others take it as a text.
pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// Another one.
pub const OTHER: &str = "whsec_C2FVsBQIhrscChlQIMV1b5sSYspob7oD";
/// What webhooks' URLs begin with for the senders.
pub const PUBLIC: &str = "https://hooks.example.com";

/// A body that has what parsers change: a letter outside ASCII and a number with a zero at its end.
pub const BODY: &str = r#"{"id":"evt_1","type":"order.paid","text":"größer ✓","amount":12.50}"#;

/// A request before it is sent.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub method: Method,
    /// Behind the webhook's URL, with its question mark.
    pub query: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// Headers of these names and values.
pub fn headers(all: &[(&str, String)]) -> Vec<(String, String)> {
    let all = all.iter();
    all.map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect()
}

impl Delivery {
    pub fn post(body: &str, all: &[(&str, String)]) -> Self {
        Self {
            method: Method::POST,
            query: String::new(),
            headers: headers(all),
            body: body.to_owned(),
        }
    }

    pub fn get(query: &str) -> Self {
        Self {
            method: Method::GET,
            query: query.to_owned(),
            headers: Vec::new(),
            body: String::new(),
        }
    }

    /// The same with another value of a header, or without it.
    pub fn with(&self, name: &str, value: Option<&str>) -> Self {
        let mut changed = self.clone();
        changed
            .headers
            .retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        let value = value.map(|value| (name.to_owned(), value.to_owned()));
        changed.headers.extend(value);
        changed
    }

    /// The same with another body.
    pub fn saying(&self, body: &str) -> Self {
        Self {
            body: body.to_owned(),
            ..self.clone()
        }
    }

    /// Sends it to a webhook; the server's port is not in the webhook's public URL.
    pub async fn send(&self, server: &Server, url: &str) -> Response {
        let path = &url[url.find("/event/").unwrap()..];
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("{}{path}{}", server.url, self.query);
        let mut request = client.request(self.method.clone(), url);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request.body(self.body.clone()).send().await.unwrap()
    }

    /// Sends it, and gives status and JSON of the answer.
    pub async fn answer(&self, server: &Server, url: &str) -> (StatusCode, Value) {
        let response = self.send(server, url).await;
        let status = response.status();
        let text = response.text().await.unwrap();
        let value = serde_json::from_str(&text);
        (status, value.unwrap_or(Value::String(text)))
    }
}

/// A server with a public URL.
pub async fn public_server() -> Server {
    Server::with(&["--public-url", PUBLIC]).await
}

/// Adds a webhook with these settings, and gives it as the API shows it.
pub async fn add(server: &Server, name: &str, settings: Value) -> Answer<Webhook> {
    let mut body = json!({"name": name});
    for (key, value) in settings.as_object().unwrap() {
        body[key] = value.clone();
    }
    let (status, webhook) = server
        .api(Method::POST, &server.path("webhooks"), Some(body))
        .await;
    assert_eq!(status, StatusCode::CREATED, "{name}: {webhook}");
    Answer::of(webhook)
}

pub fn url_of(webhook: &Webhook) -> &str {
    &webhook.url
}

/// Seconds since 1970, `ago` before now.
pub fn seconds(ago: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap() - ago
}

pub fn sha256(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

pub fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

/// A providers' request, signed with that secret at that time. `url` is the webhook's.
pub type Signs = fn(secret: &str, at: i64, url: &str, body: &str) -> Delivery;

pub fn github(secret: &str, _: i64, _: &str, body: &str) -> Delivery {
    let signature = format!("sha256={}", hex(&sha256(secret.as_bytes(), body)));
    let id = "g-1".to_owned();
    Delivery::post(
        body,
        &[
            ("X-Hub-Signature-256", signature),
            ("X-GitHub-Delivery", id),
        ],
    )
}

pub fn stripe(secret: &str, at: i64, _: &str, body: &str) -> Delivery {
    let signature = hex(&sha256(secret.as_bytes(), &format!("{at}.{body}")));
    let value = format!("t={at},v1={signature},v0=00");
    Delivery::post(body, &[("Stripe-Signature", value)])
}

pub fn slack(secret: &str, at: i64, _: &str, body: &str) -> Delivery {
    let signature = hex(&sha256(secret.as_bytes(), &format!("v0:{at}:{body}")));
    let of = [
        ("X-Slack-Signature", format!("v0={signature}")),
        ("X-Slack-Request-Timestamp", at.to_string()),
    ];
    Delivery::post(body, &of)
}

pub fn zoom(secret: &str, at: i64, _: &str, body: &str) -> Delivery {
    let signature = hex(&sha256(secret.as_bytes(), &format!("v0:{at}:{body}")));
    let of = [
        ("x-zm-signature", format!("v0={signature}")),
        ("x-zm-request-timestamp", at.to_string()),
    ];
    Delivery::post(body, &of)
}

pub fn shopify(secret: &str, _: i64, _: &str, body: &str) -> Delivery {
    let signature = BASE64.encode(&sha256(secret.as_bytes(), body));
    let id = "s-1".to_owned();
    Delivery::post(
        body,
        &[
            ("X-Shopify-Hmac-Sha256", signature),
            ("X-Shopify-Webhook-Id", id),
        ],
    )
}

pub fn meta(secret: &str, _: i64, _: &str, body: &str) -> Delivery {
    let signature = format!("sha256={}", hex(&sha256(secret.as_bytes(), body)));
    Delivery::post(body, &[("X-Hub-Signature-256", signature)])
}

pub fn standard_webhooks(secret: &str, at: i64, _: &str, body: &str) -> Delivery {
    let key = BASE64.decode(secret.strip_prefix("whsec_").unwrap().as_bytes());
    let signature = BASE64.encode(&sha256(&key.unwrap(), &format!("msg_1.{at}.{body}")));
    let of = [
        ("webhook-id", "msg_1".to_owned()),
        ("webhook-timestamp", at.to_string()),
        ("webhook-signature", format!("v1,{signature}")),
    ];
    Delivery::post(body, &of)
}

/// With a JSON body, of which the URL has the digest.
pub fn twilio(secret: &str, _: i64, url: &str, body: &str) -> Delivery {
    let query = format!("?bodySHA256={}", hex(&Sha256::digest(body)));
    let key = aws_lc_rs::hmac::Key::new(
        aws_lc_rs::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        secret.as_bytes(),
    );
    let tag = aws_lc_rs::hmac::sign(&key, format!("{url}{query}").as_bytes());
    let of = [
        ("X-Twilio-Signature", BASE64.encode(tag.as_ref())),
        ("Content-Type", "application/json".to_owned()),
    ];
    Delivery {
        query,
        ..Delivery::post(body, &of)
    }
}

/// The public key that belongs to a text, in hex.
pub fn discord_key(secret: &str) -> String {
    hex(discord_pair(secret).public_key().as_ref())
}

fn discord_pair(secret: &str) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&Sha256::digest(secret)).unwrap()
}

pub fn discord(secret: &str, at: i64, _: &str, body: &str) -> Delivery {
    let signature = discord_pair(secret).sign(format!("{at}{body}").as_bytes());
    let of = [
        ("X-Signature-Ed25519", hex(signature.as_ref())),
        ("X-Signature-Timestamp", at.to_string()),
    ];
    Delivery::post(body, &of)
}

pub fn bearer(secret: &str, _: i64, _: &str, body: &str) -> Delivery {
    Delivery::post(body, &[("Authorization", format!("Bearer {secret}"))])
}

pub fn basic(secret: &str, _: i64, _: &str, body: &str) -> Delivery {
    let pair = BASE64.encode(format!("user:{secret}").as_bytes());
    Delivery::post(body, &[("Authorization", format!("Basic {pair}"))])
}

/// As the scheme of `custom_scheme` says.
pub fn custom(secret: &str, at: i64, _: &str, body: &str) -> Delivery {
    let signature = hex(&sha256(secret.as_bytes(), &format!("{at}.{body}")));
    let value = format!("t={at};sig={signature}");
    Delivery::post(body, &[("X-Acme-Signature", value)])
}

pub fn custom_scheme() -> Value {
    json!({
        "check": {"signature": {
            "algorithm": "hmac-sha256",
            "at": {"header": "x-acme-signature"},
            "format": {"pairs": {"separator": ";", "key": "sig"}},
            "encoding": "hex",
            "content": "{timestamp}.{body}",
            "timestamp": {"at": {"pair": "t"}},
        }},
        "delivery_id": {"pointer": "/id"},
    })
}

/// The settings of a webhook for a sender with that secret.
pub fn settings(provider: &str, secret: &str) -> Value {
    let text = match provider {
        "discord" => discord_key(secret),
        "basic" => format!("user:{secret}"),
        _ => secret.to_owned(),
    };
    let mut settings = json!({"provider": provider, "secret": text});
    if provider == "custom" {
        settings["scheme"] = custom_scheme();
    }
    settings
}
