//! `stepwell workspace …`.

use anyhow::Result;
use clap::{Args, Subcommand};
use stepwell_api::report::{CurrentWorkspace, WorkspaceList};
use stepwell_api::{
    NewWorkspace, Period as ApiPeriod, Retention, RetentionChange, Workspace, WorkspaceChange,
};

use super::deploy::confirm::asked;
use super::global::Global;
use super::webhook::rate_text;
use super::{context, current};
use crate::domain::rate::{Rate, RateError};
use crate::domain::retention::Period;
use crate::terminal::output::{Output, printable, shorten, words};

/// The subcommands of `stepwell workspace`.
#[derive(Debug, Subcommand)]
pub enum WorkspaceCommand {
    /// Add a workspace: a tenant with webhooks, steps, tasks and config of its own
    #[command(after_help = "Example:
  stepwell workspace add sales
  stepwell webhook add \"Lead Form\" --workspace sales

A title such as \"Sales Automation\" is taken wherever a workspace is named: it is sales-automation.")]
    Add {
        /// Its name: up to 40 of a-z, 0-9 and -, or a title
        name: String,
    },
    /// Set the URL that gets failure notices, and how long finished tasks are kept
    #[command(after_help = "Examples:
  stepwell workspace set sales --failure-url https://ops.example.com/stepwell
  stepwell workspace set sales --failure-url none
  stepwell workspace set sales --keep-done 7 --keep-others 365
  stepwell workspace set sales --keep-done forever

Settings that are not named stay. See docs/operations.md for failure notices and retention.")]
    Set {
        /// Its name
        name: String,
        #[command(flatten)]
        settings: Settings,
    },
    /// List the workspaces; * marks the current one
    List,
    /// Delete a workspace with its webhooks, steps, config and tasks; nothing of it can be read back
    #[command(after_help = "Examples:
  stepwell workspace delete sales
  stepwell workspace delete sales --yes      without being asked

Its webhooks are unknown and its runs are stopped at once; what is stored of it is erased in a while, and until
then its name is not taken again.")]
    Delete {
        /// Its name or title
        name: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Make a workspace the one that commands act in, on this server
    #[command(after_help = "Examples:
  stepwell workspace use sales
  stepwell workspace use \"Sales Automation\"
  stepwell workspace use default                      as it was

It is kept in ~/.config/stepwell/cli.json. --workspace and STEPWELL_WORKSPACE have precedence.")]
    Use {
        /// Its name or title
        name: String,
    },
}

/// The change that the options ask for.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct Settings {
    /// The URL that is posted to when a task ends in `error`, or none
    #[arg(long, value_name = "URL|none")]
    failure_url: Option<String>,
    /// For how many days tasks are kept that are done, or forever
    #[arg(long, value_name = "DAYS|forever")]
    keep_done: Option<Period>,
    /// For how many days tasks are kept that came to another end, or forever
    #[arg(long, value_name = "DAYS|forever")]
    keep_others: Option<Period>,
    /// How many requests its webhooks take together, e.g. 1000/s, or none; more are refused with 429
    #[arg(long, value_name = "RATE|none", value_parser = rate)]
    rate: Option<RateOrNone>,
}

/// A rate, or none. A type of its own, as clap takes an `Option` for a flag that may be left out.
#[derive(Debug, Clone, Copy)]
pub struct RateOrNone(Option<Rate>);

fn rate(text: &str) -> Result<RateOrNone, RateError> {
    match text {
        "none" => Ok(RateOrNone(None)),
        text => text.parse().map(|rate| RateOrNone(Some(rate))),
    }
}

impl Settings {
    /// As the API takes them.
    fn change(&self) -> WorkspaceChange {
        let url = self.failure_url.as_ref();
        WorkspaceChange {
            failure_url: url.map(|url| (url != "none").then(|| url.clone())),
            retention: RetentionChange {
                done: self.keep_done.map(Into::into),
                others: self.keep_others.map(Into::into),
            },
            rate: self.rate.map(|RateOrNone(rate)| rate.map(Into::into)),
        }
    }
}

/// For how long a workspace keeps tasks of a kind; empty if the server does not tell.
fn kept(workspace: &Workspace, of: fn(&Retention) -> ApiPeriod) -> String {
    let period = workspace.retention.as_ref().map(of);
    period.map_or_else(String::new, |period| period.to_string())
}

