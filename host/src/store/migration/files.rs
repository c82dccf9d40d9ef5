//! Copies the files that came with tasks. A task's data names them by their links. So a directory of files that was not
//! mounted, or is the wrong one, does not count as one without files.

use std::collections::BTreeSet;

use data_encoding::HEXLOWER;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::summary::{Item, Summary};
use super::walk::{AT_ONCE, heads};
use super::{Migrate, MigrationError, MissingFiles, NamedFiles};
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::store::blobs::{BlobDigest, on_disk};
use crate::store::{StoreError, TaskQuery};
use crate::vault::links::{FileLinks, LinkError, PREFIX};

/// The digests of the files that a task's data names by links to this task: `…/files/WORKSPACE/TASK/DIGEST?…`.
///
/// A link to another task's file may outlive it, as the data of a copy of that task has it.
fn named(
    data: &str,
    (workspace, task): (&WorkspaceName, TaskId),
    links: Option<&FileLinks>,
) -> BTreeSet<BlobDigest> {
    let path = format!("{PREFIX}{workspace}/{task}/");
    let digests = data.match_indices(&path).filter_map(|(at, path)| {
        let from = at + path.len();
        let (text, rest) = data.get(from..)?.split_at_checked(64)?;
        let digest = HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()?;
        let is_link = |links| is_signed(links, (workspace, task, text), rest);
        links.is_none_or(is_link).then_some(digest)
    });
    digests.collect()
}

/// Whether the server signed a link. `rest` is what follows its path. Senders of data can write links with other signatures.
fn is_signed(
    links: &FileLinks,
    (workspace, task, digest): (&WorkspaceName, TaskId, &str),
    rest: &str,
) -> bool {
    let Some(query) = rest.strip_prefix('?') else {
        return false;
    };
    // Nothing else is in the query of a link.
    let is_end = |it: char| !it.is_ascii_alphanumeric() && !"*-._+%&=".contains(it);
    let query = query.split(is_end).next().unwrap_or_default();
    let task = task.to_string();
    // The file is there for longer than its link.
    let checked = links.check((workspace.as_str(), &task, digest), query, 0);
    !matches!(checked, Err(LinkError::NotSigned))
}

/// Refuses a store that has no files although its tasks name some. `progress` is called now and then with the number of
/// tasks that were checked.
///
/// # Errors
/// [`MigrationError::FileMissing`], [`MigrationError::Reading`].
pub async fn expect_files(
    from: &dyn Migrate,
    links: Option<&FileLinks>,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<(), MigrationError> {
    let blobs = from.blobs().clone();
    let owners = on_disk(move || blobs.owners()).await;
    if !owners.map_err(MigrationError::Reading)?.is_empty() {
        return Ok(());
    }
    let registry = from.registry_since(0).await;
    let registry = registry.map_err(MigrationError::Reading)?;
    let mut tasks = 0;
    for (workspace, _) in &registry.workspaces {
        let mut query = TaskQuery::default();
        while let Some(ids) = heads(from, workspace, &mut query).await? {
            tasks += ids.len() as u64;
            let looked = stream::iter(ids)
                .map(|id| names_none(from, (workspace, id), links))
                .buffer_unordered(AT_ONCE);
            looked.try_for_each(|()| std::future::ready(Ok(()))).await?;
            progress(tasks);
        }
    }
    Ok(())
}

/// Refuses a task whose data names a file.
async fn names_none(
    from: &dyn Migrate,
    (workspace, id): (&WorkspaceName, TaskId),
    links: Option<&FileLinks>,
) -> Result<(), MigrationError> {
    let task = from.load(workspace, id).await;
    let data = task.map_err(MigrationError::Reading)?.map(|task| task.data);
    let named = data.map(|data| named(&data, (workspace, id), links));
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
    wanted: NamedFiles<'_>,
    summary: &mut Summary,
) -> Result<(), MigrationError> {
    let (source, space) = (from.blobs().clone(), workspace.clone());
    let target = to.map(|to| to.blobs().clone());
    let mut named = named(data, (workspace, id), wanted.links);
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
    if let (Some(digest), MissingFiles::Refused) = (named.first(), wanted.may_miss) {
        return Err(missing(workspace, id, digest));
    }
    summary.files_missing += named.len() as u64;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::Vault;
    use crate::vault::links::FileLink;

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
        let found = named(&data, (&workspace, task), None);
        let found: Vec<String> = found.iter().map(|it| HEXLOWER.encode(it)).collect();
        assert_eq!(found, [one, two]);
        assert!(named("{}", (&workspace, task), None).is_empty());
    }

    #[test]
    fn a_link_that_somebody_has_made_up_names_nothing() {
        let home = tempfile::tempdir().unwrap();
        let vault = |byte: &str| Vault::present(home.path(), Some(&byte.repeat(32))).unwrap();
        let links = vault("07").unwrap().links("https://h");
        let (task, workspace) = (TaskId::new(), "acme".parse().unwrap());
        let link = FileLink {
            workspace,
            task,
            digest: [0x0f; 32],
            name: "a b&c\u{e9}.txt".into(),
            media_type: "text/plain; charset=utf-8".into(),
            expires: 5,
        };
        let url = links.url(&link);
        let of = |data: &str, links| named(data, (&link.workspace, task), links);
        for data in [
            format!(r#"{{"url":"{url}","n":1}}"#),
            format!(r#"["{url} is the file"]"#),
            url.clone(),
        ] {
            assert_eq!(of(&data, Some(&links)).len(), 1, "{data}");
        }
        let other = vault("08").unwrap().links("https://h").url(&link);
        let made_up = [
            url[..url.find('?').unwrap()].to_owned(),
            url.replace("expires=5", "expires=6"),
            url.replace(&"0f".repeat(32), &"0e".repeat(32)),
            other,
        ];
        for data in made_up {
            assert!(of(&data, Some(&links)).is_empty(), "{data}");
            assert_eq!(of(&data, None).len(), 1, "{data}");
        }
    }
}
