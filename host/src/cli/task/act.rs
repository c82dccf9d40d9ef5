//! `stepwell task cancel|retry|update|clone|replay|new`.

use std::io::Read;

use anyhow::Result;
use clap::Args;
use serde_json::Value;
use stepwell_api::report::ChangedTasks;
use stepwell_api::{ReplayFrom, SetValue, Task, TaskChange, TaskHead};

use super::id::resolve;
use crate::cli::exit::UsageError;
use crate::cli::timeline::{Timeline, diff, paint_state};
use crate::client::{Answer, Client, ClientError};
use crate::domain::data::Pointer;
use crate::terminal::output::{Output, printable};

/// What is to be changed in a task's data.
#[derive(Debug, Args)]
pub struct Changes {
    /// A JSON merge patch (RFC 7396): JSON, @FILE, or - for standard input
    #[arg(long, value_name = "JSON", conflicts_with = "replace")]
    patch: Option<String>,
    /// A value at a place, e.g. /order/paid=true; may be repeated
    #[arg(long, value_name = "POINTER=JSON", value_parser = place)]
    set: Vec<(String, Value)>,
    /// Data in place of all that is there but `$via`: JSON, @FILE, or - for standard input
    #[arg(long, value_name = "JSON")]
    replace: Option<String>,
}

impl Changes {
    /// As the API takes them; `None` if there are none.
    fn body(self) -> Result<Option<TaskChange>, UsageError> {
        let read = |given: Option<String>| given.map(|given| document(&given)).transpose();
        let set = self.set.into_iter();
        let body = TaskChange {
            patch: read(self.patch)?,
            replace: read(self.replace)?,
            set: set.map(|(path, value)| SetValue { path, value }).collect(),
        };
        Ok((body != TaskChange::default()).then_some(body))
    }
}

/// Does to tasks, one after the other, what needs nothing but the task. One that is refused does not
/// hold up the others.
pub async fn plain(client: &Client, ids: &[String], verb: &str, output: Output) -> Result<()> {
    if let [id] = ids {
        let id = resolve(client, id).await?;
        let done = client.post(&["tasks", &id, verb], &()).await?;
        return print_state(&done, output);
    }
    let mut done = Vec::new();
    let mut refused = Vec::new();
    for id in ids {
        let acted = async {
            let id = resolve(client, id).await?;
            anyhow::Ok(client.post(&["tasks", &id, verb], &()).await?)
        };
        match acted.await {
            Ok(task) if output.json => done.push(task.into_document()),
            Ok(task) => print_state(&task, output)?,
            Err(error) => refused.push(error),
        }
    }
    if output.json && !done.is_empty() {
        output.report(&ChangedTasks { tasks: done })?;
    }
    // The last is reported as every command's error is, and gives the exit code.
    let Some(last) = refused.pop() else {
        return Ok(());
    };
    for error in &refused {
        output.note(&format!("error: {}", printable(&format!("{error:#}"))));
    }
    Err(last)
}

/// `task update`.
pub async fn update(client: &Client, id: &str, changes: Changes, output: Output) -> Result<()> {
    let id = resolve(client, id).await?;
    let Some(body) = changes.body()? else {
        let message = "nothing to change; give --patch, --set or --replace";
        return Err(UsageError::Value(message.into()).into());
    };
    print_state(
        &client.post(&["tasks", &id, "update"], &body).await?,
        output,
    )
}

/// `task replay`.
pub async fn replay(client: &Client, id: &str, from: u32, output: Output) -> Result<()> {
    let id = resolve(client, id).await?;
    let path = ["tasks", id.as_str(), "replay"];
    let answer = client.post::<Task>(&path, &ReplayFrom { from }).await?;
    if output.json {
        return Ok(output.document(answer.document())?);
    }
    let task = answer.read()?;
    let replay = (task.replay.as_ref()).ok_or_else(|| ClientError::BadAnswer {
        url: client.url().to_owned(),
        reason: "it has no `replay`".to_owned(),
    })?;
    for line in Timeline::default().news(&task, output) {
        output.line(&line)?;
    }
    output.line("")?;
    let end = match &replay.stopped {
        Some(stopped) => format!("stopped: {}", printable(stopped)),
        None => format!("it would be {}", paint_state(&task.state, output)),
    };
    output.line(&format!("dry replay from run {from}; {end}"))?;
    if replay.changes.is_empty() {
        return Ok(output.line("the data is as the task has it")?);
    }
    output.line("the data would differ from what the task has:")?;
    for line in diff(&replay.changes, output) {
        output.line(&line)?;
    }
    Ok(())
}

