//! Seals config values, so that the store and its backups hold no secret in the clear. It knows
//! neither the store nor who asks: a value is bound to its workspace and key, and opens nowhere else.
//!
//! XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha) with a random 192-bit nonce per value. A sealed
//! value is `version (1) ‖ nonce (24) ‖ ciphertext ‖ tag (16)`; the associated data is
//! `stepwell config 1`, the workspace and the key, each ended by a zero byte, which no name contains.

use std::path::Path;

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use rand::TryRngCore;
use rand::rngs::OsRng;
use zeroize::{Zeroize, Zeroizing};

use crate::domain::ids::{ConfigKey, WorkspaceName};
use crate::private_file::{self, PrivateFileError};

/// The key's file in the data directory.
pub const KEY_FILE: &str = "vault-key";
/// The environment variable that holds the key instead of the file.
pub const KEY_VARIABLE: &str = "STEPWELL_VAULT_KEY";

const VERSION: u8 = 1;
const NONCE: usize = 24;
const TAG: usize = 16;

/// Why the vault cannot be used, or a value cannot be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The key file is unusable.
    #[error(transparent)]
    KeyFile(#[from] PrivateFileError),
    /// The key is not 64 hexadecimal digits.
    #[error("{0} holds no vault key: 64 hexadecimal digits, e.g. of `openssl rand -hex 32`")]
    NotAKey(String),
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes: {0}")]
    NoRandomness(String),
    /// Another key sealed the value, or the value was moved or changed.
    #[error(
        "config `{key}` of workspace `{workspace}` does not open: the vault key is not the one it was sealed with, or the store was altered; restore the `vault-key` file (or STEPWELL_VAULT_KEY) that belongs to this data directory"
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
}

impl Vault {
    /// A vault with the key given as 64 hexadecimal digits (of [`KEY_VARIABLE`]), or else with the
    /// one in the data directory's [`KEY_FILE`], which is made if it is not there.
    pub fn open(data_dir: &Path, given: Option<&str>) -> Result<Self, VaultError> {
        if let Some(text) = given {
            return Self::with_key(text).ok_or_else(|| VaultError::NotAKey(KEY_VARIABLE.into()));
        }
        let mut fresh = Zeroizing::new([0u8; 32]);
        fill_random(&mut *fresh)?;
        let path = data_dir.join(KEY_FILE);
        let text = private_file::read_or_create(&path, || hex(&*fresh))?;
        Self::with_key(&text).ok_or_else(|| VaultError::NotAKey(path.display().to_string()))
    }

    fn with_key(text: &str) -> Option<Self> {
        let text = text.trim().as_bytes();
        let mut key = Zeroizing::new([0u8; 32]);
        if text.len() != 64 {
            return None;
        }
        for (byte, digits) in key.iter_mut().zip(text.chunks_exact(2)) {
            *byte = digit(digits[0])? << 4 | digit(digits[1])?;
        }
        Some(Self {
            cipher: XChaCha20Poly1305::new((&*key).into()),
        })
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

    /// Opens what was sealed for this workspace and key.
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
    OsRng
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

fn hex(bytes: &[u8]) -> Zeroizing<String> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() * 2));
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
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
