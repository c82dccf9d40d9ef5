//! Golden files: what every version of every kind of stored value looked like. `golden/KIND-vN.bin`
//! holds values of version N, each after its length (u32, little-endian).

use std::fmt::Debug;
use std::path::{Path, PathBuf};

use super::super::archive::Place;
use super::super::change::{Change, DedupClaim, Kind, Mark};
use super::super::dedup::block::{Holder, KeyBlock};
use super::super::group::{self, Item};
use super::super::shapes::journal::{Piece, push_entry};
use super::super::shapes::record::{Fixed, Record, encode_record};
use super::super::shapes::{SealedConfig, SealedConnector, StoredValue, read};
use super::super::terms::{DigestList, Digests};
use super::super::{archive, checked, frame, long, places, terms};
use super::{
    checked_webhooks, deliveries, golden_components, limited, long_changes, replying, samples,
    samples_of_parts, samples_of_requests,
};
use crate::domain::dedup::DedupKey;
use crate::domain::task::TaskHead;
use crate::domain::webhook::Webhook;
use crate::store::StoreError;

/// Reads the bytes of the value at an index, and says whether it is the one that was due.
type Reads = dyn Fn(usize, &[u8]) -> Result<bool, StoreError>;

/// One golden file: what is in it, as this version writes it.
pub(super) struct Golden {
    pub file: &'static str,
    /// The newest version of the kind.
    pub newest: u8,
    /// What errors call the kind, and those that are in it.
    pub names: &'static [&'static str],
    /// What this version writes of each value; none if it writes the values otherwise.
    pub written: Option<Vec<Vec<u8>>>,
    /// Reads value number so and so, and whether it is the one that was written.
    pub reads: Box<Reads>,
    /// How many values there are.
    pub count: usize,
}

pub(super) fn golden<T: PartialEq + Debug + 'static>(
    file: &'static str,
    newest: u8,
    names: &'static [&'static str],
    values: Vec<T>,
    write: impl Fn(&T) -> Vec<u8>,
    read: impl Fn(&[u8]) -> Result<T, StoreError> + 'static,
) -> Golden {
    Golden {
        file,
        newest,
        names,
        written: Some(values.iter().map(write).collect()),
        count: values.len(),
        reads: Box::new(move |at, bytes| Ok(read(bytes)? == values[at])),
    }
}

/// Heads as they were written when a head of any state could say what it waits for. What is not valid in
/// its state is left out when it is read.
fn overfull(golden: Golden) -> Golden {
    Golden {
        written: None,
        ..golden
    }
}

fn written(value: &impl StoredValue) -> Vec<u8> {
    let mut out = Vec::new();
    value.write(&mut out).unwrap();
    out
}

fn webhooks(file: &'static str, webhooks: Vec<Webhook>) -> Golden {
    let names = &["a webhook"];
    golden(file, 8, names, webhooks, written, |bytes| read(bytes))
}

/// A task's record, whole.
type Whole = ((u32, u32, u64), TaskHead, String, Vec<u8>);

fn records() -> Vec<Whole> {
    let mut journal = Vec::new();
    for entry in samples::entries().iter().take(3) {
        push_entry(&mut journal, entry).unwrap();
    }
    let heads = samples::heads().into_iter();
    let heads = heads.chain(samples::heads_with_expiry());
    let data = "{\"a\":\"ü\",\"b\":1.0}".to_owned();
    heads
        .map(|head| ((300, 2, 1 << 33), head, data.clone(), journal.clone()))
        .collect()
}

fn write_record((numbers, head, data, journal): &Whole) -> Vec<u8> {
    let mut out = Vec::new();
    encode_record(&mut out, head, *numbers, data).unwrap();
    out.extend_from_slice(journal);
    out
}

fn read_record(bytes: &[u8]) -> Result<Whole, StoreError> {
    let record = Record::decode(bytes)?;
    let fixed = record.fixed;
    assert_eq!(Fixed::decode(bytes)?, fixed);
    let head = record.head()?;
    Ok((
        (fixed.count, fixed.settled, fixed.streamed),
        head,
        record.data()?.to_owned(),
        record.journal.to_vec(),
    ))
}