/// `task clone`.
pub async fn clone(client: &Client, id: &str, changes: Changes, output: Output) -> Result<()> {
    let id = resolve(client, id).await?;
    let body = changes.body()?.unwrap_or_default();
    made(&client.post(&["tasks", &id, "clone"], &body).await?, output)
}

/// `task new`.
pub async fn new(client: &Client, data: &str, output: Output) -> Result<()> {
    let data = document(data)?;
    made(&client.post(&["tasks"], &data).await?, output)
}

fn print_state(task: &Answer<TaskHead>, output: Output) -> Result<()> {
    if output.json {
        return Ok(output.document(task.document())?);
    }
    let task = task.read()?;
    let (id, state) = (printable(&task.id), printable(task.state.as_str()));
    let kept = if task.kept { ", and kept for ever" } else { "" };
    output.note(&format!("task {id} is {state}{kept}"));
    Ok(())
}

/// The new task's id is the result: it can be taken into a variable.
fn made(task: &Answer<TaskHead>, output: Output) -> Result<()> {
    if output.json {
        return Ok(output.document(task.document())?);
    }
    Ok(output.line(&printable(&task.read()?.id))?)
}

/// JSON as it was given: itself, in a file, or on standard input.
pub(in crate::cli) fn document(given: &str) -> Result<Value, UsageError> {
    let text = match given.strip_prefix('@') {
        _ if given == "-" => {
            let mut text = String::new();
            let read = std::io::stdin().read_to_string(&mut text);
            read.map_err(|error| UsageError::Value(format!("standard input: {error}")))?;
            text
        }
        Some(path) => std::fs::read_to_string(path).map_err(|error| UsageError::Path {
            path: path.to_owned(),
            error,
            wanted: "give @ and the path of a JSON file",
        })?,
        None => given.to_owned(),
    };
    serde_json::from_str(&text)
        .map_err(|error| UsageError::Value(format!("what was given is not JSON: {error}")))
}

fn place(text: &str) -> Result<(String, Value), String> {
    let (pointer, value) = text
        .split_once('=')
        .ok_or_else(|| format!("a value is missing: write {text}=JSON"))?;
    Pointer::parse(pointer).map_err(|error| error.to_string())?;
    let value = serde_json::from_str(value).map_err(|error| {
        format!("{value} is not JSON ({error}); a text is in quotes: '{pointer}=\"…\"'")
    })?;
    Ok((pointer.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_become_the_apis_body() {
        let changes = Changes {
            patch: Some(r#"{"a": null}"#.into()),
            set: vec![place("/b/0=1.50").unwrap(), place("/c=\"x=y\"").unwrap()],
            replace: None,
        };
        let body = changes.body().unwrap().unwrap();
        assert_eq!(
            serde_json::to_string(&body).unwrap(),
            r#"{"patch":{"a":null},"set":[{"path":"/b/0","value":1.50},{"path":"/c","value":"x=y"}]}"#
        );
        let none = Changes {
            patch: None,
            set: Vec::new(),
            replace: None,
        };
        assert_eq!(none.body().unwrap(), None);
    }

    #[test]
    fn what_is_wrong_says_what_would_be_right() {
        for (given, part) in [
            ("/a", "/a=JSON"),
            ("a=1", "must be empty or begin with `/`"),
            ("/a=Ada", "'/a=\"…\"'"),
        ] {
            let error = place(given).unwrap_err();
            assert!(error.contains(part), "{given}: {error}");
        }
        assert!(document("{").unwrap_err().to_string().contains("not JSON"));
        let missing = document("@no/such/file").unwrap_err().to_string();
        assert!(missing.contains("no/such/file"), "{missing}");
    }
}
