//! Files that came with tasks. A task's data names them by their links, so that a directory of files which is not there, because
//! it was not mounted or is not the right one, is not taken for one without files.

use std::collections::BTreeSet;

use data_encoding::HEXLOWER;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::summary::{Item, Summary};
use super::walk::{AT_ONCE, heads};
use super::{Migrate, MigrationError, MissingFiles};
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::store::blobs::{BlobDigest, on_disk};
use crate::store::{StoreError, TaskQuery};
use crate::vault::links::PREFIX;

/// The digests of the files that a task's data names by links to this task: `…/files/WORKSPACE/TASK/DIGEST?…`.
///
/// A link to another task's file may outlive it, as the data of a copy of that task has it.
fn named(data: &str, workspace: &WorkspaceName, task: TaskId) -> BTreeSet<BlobDigest> {
    let path = format!("{PREFIX}{workspace}/{task}/");
    let digests = data.match_indices(&path).filter_map(|(at, path)| {
        let from = at + path.len();
        let digest = data.as_bytes().get(from..from + 64)?;
        HEXLOWER.decode(digest).ok()?.try_into().ok()
    });
    digests.collect()
}

/// Refuses a store that has no file at all and whose tasks name files.
///
/// # Errors
/// [`MigrationError::FileMissing`], [`MigrationError::Reading`].
pub async fn expect_files(from: &dyn Migrate) -> Result<(), MigrationError> {
    let blobs = from.blobs().clone();
    let owners = on_disk(move || blobs.owners()).await;
    if !owners.map_err(MigrationError::Reading)?.is_empty() {
        return Ok(());
    }
    let registry = from.registry_since(0).await;
    let registry = registry.map_err(MigrationError::Reading)?;
    for (workspace, _) in &registry.workspaces {
        let mut query = TaskQuery::default();
        while let Some(ids) = heads(from, workspace, &mut query).await? {
            let looked = stream::iter(ids)
                .map(|id| names_none(from, workspace, id))
                .buffer_unordered(AT_ONCE);
            looked.try_for_each(|()| std::future::ready(Ok(()))).await?;
        }
    }
    Ok(())
}

async fn names_none(
    from: &dyn Migrate,
    workspace: &WorkspaceName,
    id: TaskId,
) -> Result<(), MigrationError> {
    let task = from.load(workspace, id).await;
    let data = task.map_err(MigrationError::Reading)?.map(|task| task.data);
    let named = data.map(|data| named(&data, workspace, id));
    match named.and_then(|named| named.into_iter().next()) {
        Some(digest) => Err(missing(workspace, id, &digest)),
        None => Ok(()),
    }
}

fn missing(workspace: &WorkspaceName, task: TaskId, digest: &BlobDigest) -> MigrationError {
    MigrationError::FileMissing {
        workspace: workspace.clone(),
        task,
        digest: HEXLOWER.encode(digest),
    }
}

/// Copies the files of a task with these data, and adds them up.
pub(super) async fn files(
    (from, to): (&dyn Migrate, Option<&dyn Migrate>),
    (workspace, id, data): (&WorkspaceName, TaskId, &str),
    may_miss: MissingFiles,
    summary: &mut Summary,
) -> Result<(), MigrationError> {
    let (source, space) = (from.blobs().clone(), workspace.clone());
    let target = to.map(|to| to.blobs().clone());
    let mut named = named(data, workspace, id);
    let read = on_disk(move || {
        let mut found = Vec::new();
        for digest in source.files(&space, id)? {
            let hash = source.hash(&space, id, &digest)?;
            if let Some(target) = &target {
                source.copy_to(target, (&space, id), &digest)?;
            }
            found.push((digest, hash));
        }
        Ok::<_, StoreError>(found)
    });
    for (digest, hash) in read.await.map_err(MigrationError::Reading)? {
        if digest != hash {
            let name = HEXLOWER.encode(&digest);
            tracing::warn!(workspace.id = %workspace, task.id = %id, file = name, "a file is not what was written; it is copied as it is");
        }
        named.remove(&digest);
        let parts: [&[u8]; 4] = [workspace.as_str().as_bytes(), id.as_bytes(), &digest, &hash];
        summary.add(Item::Files, &parts);
    }
    if let (Some(digest), MissingFiles::Refused) = (named.first(), may_miss) {
        return Err(missing(workspace, id, digest));
    }
    summary.files_missing += named.len() as u64;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_names_the_files_of_its_own_links() {
        let (task, other) = (TaskId::new(), TaskId::new());
        let workspace: WorkspaceName = "acme".parse().unwrap();
        let (one, two) = ("0f".repeat(32), "1e".repeat(32));
        let data = format!(
            r#"{{"a":{{"url":"http://h/files/acme/{task}/{one}?name=f"}},
            "b":["x https://h/files/acme/{task}/{two}","/files/acme/{task}/{one}"],
            "c":"/files/acme/{other}/{one}","d":"/files/acme-b/{task}/{one}","e":"/files/acme/{task}/{}",
            "f":"/files/acme/{task}/","g":"{one}"}}"#,
            "é".repeat(40)
        );
        let found = named(&data, &workspace, task);
        let found: Vec<String> = found.iter().map(|it| HEXLOWER.encode(it)).collect();
        assert_eq!(found, [one, two]);
        assert!(named("{}", &workspace, task).is_empty());
    }
}
