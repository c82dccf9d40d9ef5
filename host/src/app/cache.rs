//! The key that marks compiled components as this host's own.

use std::io;
use std::path::Path;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::private_file::{self, PrivateFileError};
use crate::vault;

/// The file of a shared directory that has its secret.
const KEY_FILE: &str = "key";

/// The key of the store's own directory of compiled components, or of one that servers share: there only what
/// a process wrote that could read its file `key` is run. The shared directory is made if it is not there.
pub(super) fn key(shared: Option<&Path>, seed: &[u8; 32]) -> Result<[u8; 32], PrivateFileError> {
    let digest = Sha256::new().chain_update("stepwell compiled components");
    let digest = match shared {
        Some(directory) => digest.chain_update(secret(directory)?.as_bytes()),
        None => digest.chain_update(seed),
    };
    Ok(digest.finalize().into())
}

fn secret(directory: &Path) -> Result<Zeroizing<String>, PrivateFileError> {
    let failed = |source| PrivateFileError::Io {
        path: directory.to_owned(),
        what: "made",
        source,
    };
    std::fs::create_dir_all(directory).map_err(failed)?;
    private_file::close_directory(directory)?;
    let mut fresh = Zeroizing::new([0; 32]);
    vault::fill_random(&mut *fresh).map_err(|error| failed(io::Error::other(error)))?;
    let line = || Zeroizing::new(HEXLOWER.encode(&*fresh));
    private_file::read_or_create_shared(&directory.join(KEY_FILE), line)
}
