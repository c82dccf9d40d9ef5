//! Content codings (RFC 9110, 8.4.1) undone: bytes in, bytes out, and never more of them than the caller allows.
//!
//! A body that is cut off, or damaged, is an error and never a shorter body. A decoder allocates a window of
//! at most 16 MiB while it works, whatever the body says of itself.

use std::io::{self, Read};

use flate2::bufread::GzDecoder;
use flate2::{Decompress, FlushDecompress, Status};

/// Members of one gzip body. Each costs the set-up of a decoder, some 20 times what its shortest
/// form of 20 bytes costs to read; a body of the largest size in blocks of 64 KiB has 64.
pub const MEMBERS: usize = 4096;
/// How a gzip member begins (RFC 1952, 2.3.1).
const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];
/// The largest window of a zstd frame, as a power of two: 8 MiB, the most that a sender may use in HTTP (RFC 9659, 3).
const ZSTD_WINDOW: u32 = 23;

/// Why a body cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodingError {
    /// It would be larger than it may be.
    #[error("the decoded body is too large")]
    TooLarge,
    /// It is not what its header says.
    #[error("{0}")]
    Broken(String),
}

/// Undoes `gzip` (RFC 1952), all members of it, to at most `most` bytes. Bytes after the last member
/// and does not begin as another is passed over, as gzip(1) and browsers do.
pub fn gunzip(mut body: &[u8], most: usize) -> Result<Vec<u8>, CodingError> {
    let mut out = Vec::new();
    for _ in 0..MEMBERS {
        let mut member = GzDecoder::new(body);
        let room = most.saturating_sub(out.len()) as u64;
        let broken = |error| CodingError::Broken(format!("the body is no whole gzip: {error}"));
        member
            .by_ref()
            .take(room + 1)
            .read_to_end(&mut out)
            .map_err(broken)?;
        if out.len() > most {
            return Err(CodingError::TooLarge);
        }
        body = member.into_inner();
        if !body.starts_with(GZIP_MAGIC) {
            return Ok(out);
        }
    }
    Err(CodingError::Broken(format!(
        "the body has more than {MEMBERS} gzip members"
    )))
}

/// Undoes `deflate`, to at most `most` bytes: zlib's format (RFC 1950), and raw deflate (RFC 1951), which some
/// senders write and browsers take.
pub fn inflate(body: &[u8], most: usize) -> Result<Vec<u8>, CodingError> {
    let broken = |why: &str| CodingError::Broken(format!("the body is no whole deflate: {why}"));
    let mut inflater = Decompress::new(is_zlib(body));
    let mut out = Vec::new();
    loop {
        if out.len() > most {
            return Err(CodingError::TooLarge);
        }
        if out.len() == out.capacity() {
            let grown = (out.len() * 2).max(body.len() * 2).max(1024);
            out.reserve_exact(grown.min(most + 1) - out.len());
        }
        let rest = usize::try_from(inflater.total_in())
            .ok()
            .and_then(|taken| body.get(taken..))
            .unwrap_or_default();
        let (taken, given) = (inflater.total_in(), inflater.total_out());
        let status = inflater
            .decompress_vec(rest, &mut out, FlushDecompress::None)
            .map_err(|error| broken(&error.to_string()))?;
        let moved = inflater.total_in() > taken || inflater.total_out() > given;
        match status {
            Status::StreamEnd if out.len() > most => return Err(CodingError::TooLarge),
            Status::StreamEnd => return Ok(out),
            _ if !moved && out.len() < out.capacity() => return Err(broken("it is cut off")),
            _ => {}
        }
    }
}

/// Whether it begins with the header of RFC 1950 (2.2). Raw deflate begins with one only by a stored
/// block whose unused bits are not zero, which no encoder writes.
fn is_zlib(body: &[u8]) -> bool {
    match body {
        [method, flags, ..] => {
            method & 0x0f == 8
                && method >> 4 <= 7
                && u16::from_be_bytes([*method, *flags]).is_multiple_of(31)
        }
        _ => false,
    }
}

/// Undoes `br` (RFC 7932), to at most `most` bytes. Bytes after the stream's end are ignored.
pub fn unbrotli(body: &[u8], most: usize) -> Result<Vec<u8>, CodingError> {
    drain(
        brotli_decompressor::Decompressor::new(body, 4096),
        most,
        "brotli",
    )
}

/// Undoes `zstd` (RFC 8878), all frames of it, to at most `most` bytes.
pub fn unzstd(body: &[u8], most: usize) -> Result<Vec<u8>, CodingError> {
    let broken = |error: io::Error| broken("zstd", &error);
    let mut frames = zstd::Decoder::with_buffer(body).map_err(broken)?;
    frames.window_log_max(ZSTD_WINDOW).map_err(broken)?;
    drain(frames, most, "zstd")
}

fn drain(decoder: impl Read, most: usize, name: &str) -> Result<Vec<u8>, CodingError> {
    let mut out = Vec::new();
    let mut bounded = decoder.take((most as u64).saturating_add(1));
    bounded
        .read_to_end(&mut out)
        .map_err(|error| broken(name, &error))?;
    if out.len() > most {
        return Err(CodingError::TooLarge);
    }
    Ok(out)
}

fn broken(name: &str, error: &io::Error) -> CodingError {
    CodingError::Broken(format!("the body is no whole {name}: {error}"))
}

#[cfg(test)]
mod tests;
