//! The shapes of stored values: what the bytes of each kind are, in every version that was ever
//! written. The domain's types know nothing of it.
//!
//! A value begins with the version of its kind. A version that was written by a release, or by a commit
//! that others could run, is never changed: it is read for ever, and `tests/golden` has values of it. A
//! field more is another version:
//!
//! 1. Keep `V1` as it is and add `V2` beside it, with `From<V1> for V2`; the conversions from and to the
//!    domain's type are those of `V2`.
//! 2. Name it in the kind's `kind!` line: `1 => V1<'a>, 2 => V2<'a>`; write it in `write`.
//! 3. Add its golden file: `STEPWELL_WRITE_GOLDEN=1 cargo test --lib golden` writes those that are missing.
//!
//! An older server refuses a newer version by its kind's name ([`StoreError::NewerValue`]).
//!
//! [`StoreError::NewerValue`]: crate::store::StoreError::NewerValue
//!
//! | kind | versions | where it is stored |
//! | --- | --- | --- |
//! | head | 1, 2 (with an expiry), 3 (kept for ever), 4 (with a reply) | in records and in changes of the log |
//! | entry (with effects and runs) | 1 | in records, pieces and changes of the log |
//! | record | 1 | `t/…`, the archive |
//! | piece of a journal | 1 | `j/…` |
//! | envelope of a long value | 1 | before records and all that is registered |
//! | workspace | 1, 2 (with a retention), 3 (with a rate) | `p/…` |
//! | webhook | 1, 2 (with a dedup rule or an authentication), 3 (with methods and header fields), 4 (with former keys, or disabled), 5 (with limits, or without recorded bodies), 6 (with another reply than the task's id), 7 (with a schema), 8 (with former names) | `h/…` |
//! | step, schedule | 1 | `q/…`, `f/…` |
//! | recorded delivery ([`super::sled::deliveries`]) | 1 | `deliveries/…` |
//! | token | 1 | `n/…`, `o/…` |
//! | entry of the audit log | 1 | `i/…`, `c/…` |
//! | sealed config value, sealed connector | 1 | `g/…`, `k/…`; see [`crate::vault`] for the version within |
//! | group of changes ([`super::sled::group`]) | 1, 2 (a change has a key), 3 (with fragments of a long one) | the log |
//! | keys of deliveries ([`super::sled::dedup`]) | 1 | `e/…` |
//! | low-water mark ([`super::sled::change`]) | 1 | `m/log` |
//! | places in the archive ([`super::sled::places`]) | 1 | `a/…` |
//! | digests of terms ([`super::sled::terms`]) | 1 | `b/…`, `r/…`, `s/…` |
//! | checksum of a value ([`super::sled::checked`]) | 1 | before every value with a version in the tree |
//! | marks of the store's parts ([`super::sled::marks`]) | 1 | `marks` |
//! | change in the copy of the catalog ([`super::sled::catalog_frame`]) | 1 | `catalog` |
//! | slot's header ([`super::sled::frame`]) | 1 | each file of the log |
//! | segment's header ([`super::sled::archive`]) | 1 | each file of the archive |
//! | request to another server, its refusal | 1 | the table `inbox` of PostgreSQL |
//! | parts of a component ([`super::split`]) | 1 | files of `components` |
//! | format of the directory ([`super::sled::disk`]) | 1 to 6 | `m/format` |
//!
//! Without a version are the seed (32 bytes), a schedule's mark (8 bytes), `m/removed` (16 bytes), components, their
//! texts and bodies (any bytes, under their digest) and keys ([`super::sled::keys`]). Another layout of these is another format of
//! the directory.

pub(super) mod audit;
pub(super) mod delivery;
mod effect;
pub(super) mod entry;
mod former_key;
pub(super) mod head;
pub(super) mod journal;
pub(super) mod kind;
pub(super) mod parts;
mod reply;
pub(super) mod request;
mod run;
pub(super) mod schedule;
mod sealed;
mod standing;
mod state;
pub(super) mod step;
pub(super) mod token;
pub(super) mod webhook;
mod webhook_parts;
mod webhook_secret;
pub(super) mod workspace;

pub(super) use kind::{Kind, Shape, StoredValue, check_version, read};
pub(super) use request::RequestAddress;
pub(super) use sealed::{SealedConfig, SealedConnector};
