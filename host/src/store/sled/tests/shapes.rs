//! What becomes of a kind that is given a next version, and of values that are damaged: for every kind,
//! on its golden values and on the store that commit aca2819 wrote.

use std::borrow::Cow;
use std::fmt::Debug;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::super::catalog_frame::{self, Frame};
use super::super::change::Mark;
use super::super::codec::damaged;
use super::super::dedup::block::KeyBlock;
use super::super::failure::from_sled;
use super::super::group::{Group, Keyed, Keyless};
use super::super::long::Envelope;
use super::super::marks::{self, StoreMarks};
use super::super::places::Places;
use super::super::shapes::journal::Piece;
use super::super::shapes::kind::{kind, postcard_shapes, push};
use super::super::shapes::record::Record;
use super::super::shapes::{
    Kind, SealedConfig, SealedConnector, Shape, StoredValue, parts::Bytes, read,
};
use super::super::terms::DigestList;
use super::super::{SledStore, checked, keys};
use super::golden;
use super::{samples, scratch, small};
use crate::domain::journal::Entry;
use crate::domain::schedule::Schedule;
use crate::domain::step::Step;
use crate::domain::task::TaskHead;
use crate::domain::webhook::Webhook;
use crate::domain::workspace::WorkspaceSettings;
use crate::store::StoreError;
use crate::store::shapes::{entry, head, schedule, step, webhook, workspace};

/// A value with one field more, as the domain would have it.
#[derive(Debug)]
struct Next<T> {
    value: T,
    added: u64,
}

/// The next version of a kind in postcard: a field more behind its newest shape.
#[derive(Debug, Serialize, Deserialize)]
struct More<S> {
    before: S,
    added: u64,
}

/// The next version of a kind that is laid out by hand: eight bytes more.
#[derive(Debug)]
struct Longer<S> {
    before: S,
    added: u64,
}

impl<'a, S: Shape<'a>> Shape<'a> for Longer<S> {
    fn parse(bytes: &'a [u8], kind: &'static str) -> Result<Self, StoreError> {
        let cut = bytes
            .split_last_chunk()
            .ok_or_else(|| damaged(kind, "it is cut short"));
        let (before, added) = cut?;
        Ok(Self {
            before: S::parse(before, kind)?,
            added: u64::from_le_bytes(*added),
        })
    }
}

macro_rules! adds_a_field {
    ($shape:ident) => {
        impl<S> From<S> for $shape<S> {
            fn from(before: S) -> Self {
                Self { before, added: 0 }
            }
        }

        impl<S, T: TryFrom<S>> TryFrom<$shape<S>> for Next<T> {
            type Error = T::Error;

            fn try_from(shape: $shape<S>) -> Result<Self, T::Error> {
                Ok(Self {
                    value: shape.before.try_into()?,
                    added: shape.added,
                })
            }
        }
    };
}
adds_a_field!(More);
adds_a_field!(Longer);

