//! `stepwell deploy`: a manifest's workspaces, config, webhooks and steps, brought to a server.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use stepwell_api::report::{DeployAction, DeployItem, DeployReport, KeptItem};

use super::context;
use super::global::Global;
use crate::deploy::error::DeployError;
use crate::deploy::manifest::Manifest;
use crate::deploy::plan::{Action, Item, Kind, Unmanaged};
use crate::deploy::{apply, plan, sources};
use crate::terminal::output::{Output, Tone, printable};
use confirm::confirm;

pub(super) mod confirm;

/// How many names of a kind that are not in the manifest are listed at most.
const KEPT_NAMES: usize = 10;

/// The options of `deploy`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  stepwell deploy deploy.yaml --dry-run               what would change
  stepwell deploy deploy.yaml                         create what is missing, update what differs
  CRM_TOKEN=$(pass show crm) stepwell deploy deploy.yaml
  stepwell deploy deploy.yaml --prune                 and delete steps and schedules that it does not name
  stepwell deploy deploy.yaml --prune=config          and delete config values, secrets too; asks first

Each line begins with + created, ~ updated, = as it was, - deleted or ! failed.
See docs/deploy.md for the format of a manifest.")]
pub struct DeployArgs {
    /// The manifest
    #[arg(value_name = "FILE.yaml")]
    file: PathBuf,
    /// Show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Delete what the manifest does not name, of those kinds of which it names some: steps and
    /// schedules, or the KINDS that are listed (steps, schedules, config, connectors); never webhooks
    #[arg(
        long,
        value_name = "KINDS",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "steps,schedules",
        value_parser = parse_kinds
    )]
    prune: Vec<Kinds>,
    /// Delete config values and connectors without a question
    #[arg(long)]
    yes: bool,
}

/// Kinds of which things may be deleted.
#[derive(Debug, Clone)]
struct Kinds(Vec<Kind>);

fn parse_kinds(text: &str) -> Result<Kinds, String> {
    let kind = |word: &str| match word.trim() {
        "steps" => Ok(Kind::Step),
        "schedules" => Ok(Kind::Schedule),
        // The server seals every config value.
        "config" | "secrets" => Ok(Kind::Config),
        "connectors" => Ok(Kind::Connector),
        "webhooks" => Err(
            "a webhook is never pruned, because its URL, which others hold, would be lost; \
             `stepwell webhook delete NAME` deletes one"
                .to_owned(),
        ),
        other => Err(format!(
            "`{other}` is no kind; use steps, schedules, config or connectors, with commas between"
        )),
    };
    text.split(',')
        .map(kind)
        .collect::<Result<_, _>>()
        .map(Kinds)
}

/// Runs the command.
pub async fn run(global: &Global, args: DeployArgs, output: Output) -> Result<()> {
    let manifest = Manifest::read(&args.file, &|name| std::env::var_os(name))?;
    for note in &manifest.notes {
        output.note(&format!("note: {}", printable(note)));
    }
    // A build takes longer than finding out that there is no server to upload to.
    let client = context::connect(global).await?;
    client.workspaces().await?;
    let mut wanted = Vec::new();
    let mut faults = Vec::new();
    for workspace in manifest.workspaces {
        match sources::steps(&manifest.folder, &workspace, output) {
            Ok(steps) => wanted.push((workspace, steps)),
            Err(found) => faults.extend(found),
        }
    }
    if !faults.is_empty() {
        let file = args.file;
        return Err(DeployError::Manifest { file, faults }.into());
    }
    let prune: Vec<Kind> = args.prune.into_iter().flat_map(|kinds| kinds.0).collect();
    let mut plan = plan::plan(&client, wanted, &prune).await?;
    for note in &plan.notes {
        output.note(&format!("note: {note}"));
    }
    let items = &mut plan.items;
    if !args.dry_run && !args.yes {
        confirm(items, output)?;
    }
    let show = |item: &Item| match output.json {
        true => Ok(()),
        false => Ok(output.line(&line(item, output))?),
    };
    if args.dry_run {
        items.iter().try_for_each(show)?;
    } else {
        apply::apply(&client, items, show).await?;
    }
    if output.json {
        output.report(&DeployReport {
            items: items.iter().map(view).collect(),
            kept: plan.kept.iter().map(kept_view).collect(),
        })?;
    }
    output.note(&summary(items, args.dry_run));
    for line in kept_lines(&plan.kept, prune.is_empty()) {
        output.note(&line);
    }
    if !args.dry_run {
        for line in hints(items, client.workspace()) {
            output.note(&line);
        }
    }
    let failed = count(items, Action::Failed);
    if failed > 0 {
        let all = items.len();
        return Err(DeployError::Failed { failed, all }.into());
    }
    Ok(())
}

