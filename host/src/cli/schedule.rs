//! `stepwell schedule …`.

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Map, Value, json};

use super::context;
use super::exit::UsageError;
use super::global::Global;
use crate::client::member::{member, text};
use crate::domain::schedule::Missed;
use crate::terminal::output::{Output, Tone, printable, words};

/// What can be done with schedules.
#[derive(Debug, Subcommand)]
pub enum ScheduleCommand {
    /// Add a schedule that makes tasks, or change it
    #[command(after_help = "Example:
  stepwell schedule add 'Morning report' '0 8 * * 1-5' --timezone Europe/Berlin --missed once

The line has the fields minute, hour, day of month, month and day of week; six fields begin with
seconds. Steps match its tasks by the condition {\"$via\": {\"type\": \"cron\", \"name\": \"Morning report\"}}.")]
    Add(AddArgs),
    /// List the schedules and when each fires next
    List,
    /// Show a schedule
    Show {
        /// Its name
        name: String,
    },
    /// Delete a schedule; its tasks stay
    Delete {
        /// Its name
        name: String,
    },
}

/// What `schedule add` takes.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// Its name
    name: String,
    /// When it fires, e.g. '0 8 * * 1-5'
    cron: String,
    /// The time zone that the line is read in
    #[arg(long, default_value = "UTC", value_name = "NAME")]
    timezone: String,
    /// What becomes of fires that the server was not there for
    #[arg(long, value_enum, default_value_t = MissedArg::Skip)]
    missed: MissedArg,
    /// The data of its tasks, a JSON object
    #[arg(long, value_name = "JSON")]
    data: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum MissedArg {
    /// They are dropped
    Skip,
    /// One task for all of them
    Once,
    /// A task for each, the newest 1,000
    All,
}

impl From<MissedArg> for Missed {
    fn from(arg: MissedArg) -> Self {
        match arg {
            MissedArg::Skip => Self::Skip,
            MissedArg::Once => Self::Once,
            MissedArg::All => Self::All,
        }
    }
}

/// Runs a schedule command.
pub async fn run(global: &Global, command: ScheduleCommand, output: Output) -> Result<()> {
    let client = context::connect(global)?;
    match command {
        ScheduleCommand::Add(args) => {
            let body = json!({
                "cron": args.cron,
                "timezone": args.timezone,
                "missed": Missed::from(args.missed),
                "data": data(args.data.as_deref())?,
            });
            let put = client.put(&["schedules", &args.name], &body).await?;
            if output.json {
                return Ok(output.document(&put)?);
            }
            let what = match text(&put, "change") {
                "added" => "added",
                "changed" => "changed",
                _ => "nothing changed in",
            };
            output.done(&format!(
                "{what} schedule {}; it fires next at {}",
                printable(&args.name),
                printable(text(&put, "next"))
            ))
        }
        ScheduleCommand::List => {
            let list = client.get(&["schedules"], &[]).await?;
            if output.json {
                return Ok(output.document(&list)?);
            }
            let rows = member(&list, "schedules")
                .map(|schedule| {
                    ["name", "cron", "timezone", "missed", "next"]
                        .map(|key| text(schedule, key).to_owned())
                        .into()
                })
                .collect();
            let columns = ["NAME", "CRON", "TIMEZONE", "MISSED", "NEXT"].map(words);
            Ok(output.table(
                &columns,
                rows,
                "no schedules yet; add one with `stepwell schedule add NAME CRON`",
            )?)
        }
        ScheduleCommand::Show { name } => {
            let found = client.get(&["schedules", &name], &[]).await?;
            if output.json {
                return Ok(output.document(&found)?);
            }
            Ok(output.line(&sheet(&found, output))?)
        }
        ScheduleCommand::Delete { name } => {
            client.delete(&["schedules", &name]).await?;
            output.done(&format!("deleted schedule {}", printable(&name)))
        }
    }
}

fn sheet(schedule: &Value, output: Output) -> String {
    let data = schedule["data"].to_string();
    let keys = [
        "name", "cron", "timezone", "missed", "next", "data", "created", "updated",
    ];
    let lines: Vec<String> = keys
        .iter()
        .map(|key| {
            let label = output.paint(Tone::Faint, &format!("{key:<10}"));
            let value = if *key == "data" {
                &data
            } else {
                text(schedule, key)
            };
            format!("{label}{}", printable(value))
        })
        .collect();
    lines.join("\n")
}

fn data(given: Option<&str>) -> Result<Map<String, Value>, UsageError> {
    let Some(given) = given else {
        return Ok(Map::new());
    };
    serde_json::from_str(given).map_err(|error| {
        UsageError::Value(format!(
            "--data is not a JSON object ({error}); it must be like '{{\"list\": \"weekly\"}}'"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_an_object() {
        assert_eq!(data(None).unwrap(), Map::new());
        assert_eq!(
            Value::Object(data(Some(r#"{"a":1}"#)).unwrap()),
            json!({"a": 1})
        );
        for wrong in ["[1]", "x", "", "{\"a\":"] {
            let error = data(Some(wrong)).unwrap_err().to_string();
            assert!(error.contains("it must be like"), "{error}");
        }
    }
}