/// Runs a workspace command.
pub async fn run(global: &Global, command: WorkspaceCommand, output: Output) -> Result<()> {
    let client = context::connect(global).await?;
    match command {
        WorkspaceCommand::Add { name } => {
            let body = NewWorkspace {
                name,
                failure_url: None,
                retention: RetentionChange::default(),
                rate: None,
            };
            let added = client.add_workspace(&body).await?;
            if output.json {
                return Ok(output.document(added.document())?);
            }
            output.done(&format!(
                "added workspace {}",
                printable(&added.read()?.name)
            ))
        }
        WorkspaceCommand::Set { name, settings } => {
            let change = settings.change();
            let client = client.of_workspace(&name);
            let set = client.patch::<Workspace>(&[], &change).await?;
            if output.json {
                return Ok(output.document(set.document())?);
            }
            let set = set.read()?;
            let name = printable(&name);
            if change.failure_url.is_some() {
                let notices = match &set.failure_url {
                    None => "sends no failure notices",
                    _ => "sends failure notices to its URL",
                };
                output.done(&format!("workspace {name} {notices}"))?;
            }
            if !change.retention.is_empty() {
                let (done, others) = (kept(&set, |of| of.done), kept(&set, |of| of.others));
                let (done, others) = (printable(&done), printable(&others));
                output.done(&format!(
                    "workspace {name} keeps tasks that are done for {done}, others at their end for {others}"
                ))?;
            }
            if change.rate.is_some() {
                let rate = set.rate.map(rate_text);
                let rate = rate.unwrap_or_else(|| "as many requests as come".to_owned());
                output.done(&format!("workspace {name} takes {}", printable(&rate)))?;
            }
            Ok(())
        }
        WorkspaceCommand::List => {
            let list = client.workspaces().await?;
            let current = client.workspace();
            if output.json {
                return output.report(&WorkspaceList {
                    workspaces: list.document(),
                    current: current.to_owned(),
                });
            }
            let workspaces = list.read()?.workspaces;
            if !workspaces.iter().any(|workspace| workspace.name == current) {
                output.note(&format!(
                    "the current workspace, {}, is not there; choose another with `stepwell workspace use NAME`",
                    printable(current)
                ));
            }
            let rows = (workspaces.into_iter())
                .map(|workspace| {
                    let url = workspace.failure_url.as_deref().unwrap_or_default();
                    let url = shorten(url, 60).into_owned();
                    let mark = if workspace.name == current { "*" } else { "" };
                    let (done, others) = (
                        kept(&workspace, |of| of.done),
                        kept(&workspace, |of| of.others),
                    );
                    vec![mark.to_owned(), workspace.name, done, others, url]
                })
                .collect();
            let columns = [
                words(""),
                words("NAME"),
                words("KEEPS DONE"),
                words("AND OTHERS"),
                words("FAILURE URL"),
            ];
            Ok(output.table(&columns, rows, "no workspaces")?)
        }
        WorkspaceCommand::Delete { name, yes } => {
            let client = client.of_workspace(&name);
            let name = client.get::<Workspace>(&[], &[]).await?.read()?.name;
            if !yes {
                let lost = format!("workspace {} with all that is in it", printable(&name));
                asked(vec![lost], output)?;
            }
            client.delete(&[]).await?;
            output.done(&format!("deleted workspace {}", printable(&name)))?;
            // It stays the current one: commands that name none are refused, and do not go elsewhere.
            if current::get(&context::server(global)?)?.as_ref() == Some(&name) {
                output.note(
                    "it was the current workspace; choose another with `stepwell workspace use NAME`",
                );
            }
            Ok(())
        }
        WorkspaceCommand::Use { name } => {
            let client = client.of_workspace(&name);
            let name = client.get::<Workspace>(&[], &[]).await?.read()?.name;
            current::set(&context::server(global)?, &name)?;
            if output.json {
                return output.report(&CurrentWorkspace { current: name });
            }
            output.note(&format!("commands act in workspace {}", printable(&name)));
            if let Some(other) = global
                .workspace
                .as_deref()
                .filter(|other| !other.is_empty())
            {
                output.note(&format!(
                    "note: in this shell STEPWELL_WORKSPACE or --workspace names {}, which has precedence",
                    printable(other)
                ));
            }
            Ok(())
        }
    }
}
