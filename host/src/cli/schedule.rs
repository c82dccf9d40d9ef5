//! `stepwell schedule …`.

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Map, Value};
use stepwell_api::{Missed, PutChange, Schedule, ScheduleSettings, Schedules};

use super::context;
use super::exit::UsageError;
use super::global::Global;
use crate::terminal::output::{Output, Tone, printable, words};

/// The subcommands of `stepwell schedule`.
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

/// The options of `schedule add`.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// Its name
    name: String,
    /// When it fires, e.g. '0 8 * * 1-5'
    cron: String,
    /// The time zone that the line is read in
    #[arg(long, default_value = "UTC", value_name = "NAME")]
    timezone: String,
    /// What happens to fires that the server was not there for
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
    let client = context::connect(global).await?;
    match command {
        ScheduleCommand::Add(args) => {
            let body = ScheduleSettings {
                cron: args.cron,
                timezone: args.timezone,
                missed: args.missed.into(),
                data: data(args.data.as_deref())?,
            };
            let put = client
                .put::<Schedule>(&["schedules", &args.name], &body)
                .await?;
            if output.json {
                return Ok(output.document(put.document())?);
            }
            let put = put.read()?;
            let what = put.change.as_ref().map_or("nothing changed in", put_verb);
            output.done(&format!(
                "{what} schedule {}; it fires next at {}",
                printable(&args.name),
                printable(&put.next.unwrap_or_default())
            ))
        }
        ScheduleCommand::List => {
            let list = client.get::<Schedules>(&["schedules"], &[]).await?;
            if output.json {
                return Ok(output.document(list.document())?);
            }
            let rows = (list.read()?.schedules.into_iter())
                .map(|schedule| {
                    vec![
                        schedule.name,
                        schedule.cron,
                        schedule.timezone,
                        schedule.missed.as_str().to_owned(),
                        schedule.next.unwrap_or_default(),
                    ]
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
            let path = ["schedules", name.as_str()];
            let found = client.get::<Schedule>(&path, &[]).await?;
            if output.json {
                return Ok(output.document(found.document())?);
            }
            Ok(output.line(&sheet(&found.read()?, output))?)
        }
        ScheduleCommand::Delete { name } => {
            client.delete(&["schedules", &name]).await?;
            output.done(&format!("deleted schedule {}", printable(&name)))
        }
    }
}

/// What a `PUT` did, before the name of what was put.
pub(super) fn put_verb(change: &PutChange) -> &'static str {
    match change {
        PutChange::Added => "added",
        PutChange::Changed => "changed",
        _ => "nothing changed in",
    }
}

fn sheet(schedule: &Schedule, output: Output) -> String {
    let data = schedule.data.to_string();
    let rows = [
        ("name", schedule.name.as_str()),
        ("cron", &schedule.cron),
        ("timezone", &schedule.timezone),
        ("missed", schedule.missed.as_str()),
        ("next", schedule.next.as_deref().unwrap_or_default()),
        ("data", &data),
        ("created", &schedule.created),
        ("updated", &schedule.updated),
    ];
    let lines = rows.map(|(label, value)| {
        let label = output.paint(Tone::Faint, &format!("{label:<10}"));
        format!("{label}{}", printable(value))
    });
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
    use serde_json::json;

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
