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
    /// Base64 with the URL alphabet and without padding (RFC 4648, section 5; RFC 7515, section 2).
    /// Padding and unused bits that are not zero are refused.
    Base64url,
}

impl Encoding {
    pub(crate) fn decode(self, text: &str) -> Option<Vec<u8>> {
        let text = text.as_bytes();
        match self {
            Self::Hex => HEXLOWER_PERMISSIVE.decode(text),
            Self::Base64 => BASE64.decode(text),
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

#[cfg(test)]
mod tests {
    use super::Encoding;

    #[test]
    fn bytes_have_one_spelling() {
        let table = [
            (
                Encoding::Hex,
                "fb",
                &["FB", "Fb"][..],
                &["f", "fb ", "0xfb", "fg"][..],
            ),
            (
                Encoding::Base64,
                "+w==",
                &[],
                &["+w", "+w=", "+x==", "-w==", "+w==\n"],
            ),
            (
                Encoding::Base64url,
                "-w",
                &[],
                &["-w==", "-w=", "-x", "+w", " -w"],
            ),
        ];
        for (encoding, written, also, refused) in table {
            assert_eq!(encoding.encode(&[0xfb]), written);
            for text in [written].iter().chain(also) {
                assert_eq!(encoding.decode(text), Some(vec![0xfb]), "{text}");
            }
            for text in refused {
                assert_eq!(encoding.decode(text), None, "{encoding:?} {text}");
            }
        }
    }
}
