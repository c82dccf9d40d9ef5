use http::header::{CONTENT_ENCODING, HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let pairs = pairs.iter().map(|(name, value)| {
        let value = HeaderValue::from_str(value).unwrap();
        (HeaderName::from_static(name), value)
    });
    pairs.collect()
}

fn decoded(content_type: &str, body: &[u8]) -> Result<Decoded, DecodeError> {
    let request = Request {
        secret_parameter: None,
        method: "POST",
        content_type: Some(content_type),
        query: None,
        headers: &HeaderMap::new(),
    };
    documents(request, Bytes::copy_from_slice(body))
}

#[test]
fn json_is_handed_on_without_a_copy() {
    let body = Bytes::from_static(b"{\"a\": 1}");
    let request = Request {
        secret_parameter: None,
        method: "POST",
        content_type: Some("application/json"),
        query: None,
        headers: &HeaderMap::new(),
    };
    match documents(request, body.clone()) {
        Ok(Decoded::One(document)) => assert_eq!(document.text.as_ptr(), body.as_ptr()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_body_without_codings_is_left_alone() {
    let body = Bytes::from_static(b"{}");
    for values in [
        &[][..],
        &[("content-encoding", "identity")],
        &[("content-encoding", " , ")],
    ] {
        assert_eq!(undo(&headers(values), &body, 10), Ok(None), "{values:?}");
    }
    // Nothing was encoded.
    let gzip = headers(&[("content-encoding", "gzip")]);
    assert_eq!(undo(&gzip, &Bytes::new(), 10), Ok(None));
    assert!(matches!(
        undo(&gzip, &body, 10),
        Err(DecodeError::BrokenCoding(_))
    ));
}

#[test]
fn codings_are_bounded_in_number() {
    let body = Bytes::from_static(b"x");
    let mut many = HeaderMap::new();
    for _ in 0..4 {
        many.append(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    assert_eq!(undo(&many, &body, 10), Err(DecodeError::TooManyCodings(4)));
    for (name, coding) in [
        ("compress", "compress"),
        ("gzip, LZMA", "lzma"),
        ("gzip;q=1", "gzip;q=1"),
    ] {
        let refused = undo(&headers(&[("content-encoding", name)]), &body, 10);
        assert_eq!(refused, Err(DecodeError::UnknownCoding(coding.into())));
    }
}

const TYPES: [&str; 7] = [
    "application/json",
    "application/x-www-form-urlencoded",
    "text/plain; charset=utf-16",
    "application/x-ndjson",
    "application/cloudevents+json",
    "application/cloudevents-batch+json",
    "application/xml",
];

proptest! {
    /// Whatever is sent, nothing panics, and what was not sent as JSON is JSON then.
    #[test]
    fn bodies_of_any_kind(
        of in 0usize..TYPES.len(),
        body in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..80),
            "[-{}\":,a&=%\\[\\]\r\n x]{0,60}".prop_map(String::into_bytes),
            "\\{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/\",\"type\":\"t\",\"data(_base64)?\":[\"a{}0]{1,5}\\}"
                .prop_map(String::into_bytes),
        ],
    ) {
        let made = match decoded(TYPES[of], &body) {
            Ok(Decoded::One(document)) => vec![document],
            Ok(Decoded::Many(documents)) => documents,
            Err(error) => {
                prop_assert!(error.to_string().len() < 500);
                Vec::new()
            }
        };
        let is_looked_at = !TYPES[of].ends_with("json") || TYPES[of].contains("cloud");
        for document in made {
            if is_looked_at {
                let data = crate::ingest::body::to_data(&document.text, "{}");
                prop_assert!(data.is_ok(), "{:?}", data);
            }
        }
    }
}
