//! Reads a request's body: bounded in size, in time, and over all requests together.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body;
use tokio::time::{Instant, timeout_at};

use crate::domain::budget::{Budget, Permit};
use crate::domain::ids::WorkspaceName;
use crate::domain::limits;

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

/// Bytes of bodies held at once by all requests, which are part of the server's memory.
#[derive(Debug)]
pub struct Bodies {
    bytes: Arc<Budget>,
    memory: Arc<Budget>,
}

impl Bodies {
    /// So many bytes at most of one workspace, and a third more of all together, if `memory` has them: no workspace takes
    /// what is left to the others.
    pub fn new(bytes: usize, memory: Arc<Budget>) -> Arc<Self> {
        let bytes = bytes as u64;
        Arc::new(Self {
            bytes: Budget::new(bytes.saturating_add(bytes / 3)),
            memory,
        })
    }
}

/// The part of the budgets that a request has, given back when it is dropped.
#[derive(Debug)]
pub struct Share {
    bytes: Permit,
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
        let mut share = Self::begin(bodies, Some(workspace))?;
        share.grow(bytes)?;
        Ok(share)
    }

    /// Nothing yet, for a workspace; or for the operator, who is not bounded.
    fn begin(bodies: &Bodies, workspace: Option<&WorkspaceName>) -> Result<Self, ReadError> {
        let none_of = |budget: &Arc<Budget>| match workspace {
            Some(workspace) => budget.take(workspace, 0),
            None => Ok(Permit::unlimited()),
        };
        let bytes = none_of(&bodies.bytes);
        let memory = none_of(&bodies.memory);
        Ok(Self {
            bytes: bytes.map_err(|_| ReadError::Overloaded)?,
            memory: memory.map_err(|_| ReadError::Overloaded)?,
        })
    }

    /// Takes more.
    ///
    /// # Errors
    /// [`ReadError::Overloaded`].
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), ReadError> {
        let bytes = bytes as u64;
        let grown = self.bytes.grow(bytes);
        grown
            .and_then(|()| self.memory.grow(limits::BODY_COPIES * bytes))
            .map_err(|_| ReadError::Overloaded)
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
    read_after((usize::MAX, std::future::ready(())), body, bounds, whose).await
}

/// As [`read`]; a body of `large` bytes is read after `ready`: nothing of it if its length is announced, and otherwise no
/// more than so much. Until then it stays with its sender, takes nothing of any budget, and its time does not count.
pub async fn read_after<B>(
    (large, ready): (usize, impl Future<Output = ()>),
    body: &mut B,
    bounds: Bounds,
    (bodies, workspace): (&Arc<Bodies>, Option<&WorkspaceName>),
) -> Result<(Bytes, Share), ReadError>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    // By Content-Length; refused before a byte of it is read.
    let announced = body.size_hint().lower();
    if announced > bounds.bytes as u64 {
        return Err(ReadError::TooLarge { most: bounds.bytes });
    }
    let mut ready = Some(pin!(ready));
    if announced >= large as u64
        && let Some(ready) = ready.take()
    {
        ready.await;
    }
    let mut share = Share::begin(bodies, workspace)?;
    let (mut pieces, mut bytes) = (Pieces::default(), 0);
    let begun = Instant::now();
    let mut waited = Duration::ZERO;
    loop {
        let until = begun + waited + bounds.time;
        let next = timeout_at(until, next_piece(body)).await;
        let next = next.map_err(|_| ReadError::Slow {
            seconds: bounds.time.as_secs(),
        })?;
        let Some(piece) = next? else {
            return Ok((pieces.whole(), share));
        };
        bytes += piece.len();
        if bytes > bounds.bytes {
            return Err(ReadError::TooLarge { most: bounds.bytes });
        }
        share.grow(piece.len())?;
        pieces.push(piece);
        if bytes >= large
            && let Some(ready) = ready.take()
        {
            let now = Instant::now();
            ready.await;
            waited += now.elapsed();
        }
    }
}

