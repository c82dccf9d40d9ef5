//! The readers of the files on disk, by themselves, for the fuzz targets in `fuzz/`. They take any bytes: an
//! error or `false` says that they are not what they should be.

use std::path::Path;

use super::change::Mark;
use super::failure::OpenError;
use super::frame::{self, HEADER, SLOT_HEADER};
use super::group::Group;
use super::places::Places;
use super::shapes::record::Record;
use super::shapes::{Kind, StoredValue as _, read};
use crate::domain::journal::Entry;
use crate::domain::schedule::Schedule;
use crate::domain::step::Step;
use crate::domain::task::TaskHead;
use crate::domain::webhook::Webhook;
use crate::domain::workspace::WorkspaceSettings;
use crate::store::StoreError;

/// A slot of the log with these payloads as its groups, numbered from `first` on. `seed` is the store's.
///
/// # Errors
/// A payload of 4 GiB or more.
pub fn slot(seed: &[u8; 32], first: u64, payloads: &[&[u8]]) -> Result<Vec<u8>, StoreError> {
    let key = frame::key(seed);
    let mut slot = frame::slot_header(first).to_vec();
    for (number, payload) in (first..).zip(payloads) {
        let mut group = vec![0; SLOT_HEADER + HEADER];
        group.extend_from_slice(payload);
        frame::authenticate_group(&mut group, &key, number)?;
        slot.extend_from_slice(&group[SLOT_HEADER..]);
    }
    Ok(slot)
}

/// The payloads of a slot's sound groups, as a start reads them; none if the slot was never used.
///
/// # Errors
/// A newer version, or damage before a sound group.
pub fn groups<'a>(seed: &[u8; 32], slot: &'a [u8]) -> Result<Vec<&'a [u8]>, OpenError> {
    let Some(header) = slot.first_chunk() else {
        return Ok(Vec::new());
    };
    let Some(first) = frame::first_of_header(header, Path::new("a slot"))? else {
        return Ok(Vec::new());
    };
    let groups = frame::read_slot(slot, &frame::key(seed), first)?;
    let payload =
        |(offset, length): (u64, usize)| slot.get(offset as usize..offset as usize + length);
    Ok(groups.into_iter().filter_map(payload).collect())
}

/// Whether the bytes are a stored value of one of these kinds: a group of the log, a mark, a task's record or
/// head, a journal entry, places in the archive, a step, webhook, schedule or workspace.
pub fn read_any(bytes: &[u8]) -> bool {
    fn is<'a, T: Kind<'a>>(bytes: &'a [u8]) -> bool {
        read::<T>(bytes).is_ok()
    }
    // Of a record, head and data are read by themselves.
    let record = Record::decode(bytes).and_then(|record| {
        record.data()?;
        record.head()
    });
    let read = [
        is::<Group>(bytes),
        is::<Mark>(bytes),
        is::<TaskHead>(bytes),
        is::<Entry>(bytes),
        is::<Places>(bytes),
        is::<Step>(bytes),
        is::<Webhook>(bytes),
        is::<Schedule>(bytes),
        is::<WorkspaceSettings>(bytes),
    ];
    record.is_ok() || read.contains(&true)
}

/// Reads a task's head.
///
/// # Errors
/// [`StoreError::Damaged`], [`StoreError::NewerValue`].
pub fn read_head(bytes: &[u8]) -> Result<TaskHead, StoreError> {
    read(bytes)
}

/// The result of [`read_head`].
///
/// # Errors
/// A head that has no shape.
pub fn write_head(head: &TaskHead) -> Result<Vec<u8>, StoreError> {
    let mut out = Vec::new();
    head.write(&mut out)?;
    Ok(out)
}
