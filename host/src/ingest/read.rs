//! Reads a request's body: bounded in size, in time, and over all requests together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body;

use crate::domain::budget::{Budget, Permit};
use crate::domain::ids::WorkspaceName;

/// Why a body was not read to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It is larger than may be.
    #[error("the body is larger than {most} bytes, the most that is taken here")]
    TooLarge {
        /// The bound.
        most: usize,
    },
    /// It did not arrive in time.
    #[error("the body did not arrive within {seconds} seconds")]
    Slow {
        /// The bound.
        seconds: u64,
    },
    /// It broke off.
    #[error("the body broke off: {0}")]
    Broken(String),
    /// The bodies of all requests together are as large as may be.
    #[error("the server has as much to do as it can hold; try again in a moment")]
    Overloaded,
}

/// How often a body is there until its task is durable: as it came, decoded, as data, and as it is written.
const COPIES: u64 = 4;

/// Bytes of bodies held at once by all requests, which are part of the server's memory.
#[derive(Debug)]
pub struct Bodies {
    left: AtomicUsize,
    memory: Arc<Budget>,
}

impl Bodies {
    /// So many bytes at most, if `memory` has them.
    pub fn new(bytes: usize, memory: Arc<Budget>) -> Arc<Self> {
        Arc::new(Self {
            left: AtomicUsize::new(bytes),
            memory,
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

/// The part of the budget that a request has, given back when it is dropped.
#[derive(Debug)]
pub struct Share {
    bodies: Arc<Bodies>,
    bytes: usize,
    memory: Permit,
}

impl Share {
    /// A share of `bytes` for a workspace.
    ///
    /// # Errors
    /// [`ReadError::Overloaded`].
    pub(super) fn of(
        bodies: &Arc<Bodies>,
        workspace: &WorkspaceName,
        bytes: usize,
    ) -> Result<Self, ReadError> {
        let memory = bodies.memory.take(workspace, 0);
        let mut share = Self {
            bodies: bodies.clone(),
            bytes: 0,
            memory: memory.map_err(|_| ReadError::Overloaded)?,
        };
        share.grow(bytes)?;
        Ok(share)
    }

    /// Takes more.
    ///
    /// # Errors
    /// [`ReadError::Overloaded`].
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), ReadError> {
        if !self.bodies.take(bytes) {
            return Err(ReadError::Overloaded);
        }
        self.bytes += bytes;
        self.memory
            .grow(COPIES * bytes as u64)
            .map_err(|_| ReadError::Overloaded)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.bodies.left.fetch_add(self.bytes, Ordering::Relaxed);
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

/// The whole body, with what it takes. It is charged to the workspace, if it is that of one.
pub async fn read<B>(
    body: &mut B,
    bounds: Bounds,
    whose: (&Arc<Bodies>, Option<&WorkspaceName>),
) -> Result<(Bytes, Share), ReadError>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    read_after(std::future::ready(()), body, bounds, whose).await
}

/// As [`read`], after `ready`. Until then the body stays with its sender, takes nothing of any budget, and its time does not
/// count.
pub async fn read_after<B>(
    ready: impl Future<Output = ()>,
    body: &mut B,
    bounds: Bounds,
    (bodies, workspace): (&Arc<Bodies>, Option<&WorkspaceName>),
) -> Result<(Bytes, Share), ReadError>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    // By Content-Length; refused before a byte of it is read.
    if body.size_hint().lower() > bounds.bytes as u64 {
        return Err(ReadError::TooLarge { most: bounds.bytes });
    }
    ready.await;
    let memory = match workspace {
        Some(workspace) => bodies.memory.take(workspace, 0),
        None => Ok(Permit::unlimited()),
    };
    let share = Share {
        bodies: bodies.clone(),
        bytes: 0,
        memory: memory.map_err(|_| ReadError::Overloaded)?,
    };
    tokio::time::timeout(bounds.time, collect(body, bounds.bytes, share))
        .await
        .unwrap_or(Err(ReadError::Slow {
            seconds: bounds.time.as_secs(),
        }))
}

async fn collect<B>(
    body: &mut B,
    most: usize,
    mut share: Share,
) -> Result<(Bytes, Share), ReadError>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    // Nearly every body is one piece, and then nothing is copied.
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| ReadError::Broken(error.to_string()))?;
        let Ok(piece) = frame.into_data() else {
            continue; // Trailers mean nothing here.
        };
        if share.bytes + piece.len() > most {
            return Err(ReadError::TooLarge { most });
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

    fn workspace() -> WorkspaceName {
        "acme".parse().unwrap()
    }

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
        let (bodies, workspace) = (Bodies::new(100, Budget::unlimited()), workspace());
        for (sent, expected) in [
            (&[][..], ""),
            (&["ab"], "ab"),
            (&["", "ab", "", "cd", "e"], "abcde"),
            (&["0123456789"], "0123456789"),
        ] {
            let (bytes, share) = read(&mut pieces(sent), BOUNDS, (&bodies, Some(&workspace)))
                .await
                .unwrap();
            assert_eq!(bytes, expected);
            assert_eq!(bodies.left.load(Ordering::Relaxed), 100 - expected.len());
            drop(share);
            assert_eq!(bodies.left.load(Ordering::Relaxed), 100);
        }
    }

    #[tokio::test]
    async fn a_body_stays_with_its_sender_until_it_may_be_read() {
        let (bodies, workspace) = (Bodies::new(100, Budget::unlimited()), workspace());
        let asked = std::cell::Cell::new(false);
        let frames = futures_util::stream::once(async {
            asked.set(true);
            Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"ab")))
        });
        let mut body = StreamBody::new(Box::pin(frames));
        let (goes_on, told) = tokio::sync::oneshot::channel();
        let ready = async { told.await.unwrap() };
        let whose = (&bodies, Some(&workspace));
        let mut reads = Box::pin(read_after(ready, &mut body, BOUNDS, whose));
        // Longer than a body may take.
        let waited = tokio::time::timeout(2 * BOUNDS.time, &mut reads).await;
        assert!(waited.is_err() && !asked.get());
        assert_eq!(bodies.left.load(Ordering::Relaxed), 100);
        goes_on.send(()).unwrap();
        assert_eq!(reads.await.unwrap().0, "ab");
        // One that is too large does not wait for that.
        let never = std::future::pending();
        let mut large = Full::new(Bytes::from_static(&[0; 11]));
        let refused = read_after(never, &mut large, BOUNDS, whose).await;
        assert!(matches!(refused, Err(ReadError::TooLarge { most: 10 })));
    }

    #[tokio::test]
    async fn size_time_and_budget_are_bounded() {
        let (bodies, workspace) = (Bodies::new(100, Budget::unlimited()), workspace());
        let declared = read(
            &mut Full::new(Bytes::from_static(&[0; 11])),
            BOUNDS,
            (&bodies, Some(&workspace)),
        )
        .await;
        assert!(matches!(declared, Err(ReadError::TooLarge { most: 10 })));
        let chunked = read(
            &mut pieces(&["012345", "67890"]),
            BOUNDS,
            (&bodies, Some(&workspace)),
        )
        .await;
        assert!(matches!(chunked, Err(ReadError::TooLarge { most: 10 })));
        let small = Bodies::new(4, Budget::unlimited());
        let many = read(
            &mut pieces(&["012", "345"]),
            BOUNDS,
            (&small, Some(&workspace)),
        )
        .await;
        assert!(matches!(many, Err(ReadError::Overloaded)));
        assert_eq!(small.left.load(Ordering::Relaxed), 4);
        let memory = Budget::new(COPIES * 6);
        let full = Bodies::new(100, memory.clone());
        let many = read(
            &mut pieces(&["012", "345"]),
            BOUNDS,
            (&full, Some(&workspace)),
        )
        .await;
        assert!(matches!(many, Err(ReadError::Overloaded)));
        let fits = read(&mut pieces(&["012"]), BOUNDS, (&full, Some(&workspace))).await;
        assert_eq!(memory.used(), COPIES * 3);
        drop(fits);
        assert_eq!((memory.used(), full.left.load(Ordering::Relaxed)), (0, 100));
        let mut endless = StreamBody::new(futures_util::stream::pending::<
            Result<Frame<Bytes>, Infallible>,
        >());
        let slow = read(&mut endless, BOUNDS, (&bodies, Some(&workspace))).await;
        assert!(matches!(slow, Err(ReadError::Slow { .. })));
    }
}