/// The next piece of a body, which may be empty; none at its end. Trailers mean nothing here.
async fn next_piece<B>(body: &mut B) -> Result<Option<Bytes>, ReadError>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| ReadError::Broken(error.to_string()))?;
        if let Ok(piece) = frame.into_data() {
            return Ok(Some(piece));
        }
    }
    Ok(None)
}

/// The pieces of a body. Nearly every body is one, and then nothing is copied.
#[derive(Default)]
struct Pieces {
    first: Bytes,
    all: BytesMut,
}

impl Pieces {
    fn push(&mut self, piece: Bytes) {
        if !self.all.is_empty() {
            self.all.extend_from_slice(&piece);
        } else if self.first.is_empty() {
            self.first = piece;
        } else {
            self.all.extend_from_slice(&self.first);
            self.all.extend_from_slice(&piece);
        }
    }

    fn whole(self) -> Bytes {
        match self.all.is_empty() {
            true => self.first,
            false => self.all.freeze(),
        }
    }
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
            assert_eq!(bodies.bytes.used(), expected.len() as u64);
            drop(share);
            assert_eq!(bodies.bytes.used(), 0);
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
        let mut reads = Box::pin(read_after((0, ready), &mut body, BOUNDS, whose));
        // Longer than a body may take.
        let waited = tokio::time::timeout(2 * BOUNDS.time, &mut reads).await;
        assert!(waited.is_err() && !asked.get());
        assert_eq!(bodies.bytes.used(), 0);
        goes_on.send(()).unwrap();
        assert_eq!(reads.await.unwrap().0, "ab");
        // One that is too large does not wait for that.
        let never = std::future::pending();
        let mut large = Full::new(Bytes::from_static(&[0; 11]));
        let refused = read_after((0, never), &mut large, BOUNDS, whose).await;
        assert!(matches!(refused, Err(ReadError::TooLarge { most: 10 })));
    }

    #[tokio::test]
    async fn a_body_of_unknown_length_waits_when_it_is_large() {
        let (bodies, workspace) = (Bodies::new(100, Budget::unlimited()), workspace());
        let whose = (&bodies, Some(&workspace));
        // A small one waits for nothing.
        let never = || std::future::pending();
        let mut small = pieces(&["ab", "c"]);
        let read_all = read_after((4, never()), &mut small, BOUNDS, whose).await;
        assert_eq!(read_all.unwrap().0, "abc");
        let taken = std::cell::Cell::new(0);
        let sent =
            ["ab", "cd", "ef"].map(|piece| Ok(Frame::data(Bytes::from_static(piece.as_bytes()))));
        let mut large = StreamBody::new(
            futures_util::stream::iter(sent)
                .inspect(|_: &Result<Frame<Bytes>, Infallible>| taken.set(taken.get() + 1)),
        );
        let (goes_on, told) = tokio::sync::oneshot::channel();
        let ready = async { told.await.unwrap() };
        let mut reads = Box::pin(read_after((4, ready), &mut large, BOUNDS, whose));
        let waited = tokio::time::timeout(2 * BOUNDS.time, &mut reads).await;
        assert!(waited.is_err());
        assert_eq!((taken.get(), bodies.bytes.used()), (2, 4));
        goes_on.send(()).unwrap();
        assert_eq!(reads.await.unwrap().0, "abcdef");
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
        assert_eq!(small.bytes.used(), 0);
        let memory = Budget::new(limits::BODY_COPIES * 6);
        let full = Bodies::new(100, memory.clone());
        let many = read(
            &mut pieces(&["012", "345"]),
            BOUNDS,
            (&full, Some(&workspace)),
        )
        .await;
        assert!(matches!(many, Err(ReadError::Overloaded)));
        let fits = read(&mut pieces(&["012"]), BOUNDS, (&full, Some(&workspace))).await;
        assert_eq!(memory.used(), limits::BODY_COPIES * 3);
        drop(fits);
        assert_eq!((memory.used(), full.bytes.used()), (0, 0));
        let mut endless = StreamBody::new(futures_util::stream::pending::<
            Result<Frame<Bytes>, Infallible>,
        >());
        let slow = read(&mut endless, BOUNDS, (&bodies, Some(&workspace))).await;
        assert!(matches!(slow, Err(ReadError::Slow { .. })));
    }
}
