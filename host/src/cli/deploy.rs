//! `stepwell deploy`: a manifest's workspaces, config, webhooks and steps, brought to a server.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde_json::{Map, Value, json};

use super::output::{Output, Tone, printable};
use super::{Global, context};
use crate::deploy::manifest::Manifest;
use crate::deploy::plan::{Action, Item};
use crate::deploy::{DeployError, apply, plan, sources};

/// What `deploy` takes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  stepwell deploy deploy.yaml --dry-run               what would change
  stepwell deploy deploy.yaml                         create what is missing, update what differs
  CRM_TOKEN=$(pass show crm) stepwell deploy deploy.yaml
  stepwell deploy deploy.yaml --prune                 and delete steps, config, schedules it does not name

Each line begins with + created, ~ updated, = as it was, - deleted or ! failed.
docs/deploy.md tells what a manifest may say.")]
pub struct DeployArgs {
    /// The manifest
    #[arg(value_name = "FILE.yaml")]
    file: PathBuf,
    /// Show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Delete steps, config and schedules that the manifest does not name; never webhooks, whose URLs others use
    #[arg(long)]
    prune: bool,
}

/// Runs the command.
pub async fn run(global: &Global, args: DeployArgs, output: Output) -> Result<()> {
    let manifest = Manifest::read(&args.file, &|name| std::env::var_os(name))?;
    for note in &manifest.notes {
        output.note(&format!("note: {}", printable(note)));
    }
    // A build takes longer than finding out that there is no server to upload to.
    let client = context::connect(global)?;
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
    let mut items = plan::plan(&client, wanted, args.prune).await?;
    let show = |item: &Item| match output.json {
        true => Ok(()),
        false => Ok(output.line(&line(item, output))?),
    };
    if args.dry_run {
        items.iter().try_for_each(show)?;
    } else {
        apply::apply(&client, &mut items, show).await?;
    }
    if output.json {
        let views: Vec<Value> = items.iter().map(view).collect();
        output.document(&json!({ "items": views }))?;
    }
    output.note(&summary(&items, args.dry_run));
    let failed = count(&items, Action::Failed);
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

fn view(item: &Item) -> Value {
    let mut view = Map::new();
    let action = match item.action {
        Action::None => "none",
        Action::Create => "create",
        Action::Update => "update",
        Action::Delete => "delete",
        Action::Failed => "failed",
    };
    view.insert("action".into(), action.into());
    view.insert("kind".into(), item.kind.word().into());
    view.insert("workspace".into(), item.workspace.as_str().into());
    view.insert("name".into(), item.name.as_str().into());
    let (old, new) = &item.digests;
    for (key, value) in [
        ("old_digest", old),
        ("digest", new),
        ("url", &item.url),
        ("error", &item.error),
    ] {
        if let Some(value) = value {
            view.insert(key.into(), value.as_str().into());
        }
    }
    if !item.warnings.is_empty() {
        view.insert("warnings".into(), json!(item.warnings));
    }
    Value::Object(view)
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
