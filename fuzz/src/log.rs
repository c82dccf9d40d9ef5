//! The log on disk: groups in a slot of which some bytes are damaged, and the values in them.

use stepwell::store::sled::inspect;

const SEED: [u8; 32] = [7; 32];
const FIRST: u64 = 5;

/// Takes four bytes (how many groups, at which place a byte of the slot is changed, and by what) and the
/// payload of all groups. `true` if the payload is a stored value.
///
/// # Panics
/// If a slot that is whole is not read as it was written, if a damaged one has a group that was not written,
/// or if a task's head changes by being written and read.
pub fn run(bytes: &[u8]) -> bool {
    // A slot that this store did not write.
    let _ = inspect::groups(&SEED, bytes);
    let Some((&[count, high, low, damage], payload)) = bytes.split_first_chunk() else {
        return false;
    };
    let count = usize::from(count % 5).max(1);
    let payloads: Vec<&[u8]> = payload
        .chunks(payload.len().div_ceil(count).max(1))
        .collect();
    let mut slot = inspect::slot(&SEED, FIRST, &payloads).expect("groups of less than 4 GiB");
    let whole = inspect::groups(&SEED, &slot).expect("a slot that is whole");
    assert_eq!(whole, payloads);
    let at = usize::from(u16::from_be_bytes([high, low])) % slot.len();
    slot[at] ^= damage;
    if let Ok(found) = inspect::groups(&SEED, &slot) {
        assert!(found.len() <= payloads.len());
        for (found, payload) in found.iter().zip(&payloads) {
            assert_eq!(found, payload, "a group that was not written");
        }
    }
    if let Ok(head) = inspect::read_head(payload) {
        let written = inspect::write_head(&head).expect("a head");
        assert_eq!(inspect::read_head(&written).ok(), Some(head));
    }
    inspect::read_any(payload)
}
