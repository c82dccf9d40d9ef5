//! The server's admin token, which is in a file of the data directory.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::domain::blocking::spawn_blocking;
use crate::domain::clock::Clock;
use crate::domain::config_digest::{TokenDigest, token_digest};
use crate::domain::principal::Principal;
use crate::domain::token;
use crate::private_file::{self, PrivateFileError};
use crate::vault::{VaultError, fill_random};

/// The token's file in the data directory.
pub const TOKEN_FILE: &str = "admin-token";
/// How often it is looked whether the file was changed.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Why there is no admin token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file is unusable.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// No random bytes for a new one.
    #[error(transparent)]
    Random(#[from] VaultError),
}

/// A new text for a token.
///
/// # Errors
/// [`TokenError::Random`].
pub fn new_token() -> Result<Zeroizing<String>, TokenError> {
    let mut random = Zeroizing::new([0u8; 32]);
    fill_random(&mut *random)?;
    Ok(Zeroizing::new(token::text(*random)))
}

/// The admin token, known by its SHA-256 only.
pub struct AdminToken {
    digest: Mutex<TokenDigest>,
    /// The token's holder.
    principal: Arc<Principal>,
}

impl AdminToken {
    /// The token of the data directory's [`TOKEN_FILE`], which is made if it is not there. A task of the
    /// runtime takes in what the file holds later.
    pub fn open(data_dir: &Path, clock: Arc<dyn Clock>) -> Result<Arc<Self>, TokenError> {
        let fresh = new_token()?;
        let file = data_dir.join(TOKEN_FILE);
        let token = private_file::read_or_create(&file, || fresh)?;
        let token = Arc::new(Self::new(&token));
        tokio::spawn(Self::follow(Arc::downgrade(&token), file, clock));
        Ok(token)
    }

    /// The token that is this text.
    pub fn new(token: &str) -> Self {
        Self {
            digest: Mutex::new(token_digest(token.as_bytes())),
            principal: Arc::new(Principal::admin()),
        }
    }

    /// Takes what the file holds in the place of the token whenever the file is changed: the old one is not
    /// valid any more. With a file that is gone or cannot be used, the token stays. Runs until the token is
    /// dropped.
    async fn follow(token: Weak<Self>, file: PathBuf, clock: Arc<dyn Clock>) {
        let mut known = None;
        while let Some(token) = token.upgrade() {
            let path = file.clone();
            let now = spawn_blocking(move || stamp(&path)).await;
            let now = now.unwrap_or_default();
            if now != known {
                token.read_again(&file).await;
                known = now;
            }
            drop(token);
            clock.sleep(LOOK_AGAIN).await;
        }
    }

    async fn read_again(&self, file: &Path) {
        let path = file.to_owned();
        let read = spawn_blocking(move || private_file::read(&path)).await;
        match read {
            Ok(Ok(text)) => {
                let digest = token_digest(text.as_bytes());
                let old = std::mem::replace(&mut *self.digest.lock(), digest);
                if old != digest {
                    tracing::info!(
                        "the admin token was replaced; the old one is not valid any more"
                    );
                }
            }
            Ok(Err(error)) => tracing::warn!(
                %error,
                "the file of the admin token cannot be read; the token stays what it is until the file can be"
            ),
            // The server is going down.
            Err(_) => {}
        }
    }

    /// The SHA-256 of the token as it is now.
    pub fn digest(&self) -> TokenDigest {
        *self.digest.lock()
    }

    /// Who shows a token with this digest, if it is this one. The comparison takes the same time for every
    /// token.
    pub(super) fn principal(&self, digest: &TokenDigest) -> Option<Arc<Principal>> {
        let is_same: bool = self.digest.lock().ct_eq(digest).into();
        is_same.then(|| self.principal.clone())
    }
}

/// What changes with a file: its inode, the time of its last change, its mode and its length.
type Stamp = (u64, i64, i64, u32, u64);

fn stamp(file: &Path) -> Option<Stamp> {
    let found = std::fs::metadata(file).ok()?;
    let changed = (found.ctime(), found.ctime_nsec());
    Some((
        found.ino(),
        changed.0,
        changed.1,
        found.mode(),
        found.size(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SimulatedClock;

    #[tokio::test]
    async fn the_file_is_made_once() {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(SimulatedClock::at(1_000));
        let first = AdminToken::open(dir.path(), clock.clone()).unwrap();
        let again = AdminToken::open(dir.path(), clock).unwrap();
        assert_eq!(*first.digest.lock(), *again.digest.lock());
        let text = std::fs::read_to_string(dir.path().join(TOKEN_FILE)).unwrap();
        assert!(token::is_well_formed(text.trim()), "{text}");
        assert!(
            first
                .principal(&token_digest(text.trim().as_bytes()))
                .is_some()
        );
    }
}
