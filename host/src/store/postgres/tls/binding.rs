//! The channel binding `tls-server-end-point` (RFC 5929, section 4.1): a hash of the server's certificate, by the hash of the
//! certificate's own signature.

use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// 1.2.840.113549.1.1: RSA.
const RSA: [u8; 8] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
/// 1.2.840.10045.4.3: ECDSA with SHA-2.
const ECDSA: [u8; 7] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03];
/// Tags of DER.
const SEQUENCE: u8 = 0x30;
const OBJECT: u8 = 0x06;

/// The hash of a certificate (DER); none if its signature has no hash of its own, or one that is not known.
pub(super) fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    let (whole, _) = element(certificate, SEQUENCE)?;
    // The part that is signed, then the algorithm.
    let (_, behind) = element(whole, SEQUENCE)?;
    let (algorithm, _) = element(behind, SEQUENCE)?;
    let (name, _) = element(algorithm, OBJECT)?;
    let hash: fn(&[u8]) -> Vec<u8> =
        match (name.strip_prefix(&RSA[..]), name.strip_prefix(&ECDSA[..])) {
            // MD5 and SHA-1 are replaced by SHA-256.
            (Some([4 | 5 | 11]), _) | (_, Some([2])) => |bytes| Sha256::digest(bytes).to_vec(),
            (Some([12]), _) | (_, Some([3])) => |bytes| Sha384::digest(bytes).to_vec(),
            (Some([13]), _) | (_, Some([4])) => |bytes| Sha512::digest(bytes).to_vec(),
            _ => return None,
        };
    Some(hash(certificate))
}

/// The content of the first element, which has that tag, and the bytes behind it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let length = bytes
                .iter()
                .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            (length, rest)
        }
        _ => return None,
    };
    (*found == tag).then(|| rest.split_at_checked(length))?
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;

    use super::*;

    fn fixture(name: &str) -> CertificateDer<'static> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/tls/");
        CertificateDer::from_pem_file(format!("{path}{name}")).unwrap()
    }

    #[test]
    fn the_hash_is_that_of_the_signature() {
        // They are signed by ECDSA with SHA-256.
        let certificate = fixture("one.pem");
        let expected = Sha256::digest(&certificate).to_vec();
        assert_eq!(end_point(&certificate), Some(expected));
        // Whatever follows or is missing, nothing is read that is not there.
        for length in 0..certificate.len() {
            let _ = end_point(&certificate[..length]);
        }
        assert_eq!(end_point(b""), None);
        assert_eq!(end_point(&[SEQUENCE, 0x85, 0, 0, 0, 0, 0]), None);
    }
}
