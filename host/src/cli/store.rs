//! `stepwell store …`: the store of a server that does not run.

mod migrate;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Subcommand, ValueEnum};
use stepwell_api::report::{StoreCheckReport, StoreDamage, StoreRepairReport};

use self::migrate::{MigrateArgs, ReopenArgs};
use super::context;
use super::global::Global;
use crate::app::data_dir;
use crate::store::sled::salvage::Damage;
use crate::terminal::output::{Output, printable};

/// The subcommands of `stepwell store`.
#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// Read a whole data directory, and list all that is damaged in it
    #[command(
        long_about = "Reads a whole data directory that no server uses, and lists all that is damaged in it: the file, the place, the task, and what is lost. It changes nothing. The exit code is 1 if anything is damaged.",
        after_help = "Examples:
  stepwell store check
  stepwell store check /var/lib/stepwell --json"
    )]
    Check {
        /// The data directory [default: that of --data-dir]
        path: Option<PathBuf>,
    },
    /// Make a sound store of what can be read of a damaged one, and list what is lost
    #[command(
        long_about = "Makes a sound store of what can be read of a damaged one, and lists what is lost. The damaged store is kept beside it. The server must not run.",
        after_help = "Examples:
  stepwell store repair /var/lib/stepwell
  stepwell store repair /var/lib/stepwell --accept-loss store      begin with an empty store, as the old one is gone"
    )]
    Repair {
        /// The data directory [default: that of --data-dir]
        path: Option<PathBuf>,
        /// What may be lost although nothing of it can be salvaged
        #[arg(long, value_name = "PART")]
        accept_loss: Option<Loss>,
    },
    /// Copy a whole store from a data directory into a database, or back, and read the copy to compare it
    #[command(
        long_about = "Copies a whole store from a data directory into an empty PostgreSQL database, or from a database into a data directory without a store, and reads the copy back to compare it. No server may use either. What the source has is not changed; no server starts on a database that was copied from, until `stepwell store reopen`. A copy that was interrupted is not served, and is begun anew by the same command.",
        after_help = "Examples:
  stepwell store migrate --from /var/lib/stepwell --to postgres://stepwell@db.internal/stepwell --files-dir /srv/shared/stepwell
  stepwell store migrate --from postgres://stepwell@db.internal/stepwell --files-dir /srv/shared/stepwell --to /var/lib/stepwell-new"
    )]
    Migrate(MigrateArgs),
    /// Let servers start again on a database that was copied into a data directory
    #[command(
        long_about = "Lets servers start again on a database that `stepwell store migrate` has copied into a data directory, or had begun to copy: that copy is not to be used then. Nothing else is changed.",
        after_help = "Examples:
  stepwell store reopen --store postgres://stepwell@db.internal/stepwell"
    )]
    Reopen(ReopenArgs),
}

/// A part of a data directory that may be lost as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Loss {
    /// The directory `store/`
    Store,
}

/// Damage was found, and is still there.
#[derive(Debug, thiserror::Error)]
#[error("{damages} found; {hint}")]
pub struct DamagedError {
    damages: String,
    hint: String,
}

/// Runs a command.
pub fn run(global: &Global, command: StoreCommand, output: Output) -> Result<()> {
    let directory = |path: Option<PathBuf>| match path {
        Some(path) => Ok(path),
        None => context::data_dir(global.data_dir.as_deref()),
    };
    match command {
        StoreCommand::Check { path } => check(&directory(path)?, output),
        StoreCommand::Repair { path, accept_loss } => {
            repair(&directory(path)?, accept_loss, output)
        }
        StoreCommand::Migrate(args) => migrate::run(args, output),
        StoreCommand::Reopen(args) => migrate::reopen(&args, output),
    }
}

fn check(directory: &Path, output: Output) -> Result<()> {
    let report = data_dir::check(directory)?;
    if output.json {
        output.report(&StoreCheckReport {
            path: directory.display().to_string(),
            sound: report.sound,
            tasks: report.tasks,
            damages: report.damages.iter().map(view).collect(),
        })?;
    } else {
        output.line(&format!("{} can be read", count(report.tasks, "task")))?;
        list(&report.damages, output)?;
    }
    if report.sound {
        output.note("nothing is damaged");
        return Ok(());
    }
    let path = directory.display();
    Err(DamagedError {
        damages: count(report.damages.len(), "damage"),
        hint: format!("`stepwell store repair {path}` makes a sound store of what can be read"),
    }
    .into())
}

fn repair(directory: &Path, accept_loss: Option<Loss>, output: Output) -> Result<()> {
    let repaired = data_dir::repair(directory, accept_loss == Some(Loss::Store))?;
    let Some(repaired) = repaired else {
        return output.done("the next start begins with an empty store");
    };
    if output.json {
        return output.report(&StoreRepairReport {
            path: directory.display().to_string(),
            repaired: repaired.kept.is_some(),
            tasks: repaired.tasks,
            damages: repaired.damages.iter().map(view).collect(),
            kept: repaired.kept,
        });
    }
    list(&repaired.damages, output)?;
    match &repaired.kept {
        Some(kept) => {
            output.line(&format!(
                "repaired: {} in the store; the damaged one is {}",
                count(repaired.tasks, "task"),
                printable(kept)
            ))?;
            let lost = repaired
                .damages
                .iter()
                .filter(|damage| damage.loss.is_some());
            match lost.count() {
                0 => output.note("nothing is lost"),
                lost => output.note(&format!("{} with a loss, see above", count(lost, "damage"))),
            }
        }
        None => output.line("nothing is damaged, and nothing was changed")?,
    }
    Ok(())
}

fn view(damage: &Damage) -> StoreDamage {
    let damage = damage.clone();
    StoreDamage {
        part: damage.part.to_owned(),
        file: damage.file,
        offset: damage.offset,
        kind: damage.kind,
        workspace: damage.workspace,
        task: damage.task,
        what: damage.what,
        loss: damage.loss,
    }
}

/// One damage a paragraph: they are few, and each matters.
fn list(damages: &[Damage], output: Output) -> Result<()> {
    for damage in damages {
        let at = damage.offset.map(|at| format!(" at byte {at}"));
        let of = match (&damage.workspace, &damage.task) {
            (Some(workspace), Some(task)) => format!(", task {task} of {workspace}"),
            (Some(workspace), None) => format!(", workspace {workspace}"),
            _ => String::new(),
        };
        let line = format!(
            "{}: {}{}: {}{of}: {}",
            damage.part,
            damage.file,
            at.unwrap_or_default(),
            damage.kind,
            damage.what,
        );
        output.line(&printable(&line))?;
        let loss = damage.loss.as_deref().unwrap_or("nothing");
        output.line(&printable(&format!("  lost: {loss}")))?;
    }
    Ok(())
}

fn count(count: usize, of: &str) -> String {
    match count {
        1 => format!("1 {of}"),
        count => format!("{count} {of}s"),
    }
}
