//! The number that this node had before its last end. The file with it is in a directory that no other process has, so a node
//! that finds it knows that the one of that number is gone: its tasks need not wait for the end of its lease.

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

/// Forgets the node of before.
pub(super) async fn forget(client: &Client, file: &Path, seed: &[u8; 32]) -> Result<(), Error> {
    // One that cannot be read says nothing: its lease ends by itself.
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let number = text.trim().strip_prefix(&cluster(seed));
    if let Some(Ok(node)) = number.map(|number| number.trim().parse::<i64>()) {
        client.execute(GONE, &[&node]).await?;
    }
    Ok(())
}

/// Notes the node's number.
pub(super) fn note(file: &Path, seed: &[u8; 32], node: i64) {
    let line = format!("{} {node}", cluster(seed));
    if let Err(error) = private_file::write(file, &line) {
        tracing::warn!(%error, "after a crash the tasks wait for the end of this server's lease");
    }
}
