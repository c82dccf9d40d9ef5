//! `stepwell task …`.

mod act;
mod explain;
mod id;
mod list;

use std::time::Duration;

use anyhow::Result;
use clap::Subcommand;
use serde_json::Value;
use stepwell_api::{Task, TaskState};

use super::context;
use super::global::Global;
use super::timeline::{Timeline, paint_state};
pub(super) use list::time;

use crate::client::{Answer, Client};
use crate::terminal::output::{Output, Tone, json_line, json_pretty, printable};
pub(super) use act::document;
use id::resolve;
pub(super) use id::resolve_delivery;

/// How soon a followed task is looked at again at first, and how seldom at most: most tasks are
/// done in milliseconds, the others take their time.
const LOOK_FIRST: Duration = Duration::from_millis(10);
/// See [`LOOK_FIRST`].
const LOOK_EVERY: Duration = Duration::from_millis(300);
/// How long a waiting task is left alone between two looks.
const LOOK_WAITING: Duration = Duration::from_secs(1);

const WHICH: &str = "Lines are shortened to the terminal's width; a pipe gets them whole.

Examples:
  stepwell task log 0190c0de                the first digits are enough if no other task has them
  stepwell task log ID --full --tail 20
  stepwell task log ID --before 1041        what a long history has before this place
  stepwell task log ID | grep warn";

