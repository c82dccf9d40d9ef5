//! Compiles the scripts that the cache of compiled ones does not have, while the server runs: after an update with
//! another script engine, or where an older server added them. A run that comes first compiles its script itself.

use std::sync::{Arc, Weak};

use super::Catalog;
use super::matching::LiveStep;
use crate::domain::ids::WorkspaceName;
use crate::domain::step::StepKind;

/// Goes through the scripts of all workspaces, one after the other. Ends early if the catalog is dropped.
pub(super) async fn compile(catalog: Weak<Catalog>) {
    let scripts = match catalog.upgrade() {
        Some(catalog) => catalog.scripts(),
        None => return,
    };
    for (workspace, script) in scripts {
        let Some(catalog) = catalog.upgrade() else {
            return;
        };
        if catalog.sandbox.lacks(&script.step.digest)
            && let Err(error) = catalog.component(&workspace, &script.step).await
        {
            // Its runs say so, too.
            tracing::debug!(%error, step = %script.step.name, "a script was not compiled");
        }
    }
}

impl Catalog {
    fn scripts(&self) -> Vec<(WorkspaceName, Arc<LiveStep>)> {
        let workspaces: Vec<_> = {
            let all = self.workspaces.read();
            let all = all.iter();
            all.map(|(name, workspace)| (name.clone(), workspace.clone()))
                .collect()
        };
        let of_one =
            |(name, workspace): &(WorkspaceName, Arc<parking_lot::RwLock<super::Workspace>>)| {
                let workspace = workspace.read();
                let scripts = workspace
                    .steps()
                    .filter(|live| live.step.kind == StepKind::Script);
                let scripts = scripts.map(|script| (name.clone(), script.clone()));
                scripts.collect::<Vec<_>>()
            };
        workspaces.iter().flat_map(of_one).collect()
    }
}
