//! `/files/…`: files that came with webhooks, by the links in their tasks' data. What a stranger sent is never shown by a
//! browser as a page of this server.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, RANGE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use bytes::Bytes;
use futures_util::stream;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::Api;
use super::problem::ApiError;
use crate::domain::blocking::spawn_blocking;
use crate::store::blobs::on_disk;

/// See [`crate::vault::links`].
pub(super) const PATH: &str = "/files/{workspace}/{task}/{digest}";

/// Bytes that are read at once.
const PIECE: u64 = 64 * 1024;

/// What RFC 8187 (3.2.1) leaves as it is.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

pub(super) async fn get(
    State(api): State<Arc<Api>>,
    Path((workspace, task, digest)): Path<(String, String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response<Body>, ApiError> {
    let links = api.ingest.uploads.links();
    let parts = (&*workspace, &*task, &*digest);
    let link = links.check(parts, &query.unwrap_or_default(), api.clock.now())?;
    // A workspace that was deleted has none, though it may not be erased yet.
    if api.catalog.check_workspace(&link.workspace).is_err() {
        return Err(ApiError::NoSuchFile);
    }
    let blobs = api.store.blobs().clone();
    let (workspace, task, digest) = (link.workspace, link.task, link.digest);
    let opened = on_disk(move || blobs.open(&workspace, task, &digest)).await?;
    let (file, size) = opened.ok_or(ApiError::NoSuchFile)?;
    let range = headers.get(RANGE).and_then(|value| value.to_str().ok());
    let (status, from, to) = match range.map(|range| part(range, size)) {
        None | Some(Part::Whole) => (StatusCode::OK, 0, size),
        Some(Part::Some(from, to)) => (StatusCode::PARTIAL_CONTENT, from, to),
        Some(Part::Outside) => return Err(ApiError::NoSuchRange(size)),
    };
    let mut response = Response::new(pieces(file, from, to));
    *response.status_mut() = status;
    let name = utf8_percent_encode(&link.name, ENCODED);
    let disposition = format!("attachment; filename*=UTF-8''{name}");
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, HeaderValue::from(to - from));
    for (name, value) in [
        (CONTENT_TYPE, shown(&link.media_type)),
        (CONTENT_DISPOSITION, &disposition),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "private, no-store"),
        (ACCEPT_RANGES, "bytes"),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {from}-{}/{size}", to - 1);
        if let Ok(range) = HeaderValue::try_from(range) {
            headers.insert(CONTENT_RANGE, range);
        }
    }
    Ok(response)
}

/// The type that a file is served as: its own, unless a browser might run it.
fn shown(media_type: &str) -> &str {
    let (kind, subtype) = media_type.split_once('/').unwrap_or_default();
    let is_inert = match kind {
        "image" => !subtype.contains("svg") && !subtype.contains("xml"),
        "audio" | "video" => !subtype.contains("xml"),
        "text" => matches!(subtype, "plain" | "csv"),
        "application" => matches!(subtype, "pdf" | "json" | "zip" | "gzip"),
        _ => false,
    };
    if is_inert {
        media_type
    } else {
        "application/octet-stream"
    }
}

/// The part of a file that a `Range` asks for.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    /// The whole file. A `Range` that is not one range of bytes may be ignored (RFC 9110, 14.2).
    Whole,
    /// From the first on, up to the second and without it.
    Some(u64, u64),
    /// It begins behind the end.
    Outside,
}

fn part(range: &str, size: u64) -> Part {
    let ends = range
        .strip_prefix("bytes=")
        .and_then(|ends| ends.split_once('-'));
    let Some((first, last)) = ends else {
        return Part::Whole;
    };
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse::<u64>().unwrap_or(u64::MAX))
    };
    let (from, to) = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => (first, last.saturating_add(1).min(size)),
        (Some(first), None) if last.is_empty() => (first, size),
        (None, Some(length)) if first.is_empty() => (size.saturating_sub(length), size),
        _ => return Part::Whole,
    };
    if from < to {
        Part::Some(from, to)
    } else {
        Part::Outside
    }
}

/// The bytes of a file in pieces, each read when the one before is on its way.
fn pieces(file: File, from: u64, to: u64) -> Body {
    let pieces = stream::try_unfold((Arc::new(file), from), move |(file, at)| async move {
        if at >= to {
            return Ok::<_, std::io::Error>(None);
        }
        let source = file.clone();
        let read = spawn_blocking(move || {
            let mut piece = vec![0; PIECE.min(to - at) as usize];
            source.read_exact_at(&mut piece, at).map(|()| piece)
        });
        let piece = read.await.map_err(std::io::Error::other)??;
        let next = at + piece.len() as u64;
        Ok(Some((Bytes::from(piece), (file, next))))
    });
    Body::from_stream(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_of_bytes_is_served() {
        for (range, expected) in [
            ("bytes=0-3", Part::Some(0, 4)),
            ("bytes=8-", Part::Some(8, 10)),
            ("bytes=-3", Part::Some(7, 10)),
            ("bytes=-30", Part::Some(0, 10)),
            ("bytes=5-99999999999999999999", Part::Some(5, 10)),
            ("bytes=10-", Part::Outside),
            ("bytes=99999999999999999999-", Part::Outside),
            ("bytes=-0", Part::Outside),
            ("bytes=4-3", Part::Whole),
            ("bytes=0-1,3-4", Part::Whole),
            ("bytes=-", Part::Whole),
            ("bytes=+1-2", Part::Whole),
            ("lines=0-1", Part::Whole),
            ("", Part::Whole),
        ] {
            assert_eq!(part(range, 10), expected, "{range}");
        }
        assert_eq!(part("bytes=0-", 0), Part::Outside);
    }

    #[test]
    fn what_a_browser_might_run_is_octets() {
        for (given, expected) in [
            ("image/png", "image/png"),
            ("application/pdf", "application/pdf"),
            ("image/svg+xml", "application/octet-stream"),
            ("text/html", "application/octet-stream"),
            ("text/javascript", "application/octet-stream"),
            ("application/xhtml+xml", "application/octet-stream"),
            ("", "application/octet-stream"),
        ] {
            assert_eq!(shown(given), expected, "{given}");
        }
    }
}
