//! The reader of sled's file against sled itself.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::generation::Tag;
use super::message::{SEGMENT, parse};
use super::segments::{SEGMENT_HEADER, header_lsn, read_segment};
use super::{before_open, pages};
use crate::store::sled::failure::OpenError;
use crate::store::sled::{SledSettings, SledStore, salvage};
use crate::store::{Store, StoreError};

const TAG: Tag = Tag(*b"abcdefgh");

/// A tree with values of all sizes, some removed again, written in several sittings.
fn grown(tree: &Path, sittings: u64) -> BTreeMap<Vec<u8>, Vec<u8>> {
    write(tree, sittings);
    pairs(&open(tree)).unwrap()
}

fn pairs(db: &sled::Db) -> sled::Result<BTreeMap<Vec<u8>, Vec<u8>>> {
    let pairs = db.iter();
    pairs
        .map(|pair| pair.map(|(key, value)| (key.to_vec(), value.to_vec())))
        .collect()
}

fn write(tree: &Path, sittings: u64) {
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
        // The last write is a batch.
        let mut batch = sled::Batch::default();
        batch.insert(b"m/generation", &TAG.value(sitting + 1));
        batch.insert(b"z/last", &[sitting as u8]);
        db.apply_batch(batch).unwrap();
        db.flush().unwrap();
    }
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
        let opened = std::panic::catch_unwind(|| pairs(&open(&copy)));
        if let Ok(Ok(there)) = opened {
            assert!(
                there == expected,
                "{round}: byte {at} changed what sled reads, and was not noticed"
            );
        }
    }
    // How the tree lies in its file, and so how many are, differs.
    assert!(noticed > 3, "{noticed}");
}

/// As after a power cut: what was written last is not all there. sled has what was written before the first hole, as the reader
/// has, and nothing behind it.
#[test]
fn what_was_not_durable_ends_at_its_first_hole() {
    let home = tempfile::tempdir().unwrap();
    let tree = home.path().join("tree");
    write(&tree, 2);
    let sound = std::fs::read(tree.join("db")).unwrap();
    let copy = home.path().join("copy");
    let mut torn = 0;
    for part in 0..40 {
        let at = (sound.len() - 8) * part / 40;
        let mut bytes = sound.clone();
        bytes[at..at + 8].iter_mut().for_each(|byte| *byte ^= 0x5a);
        let _ = std::fs::remove_dir_all(&copy);
        crate::store::sled::tests::torn::copy(&tree, &copy);
        std::fs::write(copy.join("db"), &bytes).unwrap();
        if before_open::check(&copy, TAG, 1, 0).is_err() {
            continue;
        }
        std::fs::write(home.path().join("db"), &bytes).unwrap();
        let read = pages::read(&home.path().join("db"), Some(TAG), Some(1)).unwrap();
        let is_read = read.holes.is_empty() && read.gaps.is_empty();
        let opened = std::panic::catch_unwind(|| pairs(&open(&copy)));
        match opened {
            Ok(Ok(there)) => {
                let (found, expected) = (there.len(), read.values.len());
                assert!(there == read.values, "byte {at}: {found} of {expected}");
                torn += 1;
            }
            // sled wrote the tree anew where pages were that it needs before the hole.
            _ => assert!(!is_read, "byte {at}"),
        }
    }
    assert!(torn > 5, "{torn}");
}

/// Writes a message behind the last one of a tree: the change of a page that was made in a part that is not there.
fn dangle(tree: &Path) {
    let file = File::options().read(true).write(true).open(tree.join("db"));
    let file = file.unwrap();
    let bytes = file.metadata().unwrap().len();
    let mut newest = None;
    for offset in (0..bytes).step_by(SEGMENT) {
        let mut header = [0; SEGMENT_HEADER];
        file.read_exact_at(&mut header, offset).unwrap();
        newest = newest.max(header_lsn(&header).map(|lsn| (lsn, offset)));
    }
    let (base, offset) = newest.unwrap();
    let number = base as u64 / SEGMENT as u64;
    let mut segment = Vec::new();
    read_segment(&file, offset, &mut segment).unwrap();
    let mut at = SEGMENT_HEADER;
    while let Some(message) = parse(&segment, at)
        && message.number == number
    {
        at = message.end;
    }
    let body = [0; 16];
    // A link of page 200; each of these numbers is one byte.
    let mut message = vec![10, body.len() as u8, number as u8, 200];
    let mut sum = crc32fast::Hasher::new();
    sum.update(&body);
    sum.update(&message);
    message.splice(0..0, (sum.finalize() ^ u32::MAX).to_le_bytes());
    message.extend_from_slice(&body);
    let found = parse(&message, 0).unwrap();
    assert_eq!(
        (found.number, found.page, found.end),
        (number, 200, message.len())
    );
    file.write_all_at(&message, offset + at as u64).unwrap();
}

#[tokio::test]
async fn what_sled_does_not_open_is_damage_and_is_repaired_though_all_of_it_is_read() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("store");
    let store = SledStore::open(SledSettings::at(&path)).unwrap();
    let seed = store.seed();
    store.close().await;
    drop(store);
    assert!(salvage::check(&path).unwrap().sound);
    dangle(&path.join("tree"));
    let opened = SledStore::open(SledSettings::at(&path));
    let Err(OpenError::Store(StoreError::Damaged(why))) = opened else {
        panic!("sled opens it");
    };
    assert!(why.contains("the tree"), "{why}");
    let report = salvage::check(&path).unwrap();
    let [damage] = &report.damages[..] else {
        panic!("{:#?}", report.damages);
    };
    assert_eq!(
        (report.sound, damage.part, &damage.loss),
        (false, "the tree", &None)
    );
    salvage::repair(&path).unwrap();
    assert!(salvage::check(&path).unwrap().sound);
    let store = SledStore::open(SledSettings::at(&path)).unwrap();
    assert_eq!(store.seed(), seed);
    store.close().await;
    let left = std::fs::read_dir(home.path()).unwrap().flatten();
    let left: Vec<_> = left.map(|entry| entry.file_name()).collect();
    assert_eq!(left.len(), 2, "the store and the damaged one: {left:?}");
}
