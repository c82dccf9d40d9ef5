//! A body in pieces, for a parser that would read all of it ahead: it is given the next piece only when it cannot go on
//! without.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::Stream;
use hyper::body::Body;

/// Why there is no next piece.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum PieceError {
    /// More came than is taken.
    #[error("the body is too large")]
    TooLarge,
    /// It broke off.
    #[error("{0}")]
    Broken(String),
}

/// Lets pieces through one by one.
#[derive(Debug, Default)]
pub(super) struct Gate {
    is_open: AtomicBool,
    passed: AtomicU64,
}

/// The parser wants more before it gives anything than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooFar;

impl Gate {
    /// Bytes that went through.
    pub(super) fn passed(&self) -> u64 {
        self.passed.load(Ordering::Relaxed)
    }

    /// Asks a parser of [`Pieces`] until it gives something. Between two answers at most `most` bytes and one piece go
    /// through.
    pub(super) fn poll<T>(
        &self,
        context: &mut Context<'_>,
        (began, most): (u64, u64),
        mut ask: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<Result<T, TooFar>> {
        loop {
            self.is_open.store(false, Ordering::Relaxed);
            if let Poll::Ready(given) = ask(context) {
                return Poll::Ready(Ok(given));
            }
            let before = self.passed();
            if before - began > most {
                return Poll::Ready(Err(TooFar));
            }
            self.is_open.store(true, Ordering::Relaxed);
            if let Poll::Ready(given) = ask(context) {
                return Poll::Ready(Ok(given));
            }
            if self.passed() == before {
                return Poll::Pending;
            }
        }
    }
}

/// Is called with each piece before it is parsed.
pub(in crate::ingest) type Watch<'w> = &'w mut (dyn FnMut(&[u8]) + Send);

/// The pieces of a body of at most `most` bytes.
pub(super) struct Pieces<'b, B> {
    pub(super) body: &'b mut B,
    pub(super) gate: Arc<Gate>,
    pub(super) most: u64,
    pub(super) watch: Watch<'b>,
}

impl<B> Stream for Pieces<'_, B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    type Item = Result<Bytes, PieceError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if !self.gate.is_open.load(Ordering::Relaxed) {
            return Poll::Pending;
        }
        loop {
            let frame = match ready!(Pin::new(&mut *self.body).poll_frame(context)) {
                None => return Poll::Ready(None),
                Some(Err(error)) => {
                    let error = PieceError::Broken(error.to_string());
                    return Poll::Ready(Some(Err(error)));
                }
                Some(Ok(frame)) => frame,
            };
            // Trailers mean nothing here.
            let Ok(piece) = frame.into_data() else {
                continue;
            };
            let length = piece.len() as u64;
            let passed = self.gate.passed.fetch_add(length, Ordering::Relaxed) + length;
            if passed > self.most {
                return Poll::Ready(Some(Err(PieceError::TooLarge)));
            }
            (self.watch)(&piece);
            self.gate.is_open.store(false, Ordering::Relaxed);
            return Poll::Ready(Some(Ok(piece)));
        }
    }
}