fn line(item: &Item, output: Output) -> String {
    let (mark, tone) = match item.action {
        Action::None => ("=", Tone::Faint),
        Action::Create => ("+", Tone::Good),
        Action::Update => ("~", Tone::Warn),
        Action::Delete => ("-", Tone::Bad),
        Action::Failed => ("!", Tone::Bad),
    };
    let mut line = format!(
        "{} {:<9}  {}",
        output.paint(tone, mark),
        item.kind.word(),
        printable(&item.name)
    );
    let prefix = |digest: &String| digest.chars().take(12).collect::<String>();
    let detail = match (&item.error, &item.url, &item.digests) {
        // Cargo says it in several lines.
        (Some(error), _, _) => {
            let lines: Vec<_> = error.lines().map(printable).collect();
            lines.join("\n              ")
        }
        (_, Some(url), _) => printable(url).into_owned(),
        (_, _, (None, None)) if !item.parts.is_empty() => changes(&item.parts),
        (_, _, (Some(old), Some(new))) if old == new => prefix(new),
        (_, _, (Some(old), Some(new))) => format!("{} → {}", prefix(old), prefix(new)),
        (_, _, (None, Some(new))) => prefix(new),
        _ => String::new(),
    };
    if !detail.is_empty() {
        line.push_str("  ");
        line.push_str(&detail);
    }
    for warning in &item.warnings {
        let warning = format!("warning: {}", printable(warning));
        line.push_str(&format!(
            "\n              {}",
            output.paint(Tone::Warn, &warning)
        ));
    }
    line
}

/// `secret changes`, or `secret and allowIps change`.
fn changes(parts: &[&str]) -> String {
    match parts {
        [one] => format!("{one} changes"),
        [first @ .., last] => format!("{} and {last} change", first.join(", ")),
        [] => String::new(),
    }
}

fn view(item: &Item) -> DeployItem {
    let (old_digest, digest) = item.digests.clone();
    DeployItem {
        action: match item.action {
            Action::None => DeployAction::None,
            Action::Create => DeployAction::Create,
            Action::Update => DeployAction::Update,
            Action::Delete => DeployAction::Delete,
            Action::Failed => DeployAction::Failed,
        },
        kind: item.kind.word().to_owned(),
        workspace: item.workspace.to_string(),
        name: item.name.clone(),
        old_digest,
        digest,
        url: item.url.clone(),
        error: item.error.clone(),
        changes: item.parts.iter().map(|&part| part.to_owned()).collect(),
        warnings: item.warnings.clone(),
    }
}

fn kept_view(kept: &Unmanaged) -> KeptItem {
    KeptItem {
        kind: kept.kind.word().to_owned(),
        workspace: kept.workspace.to_string(),
        name: kept.name.clone(),
    }
}

/// What the server has beside the manifest, a line for each workspace.
fn kept_lines(kept: &[Unmanaged], is_hinted: bool) -> Vec<String> {
    let mut lines = Vec::new();
    for group in kept.chunk_by(|a, b| a.workspace == b.workspace) {
        let kinds = group.chunk_by(|a, b| a.kind == b.kind);
        let kinds: Vec<String> = kinds
            .map(|kind| {
                let names = kind.iter().map(|one| printable(&one.name));
                let mut names: Vec<_> = names
                    .take(KEPT_NAMES)
                    .map(|name| name.into_owned())
                    .collect();
                if kind.len() > KEPT_NAMES {
                    names.push(format!("{} more", kind.len() - KEPT_NAMES));
                }
                format!("{} {}", kind[0].kind.word(), names.join(", "))
            })
            .collect();
        let workspace = &group[0].workspace;
        lines.push(format!(
            "in {workspace}, and not in the manifest: {}",
            kinds.join("; ")
        ));
    }
    if is_hinted && !lines.is_empty() {
        let hint = "  all of it stays; --prune deletes steps and schedules, --prune=config config values, each if the manifest names others of the kind";
        lines.push(hint.to_owned());
    }
    lines
}

/// How to look into the workspaces that were deployed to, unless commands look there anyway.
fn hints(items: &[Item], current: &str) -> Vec<String> {
    let workspaces = items.iter().filter(|item| item.kind == Kind::Workspace);
    let others = workspaces.filter(|item| item.name != current && item.action != Action::Failed);
    let names: Vec<&str> = others.map(|item| item.name.as_str()).collect();
    match names.as_slice() {
        [] => Vec::new(),
        [name, ..] => vec![format!(
            "look into {}: stepwell task list --workspace {name}\n  `stepwell workspace use {name}` makes it the one that commands are about",
            names.join(", ")
        )],
    }
}

fn count(items: &[Item], action: Action) -> usize {
    items.iter().filter(|item| item.action == action).count()
}

fn summary(items: &[Item], dry_run: bool) -> String {
    let words = match dry_run {
        true => ["to create", "to update", "to delete"],
        false => ["created", "updated", "deleted"],
    };
    let actions = [Action::Create, Action::Update, Action::Delete];
    let mut parts: Vec<String> = actions
        .iter()
        .zip(words)
        .map(|(action, word)| (count(items, *action), word))
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    parts.push(format!("{} unchanged", count(items, Action::None)));
    parts.join(", ")
}
