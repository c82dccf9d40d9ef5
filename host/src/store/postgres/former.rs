//! The number that this node had before its last end. The file with it is in a directory that no other process has, so a node
//! that finds it knows that the one of that number is gone: its tasks need not wait for the end of its lease. A copy of the
//! directory is in another place, by which it is told; and in a copy of the database the number is that of a node that
//! started at another time.
//!
//! A node that was ended and could not say so to the database, because it did not reach it, notes that in the file with the
//! list of its long runs. Others may have counted these as interrupted meanwhile. The next start says the rest.

use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::UNIX_EPOCH;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use tokio_postgres::{Client, Error};

use super::entered::NodeIdentity;
use super::values::Uuid;
use crate::domain::ids::TaskId;
use crate::private_file;

const GONE: &str = "delete from nodes where id = $1 \
    and (extract(epoch from started) * 1000000)::int8 = $2";
/// What others have counted is not on its list any more. It is done once, as the node is there once.
const ENDED: &str = "with gone as (delete from nodes where id = $1 \
    and (extract(epoch from started) * 1000000)::int8 = $2 returning id), \
    own as (delete from lasting where node in (select id from gone) returning task) \
    update interrupted i set times = times - 1 where task = any($3) and times > 0 \
    and exists (select from gone) and not exists (select from own where own.task = i.task)";
/// The second line, if the node was ended.
const IS_ENDED: &str = "ended";
/// The greatest size of the file that is read, in bytes: a list of more than 20,000 runs.
const MOST_BYTES: u64 = 1 << 20;

/// The number that distinguishes the database from others.
fn cluster(seed: &[u8; 32]) -> String {
    let digest = Sha256::new()
        .chain_update(b"stepwell cluster of a node")
        .chain_update(seed)
        .finalize();
    HEXLOWER.encode(&digest[..8])
}

/// What a copy of the directory does not have, nor the same one on another machine or after a start of this one, nor one
/// that was made in its place and got its number of the file system. None: the lease ends by itself.
fn place(file: &Path) -> Option<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let directory = std::fs::metadata(file.parent()?).ok()?;
    let (device, inode) = (directory.dev(), directory.ino());
    // Not all file systems have it.
    let made = directory.created().ok();
    let made = made.and_then(|made| made.duration_since(UNIX_EPOCH).ok());
    let made = made.map_or(0, |made| made.as_nanos());
    Some(format!("{}:{device:x}:{inode:x}:{made:x}", boot.trim()))
}

/// The content of the file `node`.
struct NodeFile {
    cluster: String,
    place: String,
    node: NodeIdentity,
    /// The long runs of a node that was ended and could not say so.
    ended: Option<Vec<TaskId>>,
}

impl NodeFile {
    /// None if it cannot be read: the node's lease ends by itself.
    fn read(file: &Path) -> Option<Self> {
        if std::fs::metadata(file).ok()?.len() > MOST_BYTES {
            return None;
        }
        let text = std::fs::read_to_string(file).ok()?;
        let mut lines = text.lines();
        let mut words = lines.next()?.split_whitespace().map(str::to_owned);
        let (cluster, place) = (words.next()?, words.next()?);
        let mut number = || words.next()?.parse().ok();
        let node = NodeIdentity {
            id: number()?,
            started: number()?,
        };
        let is_ended = lines.next() == Some(IS_ENDED);
        Some(Self {
            cluster,
            place,
            node,
            ended: is_ended.then(|| lines.filter_map(|line| line.parse().ok()).collect()),
        })
    }
}

/// Forgets the node of before.
pub(super) async fn forget(client: &Client, file: &Path, seed: &[u8; 32]) -> Result<(), Error> {
    let Some(former) = NodeFile::read(file).filter(|former| former.cluster == cluster(seed)) else {
        return Ok(());
    };
    let NodeIdentity { id, started } = former.node;
    match former.ended {
        // It has said so itself, so that it is gone wherever the file is now.
        Some(lasting) => {
            let lasting: Vec<Uuid> = lasting.into_iter().map(Uuid::from).collect();
            client.execute(ENDED, &[&id, &started, &lasting]).await?;
        }
        None if Some(former.place) == place(file) => {
            client.execute(GONE, &[&id, &started]).await?;
        }
        None => {}
    }
    Ok(())
}

/// Notes the node's number; with `ended`, that it ended without a word to the database while these runs lasted.
pub(super) fn note(file: &Path, seed: &[u8; 32], node: NodeIdentity, ended: Option<&[TaskId]>) {
    let Some(place) = place(file) else { return };
    let mut text = format!("{} {place} {} {}", cluster(seed), node.id, node.started);
    if let Some(lasting) = ended {
        let _ = write!(text, "\n{IS_ENDED}");
        for task in lasting {
            let _ = write!(text, "\n{task}");
        }
    }
    if let Err(error) = private_file::write(file, &text) {
        tracing::warn!(%error, "after a crash the tasks wait for the end of this server's lease");
    }
}
