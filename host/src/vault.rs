//! Seals config values, so that the store and its backups hold no secret in the clear. It knows
//! neither the store nor who asks: a value is bound to its workspace and key, and opens nowhere else.
//!
//! XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha) with a random 192-bit nonce per value. A sealed
//! value is `version (1) ‖ nonce (24) ‖ ciphertext ‖ tag (16)`; the associated data is
//! `stepwell config 1`, the workspace and the key, each ended by a zero byte, which no name contains.

pub mod links;

use std::io;
use std::path::{Path, PathBuf};

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use rand::TryRng;
use rand::rngs::SysRng;
use zeroize::{Zeroize, Zeroizing};

use self::links::FileLinks;
use crate::domain::ids::{ConfigKey, WorkspaceName};
use crate::private_file::{self, PrivateFileError};

/// The key's file in the data directory.
pub const KEY_FILE: &str = "vault-key";
/// The environment variable that holds the key instead of the file.
pub const KEY_VARIABLE: &str = "STEPWELL_VAULT_KEY";

const VERSION: u8 = 1;
const NONCE: usize = 24;
const TAG: usize = 16;
/// The associated data of links; no value's begin so.
const LINK: &[u8] = b"stepwell link 1\0";

/// Why the vault cannot be used, or a value cannot be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The key file is unusable.
    #[error(transparent)]
    KeyFile(#[from] PrivateFileError),
    /// There is no key, and there are values that only it opens.
    #[error(
        "the vault key is lost: {path} is not there and STEPWELL_VAULT_KEY is not set, but the store has {sealed} sealed with it; restore the file from its backup, or with --store copy it and `admin-token` from the data directory of another server, with mode 0600. Without that key these secrets cannot be read any more; nothing else is lost: `stepwell serve --discard-secrets` deletes them, makes a new key and starts, and you set them anew"
    )]
    Lost {
        /// The key's file.
        path: PathBuf,
        /// How many values of which kinds.
        sealed: String,
    },
    /// The key is not 64 hexadecimal digits.
    #[error("{0} holds no vault key: 64 hexadecimal digits, e.g. of `openssl rand -hex 32`")]
    NotAKey(String),
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes: {0}")]
    NoRandomness(String),
    /// Another key sealed the value, or the value was moved or changed.
    #[error(
        "config `{key}` of workspace `{workspace}` does not open: the vault key is not the one it was sealed with, or the store was altered; restore the `vault-key` file (or STEPWELL_VAULT_KEY) that belongs to this data directory. Without that key the secrets that it sealed cannot be read any more: `stepwell serve --discard-secrets` deletes those that do not open and starts, and you set them anew"
    )]
    WrongKey {
        /// The workspace.
        workspace: WorkspaceName,
        /// The config key.
        key: ConfigKey,
    },
    /// A newer server sealed it.
    #[error(
        "config `{key}` of workspace `{workspace}` was sealed in format {found}, and this version of stepwell knows only 1; use a newer one"
    )]
    Newer {
        /// The workspace.
        workspace: WorkspaceName,
        /// The config key.
        key: ConfigKey,
        /// The format found.
        found: u8,
    },
    /// The cipher refused; only a value of more than 256 GB makes it.
    #[error("the value cannot be sealed")]
    NotSealed,
}

/// The key, ready to seal and open. The cipher wipes it when dropped.
pub struct Vault {
    cipher: XChaCha20Poly1305,
    links: Zeroizing<[u8; 32]>,
}

impl Vault {
    /// A vault with the key given as 64 hexadecimal digits (of [`KEY_VARIABLE`]), or else with the
    /// one in the data directory's [`KEY_FILE`], which is made if it is not there.
    pub fn open(data_dir: &Path, given: Option<&str>) -> Result<Self, VaultError> {
        if let Some(vault) = Self::present(data_dir, given)? {
            return Ok(vault);
        }
        let mut fresh = Zeroizing::new([0u8; 32]);
        fill_random(&mut *fresh)?;
        let path = data_dir.join(KEY_FILE);
        let text =
            private_file::read_or_create(&path, || Zeroizing::new(HEXLOWER.encode(&*fresh)))?;
        Self::with_key(&text).ok_or_else(|| VaultError::NotAKey(path.display().to_string()))
    }

