//! Components: whole, or in parts of which several have the long ones (see [`crate::store::split`]).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::entered::MOVED;
use super::error::Failure;
use super::session::Session;
use super::shared::Shared;
use crate::store::StoreError;
use crate::store::codec::damaged;
use crate::store::split::{self, Part};

/// Whether it is there, and whether all servers can read parts: also one whose lease has lapsed, because it may come back. Its
/// row goes when it ends, or a day later. The row that a copy of the store has made is no server.
const LOOK: &str = "select exists (select from components where digest = $1) \
    or exists (select from component_parts where digest = $1), not exists \
    (select from nodes where not reads_parts and id <> $2)";
const PUT_WHOLE: &str = "insert into components (digest, component) values ($1, $2) \
    on conflict do nothing";
const PUT_PARTS: &str = "insert into component_parts (digest, parts) values ($1, $2)";
/// Also those that are there: how long it takes does not tell whether another workspace has them.
const PUT_TEXTS: &str = "insert into component_texts (digest, content) \
    select * from unnest($1::text[], $2::bytea[]) \
    on conflict (digest) do update set content = excluded.content";
const PUT_USES: &str = "insert into component_uses (component, text) select $1, * from unnest($2::text[]) \
    on conflict do nothing";
/// What no step has.
const REMOVE_WHOLE: &str = "delete from components c where not exists \
    (select from step_components s where s.digest = c.digest)";
/// The same; gives the texts that they had.
const REMOVE_PARTS: &str = "with gone as (delete from component_parts c where not exists \
    (select from step_components s where s.digest = c.digest) returning digest), \
    freed as (delete from component_uses where component in (select digest from gone) returning text) \
    select distinct text from freed";
/// Those of these texts that no component has.
const REMOVE_TEXTS: &str = "delete from component_texts t where digest = any($1) and not exists \
    (select from component_uses u where u.text = t.digest)";
const WHOLE: &str = "select component from components where digest = $1";
/// The parts, and the texts with their digests, as of one moment.
const PARTS: &str = "select null::text, parts from component_parts where digest = $1 union all \
    select t.digest, t.content from component_uses u join component_texts t on t.digest = u.text \
    where u.component = $1";

/// Writes a component, unless it is there.
pub(super) async fn put(session: &Session, digest: &str, bytes: &[u8]) -> Result<(), Failure> {
    let row = session.query(LOOK, &[&digest, &MOVED]).await?;
    let (is_there, is_read) = row
        .first()
        .map_or((false, false), |row| (row.get(0), row.get(1)));
    if is_there {
        return Ok(());
    }
    let ranges = split::texts(bytes);
    if ranges.is_empty() || !is_read {
        session.execute(PUT_WHOLE, &[&digest, &bytes]).await?;
        return Ok(());
    }
    let parts = split::parts(bytes, &ranges);
    let texts = parts.iter().filter_map(Part::text);
    let texts = texts.zip(ranges.iter().map(|range| &bytes[range.clone()]));
    let (texts, contents): (Vec<&str>, Vec<&[u8]>) = BTreeMap::from_iter(texts).into_iter().unzip();
    session.execute(PUT_TEXTS, &[&texts, &contents]).await?;
    session.execute(PUT_USES, &[&digest, &texts]).await?;
    let stored = split::encode(&parts)?;
    session.execute(PUT_PARTS, &[&digest, &stored]).await?;
    Ok(())
}

/// Whether the component is there.
pub(super) async fn has(session: &Session, digest: &str) -> Result<bool, Failure> {
    let row = session.query(LOOK, &[&digest, &MOVED]).await?;
    Ok(row.first().is_some_and(|row| row.get(0)))
}

/// Removes the components that no step has, and the texts that no component has.
pub(super) async fn remove_unused(session: &Session) -> Result<(), Failure> {
    session.execute(REMOVE_WHOLE, &[]).await?;
    let freed = session.query(REMOVE_PARTS, &[]).await?;
    let texts: Vec<&str> = freed.iter().map(|row| row.get(0)).collect();
    if !texts.is_empty() {
        session.execute(REMOVE_TEXTS, &[&texts]).await?;
    }
    Ok(())
}

/// See [`crate::store::Store::component`].
pub(super) async fn read(shared: &Shared, digest: &str) -> Result<Option<Arc<[u8]>>, StoreError> {
    let rows = shared.query(WHOLE, &[&digest]).await?;
    if let Some(row) = rows.first() {
        return Ok(Some(row.get::<_, &[u8]>(0).into()));
    }
    let rows = shared.query(PARTS, &[&digest]).await?;
    let (mut stored, mut texts) = (None, HashMap::<&str, &[u8]>::new());
    for row in &rows {
        match row.get(0) {
            Some(text) => drop(texts.insert(text, row.get(1))),
            None => stored = Some(row.get(1)),
        }
    }
    let Some(stored) = stored else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    for part in split::decode(stored)? {
        match part {
            Part::Bytes(part) => bytes.extend_from_slice(part),
            Part::Text(text) => {
                let missing = || {
                    damaged(
                        "a component",
                        &format!("the text {text} of {digest} is missing"),
                    )
                };
                bytes.extend_from_slice(texts.get(&*text).ok_or_else(missing)?);
            }
        }
    }
    let found = split::digest(&bytes);
    if found != digest {
        let why = format!("{digest} has the digest {found}");
        return Err(damaged("a component", &why));
    }
    Ok(Some(Arc::from(bytes)))
}