fn changes() -> Vec<Item> {
    whole_changes().into_iter().map(Item::Change).collect()
}

fn whole_changes() -> Vec<Change> {
    let mut entries = Vec::new();
    for entry in samples::entries().iter().take(2) {
        push_entry(&mut entries, entry).unwrap();
    }
    let heads = samples::heads_with_expiry();
    let kinds = [
        (Kind::Accept, Some(heads[0].clone()), Some("{}")),
        (Kind::Commit, Some(heads[1].clone()), None),
        (Kind::Effect, None, None),
        (Kind::Note, Some(samples::heads()[1].clone()), None),
    ];
    kinds
        .map(|(kind, head, data)| Change {
            kind,
            workspace: samples::workspace(),
            id: samples::id(3),
            index: 70_000,
            head,
            data: data.map(Into::into),
            entries: entries.clone(),
            count: 2,
            taken: None,
        })
        .to_vec()
}

/// Changes of which two have the key of a delivery.
fn keyed_changes() -> Vec<Item> {
    let mut changes = whole_changes();
    for (change, until) in changes.iter_mut().zip([1, u64::MAX]) {
        let key = DedupKey::from_bytes([until as u8; 16]);
        change.taken = Some(DedupClaim { key, until });
    }
    changes.into_iter().map(Item::Change).collect()
}

fn heads(file: &'static str, heads: Vec<TaskHead>) -> Golden {
    golden(file, 4, &["a task's head"], heads, written, |bytes| {
        read(bytes)
    })
}

/// Heads of each state, and of each kind of wait.
fn standing_heads() -> Vec<TaskHead> {
    let waiting = samples::waiting_heads();
    samples::heads().into_iter().chain(waiting).collect()
}

fn whole_records(file: &'static str) -> Golden {
    let names = &["a task's record", "a task's head", "a task's data"];
    golden(file, 1, names, records(), write_record, read_record)
}

fn groups(file: &'static str, items: Vec<Item>) -> Golden {
    let names = &[
        "a group in the log",
        "a change in the log",
        "a task's head",
        "a fragment of a long change in the log",
        "the end of a long change in the log",
    ];
    let values = vec![items];
    golden(
        file,
        3,
        names,
        values,
        long_changes::write_group,
        group::decode_group,
    )
}

fn key_blocks() -> Vec<KeyBlock> {
    let entry = |n: u8| {
        let holder = Holder {
            task: samples::id(n),
            until: u64::MAX - u64::from(n),
        };
        (DedupKey::from_bytes([n; 16]), holder)
    };
    let blocks = [Vec::new(), vec![entry(1)], vec![entry(1), entry(2)]];
    blocks.map(KeyBlock).to_vec()
}