    /// As [`Vault::open`], but nothing is made: none if there is no key.
    pub fn present(data_dir: &Path, given: Option<&str>) -> Result<Option<Self>, VaultError> {
        if let Some(text) = given {
            let vault = Self::with_key(text);
            return vault
                .map(Some)
                .ok_or_else(|| VaultError::NotAKey(KEY_VARIABLE.into()));
        }
        let path = data_dir.join(KEY_FILE);
        let text = match private_file::read(&path) {
            Ok(text) => text,
            Err(PrivateFileError::Io { source, .. })
                if source.kind() == io::ErrorKind::NotFound =>
            {
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let vault = Self::with_key(&text);
        vault
            .map(Some)
            .ok_or_else(|| VaultError::NotAKey(path.display().to_string()))
    }

    fn with_key(text: &str) -> Option<Self> {
        let text = text.trim().as_bytes();
        let mut key = Zeroizing::new([0u8; 32]);
        if text.len() != 2 * key.len() {
            return None;
        }
        HEXLOWER_PERMISSIVE.decode_mut(text, &mut *key).ok()?;
        Some(Self {
            cipher: XChaCha20Poly1305::new((&*key).into()),
            links: links::key(&key),
        })
    }

    /// Signs and checks links to files, with a key that is derived from the vault's. `base_url` is what they begin with.
    pub fn links(&self, base_url: &str) -> FileLinks {
        FileLinks::new(self.links.clone(), base_url)
    }

    /// A function that makes digests of secrets. Servers with the same key can compare them, and without the key a
    /// secret cannot be guessed from its digest.
    pub fn fingerprints(&self) -> impl Fn(&[u8]) -> [u8; 32] + Send + Sync + use<> {
        let key = self.links.clone();
        move |secret| links::fingerprint(&key, secret)
    }

    /// Seals a value for this workspace and key.
    pub fn seal(
        &self,
        workspace: &WorkspaceName,
        key: &ConfigKey,
        value: &str,
    ) -> Result<Vec<u8>, VaultError> {
        let mut nonce = [0u8; NONCE];
        fill_random(&mut nonce)?;
        let payload = Payload {
            msg: value.as_bytes(),
            aad: &associated(workspace, key),
        };
        let sealed = self
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| VaultError::NotSealed)?;
        let mut out = Vec::with_capacity(1 + NONCE + sealed.len());
        out.push(VERSION);
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&sealed);
        Ok(out)
    }

    /// Seals what a link says, for [`Vault::open_link`].
    ///
    /// # Errors
    /// [`VaultError::NoRandomness`].
    pub fn seal_link(&self, place: &[u8]) -> Result<Vec<u8>, VaultError> {
        let mut nonce = [0u8; NONCE];
        fill_random(&mut nonce)?;
        let payload = Payload {
            msg: place,
            aad: LINK,
        };
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.map_err(|_| VaultError::NotSealed)?;
        Ok([&nonce[..], &sealed].concat())
    }

    /// Opens a text that was sealed as a link's; `None` if it was not.
    pub fn open_link(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE>()?;
        let payload = Payload {
            msg: ciphertext,
            aad: LINK,
        };
        self.cipher.decrypt(&XNonce::from(*nonce), payload).ok()
    }

    /// Opens a value that was sealed for this workspace and key.
    pub fn unseal(
        &self,
        workspace: &WorkspaceName,
        key: &ConfigKey,
        sealed: &[u8],
    ) -> Result<Zeroizing<String>, VaultError> {
        let wrong = || VaultError::WrongKey {
            workspace: workspace.clone(),
            key: key.clone(),
        };
        let (version, rest) = sealed.split_first().ok_or_else(wrong)?;
        if *version > VERSION {
            return Err(VaultError::Newer {
                workspace: workspace.clone(),
                key: key.clone(),
                found: *version,
            });
        }
        if *version != VERSION || rest.len() < NONCE + TAG {
            return Err(wrong());
        }
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE>().ok_or_else(wrong)?;
        let payload = Payload {
            msg: ciphertext,
            aad: &associated(workspace, key),
        };
        let plain = self
            .cipher
            .decrypt(&XNonce::from(*nonce), payload)
            .map_err(|_| wrong())?;
        String::from_utf8(plain)
            .map(Zeroizing::new)
            .map_err(|error| {
                error.into_bytes().zeroize();
                wrong()
            })
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault(…)")
    }
}