/// The subcommands of `stepwell task`.
#[derive(Debug, Subcommand)]
pub enum TaskCommand {
    /// List tasks, the newest first
    #[command(after_help = "Examples:
  stepwell task list --attention                       what needs attention
  stepwell task list --state error,waiting --since 2h
  stepwell task list --webhook Orders --where '{\"amount\": {\"$gt\": 100}}'
  stepwell task list --all --json | jq -r '.tasks[].id'

It looks until it has found as many as are wanted, or has looked at all; with --where that may take some
time, as the data of each task is read.")]
    List(list::TaskFilter),
    /// Count the tasks in each state
    Count,
    /// Show a task: where it stands, its data, its timeline
    #[command(after_help = WHICH)]
    Show {
        /// The task: its id, or the first digits of it
        id: String,
        /// Do not shorten lines to the terminal's width
        #[arg(long)]
        full: bool,
        /// The part of a long timeline before this place, which the newer part names
        #[arg(long, value_name = "PLACE")]
        before: Option<u64>,
    },
    /// Show a task's timeline line by line
    #[command(after_help = WHICH)]
    Log {
        /// The task: its id, or the first digits of it
        id: String,
        /// Go on until the task is at its end
        #[arg(long, short)]
        follow: bool,
        /// Do not shorten lines to the terminal's width
        #[arg(long)]
        full: bool,
        /// Only the last lines of what has happened so far
        #[arg(long, value_name = "LINES")]
        tail: Option<usize>,
        /// The part of a long timeline before this place, which the newer part names
        #[arg(long, value_name = "PLACE", conflicts_with = "follow")]
        before: Option<u64>,
    },
    /// Show what each step's condition lacks of a task's data
    #[command(after_help = "Examples:
  stepwell task explain ID           every step, the ones that match first
  stepwell task explain ID orders    one step

The conditions are tried on the data as it is now; of each the first part that fails is shown.")]
    Explain {
        /// The task
        id: String,
        /// Only this step
        step: Option<String>,
    },
    /// End tasks; runs under way are given up
    Cancel {
        /// The tasks
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
    /// Have tasks in error (or cancelled) go on from the step that failed
    Retry {
        /// The tasks
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
    /// Keep tasks for ever, whatever their workspace's retention is
    #[command(after_help = "Examples:
  stepwell task keep ID
  stepwell task keep ID --undo      it goes when its time is over, which may be soon")]
    Keep {
        /// The tasks
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
        /// Keep them no longer than others
        #[arg(long)]
        undo: bool,
    },
    /// Change a task's data and have it go on at once
    #[command(after_help = "Examples:
  stepwell task update ID --patch '{\"approved\": true, \"note\": null}'   null removes a member
  stepwell task update ID --set /items/0/price=12.50 --set '/name=\"Ada\"'
  stepwell task update ID --replace @data.json
  stepwell task update ID --patch '{}'                                  wakes a task that waits

It waits for the run under way, 30 seconds at most. A task at its end goes on, too: steps run whose
condition matches now. `$via` cannot be changed.")]
    Update {
        /// The task
        id: String,
        #[command(flatten)]
        changes: act::Changes,
    },
    /// Make a new task of a task's data, changed or as it is
    #[command(after_help = "Examples:
  stepwell task clone ID
  stepwell task clone ID --set /retryAttempt=0")]
    Clone {
        /// The task
        id: String,
        #[command(flatten)]
        changes: act::Changes,
    },
    /// Run a task again from a run of its history on, with today's steps, dry
    #[command(after_help = "Examples:
  stepwell task replay ID            from its first run on
  stepwell task replay ID --from 3   with the data as it was before run 3

Nothing is sent, stored or waited for: recorded calls answer, and a step that would make another one ends
there. The last lines say how the data would differ from what the task has now.")]
    Replay {
        /// The task
        id: String,
        /// The first run to be run again
        #[arg(long, default_value_t = 1)]
        from: u32,
    },
    /// Make a task of JSON data
    #[command(after_help = "Examples:
  stepwell task new '{\"type\": \"report\", \"month\": \"2026-11\"}'
  stepwell task new @data.json
  curl -s https://example.com/data.json | stepwell task new -")]
    New {
        /// The data: JSON, @FILE, or - for standard input
        data: String,
    },
}

/// Runs a task command.
pub async fn run(global: &Global, command: TaskCommand, output: Output) -> Result<()> {
    let client = context::connect(global).await?;
    match command {
        TaskCommand::List(wanted) => list::run(&client, wanted, output).await,
        TaskCommand::Count => list::count(&client, output).await,
        TaskCommand::Show { id, full, before } => {
            let output = if full { output.whole() } else { output };
            let task = fetch(&client, &resolve(&client, &id).await?, before).await?;
            if output.json {
                return Ok(output.document(task.document())?);
            }
            let lines = timeline(before).news(&task.read()?, output);
            Ok(output.line(&sheet(&task.read()?, &lines, output))?)
        }
        TaskCommand::Log {
            id,
            follow,
            full,
            tail,
            before,
        } => {
            let output = if full { output.whole() } else { output };
            let id = resolve(&client, &id).await?;
            if follow {
                let document = watch(&client, &id, tail, output).await?;
                return if output.json {
                    Ok(output.document(&document)?)
                } else {
                    Ok(())
                };
            }
            let task = fetch(&client, &id, before).await?;
            if output.json {
                return Ok(output.document(task.document())?);
            }
            let lines = timeline(before).news(&task.read()?, output);
            for line in last(&lines, tail) {
                output.line(line)?;
            }
            Ok(())
        }
        TaskCommand::Explain { id, step } => explain::run(&client, &id, step, output).await,
        TaskCommand::Cancel { ids } => act::plain(&client, &ids, "cancel", output).await,
        TaskCommand::Retry { ids } => act::plain(&client, &ids, "retry", output).await,
        TaskCommand::Keep { ids, undo } => {
            let verb = if undo { "unkeep" } else { "keep" };
            act::plain(&client, &ids, verb, output).await
        }
        TaskCommand::Update { id, changes } => act::update(&client, &id, changes, output).await,
        TaskCommand::Clone { id, changes } => act::clone(&client, &id, changes, output).await,
        TaskCommand::Replay { id, from } => act::replay(&client, &id, from, output).await,
        TaskCommand::New { data } => act::new(&client, &data, output).await,
    }
}

/// Prints the task's timeline as it grows until the task is at its end, and gives its last
/// document. With `--json` nothing is printed: one document is one document.
///
/// `tail` limits the lines of the past; lines that come later are all shown.
pub async fn watch(
    client: &Client,
    id: &str,
    mut tail: Option<usize>,
    output: Output,
) -> Result<Value> {
    let mut timeline = Timeline::default();
    let mut pause = LOOK_FIRST;
    loop {
        let answer = fetch(client, id, None).await?;
        let task = answer.read()?;
        if !output.json {
            for line in last(&timeline.news(&task, output), tail.take()) {
                output.line(line)?;
            }
        }
        if task.state.is_final() {
            return Ok(answer.into_document());
        }
        tokio::time::sleep(if task.state == TaskState::Waiting {
            LOOK_WAITING
        } else {
            pause
        })
        .await;
        pause = (pause * 2).min(LOOK_EVERY);
    }
}

/// A task, with the newest part of its history, or the part before a place.
async fn fetch(client: &Client, id: &str, before: Option<u64>) -> Result<Answer<Task>> {
    let before = before.map(|place| ("before", place.to_string()));
    Ok(client.get(&["tasks", id], before.as_slice()).await?)
}

fn timeline(before: Option<u64>) -> Timeline {
    before.map_or_else(Timeline::default, |_| Timeline::older())
}

/// The last `tail` lines, or all.
fn last(lines: &[String], tail: Option<usize>) -> &[String] {
    &lines[lines.len().saturating_sub(tail.unwrap_or(usize::MAX))..]
}

fn sheet(task: &Task, timeline: &[String], output: Output) -> String {
    let mut lines = Vec::new();
    let mut row = |label: &str, value: &str| {
        let label = output.paint(Tone::Faint, &format!("{label:<9}"));
        lines.push(format!("{label}{value}"));
    };
    row("task", &printable(&task.id));
    row("state", &paint_state(&task.state, output));
    if let Some(at) = &task.wake_at {
        row("goes on", &printable(at));
    }
    if let Some(fault) = &task.fault {
        row("fault", &printable(fault));
    }
    if let Some(name) = &task.name {
        row("name", &printable(name));
    }
    if !task.tags.is_empty() {
        row("tags", &printable(&task.tags.join(", ")));
    }
    if let Some(webhook) = &task.webhook {
        row("webhook", &printable(webhook));
    }
    row("created", &printable(&task.created));
    row("updated", &printable(&task.updated));
    if task.kept {
        row("kept", "for ever");
    }
    if let Some(result) = &task.result {
        row("result", &json_line(result));
    }
    lines.push(String::new());
    lines.push(output.paint(Tone::Strong, "data"));
    lines.push(json_pretty(&task.data));
    lines.push(String::new());
    lines.push(output.paint(Tone::Strong, "timeline"));
    lines.extend_from_slice(timeline);
    if task.state == TaskState::Unmatched {
        let why = format!("why: stepwell task explain {}", printable(&task.id));
        lines.push(output.paint(Tone::Faint, &why));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_task_for_people() {
        let task: Task = serde_json::from_value(json!({
            "id": "0190c0de-0000-7000-8000-000000000000", "state": "done", "name": "Lead", "tags": ["a", "b"],
            "webhook": "Form", "created": "2026-11-23T14:00:00.000Z", "updated": "2026-11-23T14:00:00.001Z",
            "fault": null, "result": {"ok": true}, "data": {"total": 100.10, "items": []}, "runs": [], "history": [],
        }))
        .unwrap();
        let lines = Timeline::default().news(&task, Output::plain());
        assert_eq!(
            sheet(&task, &lines, Output::plain()),
            "\
task     0190c0de-0000-7000-8000-000000000000
state    done
name     Lead
tags     a, b
webhook  Form
created  2026-11-23T14:00:00.000Z
updated  2026-11-23T14:00:00.001Z
result   {\"ok\":true}

data
{
  \"total\": 100.1,
  \"items\": []
}

timeline
14:00:00.000  accepted by webhook Form
14:00:00.001  done  0 runs, 1 ms after it came in"
        );
    }

    #[test]
    fn the_last_lines_are_as_many_as_there_are() {
        let lines = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(last(&lines, None), &lines);
        assert_eq!(last(&lines, Some(2)), &lines[1..]);
        assert_eq!(last(&lines, Some(9)), &lines);
        assert!(last(&lines, Some(0)).is_empty());
    }
}