/// Every golden file.
pub(super) fn all() -> Vec<Golden> {
    let place = |n: u8| {
        let place = Place {
            segment: u32::from(n) << 20,
            offset: 16,
            length: 262_144,
        };
        (samples::id(n), place)
    };
    let places: Vec<Vec<_>> = vec![Vec::new(), vec![place(1)], vec![place(1), place(2)]];
    let digests: Vec<Vec<Digests>> = vec![
        vec![Digests::of(&samples::heads()[0])],
        vec![Digests::NONE],
        samples::heads().iter().map(Digests::of).collect(),
    ];
    let marks = [(1, 0), (1 << 40, u64::MAX)].map(|(low, last)| Mark { low, last });
    vec![
        heads("head-v1-standing", standing_heads()),
        heads("head-v2-standing", samples::heads_with_expiry()),
        heads("head-v3-standing", samples::heads_that_are_kept()),
        heads("head-v4-standing", replying::heads()),
        overfull(heads("head-v1", samples::heads())),
        overfull(heads("head-v2", samples::heads_with_expiry())),
        overfull(heads("head-v3", samples::heads_that_are_kept())),
        golden(
            "entry-v1",
            1,
            &["a journal entry"],
            samples::entries(),
            written,
            |bytes| read(bytes),
        ),
        golden(
            "workspace-v1",
            3,
            &["a workspace's settings"],
            samples::workspaces(),
            written,
            |bytes| read(bytes),
        ),
        golden(
            "workspace-v2",
            3,
            &["a workspace's settings"],
            samples::workspaces_with_retention(),
            written,
            |bytes| read(bytes),
        ),
        golden(
            "workspace-v3",
            3,
            &["a workspace's settings"],
            limited::workspaces(),
            written,
            |bytes| read(bytes),
        ),
        webhooks("webhook-v1", samples::webhooks()),
        webhooks(
            "webhook-v2",
            [samples::webhooks_with_dedup(), samples::verified_webhooks()].concat(),
        ),
        webhooks("webhook-v3", samples::webhooks_with_intake()),
        webhooks("webhook-v4", samples::webhooks_with_former_keys()),
        webhooks("webhook-v5", limited::webhooks()),
        webhooks("webhook-v6", replying::webhooks()),
        webhooks("webhook-v7", checked_webhooks::webhooks()),
        webhooks("webhook-v8", checked_webhooks::renamed_webhooks()),
        golden(
            "delivery-v1",
            1,
            &["a delivery"],
            deliveries::samples(),
            written,
            |bytes| read(bytes),
        ),
        golden(
            "step-v1",
            1,
            &["a step"],
            samples::steps(),
            written,
            |bytes| read(bytes),
        ),
        golden(
            "schedule-v1",
            1,
            &["a schedule"],
            samples::schedules(),
            written,
            |bytes| read(bytes),
        ),
        golden(
            "audit-v1",
            1,
            &["an entry of the audit log"],
            samples_of_parts::audit_entries(),
            written,
            |bytes| read(bytes),
        ),
        golden(
            "request-v1",
            1,
            &["a request to another server"],
            samples_of_requests::requests(),
            written,
            |bytes| read(bytes),
        ),
        golden(
            "refusal-v1",
            1,
            &["an answer to another server"],
            samples_of_requests::refusals(),
            written,
            |bytes| read(bytes),
        ),
        golden(
            "token-v1",
            1,
            &["a token"],
            samples_of_parts::tokens(),
            written,
            |bytes| read(bytes),
        ),
        golden(
            "config-v1",
            1,
            &["a config value"],
            samples::sealed(),
            |bytes| written(&SealedConfig::from(&bytes[..])),
            |bytes| Ok(read::<SealedConfig<'_>>(bytes)?.0.into_owned()),
        ),
        golden(
            "connector-v1",
            1,
            &["a connector"],
            samples::sealed(),
            |bytes| written(&SealedConnector::from(&bytes[..])),
            |bytes| Ok(read::<SealedConnector<'_>>(bytes)?.0.into_owned()),
        ),
        whole_records("record-v1-standing"),
        overfull(whole_records("record-v1")),
        groups("group-v1-standing", changes()),
        overfull(groups("group-v1", changes())),
        groups("group-v2", keyed_changes()),
        groups("group-v3", long_changes::items(keyed_changes())),
        golden(
            "dedup-v1",
            1,
            &["keys of deliveries"],
            key_blocks(),
            |KeyBlock(keys)| KeyBlock::encode(keys),
            KeyBlock::decode,
        ),
        golden(
            "mark-v1",
            1,
            &["the log's low-water mark"],
            marks.to_vec(),
            |mark| mark.encode(),
            Mark::decode,
        ),
        golden(
            "places-v1",
            1,
            &["places in the archive"],
            places,
            |places| {
                let digests = places
                    .iter()
                    .map(|(id, place)| (*id, *place, Digests::NONE));
                places::encode_places(&digests.collect::<Vec<_>>())
            },
            places::decode_places,
        ),
        golden(
            "terms-v1",
            1,
            &["digests of terms"],
            digests,
            |digests| terms::encode(digests.iter().copied()),
            |bytes| read::<DigestList>(bytes).map(|DigestList(digests)| digests),
        ),
        golden(
            "envelope-v1",
            1,
            &["a value's envelope"],
            vec![0, 1, 70_000],
            |further| long::envelope(*further).to_vec(),
            long::pieces,
        ),
        golden(
            "piece-v1",
            1,
            &["a piece of a journal"],
            vec![b"a piece".to_vec()],
            |piece| Piece(piece).encode(),
            |bytes| Ok(read::<Piece<'_>>(bytes)?.0.to_vec()),
        ),
        golden(
            "checked-v1",
            0,
            &["a step"],
            vec![b"".to_vec(), vec![0xc5; 300]],
            |value| checked::seal(b"q/default\0plain", value),
            |stored| match checked::is_sealed(stored) {
                true => checked::open(b"q/default\0plain", stored).map(<[u8]>::to_vec),
                false => Err(checked::wrong(b"q/default\0plain")),
            },
        ),
        golden(
            "parts-v1",
            1,
            &["the marks of the store's parts", "the marks"],
            samples_of_parts::noted(),
            |noted| noted.encode().unwrap()[12..].to_vec(),
            |bytes| read(bytes),
        ),
        golden(
            "copy-v1",
            1,
            &["a change in the copy of the catalog"],
            samples_of_parts::frames(),
            |frame| frame.encode().unwrap(),
            |bytes| read(bytes),
        ),
        golden_components::golden_components(),
        golden(
            "slot-v1",
            1,
            &["log"],
            vec![Some(1u64), Some(1 << 40)],
            |first| frame::slot_header(first.unwrap()).to_vec(),
            |bytes| match bytes.first_chunk() {
                Some(header) => {
                    let first = frame::first_of_header(header, Path::new("log"));
                    first.map_err(|error| StoreError::Refused(error.to_string()))
                }
                None => Ok(None),
            },
        ),
        golden(
            "segment-v1",
            1,
            &["a segment of the archive"],
            vec![1, 70_000],
            |number| archive::segment_header(*number).to_vec(),
            |bytes| match bytes.first_chunk() {
                Some(header) => {
                    archive::check_header(header)?;
                    Ok(header
                        .last_chunk()
                        .map_or(0, |last| u32::from_le_bytes(*last)))
                }
                None => Ok(0),
            },
        ),
    ]
}

pub(super) fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/store/sled/tests/golden")
        .join(format!("{file}.bin"))
}

/// The values of a golden file.
pub(super) fn values(file: &str) -> Vec<Vec<u8>> {
    let bytes = std::fs::read(path(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    let mut rest = &bytes[..];
    let mut values = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let (value, after) = after.split_at(u32::from_le_bytes(*length) as usize);
        values.push(value.to_vec());
        rest = after;
    }
    assert!(rest.is_empty(), "{file} ends within a value");
    values
}

/// What this version writes of a kind is its newest golden file, byte for byte: another shape is
/// another version. `STEPWELL_WRITE_GOLDEN=1` writes the files that are not there, and none that is.
#[test]
fn what_is_written_is_the_newest_golden_file() {
    for golden in all() {
        let Some(written) = golden.written else {
            continue;
        };
        if std::env::var_os("STEPWELL_WRITE_GOLDEN").is_some() && !path(golden.file).exists() {
            let framed = written
                .iter()
                .map(|value| [&(value.len() as u32).to_le_bytes(), &value[..]].concat());
            std::fs::write(path(golden.file), framed.collect::<Vec<_>>().concat()).unwrap();
        }
        assert_eq!(
            values(golden.file),
            written,
            "{}: this version writes another shape; give it a version of its own",
            golden.file
        );
    }
}

#[test]
fn every_golden_value_is_read_as_what_was_written() {
    for golden in all() {
        let values = values(golden.file);
        assert_eq!(values.len(), golden.count, "{}", golden.file);
        for (at, value) in values.iter().enumerate() {
            let read = (golden.reads)(at, value);
            assert!(matches!(read, Ok(true)), "{} {at}: {read:?}", golden.file);
        }
    }
}
