//! How bytes are written as text, read strictly.

use data_encoding::{
    BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD, HEXLOWER, HEXLOWER_PERMISSIVE,
};
use serde::{Deserialize, Serialize};

/// How a signature or a digest is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// Hexadecimal digits, of either case when they are read, lower case when they are written.
    Hex,
    /// Base64 with padding (RFC 4648, section 4). Missing padding and unused bits that are not zero
    /// are refused.
    Base64,
    /// Base64 with the URL alphabet (RFC 4648, section 5), with padding or without.
    Base64url,
}

impl Encoding {
    pub(crate) fn decode(self, text: &str) -> Option<Vec<u8>> {
        let text = text.as_bytes();
        match self {
            Self::Hex => HEXLOWER_PERMISSIVE.decode(text),
            Self::Base64 => BASE64.decode(text),
            Self::Base64url if text.contains(&b'=') => BASE64URL.decode(text),
            Self::Base64url => BASE64URL_NOPAD.decode(text),
        }
        .ok()
    }

    pub(crate) fn encode(self, bytes: &[u8]) -> String {
        match self {
            Self::Hex => HEXLOWER.encode(bytes),
            Self::Base64 => BASE64.encode(bytes),
            Self::Base64url => BASE64URL_NOPAD.encode(bytes),
        }
    }
}

/// Base64 as people paste it: with padding or without, of either alphabet.
pub(crate) fn pasted_base64(text: &str) -> Option<Vec<u8>> {
    let text = text.as_bytes();
    [BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD]
        .iter()
        .find_map(|kind| kind.decode(text).ok())
}
