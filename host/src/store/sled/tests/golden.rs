//! Golden files: what every version of every kind of stored value looked like. `golden/KIND-vN.bin`
//! holds values of version N, each after its length (u32, little-endian).

use std::fmt::Debug;
use std::path::{Path, PathBuf};

use super::super::archive::Place;
use super::super::change::{self, Change, Group, Kind, Mark};
use super::super::shapes::journal::{Piece, push_entry};
use super::super::shapes::record::{Fixed, Record, encode_record};
use super::super::shapes::{Kind as _, SealedConfig, SealedConnector, Written, read};
use super::super::terms::{Digests, Several};
use super::super::{archive, disk, frame, places, terms};
use super::samples;
use crate::domain::task::TaskHead;
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

fn written(value: &impl Written) -> Vec<u8> {
    let mut out = Vec::new();
    value.write(&mut out).unwrap();
    out
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
    encode_record(&mut out, head, *numbers, data, journal).unwrap();
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

fn changes() -> Vec<Change> {
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
        })
        .to_vec()
}

fn write_group(changes: &Vec<Change>) -> Vec<u8> {
    let mut group = vec![Group::NEWEST];
    for change in changes {
        let encoded = change::encode_change(change).unwrap();
        change::push_change(&mut group, &encoded).unwrap();
    }
    group
}

fn heads(file: &'static str, heads: Vec<TaskHead>) -> Golden {
    golden(file, 3, &["a task's head"], heads, written, |bytes| {
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

fn groups(file: &'static str) -> Golden {
    let names = &["a group in the log", "a change in the log", "a task's head"];
    let values = vec![changes()];
    golden(file, 1, names, values, write_group, change::decode_group)
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
            2,
            &["a workspace's settings"],
            samples::workspaces(),
            written,
            |bytes| read(bytes),
        ),
        golden(
            "workspace-v2",
            2,
            &["a workspace's settings"],
            samples::workspaces_with_retention(),
            written,
            |bytes| read(bytes),
        ),
        golden(
            "webhook-v1",
            1,
            &["a webhook"],
            samples::webhooks(),
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
        groups("group-v1-standing"),
        overfull(groups("group-v1")),
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
                places::encode(&digests.collect::<Vec<_>>())
            },
            places::decode,
        ),
        golden(
            "terms-v1",
            1,
            &["digests of terms"],
            digests,
            |digests| terms::encode(digests.iter().copied()),
            |bytes| read::<Several>(bytes).map(|Several(digests)| digests),
        ),
        golden(
            "envelope-v1",
            1,
            &["a value's envelope"],
            vec![0, 1, 70_000],
            |further| disk::envelope(*further).to_vec(),
            disk::pieces,
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
