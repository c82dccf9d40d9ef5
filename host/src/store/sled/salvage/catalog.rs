//! The setup, from the tree or its copy, and the components that it names.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::super::catalog_copy::{CopyContent, Entries};
use super::super::files::CATALOG_COPY;
use super::super::long::{self, Long};
use super::super::scan::pages::Values;
use super::super::shapes::{SealedConfig, SealedConnector, read};
use super::super::{checked, components, key_names, keys};
use super::report::Damage;
use crate::domain::ids::{ConfigKey, WorkspaceName};
use crate::domain::schedule::Schedule;
use crate::domain::step::Step;
use crate::domain::token::Token;
use crate::domain::webhook::Webhook;
use crate::domain::workspace::WorkspaceSettings;
use crate::store::StoreError;

const COPY: &str = "the copy of the catalog";

/// The whole value at a key, from values as they are stored.
pub(super) fn whole(values: &Entries, key: &[u8], stored: &[u8]) -> Result<Long, StoreError> {
    long::gather(key, stored.into(), |piece| {
        Ok(values.get(piece).map(|stored| (&stored[..]).into()))
    })
}

/// Chooses the newer of tree and copy, or the readable parts of both, and takes it out of the tree's values. What
/// cannot be read of it is left out.
pub(super) fn choose(
    values: &mut Values,
    copied: Option<CopyContent>,
    is_expected: bool,
    damages: &mut Vec<Damage>,
) -> Result<(u64, Entries), StoreError> {
    let in_tree: Entries = values
        .values
        .extract_if(.., |key, _| keys::is_catalog(key))
        .collect();
    let is_whole = values.holes.is_empty() && values.gaps.is_empty();
    let revision = values.values.get(keys::REGISTRY_REVISION);
    let revision = revision.and_then(|value| Some(u64::from_be_bytes(value[..].try_into().ok()?)));
    let revision = revision.unwrap_or(0);
    let (revision, mut chosen) = match copied {
        None => {
            if is_expected && !damages.iter().any(|damage| damage.file == CATALOG_COPY) {
                let why = format!("the file {CATALOG_COPY} is missing");
                damages.push(Damage::new(COPY, CATALOG_COPY, "a file", why));
            }
            (revision, in_tree)
        }
        Some(copied) if copied.revision > revision => (copied.revision, copied.entries),
        Some(copied) if copied.revision == revision => {
            let differs = |key: &&Vec<u8>| {
                !key.starts_with(keys::ERASING) && in_tree.get(*key) != copied.entries.get(*key)
            };
            let all: BTreeSet<&Vec<u8>> = in_tree.keys().chain(copied.entries.keys()).collect();
            for key in all.into_iter().filter(differs).filter(|_| is_whole) {
                let why = format!("{} is not as in {CATALOG_COPY}", key_names::name_of(key));
                damages.push(Damage::new("the setup", "tree/db", "a value", why));
            }
            (revision, copied.entries)
        }
        Some(copied) => {
            let why = format!("it is at revision {} of {revision}", copied.revision);
            let damage = Damage::new(COPY, CATALOG_COPY, "a frame", why).at(copied.sound);
            if is_whole {
                damages.push(damage);
                (revision, in_tree)
            } else {
                damages.push(damage.losing("changes of the setup that the tree has not either"));
                let mut both = copied.entries;
                both.extend(in_tree);
                (revision, both)
            }
        }
    };
    for key in unreadable(&chosen)? {
        let name = key_names::name_of(&key);
        let damage = Damage::new("the setup", "tree/db", &name, "it cannot be read");
        damages.push(damage.losing(name));
        let further = [&b"x/"[..], &key, &[0]].concat();
        chosen.retain(|other, _| *other != key && !other.starts_with(&further));
    }
    Ok((revision, chosen))
}

/// The keys whose values cannot be read.
fn unreadable(entries: &Entries) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut wrong = Vec::new();
    for (key, stored) in entries {
        let is_number = [
            keys::MARKS,
            keys::WORKSPACE_REVISIONS,
            keys::SERVER_REVISION,
        ];
        let read = if key.starts_with(b"x/") || key.starts_with(keys::ERASING) {
            Ok(())
        } else if is_number.iter().any(|prefix| key.starts_with(prefix)) {
            match stored.len() {
                8 => Ok(()),
                _ => Err(checked::wrong(key)),
            }
        } else {
            whole(entries, key, stored).and_then(|value| parse(key, &value))
        };
        match read {
            Err(StoreError::Damaged(_)) => wrong.push(key.clone()),
            other => other?,
        }
    }
    Ok(wrong)
}

fn parse(key: &[u8], value: &[u8]) -> Result<(), StoreError> {
    match key.get(..2) {
        Some(b"p/") => read::<WorkspaceSettings>(value).map(drop),
        Some(b"h/") => read::<Webhook>(value).map(drop),
        Some(b"q/") => read::<Step>(value).map(drop),
        Some(b"g/") => read::<SealedConfig<'_>>(value).map(drop),
        Some(b"k/") => read::<SealedConnector<'_>>(value).map(drop),
        Some(b"f/") => read::<Schedule>(value).map(drop),
        Some(b"n/" | b"o/") => read::<Token>(value).map(drop),
        _ => Ok(()),
    }
}

/// Looks whether the components of all steps are there.
pub(super) fn check_components(
    path: &Path,
    catalog: &Entries,
    lost: &BTreeSet<PathBuf>,
    damages: &mut Vec<Damage>,
) {
    let mut seen = BTreeSet::new();
    let steps = catalog
        .iter()
        .filter(|(key, _)| key.starts_with(keys::STEPS));
    for (key, stored) in steps {
        let Some((workspace, _)) = keys::split(key) else {
            continue;
        };
        let Ok(value) = whole(catalog, key, stored) else {
            continue;
        };
        let Ok(step) = read::<Step>(&value) else {
            continue;
        };
        for digest in step.digests() {
            let file = components::file_name(path, digest);
            let why = match components::read(&path.join(components::DIRECTORY), digest) {
                Ok(Some(_)) => continue,
                Ok(None) if lost_component(lost, digest) => continue,
                Ok(None) => "it is missing".to_owned(),
                Err(StoreError::Damaged(why)) => why,
                Err(error) => error.to_string(),
            };
            if !seen.insert(file.clone()) {
                continue;
            }
            let which = if digest == step.digest {
                "the code"
            } else {
                "an earlier version"
            };
            let loss = format!(
                "{which} of step {} in {workspace}; add the step again",
                step.name.as_str()
            );
            let damage = Damage::new("the components", file, "a component", why);
            damages.push(damage.of(&workspace, None).losing(loss));
        }
    }
}

/// Whether a repair could not keep the component.
fn lost_component(lost: &BTreeSet<PathBuf>, digest: &str) -> bool {
    components::file_names(digest)
        .iter()
        .any(|file| lost.contains(Path::new(file)))
}

/// Every config value, sealed.
pub(super) fn sealed(
    catalog: &Entries,
) -> Result<Vec<(WorkspaceName, ConfigKey, Vec<u8>)>, StoreError> {
    let mut all = Vec::new();
    for (key, stored) in catalog
        .iter()
        .filter(|(key, _)| key.starts_with(keys::CONFIG))
    {
        let Some((workspace, name)) = keys::split(key) else {
            continue;
        };
        let name = std::str::from_utf8(name)
            .ok()
            .and_then(|name| name.parse().ok());
        let Some(name) = name else { continue };
        let value = whole(catalog, key, stored)?;
        all.push((
            workspace,
            name,
            read::<SealedConfig<'_>>(&value)?.0.into_owned(),
        ));
    }
    Ok(all)
}
