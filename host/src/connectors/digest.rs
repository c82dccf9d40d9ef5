//! The identity of a call in the journal: its digest for the machine, its summary for people.

use sha2::{Digest, Sha256};
use url::Url;

use crate::domain::effect::{CallRequest, FetchRequest, Operation, Redirect};

/// Characters of a summary; a longer one is cut, and `…` says so.
const SUMMARY_CHARS: usize = 300;

/// SHA-256 of a call as the guest made it. No two calls have one encoding, and the encodings are part
/// of what is stored: a change of one needs another first line.
#[must_use]
pub fn call_digest(call: &CallRequest) -> [u8; 32] {
    match call {
        CallRequest::Fetch(request) => request_digest(request),
        CallRequest::Operation(Operation {
            connector,
            operation,
            argument,
        }) => parts(b"stepwell operation 1\n", &[connector, operation, argument]),
        CallRequest::Pause(milliseconds) | CallRequest::LongPause { milliseconds, .. } => {
            parts(b"stepwell pause 1\n", &[&milliseconds.to_string()])
        }
    }
}

fn parts(kind: &[u8], parts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new_with_prefix(kind);
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

/// A call for people, at most 300 characters and printable whatever the guest wrote: method and URL
/// of a fetch, `connector.operation`, or the length of a pause.
#[must_use]
pub fn call_summary(call: &CallRequest) -> String {
    match call {
        CallRequest::Fetch(request) => summary(request),
        CallRequest::Operation(Operation {
            connector,
            operation,
            ..
        }) => printable(&format!("{connector}.{operation}")),
        CallRequest::Pause(milliseconds) | CallRequest::LongPause { milliseconds, .. } => {
            format!("pause {milliseconds} ms")
        }
    }
}

fn printable(text: &str) -> String {
    text.chars()
        .take(SUMMARY_CHARS)
        .map(|c| if c.is_ascii_graphic() { c } else { '?' })
        .collect()
}

/// SHA-256 of a request as the guest made it: method, URL, headers in their order with lower-case
/// names, body, and what to do with a redirect. Every part stands behind its length, so no two
/// requests have one encoding. The timeout is left out: it changes how long a run waits, not what it
/// asks for.
fn request_digest(request: &FetchRequest) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"stepwell fetch 1\n");
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    part(request.method.as_bytes());
    part(request.url.as_bytes());
    part(&(request.headers.len() as u64).to_be_bytes());
    for (name, value) in &request.headers {
        part(name.to_ascii_lowercase().as_bytes());
        part(value.as_bytes());
    }
    part(&request.body);
    part(match request.redirect {
        Redirect::Follow => b"follow",
        Redirect::Manual => b"manual",
        Redirect::Error => b"error",
    });
    hash.finalize().into()
}

/// Method and URL for people: `POST https://host/path`, without user, password, query and fragment,
/// at most 300 characters, and printable whatever the guest wrote.
fn summary(request: &FetchRequest) -> String {
    let method = printable(&request.method);
    let url = match Url::parse(&request.url) {
        Ok(url) if url.has_host() => {
            format!("{}://{}{}", url.scheme(), authority(&url), url.path())
        }
        Ok(url) => format!("{}:", url.scheme()),
        Err(_) => "(not a URL)".to_owned(),
    };
    let text = format!("{method} {url}");
    match text.char_indices().nth(SUMMARY_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Host and port as the URL has them, without user and password.
fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> FetchRequest {
        FetchRequest {
            url: "https://api.example.com/v1?key=k".into(),
            method: "POST".into(),
            headers: vec![("Accept".into(), "a".into()), ("X-B".into(), "b".into())],
            body: b"body".to_vec(),
            timeout_ms: Some(1),
            redirect: Redirect::Follow,
        }
    }

    #[test]
    fn the_digest_is_stable() {
        // Stored in journals: it may not change between versions.
        assert_eq!(
            data_encoding::HEXLOWER.encode(&request_digest(&request())),
            "3b6fe316feb7b4583ee8b7b06131d7c7fd904171591d247e82fca9028a840c5b"
        );
    }

    #[test]
    fn the_digest_tells_requests_apart() {
        let mut others = vec![request(); 9];
        others[0].url.push('x');
        others[1].method = "PUT".into();
        others[2].headers.swap(0, 1);
        others[3].headers[0].1 = "A".into();
        others[4].headers.pop();
        others[5].body.clear();
        others[6].redirect = Redirect::Manual;
        // The same bytes, divided in another way.
        others[7].headers = vec![("acceptax-bb".into(), String::new())];
        others[8].method = "POSThttps".into();
        others[8].url = "://api.example.com/v1?key=k".into();
        let mut digests: Vec<_> = others.iter().map(request_digest).collect();
        digests.push(request_digest(&request()));
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), others.len() + 1);
    }

    #[test]
    fn the_digest_leaves_out_what_does_not_change_the_call() {
        let mut same = request();
        same.timeout_ms = None;
        same.headers[0].0 = "ACCEPT".into();
        assert_eq!(request_digest(&same), request_digest(&request()));
    }

    #[test]
    fn summaries_hold_no_secrets_and_no_surprises() {
        let long = format!("https://h.example/{}", "é".repeat(1000));
        let table = [
            (
                "POST",
                "https://u:p@api.example.com:8443/a/b?k=v#f",
                "POST https://api.example.com:8443/a/b",
            ),
            ("GET", "http://[::1]/", "GET http://[::1]/"),
            ("GET", "HTTP://0x7f.1:80", "GET http://127.0.0.1/"),
            ("GET", "data:text/plain,secret", "GET data:"),
            ("GET", "not a url", "GET (not a URL)"),
            ("GE\nT\u{202e}", "http://h/", "GE?T? http://h/"),
        ];
        for (method, url, expected) in table {
            let request = FetchRequest {
                method: method.into(),
                url: url.into(),
                ..request()
            };
            assert_eq!(summary(&request), expected);
        }
        let cut = summary(&FetchRequest {
            url: long,
            ..request()
        });
        assert_eq!(cut.chars().count(), SUMMARY_CHARS + 1);
    }

    #[test]
    fn operations_and_pauses_are_told_apart_and_named() {
        let operation = |connector: &str, operation: &str, argument: &str| {
            CallRequest::Operation(Operation {
                connector: connector.into(),
                operation: operation.into(),
                argument: argument.into(),
            })
        };
        let calls = [
            operation("slackCom", "send", "{}"),
            operation("slackCo", "msend", "{}"),
            operation("slackCom", "send", "{ }"),
            CallRequest::Pause(1),
            CallRequest::Pause(10),
        ];
        let digests: std::collections::BTreeSet<_> = calls.iter().map(call_digest).collect();
        assert_eq!(digests.len(), calls.len());
        assert_eq!(call_summary(&calls[0]), "slackCom.send");
        assert_eq!(call_summary(&operation("a\n", "\u{202e}", "")), "a?.?");
        assert_eq!(call_summary(&calls[4]), "pause 10 ms");
    }
}
