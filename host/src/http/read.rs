//! Reads a request's body: bounded in size, in time, and over all requests together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::EXPECT;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body;

use super::problem::ApiError;

/// Bytes of bodies held at once by all requests.
#[derive(Debug)]
pub struct Budget {
    left: AtomicUsize,
}

impl Budget {
    /// A budget of so many bytes.
    pub fn new(bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            left: AtomicUsize::new(bytes),
        })
    }

    fn take(&self, bytes: usize) -> bool {
        self.left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(bytes)
            })
            .is_ok()
    }
}

/// A share of the budget, given back when dropped.
#[derive(Debug)]
pub struct Share {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Share {
    fn grow(&mut self, bytes: usize) -> Result<(), ApiError> {
        if !self.budget.take(bytes) {
            return Err(ApiError::Overloaded);
        }
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.left.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

/// How much of a body is taken, and how long it may take.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// The largest body, in bytes.
    pub bytes: usize,
    /// The longest time until it is there.
    pub time: Duration,
}

/// The whole body, with the share of the budget that it takes.
pub async fn read<B>(
    body: &mut B,
    bounds: Bounds,
    budget: &Arc<Budget>,
) -> Result<(Bytes, Share), ApiError>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    // By Content-Length; refused before a byte of it is read.
    if body.size_hint().lower() > bounds.bytes as u64 {
        return Err(ApiError::BodyTooLarge { most: bounds.bytes });
    }
    let share = Share {
        budget: budget.clone(),
        bytes: 0,
    };
    tokio::time::timeout(bounds.time, collect(body, bounds.bytes, share))
        .await
        .unwrap_or(Err(ApiError::SlowBody {
            seconds: bounds.time.as_secs(),
        }))
}

async fn collect<B>(body: &mut B, most: usize, mut share: Share) -> Result<(Bytes, Share), ApiError>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    // Nearly every body is one piece, and then nothing is copied.
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| ApiError::BrokenBody(error.to_string()))?;
        let Ok(piece) = frame.into_data() else {
            continue; // Trailers mean nothing here.
        };
        if share.bytes + piece.len() > most {
            return Err(ApiError::BodyTooLarge { most });
        }
        share.grow(piece.len())?;
        if !all.is_empty() {
            all.extend_from_slice(&piece);
        } else if first.is_empty() {
            first = piece;
        } else {
            all.extend_from_slice(&first);
            all.extend_from_slice(&piece);
        }
    }
    let whole = if all.is_empty() { first } else { all.freeze() };
    Ok((whole, share))
}

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

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::StreamExt;
    use http_body_util::{Full, StreamBody};
    use hyper::body::Frame;

    use super::*;

    const BOUNDS: Bounds = Bounds {
        bytes: 10,
        time: Duration::from_millis(50),
    };

    fn pieces(
        pieces: &'static [&'static str],
    ) -> impl Body<Data = Bytes, Error = Infallible> + Unpin {
        StreamBody::new(
            futures_util::stream::iter(pieces)
                .map(|piece| Ok(Frame::data(Bytes::from_static(piece.as_bytes())))),
        )
    }

    #[tokio::test]
    async fn pieces_are_put_together() {
        let budget = Budget::new(100);
        for (sent, expected) in [
            (&[][..], ""),
            (&["ab"], "ab"),
            (&["", "ab", "", "cd", "e"], "abcde"),
            (&["0123456789"], "0123456789"),
        ] {
            let (bytes, share) = read(&mut pieces(sent), BOUNDS, &budget).await.unwrap();
            assert_eq!(bytes, expected);
            assert_eq!(budget.left.load(Ordering::Relaxed), 100 - expected.len());
            drop(share);
            assert_eq!(budget.left.load(Ordering::Relaxed), 100);
        }
    }

    #[tokio::test]
    async fn size_time_and_budget_are_bounded() {
        let budget = Budget::new(100);
        let declared = read(
            &mut Full::new(Bytes::from_static(&[0; 11])),
            BOUNDS,
            &budget,
        )
        .await;
        assert!(matches!(declared, Err(ApiError::BodyTooLarge { most: 10 })));
        let chunked = read(&mut pieces(&["012345", "67890"]), BOUNDS, &budget).await;
        assert!(matches!(chunked, Err(ApiError::BodyTooLarge { most: 10 })));
        let small = Budget::new(4);
        let many = read(&mut pieces(&["012", "345"]), BOUNDS, &small).await;
        assert!(matches!(many, Err(ApiError::Overloaded)));
        assert_eq!(small.left.load(Ordering::Relaxed), 4);
        let mut endless = StreamBody::new(futures_util::stream::pending::<
            Result<Frame<Bytes>, Infallible>,
        >());
        let slow = read(&mut endless, BOUNDS, &budget).await;
        assert!(matches!(slow, Err(ApiError::SlowBody { .. })));
    }
}
