//! The golden file of components that have a file of their parts.

use data_encoding::HEXLOWER;

use super::golden::{Golden, golden};
use crate::store::split::{Part, decode, encode};

/// The parts of a component, of which every second one is a text by its digest.
fn component(parts: &[Vec<u8>]) -> Vec<Part<'_>> {
    let parts = parts.iter().enumerate();
    parts
        .map(|(at, bytes)| match at % 2 {
            0 => Part::Bytes(bytes),
            _ => Part::Text(HEXLOWER.encode(bytes)),
        })
        .collect()
}

fn bytes_of(part: &Part<'_>) -> Vec<u8> {
    match part {
        Part::Bytes(bytes) => bytes.to_vec(),
        Part::Text(digest) => HEXLOWER.decode(digest.as_bytes()).unwrap(),
    }
}

pub(super) fn golden_components() -> Golden {
    golden(
        "component-v1",
        1,
        &["the parts of a component"],
        vec![
            vec![b"{\"a.js\": \"".to_vec(), vec![7; 32], b"\"}".to_vec()],
            vec![Vec::new()],
        ],
        |parts| encode(&component(parts)).unwrap(),
        |bytes| Ok(decode(bytes)?.iter().map(bytes_of).collect()),
    )
}
