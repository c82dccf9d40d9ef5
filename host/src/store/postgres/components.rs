//! Components: whole, or in parts of which several have the long ones (see [`crate::store::split`]).

use std::collections::HashMap;
use std::sync::Arc;

use super::error::Failure;
use super::session::{Params, Session};
use super::shared::Shared;
use crate::store::StoreError;
use crate::store::codec::damaged;
use crate::store::split::{self, Part};

/// Whether it is there, and whether all servers that run can read parts.
const LOOK: &str = "select exists (select from components where digest = $1) \
    or exists (select from component_parts where digest = $1), not exists \
    (select from nodes where not reads_parts and lease_until > clock_timestamp())";
const PUT_WHOLE: &str = "insert into components (digest, component) values ($1, $2) \
    on conflict do nothing";
const PUT_PARTS: &str = "insert into component_parts (digest, parts) values ($1, $2)";
/// Also one that is there: how long it takes does not tell whether another workspace has it.
const PUT_TEXT: &str = "insert into component_texts (digest, content) values ($1, $2) \
    on conflict (digest) do update set content = excluded.content";
const PUT_USE: &str = "insert into component_uses (component, text) values ($1, $2) \
    on conflict do nothing";
/// What no step has, and then what only that had.
const REMOVE: [&str; 4] = [
    "delete from components c where not exists \
     (select from step_components s where s.digest = c.digest)",
    "delete from component_parts c where not exists \
     (select from step_components s where s.digest = c.digest)",
    "delete from component_uses u where not exists \
     (select from component_parts p where p.digest = u.component)",
    "delete from component_texts t where not exists \
     (select from component_uses u where u.text = t.digest)",
];
const WHOLE: &str = "select component from components where digest = $1";
const PARTS: &str = "select parts from component_parts where digest = $1";
const TEXTS: &str = "select digest, content from component_texts t where exists \
    (select from component_uses u where u.component = $1 and u.text = t.digest)";

/// Writes a component, unless it is there.
pub(super) async fn put(session: &Session, digest: &str, bytes: &[u8]) -> Result<(), Failure> {
    let row = session.query(LOOK, &[&digest]).await?;
    let (is_there, is_read) = row
        .first()
        .map_or((false, false), |row| (row.get(0), row.get(1)));
    if is_there {
        return Ok(());
    }
    let texts = split::texts(bytes);
    if texts.is_empty() || !is_read {
        session.execute(PUT_WHOLE, &[&digest, &bytes]).await?;
        return Ok(());
    }
    let parts = split::parts(bytes, &texts);
    for (text, part) in texts.iter().zip(parts.iter().filter_map(Part::text)) {
        let params: Params<'_> = &[&part, &&bytes[text.clone()]];
        session.execute(PUT_TEXT, params).await?;
        session.execute(PUT_USE, &[&digest, &part]).await?;
    }
    let stored = split::encode(&parts)?;
    session.execute(PUT_PARTS, &[&digest, &stored]).await?;
    Ok(())
}

/// Whether the component is there.
pub(super) async fn has(session: &Session, digest: &str) -> Result<bool, Failure> {
    let row = session.query(LOOK, &[&digest]).await?;
    Ok(row.first().is_some_and(|row| row.get(0)))
}

/// Removes the components that no step has, and the texts that no component has.
pub(super) async fn remove_unused(session: &Session) -> Result<(), Failure> {
    for statement in REMOVE {
        session.execute(statement, &[]).await?;
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
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let texts = shared.query(TEXTS, &[&digest]).await?;
    let texts: HashMap<&str, &[u8]> = texts.iter().map(|row| (row.get(0), row.get(1))).collect();
    let mut bytes = Vec::new();
    for part in split::decode(row.get(0))? {
        match part {
            Part::Bytes(part) => bytes.extend_from_slice(part),
            Part::Text(text) => match texts.get(&*text) {
                Some(text) => bytes.extend_from_slice(text),
                // It was let go of meanwhile.
                None if shared.query(PARTS, &[&digest]).await?.is_empty() => return Ok(None),
                None => {
                    let why = format!("the text {text} of {digest} is missing");
                    return Err(damaged("a component", &why));
                }
            },
        }
    }
    Ok(Some(Arc::from(bytes)))
}
