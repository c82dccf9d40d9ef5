use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::store::sled::failpoint::FailPoint;
use crate::store::sled::marks::{Marks, StoreMarks};
use crate::store::sled::settings::SledSettings;
use std::sync::Arc;

fn opened(path: &std::path::Path) -> (Disk, [u8; 32]) {
    let settings = SledSettings::at(path);
    let marks = Marks::new(path, StoreMarks::default(), FailPoint::default());
    Disk::open(&settings, &Arc::new(marks)).unwrap()
}

fn id(n: u16) -> TaskId {
    TaskId::from_bytes((u128::from(n) << 80).to_be_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    /// Whatever is removed in whatever portions, the others are where they were, and no key is left
    /// without a place.
    #[test]
    fn what_is_removed_is_gone_and_nothing_else(
        there in prop::collection::btree_set(0u16..1000, 1..900),
        portions in prop::collection::vec(prop::collection::btree_set(0u16..1000, 1..400), 1..6),
        again in prop::collection::btree_set(0u16..1000, 1..300),
    ) {
        let home = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let (disk, _) = opened(home.path());
        let workspace = "default".parse().unwrap();
        let place = |n: &u16| Place { segment: 1, offset: u32::from(*n), length: 1 };
        let add = |ids: &BTreeSet<u16>| {
            let new: Vec<_> = ids.iter().map(|n| (id(*n), place(n), Digests::NONE)).collect();
            let mut batch = Batch::default();
            insert(&disk, &workspace, &new, &mut batch).unwrap();
            disk.db.apply_batch(batch).unwrap();
        };
        add(&there);
        let mut model = there.clone();
        for portion in &portions {
            let mut batch = Batch::default();
            let gone = portion.iter().map(|n| id(*n)).collect();
            remove(&disk, &workspace, &gone, &mut batch).unwrap();
            disk.db.apply_batch(batch).unwrap();
            model.retain(|n| !portion.contains(n));
            for n in 0..1000 {
                let found = find(&disk, &workspace, id(n)).unwrap();
                prop_assert_eq!(found, model.contains(&n).then(|| place(&n)));
            }
            for prefix in [&b"a/"[..], b"b/"] {
                for value in disk.db.scan_prefix(prefix).values() {
                    prop_assert!(value.unwrap().len() > 1);
                }
            }
        }
        add(&again);
        model.extend(&again);
        let ids: Vec<TaskId> = before(&disk, &workspace, TaskId::MAX, &[])
            .filter_map(|found| found.unwrap().1.map(|place| place.offset))
            .map(|n| id(n as u16))
            .collect();
        prop_assert_eq!(ids, model.iter().rev().map(|n| id(*n)).collect::<Vec<_>>());
    }

    /// Whatever is added in whatever portions, the places are a map.
    #[test]
    fn places_are_a_map(portions in prop::collection::vec(
        prop::collection::btree_set(0u16..2000, 1..400), 1..8,
    )) {
        let home = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let (disk, _) = opened(home.path());
        let workspace = "default".parse().unwrap();
        let mut model = BTreeMap::new();
        for (portion, segment) in portions.iter().zip(1..) {
            let place = |n: &u16| Place { segment, offset: u32::from(*n), length: 1 };
            let new: Vec<_> = portion.iter().map(|n| (id(*n), place(n), Digests::NONE)).collect();
            let mut batch = Batch::default();
            insert(&disk, &workspace, &new, &mut batch).unwrap();
            disk.db.apply_batch(batch).unwrap();
            model.extend(new.into_iter().map(|(id, place, _)| (id, place)));
        }
        for n in 0..2000 {
            prop_assert_eq!(find(&disk, &workspace, id(n)).unwrap(), model.get(&id(n)).copied());
        }
        for end in [0, 1, 700, 1999, 2000] {
            let there: Vec<_> = before(&disk, &workspace, id(end), &[])
                .map(Result::unwrap)
                .filter_map(|(id, place)| Some((id, place?)))
                .collect();
            let expected: Vec<_> = model.range(..id(end)).rev().map(|(id, place)| (*id, *place)).collect();
            prop_assert_eq!(there, expected);
        }
        let last = model.last_key_value().map(|(id, _)| *id);
        prop_assert_eq!(newest(&disk, &workspace).unwrap(), last);
        let other = "another".parse().unwrap();
        prop_assert_eq!(newest(&disk, &other).unwrap(), None);
    }
}

#[test]
fn a_value_that_is_cut_or_out_of_order_is_damage() {
    let place = Place {
        segment: 1,
        offset: 16,
        length: 9,
    };
    let value = encode_places(&[(id(1), place, Digests::NONE), (id(2), place, Digests::NONE)]);
    assert!(decode_places(&value).is_ok());
    for length in 0..value.len() {
        let cut = decode_places(&value[..length]);
        // Between two entries it is a shorter list.
        assert_eq!(cut.is_ok(), length == 1 || length == 1 + ENTRY, "{length}");
    }
    assert!(
        decode_places(&encode_places(&[
            (id(2), place, Digests::NONE),
            (id(1), place, Digests::NONE)
        ]))
        .is_err()
    );
}
