//! `stepwell store migrate` and what undoes it.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;
use stepwell_api::report::{CopiedItems, StoreMigrateReport};

use crate::app::migration::{Migration, Stage, migrate, reopen as reopen_database};
use crate::cli::exit::UsageError;
use crate::settings::StoreUrl;
use crate::store::migration::{Item, MissingFiles};
use crate::terminal::output::Output;
use crate::terminal::units::plural;

/// How often it is said how far it is.
const EVERY: Duration = Duration::from_secs(5);
const FILES_DIR: &str = "--files-dir is needed: the directory of files that came with tasks, which `serve --files-dir` names, or else `files` in the server's data directory; with --no-files the copy is without files";
const DATABASE: &str =
    "--store must be the URL of a PostgreSQL database, e.g. postgres://user@db.example/stepwell";
const DIRECTORIES: &str = "--from and --to are both data directories; while no server runs, one is copied as it is, e.g. with `cp -a`";
const DATABASES: &str = "--from and --to are both databases; one is copied by its own tools, e.g. with `pg_dump --schema=stepwell`";

/// The options of `store migrate`.
#[derive(Debug, Args)]
pub struct MigrateArgs {
    /// The data directory or the database with the store
    #[arg(
        long,
        env = "STEPWELL_MIGRATE_FROM",
        value_name = "DIR|URL",
        hide_env_values = true
    )]
    from: String,
    /// The data directory or the database that the store is copied into; it has none yet
    #[arg(
        long,
        env = "STEPWELL_MIGRATE_TO",
        value_name = "DIR|URL",
        hide_env_values = true
    )]
    to: String,
    /// The directory of files that come with tasks, of the servers with the database
    #[arg(long, value_name = "DIR")]
    files_dir: Option<PathBuf>,
    /// Copy although files that came with tasks are not there: they are left out and counted
    #[arg(long)]
    no_files: bool,
}

/// Which database is used again.
#[derive(Debug, Args)]
pub struct ReopenArgs {
    /// PostgreSQL database whose store was copied into a data directory
    #[arg(
        long,
        env = "STEPWELL_STORE",
        value_name = "URL",
        hide_env_values = true
    )]
    store: String,
}

/// A data directory or a database.
enum StoreLocation {
    Directory(PathBuf),
    Database(StoreUrl),
}

impl StoreLocation {
    fn of(flag: &str, text: &str) -> Result<Self, UsageError> {
        if let Ok(url) = text.parse::<StoreUrl>() {
            return Ok(Self::Database(url));
        }
        if text.is_empty() || text.contains("://") {
            return Err(UsageError::Value(format!(
                "{flag} must be a data directory, or the URL of a PostgreSQL database, e.g. postgres://user@db.example/stepwell"
            )));
        }
        Ok(Self::Directory(text.into()))
    }
}

impl MigrateArgs {
    fn migration(self) -> Result<Migration, UsageError> {
        let (from, to) = (
            StoreLocation::of("--from", &self.from)?,
            StoreLocation::of("--to", &self.to)?,
        );
        let files = self.files_dir;
        let may_miss = match self.no_files {
            true => MissingFiles::LeftOut,
            false => MissingFiles::Refused,
        };
        match (from, to) {
            (StoreLocation::Directory(from), StoreLocation::Database(to)) => {
                Ok(Migration::IntoDatabase {
                    from,
                    to,
                    files,
                    may_miss,
                })
            }
            (StoreLocation::Database(_), StoreLocation::Directory(_))
                if files.is_none() && !self.no_files =>
            {
                Err(UsageError::Value(FILES_DIR.to_owned()))
            }
            (StoreLocation::Database(from), StoreLocation::Directory(to)) => {
                Ok(Migration::IntoDirectory {
                    from,
                    to,
                    files,
                    may_miss,
                })
            }
            (StoreLocation::Directory(_), StoreLocation::Directory(_)) => {
                Err(UsageError::Value(DIRECTORIES.to_owned()))
            }
            (StoreLocation::Database(_), StoreLocation::Database(_)) => {
                Err(UsageError::Value(DATABASES.to_owned()))
            }
        }
    }
}

/// Copies a store, and prints the counts and digests.
pub fn run(args: MigrateArgs, output: Output) -> Result<()> {
    let (from, to) = (shown(&args.from), shown(&args.to));
    let migration = args.migration()?;
    let is_from_database = matches!(migration, Migration::IntoDirectory { .. });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let said = Mutex::new(Instant::now());
    let is_shown = std::io::stderr().is_terminal() && !output.json;
    let progress = |stage: Stage| {
        let Ok(mut said) = said.lock() else { return };
        if !is_shown || said.elapsed() < EVERY {
            return;
        }
        *said = Instant::now();
        output.note(&match stage {
            Stage::Looks(tasks) => format!("{} looked at for files", plural(tasks, "task")),
            Stage::Copies(tasks) => format!("{} copied", plural(tasks, "task")),
            Stage::Reads(tasks) => format!("{} read back", plural(tasks, "task")),
        });
    };
    let copied = runtime.block_on(migrate(&migration, &progress))?;
    if output.json {
        let copied_items = Item::ALL.map(|item| {
            let total = copied.of(item);
            CopiedItems {
                kind: item.name().to_owned(),
                count: total.count,
                digest: total.digest(),
            }
        });
        return output.report(&StoreMigrateReport {
            from,
            to,
            copied: copied_items.into(),
            deliveries_left: copied.deliveries_left,
            bodies_missing: copied.bodies_missing,
            files_missing: copied.files_missing,
        });
    }
    for item in Item::ALL {
        let total = copied.of(item);
        let digest = total.digest();
        output.line(&format!(
            "{:>10} {:<20} {}",
            total.count,
            item.name(),
            &digest[..16]
        ))?;
    }
    if copied.deliveries_left > 0 {
        output.note(&format!(
            "recorded deliveries that were left out: {}; a data directory keeps the newest 7 MiB of a workspace",
            copied.deliveries_left
        ));
    }
    if copied.bodies_missing > 0 {
        output.note(&format!(
            "bodies of responses that were missing in the source already: {}",
            copied.bodies_missing
        ));
    }
    if copied.files_missing > 0 {
        output.note(&format!(
            "files that tasks name and that were not there: {}",
            copied.files_missing
        ));
    }
    let left = match is_from_database {
        true => "No server starts on the source any more: `stepwell store reopen` undoes that",
        false => "The source is as it was; do not start servers on both",
    };
    output.note(&format!(
        "copied from {from} to {to}, and read back: the same. {left}"
    ));
    Ok(())
}

/// Has servers start again on a database that was copied into a data directory.
pub fn reopen(args: &ReopenArgs, output: Output) -> Result<()> {
    let StoreLocation::Database(url) = StoreLocation::of("--store", &args.store)? else {
        return Err(UsageError::Value(DATABASE.to_owned()).into());
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    match runtime.block_on(reopen_database(&url))? {
        Some(place) => output.done(&format!(
            "servers start on {url} again; do not start one on {place}"
        )),
        None => output.done(&format!("nothing was changed: {url} was not moved")),
    }
}

/// A place without its password.
fn shown(text: &str) -> String {
    text.parse::<StoreUrl>()
        .map_or_else(|_| text.to_owned(), |url| url.to_string())
}
