//! Idempotency keys of calls (draft-ietf-httpapi-idempotency-key-header): a receiver that has seen a key may
//! answer without looking at the request, so a key belongs to one request.

use sha2::{Digest, Sha256};

use crate::domain::ids::TaskId;
use data_encoding::HEXLOWER;

/// Bytes of the mark that tells apart requests of the same place: two of them share one by chance once in
/// 2^64 times.
const MARK: usize = 8;

/// The key of a call: `{task}-{run}-{call}-{mark}`, where the mark is derived from the request. The same
/// request at the same place has the same key, in every attempt of the run and after every crash; another
/// request there has another one.
///
/// `digest` is that of the request, which may hold credentials; a redirect may take the key to a host that
/// is not to have them. So the mark depends on the store's secret as well, and nothing can be tried on it.
pub(super) fn idempotency_key(
    secret: &[u8; 32],
    (task, run, call): (TaskId, u32, u32),
    digest: &[u8; 32],
) -> String {
    let mark = Sha256::new()
        .chain_update(b"stepwell idempotency key 1\n")
        .chain_update(secret)
        .chain_update(digest)
        .finalize();
    format!("{task}-{run}-{call}-{}", HEXLOWER.encode(&mark[..MARK]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_belongs_to_a_place_and_a_request() {
        let (task, other) = (TaskId::new(), TaskId::new());
        let key =
            |secret: u8, place, digest: u8| idempotency_key(&[secret; 32], place, &[digest; 32]);
        let one = key(1, (task, 2, 3), 4);
        assert_eq!(one, key(1, (task, 2, 3), 4));
        assert!(one.starts_with(&format!("{task}-2-3-")), "{one}");
        for another in [
            key(1, (other, 2, 3), 4),
            key(1, (task, 3, 3), 4),
            key(1, (task, 2, 4), 4),
            key(1, (task, 2, 3), 5),
            key(2, (task, 2, 3), 4),
        ] {
            assert_ne!(one, another);
        }
        let mark = one.rsplit('-').next().unwrap();
        assert_eq!(mark.len(), 2 * MARK);
        assert!(one.is_ascii());
    }
}