/// Fills `bytes` from the operating system's generator.
pub fn fill_random(bytes: &mut [u8]) -> Result<(), VaultError> {
    SysRng
        .try_fill_bytes(bytes)
        .map_err(|error| VaultError::NoRandomness(error.to_string()))
}

fn associated(workspace: &WorkspaceName, key: &ConfigKey) -> Vec<u8> {
    [
        b"stepwell config 1\0",
        workspace.as_str().as_bytes(),
        b"\0",
        key.as_str().as_bytes(),
        b"\0",
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace(name: &str) -> WorkspaceName {
        name.parse().unwrap()
    }

    fn key(name: &str) -> ConfigKey {
        name.parse().unwrap()
    }

    fn vault(digit: &str) -> Vault {
        Vault::with_key(&digit.repeat(64)).unwrap()
    }

    #[test]
    fn a_value_opens_only_where_it_was_sealed() {
        let vault_a = vault("a");
        let sealed = vault_a.seal(&workspace("w"), &key("K"), "s3cret").unwrap();
        assert_eq!(
            *vault_a.unseal(&workspace("w"), &key("K"), &sealed).unwrap(),
            "s3cret"
        );
        assert!(!sealed.windows(6).any(|part| part == b"s3cret"));
        for (vault, ws, k) in [
            (&vault_a, "v", "K"),
            (&vault_a, "w", "L"),
            (&vault("b"), "w", "K"),
        ] {
            let error = vault.unseal(&workspace(ws), &key(k), &sealed).unwrap_err();
            assert!(matches!(error, VaultError::WrongKey { .. }), "{error}");
        }
    }

    #[test]
    fn any_changed_or_missing_byte_is_noticed() {
        let vault = vault("a");
        let sealed = vault.seal(&workspace("w"), &key("K"), "value").unwrap();
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert!(
                vault.unseal(&workspace("w"), &key("K"), &altered).is_err(),
                "byte {at}"
            );
            assert!(
                vault
                    .unseal(&workspace("w"), &key("K"), &sealed[..at])
                    .is_err(),
                "cut {at}"
            );
        }
        let mut newer = sealed.clone();
        newer[0] = 2;
        let error = vault
            .unseal(&workspace("w"), &key("K"), &newer)
            .unwrap_err();
        assert!(
            matches!(error, VaultError::Newer { found: 2, .. }),
            "{error}"
        );
    }

    #[test]
    fn nonces_differ_and_the_empty_value_is_a_value() {
        let vault = vault("a");
        let first = vault.seal(&workspace("w"), &key("K"), "").unwrap();
        let second = vault.seal(&workspace("w"), &key("K"), "").unwrap();
        assert_ne!(first, second);
        assert_eq!(
            *vault.unseal(&workspace("w"), &key("K"), &first).unwrap(),
            ""
        );
    }

    #[test]
    fn the_key_file_is_made_once_and_the_environment_wins() {
        let dir = tempfile::tempdir().unwrap();
        let first = Vault::open(dir.path(), None).unwrap();
        let sealed = first.seal(&workspace("w"), &key("K"), "x").unwrap();
        let again = Vault::open(dir.path(), None).unwrap();
        assert_eq!(
            *again.unseal(&workspace("w"), &key("K"), &sealed).unwrap(),
            "x"
        );
        let other = Vault::open(dir.path(), Some(&"0".repeat(64))).unwrap();
        assert!(other.unseal(&workspace("w"), &key("K"), &sealed).is_err());
        for bad in ["", "abc", &"g".repeat(64), &"é".repeat(32)] {
            let error = Vault::open(dir.path(), Some(bad)).unwrap_err().to_string();
            assert!(error.contains("64 hexadecimal digits"), "{error}");
            assert!(bad.len() < 4 || !error.contains(bad), "{error}");
        }
        private_file::write(&dir.path().join(KEY_FILE), "nonsense").unwrap();
        let error = Vault::open(dir.path(), None).unwrap_err().to_string();
        assert!(error.contains("vault-key holds no vault key"), "{error}");
    }
}
