//! Reads what is left of a refused request's body.

use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::EXPECT;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Body;

/// Bytes of a refused body that are read and thrown away, so that the sender, who writes before it
/// reads, gets to see the refusal instead of a reset connection.
const DRAINED: usize = 8 * 1024 * 1024;
/// How long that may take.
const DRAIN_TIME: Duration = Duration::from_secs(2);

/// Reads on after a refusal, within bounds. Not if the sender waits for `100 Continue`: it has not
/// begun to send, and would begin now.
pub async fn drain<B>(headers: &HeaderMap, body: &mut B)
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
            if seen > DRAINED {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(DRAIN_TIME, throw_away).await;
}
