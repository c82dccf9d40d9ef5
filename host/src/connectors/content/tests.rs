use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

use super::*;
use crate::coding::MEMBERS;

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::default());
    out.write_all(text).unwrap();
    out.finish().unwrap()
}

fn zlib(text: &[u8]) -> Vec<u8> {
    let mut out = ZlibEncoder::new(Vec::new(), Compression::default());
    out.write_all(text).unwrap();
    out.finish().unwrap()
}

fn raw(text: &[u8], level: u32) -> Vec<u8> {
    let mut out = DeflateEncoder::new(Vec::new(), Compression::new(level));
    out.write_all(text).unwrap();
    out.finish().unwrap()
}

fn headers(values: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(CONTENT_ENCODING, HeaderValue::from_str(value).unwrap());
    }
    headers.insert(CONTENT_LENGTH, HeaderValue::from_static("7"));
    headers
}

/// The body that headers and bytes come to, and the coding that is left.
fn decoded(values: &[&str], body: &[u8]) -> Result<(Vec<u8>, Option<String>), CodingError> {
    let mut headers = headers(values);
    let codings = Codings::of(&headers).unwrap();
    let out = codings.undo(body.to_vec(), 1000)?;
    codings.strip(&mut headers);
    assert!(!headers.contains_key(CONTENT_LENGTH));
    let left = headers.get(CONTENT_ENCODING);
    Ok((out, left.map(|value| value.to_str().unwrap().to_owned())))
}

#[test]
fn each_coding_is_undone_whatever_it_is_called() {
    let text = b"hello hello hello";
    for (values, body) in [
        (&["gzip"][..], gzip(text)),
        (&["x-gzip"], gzip(text)),
        (&[" GZip "], gzip(text)),
        (&["X-GZIP"], gzip(text)),
        (&["deflate"], zlib(text)),
        (&["Deflate"], zlib(text)),
        (&["deflate"], raw(text, 6)),
        (&["deflate"], raw(text, 0)),
        (&["identity"], text.to_vec()),
        (&["identity, gzip,"], gzip(text)),
        (&["deflate, gzip"], gzip(&zlib(text))),
        (&["gzip, gzip"], gzip(&gzip(text))),
        (&["gzip", "deflate"], raw(&gzip(text), 9)),
        (&["gzip, deflate, gzip, deflate, x-gzip"], {
            gzip(&zlib(&gzip(&zlib(&gzip(text)))))
        }),
    ] {
        assert_eq!(
            decoded(values, &body),
            Ok((text.to_vec(), None)),
            "{values:?}"
        );
    }
}

#[test]
fn what_is_not_known_is_left_and_named() {
    for (values, body, left) in [
        (&["br"][..], b"br".to_vec(), "br"),
        (&["zstd", "compress"], b"z".to_vec(), "zstd, compress"),
        // The outer one is known, so it is undone.
        (&["br, gzip"], gzip(b"brotli"), "br"),
        (&["gzip, br"], b"both left".to_vec(), "gzip, br"),
        (&["gzipped"], b"no gzip".to_vec(), "gzipped"),
    ] {
        let (out, named) = decoded(values, &body).unwrap();
        assert_eq!(named.as_deref(), Some(left), "{values:?}");
        let inner: &[u8] = if left == "br" && values[0] != "br" {
            b"brotli"
        } else {
            &body
        };
        assert_eq!(out, inner, "{values:?}");
    }
    let error = Codings::of(&headers(&["gzip,gzip,gzip", "gzip,gzip,gzip"])).unwrap_err();
    assert_eq!(
        error,
        "the response has 6 content codings, and it may have 5"
    );
}

#[test]
fn members_make_one_body() {
    let three = [gzip(b"one "), gzip(b""), gzip(b"three")].concat();
    assert_eq!(decoded(&["gzip"], &three).unwrap().0, b"one three");
    for garbage in [&b"\0\0\0\0"[..], b"garbage", b"\x1f", b"\n"] {
        let body = [&three[..], garbage].concat();
        assert_eq!(
            decoded(&["gzip"], &body).unwrap().0,
            b"one three",
            "{garbage:?}"
        );
    }
    let body = [zlib(b"whole"), b"garbage".to_vec()].concat();
    assert_eq!(decoded(&["deflate"], &body).unwrap().0, b"whole");
    let members = gzip(b"").repeat(MEMBERS);
    assert_eq!(decoded(&["gzip"], &members).unwrap().0, b"");
    let error = decoded(&["gzip"], &gzip(b"").repeat(MEMBERS + 1)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the body has more than 4096 gzip members"
    );
}

#[test]
fn every_cut_is_an_error_and_no_shorter_body() {
    let two = [gzip(b"first member"), gzip(b"second member")].concat();
    let first = gzip(b"first member").len();
    for end in 0..two.len() {
        let result = decoded(&["gzip"], &two[..end]);
        // Where the first member ends, nothing says that another was to come; a lone first byte of
        // another cannot be distinguished from garbage.
        if end == first || end == first + 1 {
            assert_eq!(result.unwrap().0, b"first member");
        } else {
            assert!(
                matches!(result, Err(CodingError::Broken(_))),
                "{end}: {result:?}"
            );
        }
    }
    for whole in [
        zlib(b"text text text"),
        raw(b"text text text", 6),
        raw(b"text", 0),
    ] {
        for end in 0..whole.len() {
            let result = decoded(&["deflate"], &whole[..end]);
            assert!(
                matches!(result, Err(CodingError::Broken(_))),
                "{end}: {result:?}"
            );
        }
    }
}

#[test]
fn damage_is_an_error() {
    let mut wrong_sum = gzip(b"text");
    let at = wrong_sum.len() - 8;
    wrong_sum[at] ^= 1;
    let mut wrong_adler = zlib(b"text");
    let at = wrong_adler.len() - 1;
    wrong_adler[at] ^= 1;
    for (coding, body) in [
        ("gzip", wrong_sum),
        ("gzip", b"no gzip".to_vec()),
        ("gzip", [gzip(b"a"), b"\x1f\x8b\xff".to_vec()].concat()),
        ("deflate", wrong_adler),
        ("deflate", b"\xff\xff\xff".to_vec()),
        ("deflate, gzip", gzip(b"no deflate: \xff")),
    ] {
        let result = decoded(&[coding], &body);
        assert!(
            matches!(result, Err(CodingError::Broken(_))),
            "{coding}: {result:?}"
        );
    }
}

#[test]
fn the_bound_holds_after_decoding_to_the_byte() {
    let (fits, over) = (vec![b'x'; 1000], vec![b'x'; 1001]);
    let random: Vec<u8> = (0..1000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    for text in [&fits, &random] {
        assert_eq!(decoded(&["gzip"], &gzip(text)).unwrap().0, *text);
        assert_eq!(decoded(&["deflate"], &zlib(text)).unwrap().0, *text);
        assert_eq!(decoded(&["deflate"], &raw(text, 0)).unwrap().0, *text);
    }
    let bomb = gzip(&vec![0; 1_000_000]);
    for (coding, body) in [
        ("gzip", gzip(&over)),
        ("gzip", [gzip(&fits), gzip(b"x")].concat()),
        ("deflate", zlib(&over)),
        ("deflate", raw(&over, 0)),
        ("gzip", bomb.clone()),
        ("gzip, gzip", gzip(&bomb)),
    ] {
        assert_eq!(
            decoded(&[coding], &body),
            Err(CodingError::TooLarge),
            "{coding}"
        );
    }
}
