//! What happens to a request when its answer is a redirect: the Fetch standard's HTTP-redirect fetch
//! (4.4), stricter where a step's credentials are at stake. It only computes; the policy judges the
//! new hop like any other.

use reqwest::header::{
    CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION, CONTENT_TYPE, HeaderMap, HeaderName,
    HeaderValue, LOCATION,
};
use reqwest::{Method, StatusCode};

use super::request::{Hop, checked, quoted};

/// Words in a header's name that say that its value is a credential. Broad on purpose: a header too
/// few on another site is an error that is seen, one too many is a leak that is not.
const CREDENTIAL_WORDS: [&str; 10] = [
    "auth",
    "cookie",
    "credential",
    "key",
    "passw",
    "private",
    "secret",
    "session",
    "signature",
    "token",
];

/// Where a response redirects to, as it wrote it; none if it is no redirect. A redirect status
/// without `Location` is an ordinary response.
pub(super) fn location(status: StatusCode, headers: &HeaderMap) -> Option<&HeaderValue> {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
        .then(|| headers.get(LOCATION))
        .flatten()
}

/// The request that follows.
///
/// - 303 makes it a GET, unless it is a HEAD; 301 and 302 make a POST a GET; a GET made so has no
///   body and no headers that describe one. 307 and 308 keep method and body.
/// - Across origins (scheme, host or port differ) headers with credentials are dropped, and stay
///   dropped if a later hop leads back.
/// - From https to http is refused.
///
/// # Errors
/// Says why the redirect cannot be followed.
pub(super) fn next(hop: Hop, status: StatusCode, location: &HeaderValue) -> Result<Hop, String> {
    let text = std::str::from_utf8(location.as_bytes())
        .map_err(|_| "a redirect's `location` is no UTF-8".to_owned())?;
    let url = hop
        .url
        .join(text)
        .map_err(|error| format!("a redirect to `{}`, which is no URL: {error}", quoted(text)))?;
    let url = checked(url).map_err(|why| format!("a redirect: {why}"))?;
    if hop.url.scheme() == "https" && url.scheme() == "http" {
        return Err(format!(
            "a redirect from https to http (`{}`) would send the request in the clear; call that \
             URL itself if this is meant",
            quoted(url.host_str().unwrap_or_default())
        ));
    }
    let Hop {
        mut method,
        url: before,
        mut headers,
        mut body,
        has_own_key,
    } = hop;
    let to_get = match status.as_u16() {
        303 => method != Method::HEAD,
        301 | 302 => method == Method::POST,
        _ => false,
    };
    if to_get {
        method = Method::GET;
        body.clear();
        for name in [
            CONTENT_ENCODING,
            CONTENT_LANGUAGE,
            CONTENT_LOCATION,
            CONTENT_TYPE,
        ] {
            headers.remove(name);
        }
    }
    if before.origin() != url.origin() {
        let secret: Vec<HeaderName> = headers
            .keys()
            .filter(|name| is_credential(name))
            .cloned()
            .collect();
        for name in secret {
            headers.remove(name);
        }
    }
    Ok(Hop {
        method,
        url,
        headers,
        body,
        has_own_key,
    })
}

