use super::*;
use crate::store::sled::marks::StoreMarks;

fn open(directory: &Path) -> Archive {
    std::fs::create_dir_all(directory).unwrap();
    let noted = StoreMarks::read(directory).unwrap().unwrap_or_default();
    let marks = Marks::new(directory, noted, FailPoint::default());
    Archive::open(
        directory.to_owned(),
        4096,
        Arc::new(marks),
        FailPoint::default(),
    )
    .unwrap()
}

#[test]
fn what_is_appended_is_read_back_also_after_a_restart() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("archive");
    let record = |n: u8| vec![n; 1000 + usize::from(n)];
    let mut places = Vec::new();
    for restart in 0..3u8 {
        let archive = open(&directory);
        for n in 0..5 {
            places.push((
                5 * restart + n,
                archive.append(&record(5 * restart + n), 0).unwrap(),
            ));
        }
        archive.sync().unwrap();
        for (n, place) in &places {
            assert_eq!(archive.read(*place).unwrap(), record(*n));
        }
    }
    let segments = places.iter().map(|(_, place)| place.segment);
    // Four of them fit into one.
    assert_eq!(segments.max(), Some(4));
}

#[test]
fn bytes_that_were_never_synced_are_passed_over() {
    let home = tempfile::tempdir().unwrap();
    let archive = open(home.path());
    let first = archive.append(b"first", 0).unwrap();
    archive.sync().unwrap();
    // A crash in the middle of a write.
    let file = path(home.path(), 1);
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, [&whole[..], &[7; 11]].concat()).unwrap();
    let archive = open(home.path());
    let second = archive.append(b"second", 0).unwrap();
    archive.sync().unwrap();
    assert_eq!(archive.read(first).unwrap(), b"first");
    assert_eq!(archive.read(second).unwrap(), b"second");
    // One that has not even a header begins anew.
    std::fs::write(path(home.path(), 2), b"ste").unwrap();
    let archive = open(home.path());
    let third = archive.append(b"third", 0).unwrap();
    archive.sync().unwrap();
    assert_eq!(third.segment, 3);
    assert_eq!(archive.read(third).unwrap(), b"third");
    assert_eq!(archive.read(second).unwrap(), b"second");
}

#[test]
fn a_flipped_byte_is_damage() {
    let home = tempfile::tempdir().unwrap();
    let archive = open(home.path());
    let place = archive.append(b"a record", 0).unwrap();
    archive.sync().unwrap();
    let file = path(home.path(), 1);
    let whole = std::fs::read(&file).unwrap();
    for at in SEGMENT_HEADER..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        std::fs::write(&file, bytes).unwrap();
        let read = archive.read(place);
        assert!(matches!(read, Err(StoreError::Damaged(_))), "{at}");
    }
    std::fs::remove_file(&file).unwrap();
    let error = open(home.path()).read(place).unwrap_err().to_string();
    assert!(error.contains("at byte 16 of segment 1"), "{error}");
}
