//! The vectors in `tests/vectors`, and requests made of them.

#![allow(dead_code, reason = "each test uses a part of it")]

use serde::Deserialize;
use stepwell_signature::{
    Keys, Provider, Refused, Request, Secret, Secrets, Verified, provider, verify_with,
};

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vector {
    pub provider: String,
    /// Who signed and who judged.
    pub source: String,
    pub secret: Option<String>,
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
    pub now_ms: i64,
    pub delivery_id: Option<String>,
    /// What stands at the URL of the sender's key, if it publishes one.
    #[serde(default)]
    pub keys: Option<String>,
}

/// A request that can be changed.
#[derive(Debug, Clone)]
pub struct Sent {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
}

pub fn vectors() -> Vec<(String, Vector)> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors");
    let mut all: Vec<_> = std::fs::read_dir(directory)
        .expect("the directory")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .map(|path| {
            let name = path
                .file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            let text = std::fs::read(&path).expect("a vector");
            (
                name.clone(),
                serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{name}: {error}")),
            )
        })
        .collect();
    all.sort_by(|a: &(String, Vector), b| a.0.cmp(&b.0));
    all
}

impl Vector {
    pub fn preset(&self) -> &'static Provider {
        provider(&self.provider).unwrap_or_else(|| panic!("no preset {}", self.provider))
    }

    pub fn secrets(&self) -> Secrets {
        match &self.secret {
            Some(text) => {
                Secrets::from(Secret::parse(&self.preset().scheme, text).expect("a secret"))
            }
            None => Secrets::default(),
        }
    }

    pub fn sent(&self) -> Sent {
        let headers = self
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), value.clone().into_bytes()))
            .collect();
        Sent {
            method: self.method.clone(),
            url: self.url.clone(),
            headers,
            body: self.body.clone().into_bytes(),
        }
    }

    pub fn verdict(&self, sent: &Sent) -> Result<Verified, Refused> {
        self.verdict_at(sent, self.now_ms)
    }

    pub fn verdict_at(&self, sent: &Sent, now_ms: i64) -> Result<Verified, Refused> {
        sent.with(|request| self.verify_by(&self.secrets(), request, now_ms))
    }

    /// The verdict with other secrets, and the sender's published keys.
    pub fn verify_by(
        &self,
        secrets: &Secrets,
        request: &Request<'_>,
        now_ms: i64,
    ) -> Result<Verified, Refused> {
        let scheme = &self.preset().scheme;
        let keys = self.keys.as_ref();
        let keys = keys.map(|text| Keys::read(text.as_bytes()).expect("keys"));
        verify_with(scheme, (secrets, keys.as_ref()), request, now_ms)
    }
}

impl Sent {
    pub fn with<T>(&self, act: impl FnOnce(&Request<'_>) -> T) -> T {
        let headers: Vec<_> = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()))
            .collect();
        act(&Request {
            method: &self.method,
            url: &self.url,
            headers: &headers,
            body: &self.body,
        })
    }

    /// The value of a header, to be changed.
    pub fn header(&mut self, name: &str) -> Option<&mut Vec<u8>> {
        self.headers
            .iter_mut()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}