/// Whether a header's value must not reach another origin. The idempotency key is no secret, and has
/// to be the same wherever the call ends up.
fn is_credential(name: &HeaderName) -> bool {
    let name = name.as_str();
    name != "idempotency-key" && CREDENTIAL_WORDS.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::effect::{FetchRequest, Redirect};

    fn hop(method: &str, url: &str, headers: &[(&str, &str)]) -> Hop {
        let request = FetchRequest {
            url: url.into(),
            method: method.into(),
            headers: headers
                .iter()
                .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
                .collect(),
            body: b"body".to_vec(),
            timeout_ms: None,
            redirect: Redirect::Follow,
        };
        Hop::new(request, "key", 100).unwrap()
    }

    fn follow(hop: Hop, status: u16, to: &str) -> Result<Hop, String> {
        next(
            hop,
            StatusCode::from_u16(status).unwrap(),
            &HeaderValue::from_str(to).unwrap(),
        )
    }

    #[test]
    fn methods_and_bodies() {
        let table = [
            (301, "POST", "GET"),
            (301, "PUT", "PUT"),
            (301, "GET", "GET"),
            (301, "HEAD", "HEAD"),
            (302, "POST", "GET"),
            (302, "DELETE", "DELETE"),
            (303, "POST", "GET"),
            (303, "PUT", "GET"),
            (303, "HEAD", "HEAD"),
            (303, "DELETE", "GET"),
            (307, "POST", "POST"),
            (308, "POST", "POST"),
            (308, "PATCH", "PATCH"),
        ];
        for (status, before, after) in table {
            let headers = [("Content-Type", "text/plain"), ("X-A", "a")];
            let next = follow(hop(before, "https://h.example/a", &headers), status, "/b").unwrap();
            assert_eq!(next.method.as_str(), after, "{status} {before}");
            assert_eq!(next.url.as_str(), "https://h.example/b");
            let emptied = after == "GET"
                && status != 307
                && status != 308
                && (before != "GET" || status == 303);
            assert_eq!(next.body.is_empty(), emptied, "{status} {before}");
            assert_eq!(
                next.headers.contains_key(CONTENT_TYPE),
                !emptied,
                "{status} {before}"
            );
            assert_eq!(next.headers["x-a"], "a");
            assert_eq!(next.headers["idempotency-key"], "key");
        }
    }

    #[test]
    fn credentials_stay_within_an_origin_and_do_not_come_back() {
        let secrets = [
            ("Authorization", "Bearer s"),
            ("Cookie", "s"),
            ("X-Api-Key", "s"),
            ("api_key", "s"),
            ("apikey", "s"),
            ("X-Auth-Token", "s"),
            ("PRIVATE-TOKEN", "s"),
            ("X-Amz-Security-Token", "s"),
            ("Ocp-Apim-Subscription-Key", "s"),
            ("X-Hub-Signature-256", "s"),
            ("X-Session", "s"),
            ("X-Secret", "a"),
            ("X-Secret", "b"),
        ];
        let mut headers = secrets.to_vec();
        headers.extend([("X-Plain", "1"), ("X-Plain", "2"), ("Accept", "x")]);
        let first = || hop("GET", "https://h.example/", &headers);

        let same = follow(first(), 302, "https://h.example:443/b").unwrap();
        assert_eq!(same.headers, first().headers);
        for other in [
            "https://evil.example/",
            "https://h.example:8443/",
            "//www.h.example/",
        ] {
            let next = follow(first(), 307, other).unwrap();
            for (name, _) in secrets {
                assert!(!next.headers.contains_key(name), "{name} went to {other}");
            }
            assert_eq!(next.headers.get_all("x-plain").iter().count(), 2);
            assert_eq!(next.headers["idempotency-key"], "key");
            let back = follow(next, 302, "https://h.example/").unwrap();
            assert!(!back.headers.contains_key("authorization"));
        }
        let upgraded = hop("GET", "http://h.example/", &[("Authorization", "s")]);
        let upgraded = follow(upgraded, 301, "https://h.example/").unwrap();
        assert!(
            !upgraded.headers.contains_key("authorization"),
            "another scheme, another origin"
        );
    }

    #[test]
    fn destinations_that_are_refused() {
        let table = [
            ("http://h.example/", "from https to http"),
            ("file:///etc/passwd", "scheme is `file`"),
            ("javascript:alert(1)", "scheme is `javascript`"),
            ("https://u:p@h.example/", "a user or a password"),
            ("https://", "no URL"),
            ("https://[::1", "no URL"),
        ];
        for (to, part) in table {
            let error = follow(hop("GET", "https://h.example/", &[]), 302, to).expect_err(to);
            assert!(error.contains(part), "{to}: {error}");
        }
        let bytes = HeaderValue::from_bytes(b"/\xff").unwrap();
        next(
            hop("GET", "https://h.example/", &[]),
            StatusCode::FOUND,
            &bytes,
        )
        .expect_err("no UTF-8");
    }

    #[test]
    fn what_is_a_redirect() {
        let mut headers = HeaderMap::new();
        assert!(location(StatusCode::FOUND, &headers).is_none());
        headers.insert(LOCATION, HeaderValue::from_static("/x"));
        for (status, is) in [
            (200, false),
            (201, false),
            (300, false),
            (301, true),
            (302, true),
            (303, true),
            (304, false),
            (305, false),
            (306, false),
            (307, true),
            (308, true),
        ] {
            let found = location(StatusCode::from_u16(status).unwrap(), &headers);
            assert_eq!(found.is_some(), is, "{status}");
        }
    }
}
