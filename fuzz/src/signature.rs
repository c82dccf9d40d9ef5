//! Signatures: a request whose headers, URL and body are hostile.

use stepwell_signature::{
    Check, Keys, Refused, Request, Scheme, Secret, Secrets, Stream, Verified, challenge, keys_url,
    provider, verify,
};

/// Takes a request as text: the provider's name and the time in milliseconds, the secret, method and URL,
/// one line each; then headers (`Name: value`) up to an empty line; then the body. `true` if the request
/// verifies.
///
/// # Panics
/// If a request verifies without a secret, or with a longer body than the one that was signed.
pub fn run(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    let (Some(head), Some(secret), Some(target)) =
        (line(&mut rest), line(&mut rest), line(&mut rest))
    else {
        return false;
    };
    let (Ok(head), Ok(secret), Ok(target)) = (text(head), text(secret), text(target)) else {
        return false;
    };
    let (name, now_ms) = head.split_once(' ').unwrap_or((head, "0"));
    let Some(provider) = provider(name) else {
        return false;
    };
    let now_ms = now_ms.parse().unwrap_or_default();
    let (method, url) = target.split_once(' ').unwrap_or((target, ""));
    let mut headers = Vec::new();
    while let Some(header) = line(&mut rest) {
        if header.is_empty() {
            break;
        }
        let at = header.iter().position(|byte| *byte == b':');
        let (name, value) = header.split_at(at.unwrap_or(header.len()));
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        if let Ok(name) = text(name) {
            headers.push((name, value));
        }
    }
    let request = Request {
        method,
        url,
        headers: &headers,
        body: rest,
    };
    let scheme = &provider.scheme;
    let secrets = match Secret::parse(scheme, secret) {
        Ok(secret) => Secrets::from(secret),
        Err(_) => Secrets::default(),
    };
    if let Some(question) = &provider.challenge {
        let _ = challenge(question, &secrets, &request);
    }
    let _ = keys_url(scheme, &request);
    let _ = Keys::read(rest);
    let streamed = streamed(scheme, &secrets, &request, now_ms);
    let Ok(verified) = verify(scheme, &secrets, &request, now_ms) else {
        return false;
    };
    if let Some(streamed) = streamed {
        let streamed = streamed.map(|verified| verified.fingerprint);
        assert_eq!(streamed, Ok(verified.fingerprint.clone()));
    }
    assert!(verified.delivery_id.is_none_or(|id| id.len() <= 512));
    if scheme.check != Check::None {
        assert!(verify(scheme, &Secrets::default(), &request, now_ms).is_err());
    }
    let covers_body = match &scheme.check {
        Check::Signature(signature) => !signature.partial,
        check => matches!(check, Check::Jwt(jwt) if !jwt.partial),
    };
    if covers_body {
        let body = [rest, b"x"].concat();
        let longer = Request {
            body: &body,
            ..request
        };
        assert!(verify(scheme, &secrets, &longer, now_ms).is_err());
    }
    true
}

/// The verdict on the same request whose body comes in pieces; none if it has to be held.
fn streamed(
    scheme: &Scheme,
    secrets: &Secrets,
    request: &Request<'_>,
    now_ms: i64,
) -> Option<Result<Verified, Refused>> {
    let mut stream = match Stream::begin(scheme, secrets, request, now_ms) {
        Ok(stream) => stream?,
        Err(refused) => return Some(Err(refused)),
    };
    request
        .body
        .chunks(5)
        .for_each(|piece| stream.update(piece));
    Some(stream.finish(scheme, secrets))
}

/// Takes the next line off, without its line feed; none at the end.
fn line<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    if rest.is_empty() {
        return None;
    }
    let end = rest.iter().position(|byte| *byte == b'\n');
    let (line, after) = rest.split_at(end.unwrap_or(rest.len()));
    *rest = after.get(1..).unwrap_or_default();
    Some(line)
}

fn text(bytes: &[u8]) -> Result<&str, std::str::Utf8Error> {
    std::str::from_utf8(bytes)
}