kind!('a, Next<TaskHead>, "a task's head", 1 => head::V1<'a>, 2 => head::V2<'a>, 3 => head::V3<'a>, 4 => head::V4<'a>, 5 => More<head::V4<'a>>);
kind!('a, Next<Entry>, "a journal entry", 1 => entry::V1<'a>, 2 => More<entry::V1<'a>>);
kind!('a, Next<WorkspaceSettings>, "a workspace's settings", 1 => workspace::V1<'a>, 2 => workspace::V2<'a>, 3 => workspace::V3<'a>, 4 => More<workspace::V3<'a>>);
kind!('a, Next<Webhook>, "a webhook", 1 => webhook::V1<'a>, 2 => webhook::V2<'a>, 3 => webhook::V3<'a>, 4 => webhook::V4<'a>, 5 => webhook::V5<'a>, 6 => webhook::V6<'a>, 7 => webhook::V7<'a>, 8 => webhook::V8<'a>, 9 => More<webhook::V8<'a>>);
kind!('a, Next<Step>, "a step", 1 => step::V1<'a>, 2 => More<step::V1<'a>>);
kind!('a, Next<Schedule>, "a schedule", 1 => schedule::V1<'a>, 2 => More<schedule::V1<'a>>);
kind!('a, Next<SealedConfig<'a>>, "a config value", 1 => Bytes<'a>, 2 => More<Bytes<'a>>);
kind!('a, Next<SealedConnector<'a>>, "a connector", 1 => Bytes<'a>, 2 => More<Bytes<'a>>);
kind!('a, Next<Record<'a>>, "a task's record", 1 => Record<'a>, 2 => Longer<Record<'a>>);
kind!('a, Next<Group>, "a group in the log", 1 => Keyless, 2 => Keyed, 3 => Group, 4 => Longer<Group>);
kind!('a, Next<KeyBlock>, "keys of deliveries", 1 => KeyBlock, 2 => Longer<KeyBlock>);
kind!('a, Next<Mark>, "the log's low-water mark", 1 => Mark, 2 => Longer<Mark>);
kind!('a, Next<Places>, "places in the archive", 1 => Places, 2 => Longer<Places>);
kind!('a, Next<DigestList>, "digests of terms", 1 => DigestList, 2 => Longer<DigestList>);
kind!('a, Next<Envelope>, "a value's envelope", 1 => Envelope, 2 => Longer<Envelope>);
kind!('a, Next<StoreMarks>, "the marks of the store's parts", 1 => marks::V1, 2 => More<marks::V1>);
kind!('a, Next<Frame>, "a change in the copy of the catalog", 1 => catalog_frame::V1<'a>, 2 => More<catalog_frame::V1<'a>>);
kind!('a, Next<Piece<'a>>, "a piece of a journal", 1 => Piece<'a>, 2 => Longer<Piece<'a>>);
postcard_shapes!('a,
    More<head::V4<'a>>, More<entry::V1<'a>>, More<workspace::V3<'a>>, More<webhook::V8<'a>>,
    More<step::V1<'a>>, More<schedule::V1<'a>>, More<Bytes<'a>>, More<marks::V1>, More<catalog_frame::V1<'a>>);

/// The golden values of the files so called are read by the next version's reader as well as by
/// today's, and a value of the next version keeps its field, while today's reader refuses it by name.
macro_rules! grows {
    ($domain:ty, $next:expr, $($file:literal),+) => {{
        for value in [$($file),+].into_iter().flat_map(golden::values) {
            let today: $domain = read(&value).unwrap();
            let next: Next<$domain> = read(&value).unwrap();
            assert_eq!(format!("{:?}", next.value), format!("{today:?}"));
            assert_eq!(next.added, 0);
            let version = <$domain as Kind<'_>>::NEWEST + 1;
            let write: fn(u8, &[u8], &$domain) -> Vec<u8> = $next;
            let written = write(version, &value, &today);
            let next: Next<$domain> = read(&written).unwrap();
            assert_eq!(format!("{:?}", next.value), format!("{today:?}"));
            assert_eq!(next.added, 7);
            let refused = read::<$domain>(&written).unwrap_err();
            let name = <$domain as Kind<'_>>::NAME;
            let expected = format!(
                "{name} in the store has version {version}, and this version of stepwell reads up to \
                 {}; use the stepwell that wrote it, or a newer one",
                version - 1,
            );
            assert_eq!(refused.to_string(), expected);
        }
    }};
}

/// A value of the next version in postcard.
fn more<'a, S: From<&'a T> + Serialize, T>(version: u8, value: &'a T) -> Vec<u8> {
    let mut out = Vec::new();
    let before = S::from(value);
    push(&mut out, version, &More { before, added: 7 }).unwrap();
    out
}

/// A value of the next version of a kind that is laid out by hand.
fn longer(version: u8, value: &[u8]) -> Vec<u8> {
    [&[version], &value[1..], &7u64.to_le_bytes()].concat()
}

#[test]
fn every_kind_can_be_given_a_next_version() {
    grows!(
        TaskHead,
        |version, _, head| {
            let (mut out, mut today) = (Vec::new(), Vec::new());
            head.write(&mut today).unwrap();
            let before = match today[0] {
                1 => head::V4::from(head::V3::from(head::V2::from(head::V1::from(head)))),
                2 => {
                    let second = head::V2::parse(&today[1..], "a head").unwrap();
                    head::V4::from(head::V3::from(second))
                }
                3 => head::V4::from(head::V3::parse(&today[1..], "a head").unwrap()),
                _ => head::V4::parse(&today[1..], "a head").unwrap(),
            };
            push(&mut out, version, &More { before, added: 7 }).unwrap();
            out
        },
        "head-v1",
        "head-v2",
        "head-v3",
        "head-v1-standing",
        "head-v2-standing",
        "head-v3-standing",
        "head-v4-standing"
    );
    grows!(
        Entry,
        |version, _, entry| more::<entry::V1<'_>, _>(version, entry),
        "entry-v1"
    );
    grows!(
        WorkspaceSettings,
        |version, _, settings| more::<workspace::V3<'_>, _>(version, settings),
        "workspace-v1",
        "workspace-v2",
        "workspace-v3"
    );
    grows!(
        Webhook,
        |version, value, _| {
            let mut out = Vec::new();
            let before = webhook::V8::of(value[0], &value[1..]);
            push(&mut out, version, &More { before, added: 7 }).unwrap();
            out
        },
        "webhook-v1",
        "webhook-v2",
        "webhook-v3",
        "webhook-v4",
        "webhook-v5",
        "webhook-v6",
        "webhook-v7",
        "webhook-v8"
    );
    grows!(
        Step,
        |version, _, step| more::<step::V1<'_>, _>(version, step),
        "step-v1"
    );
    grows!(
        Schedule,
        |version, _, schedule| more::<schedule::V1<'_>, _>(version, schedule),
        "schedule-v1"
    );
    fn sealed(version: u8, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let before = Bytes(Cow::Borrowed(bytes));
        push(&mut out, version, &More { before, added: 7 }).unwrap();
        out
    }
    grows!(
        SealedConfig<'_>,
        |version, _, value| sealed(version, &value.0),
        "config-v1"
    );
    grows!(
        SealedConnector<'_>,
        |version, _, value| sealed(version, &value.0),
        "connector-v1"
    );
    grows!(
        Record<'_>,
        |version, value, _| longer(version, value),
        "record-v1",
        "record-v1-standing"
    );
    grows!(
        Group,
        |version, value, _| longer(version, value),
        "group-v1",
        "group-v1-standing",
        "group-v2",
        "group-v3"
    );
    grows!(
        KeyBlock,
        |version, value, _| longer(version, value),
        "dedup-v1"
    );
    grows!(Mark, |version, value, _| longer(version, value), "mark-v1");
    grows!(
        Places,
        |version, value, _| longer(version, value),
        "places-v1"
    );
    grows!(
        DigestList,
        |version, value, _| longer(version, value),
        "terms-v1"
    );
    grows!(
        Envelope,
        |version, value, _| longer(version, value),
        "envelope-v1"
    );
    grows!(
        StoreMarks,
        |version, _, noted| more::<marks::V1, _>(version, noted),
        "parts-v1"
    );
    grows!(
        Frame,
        |version, _, frame| more::<catalog_frame::V1<'_>, _>(version, frame),
        "copy-v1"
    );
    grows!(
        Piece<'_>,
        |version, value, _| longer(version, value),
        "piece-v1"
    );
}

/// All that [`read`] makes of the values under a prefix, by today's readers and by those of a next
/// version.
fn agree<'a, T>(values: &'a [Vec<u8>]) -> usize
where
    T: Kind<'a> + Debug,
    Next<T>: Kind<'a>,
{
    for value in values {
        let today: T = read(value).unwrap();
        let next: Next<T> = read(value).unwrap();
        assert_eq!(format!("{today:?}"), format!("{:?}", next.value));
        assert_eq!(next.added, 0);
    }
    values.len()
}

/// Unpacks the data directory that commit aca2819 wrote; its store is `store`.
fn old_store(into: &Path) {
    let fixture =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/store-aca2819.tar.gz");
    let unpacked = std::process::Command::new("tar")
        .arg("-xzf")
        .arg(fixture)
        .arg("-C")
        .arg(into)
        .status();
    assert!(unpacked.unwrap().success());
}

#[test]
fn a_next_version_of_each_kind_opens_a_store_of_an_old_one() {
    let home = scratch();
    old_store(home.path());
    let store = SledStore::open(small(&home.path().join("store"))).unwrap();
    store.fold_all().unwrap();
    store.upgrade().unwrap();
    let under = |prefix: &[u8]| -> Vec<Vec<u8>> {
        store
            .shared
            .with_disk(|disk| {
                let found = disk.db.scan_prefix(prefix);
                found
                    .map(|entry| {
                        let (key, first) = entry.map_err(from_sled)?;
                        Ok(disk.gather(&key, first)?.to_vec())
                    })
                    .collect()
            })
            .unwrap()
    };
    let plain = |prefix: &[u8]| -> Vec<Vec<u8>> {
        let read = store.shared.with_disk(|disk| {
            let found = disk.db.scan_prefix(prefix);
            found
                .map(|entry| {
                    let (key, value) = entry.map_err(from_sled)?;
                    Ok(checked::open(&key, &value)?.to_vec())
                })
                .collect()
        });
        read.unwrap()
    };
    assert_eq!(agree::<WorkspaceSettings>(&under(keys::WORKSPACES)), 2);
    assert_eq!(agree::<Webhook>(&under(keys::WEBHOOKS)), 3);
    assert_eq!(agree::<Step>(&under(keys::STEPS)), 12);
    assert_eq!(agree::<SealedConfig<'_>>(&under(keys::CONFIG)), 1);
    assert_eq!(agree::<SealedConnector<'_>>(&under(keys::CONNECTORS)), 1);
    assert_eq!(agree::<Schedule>(&under(keys::SCHEDULES)), 2);
    assert!(agree::<Envelope>(&plain(keys::SCHEDULES)) > 0);
    let places = plain(keys::PLACES);
    assert!(agree::<Places>(&places) > 0);
    assert!(agree::<DigestList>(&plain(b"b/")) > 0);
    let mut records = under(b"t/");
    for value in &places {
        for (_, place) in super::super::places::decode_places(value).unwrap() {
            let read = store.shared.with_disk(|disk| disk.archive.read(place));
            records.push(read.unwrap());
        }
    }
    assert!(agree::<Record<'_>>(&records) >= 15);
    for record in &records {
        let record: Record<'_> = read(record).unwrap();
        agree::<TaskHead>(&[record.head_bytes().to_vec()]);
        let mut rest = record.journal;
        while let Some((length, after)) = rest.split_first_chunk() {
            let (entry, after) = after.split_at(u32::from_le_bytes(*length) as usize);
            agree::<Entry>(&[entry.to_vec()]);
            rest = after;
        }
    }
}

/// Headers of files, whose version is a number of four bytes behind the file's mark.
const HEADERS: [&str; 2] = ["slot-v1", "segment-v1"];

/// Every byte flipped, every length: an error that names a kind, or another value, never a panic.
#[test]
fn damaged_values_are_refused_by_the_name_of_their_kind() {
    for golden in golden::all() {
        for (at, sound) in golden::values(golden.file).iter().enumerate() {
            let names_it = |error: StoreError, what: &str| {
                let text = error.to_string();
                let is_named = golden.names.iter().any(|name| text.contains(name));
                assert!(is_named, "{} {at}, {what}: {text}", golden.file);
            };
            for place in 0..sound.len() {
                for mask in [0x01, 0x80, 0xff] {
                    let mut wrong = sound.clone();
                    wrong[place] ^= mask;
                    if let Err(error) = (golden.reads)(at, &wrong) {
                        names_it(error, &format!("byte {place} flipped"));
                    }
                }
                match (golden.reads)(at, &sound[..place]) {
                    Err(error) => names_it(error, &format!("cut at {place}")),
                    Ok(same) => assert!(!same, "{} {at} cut at {place}", golden.file),
                }
            }
            let longer = [&sound[..], &[0]].concat();
            match (golden.reads)(at, &longer) {
                Err(error) => names_it(error, "a byte more"),
                // What comes after these is not theirs.
                Ok(same) => assert!(
                    !same || HEADERS.contains(&golden.file) || golden.file == "envelope-v1",
                    "{}: a byte more is dropped",
                    golden.file
                ),
            }
        }
    }
}

/// What says a version says which one is too new, and a version of 0 is damage.
#[test]
fn a_version_that_is_not_known_is_told_from_damage() {
    for golden in golden::all()
        .iter()
        .filter(|golden| !HEADERS.contains(&golden.file) && golden.file != "checked-v1")
    {
        for (at, sound) in golden::values(golden.file).iter().enumerate() {
            let mut other = sound.clone();
            for version in [golden.newest + 1, 255] {
                other[0] = version;
                let error = (golden.reads)(at, &other).unwrap_err();
                assert!(
                    matches!(&error, StoreError::NewerValue { kind, found, known }
                        if golden.names[0] == *kind
                            && *found == u32::from(version)
                            && *known == u32::from(golden.newest)),
                    "{}: {error}",
                    golden.file
                );
            }
            other[0] = 0;
            let error = (golden.reads)(at, &other).unwrap_err();
            assert!(matches!(error, StoreError::Damaged(_)), "{error}");
        }
    }
}

#[test]
fn a_newer_file_of_log_or_archive_is_refused() {
    for golden in golden::all() {
        for (at, sound) in golden::values(golden.file).iter().enumerate() {
            if !HEADERS.contains(&golden.file) {
                continue;
            }
            let mut newer = sound.clone();
            newer[8..12].copy_from_slice(&2u32.to_le_bytes());
            match golden.file {
                "slot-v1" => {
                    let sum = crc32fast::hash(&newer[..24]);
                    newer[24..28].copy_from_slice(&sum.to_le_bytes());
                    let error = (golden.reads)(at, &newer).unwrap_err();
                    let error = error.to_string();
                    assert!(
                        error.contains("has format 2, and this version of stepwell reads up to 1"),
                        "{error}"
                    );
                }
                _ => {
                    let error = (golden.reads)(at, &newer).unwrap_err();
                    assert_eq!(
                        error.to_string(),
                        "a segment of the archive in the store has version 2, and this version of \
                         stepwell reads up to 1; use the stepwell that wrote it, or a newer one"
                    );
                }
            }
        }
    }
}

#[test]
fn a_head_is_of_the_version_that_it_needs() {
    for (head, version) in [
        (samples::heads().remove(0), 1),
        (samples::heads_with_expiry().remove(0), 2),
        (samples::heads_that_are_kept().remove(0), 3),
    ] {
        let mut out = Vec::new();
        head.write(&mut out).unwrap();
        assert_eq!(out[0], version);
        assert_eq!(read::<TaskHead>(&out).unwrap(), head);
    }
}
