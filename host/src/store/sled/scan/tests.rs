//! The reader of sled's file against sled itself.

use std::collections::BTreeMap;
use std::path::Path;

use super::generation::Tag;
use super::{before_open, pages};

const TAG: Tag = Tag(*b"abcdefgh");

/// A tree with values of all sizes, some removed again, written in several sittings.
fn grown(tree: &Path, sittings: u64) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut random = 7u64;
    for sitting in 0..sittings {
        let db = open(tree);
        for n in 0..4000u64 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let key = format!(
                "{}/{:05}",
                ["a", "b", "t"][(random >> 60) as usize % 3],
                random >> 50
            );
            let length = (random >> 33) as usize % 900;
            if n % 5 == 0 {
                db.remove(key.as_bytes()).unwrap();
            } else {
                db.insert(key.as_bytes(), vec![n as u8; length]).unwrap();
            }
        }
        db.insert(b"m/generation", &TAG.value(sitting + 1)).unwrap();
        db.flush().unwrap();
    }
    let db = open(tree);
    let pairs = db.iter().map(Result::unwrap);
    pairs
        .map(|(key, value)| (key.to_vec(), value.to_vec()))
        .collect()
}

fn open(tree: &Path) -> sled::Db {
    let mut tries = 0;
    loop {
        match sled::Config::new().path(tree).flush_every_ms(None).open() {
            Ok(db) => return db,
            Err(_) if tries < 500 => tries += 1,
            Err(error) => panic!("{error}"),
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

#[test]
fn a_sound_tree_is_read_as_sled_reads_it() {
    let home = tempfile::tempdir().unwrap();
    for sittings in 1..4 {
        let tree = home.path().join(sittings.to_string());
        let expected = grown(&tree, sittings);
        let read = pages::read(&tree.join("db"), Some(TAG), Some(sittings)).unwrap();
        assert_eq!(read.holes, [], "{sittings}");
        assert_eq!(read.gaps, [], "{sittings}");
        assert_eq!(read.generation.unwrap().0, sittings);
        assert!(
            read.values == expected,
            "{sittings}: {} {}",
            read.values.len(),
            expected.len()
        );
        before_open::check(&tree, TAG, sittings, 0).unwrap();
        before_open::check(&tree, TAG, sittings + 1, 0).unwrap_err();
    }
}

/// Wherever bytes change that were durable, it is noticed, or nothing is missing for sled.
#[test]
fn what_is_not_as_it_was_written_is_noticed() {
    let home = tempfile::tempdir().unwrap();
    let tree = home.path().join("tree");
    let expected = grown(&tree, 2);
    let sound = std::fs::read(tree.join("db")).unwrap();
    let copy = home.path().join("copy");
    let (mut noticed, mut random) = (0, 99u64);
    for round in 0..60 {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let at = (random >> 20) as usize % (sound.len() - 8);
        let mut bytes = sound.clone();
        for byte in &mut bytes[at..at + if round % 2 == 0 { 1 } else { 8 }] {
            *byte ^= 0x5a;
        }
        let _ = std::fs::remove_dir_all(&copy);
        crate::store::sled::tests::torn::copy(&tree, &copy);
        if round % 3 == 0 {
            // Without it sled reads all of its log.
            for entry in std::fs::read_dir(&copy).unwrap().flatten() {
                if entry.file_name().to_string_lossy().starts_with("snap.") {
                    std::fs::remove_file(entry.path()).unwrap();
                }
            }
        }
        std::fs::write(copy.join("db"), &bytes).unwrap();
        if before_open::check(&copy, TAG, 2, sound.len() as u64).is_err() {
            noticed += 1;
            let read = pages::read(&copy.join("db"), Some(TAG), Some(2)).unwrap();
            let right = |(key, value): &(&Vec<u8>, &Vec<u8>)| expected.get(*key) == Some(*value);
            let kept = read.values.iter().filter(right).count();
            assert!(!read.holes.is_empty(), "{round}: {at}");
            assert!(
                kept * 2 > expected.len(),
                "{round}: only {kept} of {} are left",
                expected.len()
            );
            continue;
        }
        // sled may yet say so by itself, when it reads the page.
        let opened = std::panic::catch_unwind(|| {
            let db = open(&copy);
            db.iter().collect::<Result<Vec<_>, _>>()
        });
        if let Ok(Ok(pairs)) = opened {
            let there: BTreeMap<_, _> = pairs
                .into_iter()
                .map(|(key, value)| (key.to_vec(), value.to_vec()))
                .collect();
            assert!(
                there == expected,
                "{round}: byte {at} changed what sled reads, and was not noticed"
            );
        }
    }
    assert!(noticed > 10, "{noticed}");
}
