//! The number that this node had before its last end. The file with it is in a directory that no other process has, so a node
//! that finds it knows that the one of that number is gone: its tasks need not wait for the end of its lease. A copy of the
//! directory is in another place, by which it is told.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use tokio_postgres::{Client, Error};

use crate::private_file;

const GONE: &str = "delete from nodes where id = $1";

/// What tells the database from others.
fn cluster(seed: &[u8; 32]) -> String {
    let digest = Sha256::new()
        .chain_update(b"stepwell cluster of a node")
        .chain_update(seed)
        .finalize();
    HEXLOWER.encode(&digest[..8])
}

/// What a copy of the directory does not have, nor the same one on another machine or after a start of this one. None: the
/// lease ends by itself.
fn place(file: &Path) -> Option<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let directory = std::fs::metadata(file.parent()?).ok()?;
    let (device, inode) = (directory.dev(), directory.ino());
    Some(format!("{}:{device:x}:{inode:x}", boot.trim()))
}

/// Forgets the node of before.
pub(super) async fn forget(client: &Client, file: &Path, seed: &[u8; 32]) -> Result<(), Error> {
    // One that cannot be read says nothing: its lease ends by itself.
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let mut words = text.split_whitespace();
    let is_own =
        words.next() == Some(cluster(seed).as_str()) && words.next() == place(file).as_deref();
    if is_own && let Some(Ok(node)) = words.next().map(str::parse::<i64>) {
        client.execute(GONE, &[&node]).await?;
    }
    Ok(())
}

/// Notes the node's number.
pub(super) fn note(file: &Path, seed: &[u8; 32], node: i64) {
    let Some(place) = place(file) else { return };
    let line = format!("{} {place} {node}", cluster(seed));
    if let Err(error) = private_file::write(file, &line) {
        tracing::warn!(%error, "after a crash the tasks wait for the end of this server's lease");
    }
}
