//! Reads the rest of a refused request's body.

use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::EXPECT;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Body;

use crate::ingest::read::Bounds;

/// How much of a refused body is read and dropped, so that the sender, who writes before it reads, gets to see the
/// refusal instead of a reset connection.
const REFUSED: Bounds = Bounds {
    bytes: 8 * 1024 * 1024,
    time: Duration::from_secs(2),
};

/// Reads on after a refusal, for 8 MiB and 2 seconds at most.
pub async fn drain<B>(headers: &HeaderMap, body: &mut B)
where
    B: Body<Data = Bytes> + Unpin,
{
    drain_within(headers, body, REFUSED).await;
}

/// Reads on after a refusal, within bounds. Not if the sender waits for `100 Continue`: it has not
/// begun to send, and would begin now.
pub async fn drain_within<B>(headers: &HeaderMap, body: &mut B, bounds: Bounds)
where
    B: Body<Data = Bytes> + Unpin,
{
    if headers.contains_key(EXPECT) || body.is_end_stream() {
        return;
    }
    let throw_away = async {
        let mut seen = 0;
        while let Some(Ok(frame)) = body.frame().await {
            seen += frame.data_ref().map_or(0, Bytes::len);
            if seen > bounds.bytes {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(bounds.time, throw_away).await;
}
