//! Forms with files, and the files that a data directory has.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::database::is_postgres;

/// The content type of [`form`].
pub const FORM: &str = "multipart/form-data; boundary=x-y";

/// A part: what stands in its head behind `form-data; `, and its content.
pub type Part<'a> = (&'a str, &'a [u8]);

pub fn form(parts: &[Part<'_>]) -> Vec<u8> {
    let mut body = Vec::new();
    for (head, content) in parts {
        body.extend_from_slice(b"--x-y\r\ncontent-disposition: form-data; ");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(b"\r\n\r\n");
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--x-y--\r\n");
    body
}

pub fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The folder of all files of a server.
pub fn folder(data_dir: &Path) -> PathBuf {
    match is_postgres() {
        true => data_dir.join("files"),
        false => data_dir.join("store/blobs"),
    }
}

/// The files of a workspace on the disk, and those on their way in.
pub fn files(data_dir: &Path, workspace: &str) -> Vec<PathBuf> {
    let blobs = folder(data_dir);
    let mut found = Vec::new();
    let mut rest = vec![blobs.join(workspace), blobs.join(".incoming")];
    while let Some(folder) = rest.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.path().is_dir() {
                rest.push(entry.path());
            } else {
                found.push(entry.path());
            }
        }
    }
    found
}

/// The place of a task's file.
pub fn file(data_dir: &Path, workspace: &str, task: &str, content: &[u8]) -> PathBuf {
    let blobs = folder(data_dir);
    blobs.join(workspace).join(task).join(sha256(content))
}
