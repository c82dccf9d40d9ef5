//! How the holder of a token sees whether a config value is the one they mean, without the value
//! ever coming back: the server and its client work out the same digest, each from its own copy.
//!
//! It is `HMAC-SHA256(key, "stepwell config digest 1" ‖ 0 ‖ workspace ‖ 0 ‖ config key ‖ 0 ‖ value)`
//! in lower-case hex, `key` being the SHA-256 of the token. Without the token, which is 256 random
//! bits, a digest says nothing of its value, however short that is; and the holder of the token can
//! add a step that reads the value anyway. Names contain no zero byte, so no two values share an input.

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::ids::{ConfigKey, WorkspaceName};

/// The SHA-256 of a token: what a server knows it by.
pub type TokenDigest = [u8; 32];

/// The SHA-256 of this token.
pub fn token_digest(token: &[u8]) -> TokenDigest {
    Sha256::digest(token).into()
}

/// The digest of a config value for the holder of a token.
pub fn config_digest(
    token: &TokenDigest,
    workspace: &WorkspaceName,
    key: &ConfigKey,
    value: &str,
) -> String {
    // RFC 2104: a key shorter than the block is padded with zeros.
    let mut block = [0; 64];
    block[..token.len()].copy_from_slice(token);
    let mut mac = <Hmac<Sha256> as KeyInit>::new(&block.into());
    for part in ["stepwell config digest 1", workspace.as_str(), key.as_str()] {
        mac.update(part.as_bytes());
        mac.update(&[0]);
    }
    mac.update(value.as_bytes());
    HEXLOWER.encode(&mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(token: &str, workspace: &str, key: &str, value: &str) -> String {
        config_digest(
            &token_digest(token.as_bytes()),
            &workspace.parse().unwrap(),
            &key.parse().unwrap(),
            value,
        )
    }

    #[test]
    fn everything_that_goes_in_counts() {
        let one = digest("token", "w", "K", "value");
        // Worked out with `openssl dgst -sha256 -mac HMAC -macopt hexkey:…`.
        assert_eq!(
            one,
            "193883b37853b2a7679b05c563c0733ed75a11a8f736c01771ec1068fa3baa9a"
        );
        for other in [
            digest("other", "w", "K", "value"),
            digest("token", "v", "K", "value"),
            digest("token", "w", "L", "value"),
            digest("token", "w", "K", "values"),
            digest("token", "w", "K", ""),
        ] {
            assert_ne!(one, other);
        }
    }
}
