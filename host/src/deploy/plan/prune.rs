//! Finds resources on the server that the manifest does not name.

use std::collections::HashSet;

use super::item::{Item, Kind};
use super::present::Present;
use crate::domain::ids::WorkspaceName;

/// Something that stays, although the manifest does not name it.
pub struct Unmanaged {
    /// Its workspace.
    pub workspace: WorkspaceName,
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
}

/// The kinds in the order in which they are deleted: what uses others before those.
const KINDS: [Kind; 5] = [
    Kind::Schedule,
    Kind::Step,
    Kind::Webhook,
    Kind::Connector,
    Kind::Config,
];

/// The existing resources of each kind that are not in the manifest.
pub(super) fn gone(
    workspace: &WorkspaceName,
    items: &[Item],
    present: &Present,
) -> Vec<(Kind, Vec<String>)> {
    let named: HashSet<(Kind, &str)> = items
        .iter()
        .filter(|item| item.workspace == *workspace)
        .map(|item| (item.kind, item.name.as_str()))
        .collect();
    let unnamed = |kind| {
        let mut names = present.names(kind);
        names.retain(|name| !named.contains(&(kind, name)));
        (kind, names)
    };
    KINDS.into_iter().map(unnamed).collect()
}
