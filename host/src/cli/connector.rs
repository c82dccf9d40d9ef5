//! `stepwell connector …`. What a connector is configured with goes to the server and never comes back.

use std::io;

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Map, Value};
use stepwell_api::{Connector, ConnectorSettings, Connectors, Put};

use super::config::read_value;
use super::context;
use super::exit::UsageError;
use super::global::Global;
use super::schedule::put_verb;
use crate::terminal::output::{Output, printable, words};

/// The subcommands of `stepwell connector`.
#[derive(Debug, Subcommand)]
pub enum ConnectorCommand {
    /// Add a service that steps call by name, or change it
    #[command(after_help = "Example:
  stepwell connector add slackCom --kind slack.com --set token=- < token.txt

A step then calls connectors.slackCom.send({channel, text}); it never sees the token.")]
    Add(AddArgs),
    /// List the connectors and their operations
    List,
    /// Delete a connector
    Delete {
        /// Its name
        name: String,
    },
}

/// The options of `connector add`.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// Its name as steps write it, e.g. slackCom
    name: String,
    /// The service that it speaks to, e.g. slack.com
    #[arg(long)]
    kind: String,
    /// The settings of its kind; a value of - is read from stdin
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = setting)]
    settings: Vec<(String, String)>,
}

fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("it must be like token=VALUE".into()),
    }
}

/// Runs a connector command.
pub async fn run(global: &Global, command: ConnectorCommand, output: Output) -> Result<()> {
    let client = context::connect(global).await?;
    match command {
        ConnectorCommand::Add(args) => {
            let body = ConnectorSettings {
                kind: args.kind,
                config: config(args.settings)?,
            };
            let put = client
                .put::<Put>(&["connectors", &args.name], &body)
                .await?;
            if output.json {
                return Ok(output.document(put.document())?);
            }
            let what = put_verb(&put.read()?.change);
            output.done(&format!("{what} connector {}", printable(&args.name)))
        }
        ConnectorCommand::List => {
            let list = client.get::<Connectors>(&["connectors"], &[]).await?;
            if output.json {
                return Ok(output.document(list.document())?);
            }
            let rows = list.read()?.connectors.into_iter().map(row).collect();
            Ok(output.table(
                &[words("NAME"), words("KIND"), words("OPERATIONS")],
                rows,
                "no connectors yet; add one with `stepwell connector add NAME --kind KIND`",
            )?)
        }
        ConnectorCommand::Delete { name } => {
            client.delete(&["connectors", &name]).await?;
            output.done(&format!("deleted connector {}", printable(&name)))
        }
    }
}

fn row(connector: Connector) -> Vec<String> {
    let operations = connector.operations.join(", ");
    vec![connector.name, connector.kind, operations]
}

fn config(settings: Vec<(String, String)>) -> Result<Map<String, Value>> {
    let from_stdin = settings.iter().filter(|(_, value)| value == "-").count();
    if from_stdin > 1 {
        return Err(UsageError::Value("only one value can be read from stdin".into()).into());
    }
    settings
        .into_iter()
        .map(|(key, value)| {
            let value = match value.as_str() {
                "-" => read_value(io::stdin().lock())?,
                _ => value,
            };
            Ok((key, Value::String(value)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_are_pairs_and_at_most_one_is_read_from_stdin() {
        assert_eq!(setting("a=b=c").unwrap(), ("a".into(), "b=c".into()));
        assert!(setting("a").is_err());
        assert!(setting("=a").is_err());
        let twice = vec![("a".to_owned(), "-".to_owned()), ("b".into(), "-".into())];
        assert!(config(twice).is_err());
        let config = config(vec![("url".into(), "http://h".into())]).unwrap();
        assert_eq!(Value::Object(config), json!({"url": "http://h"}));
    }
}
