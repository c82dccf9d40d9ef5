//! `stepwell config …`. A value goes to the server and never comes back.

use std::io::{self, IsTerminal, Read};

use anyhow::Result;
use clap::Subcommand;
use stepwell_api::{ConfigKeys, ConfigValue};

use super::context;
use super::exit::UsageError;
use super::global::Global;
use crate::terminal::output::{Output, printable, words};

/// The longest value that is read from stdin, in bytes. The server has its own, lower bound.
const VALUE_BYTES: u64 = 1024 * 1024;

/// The subcommands of `stepwell config`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Set a value or secret that steps read as `task.config(KEY)`
    #[command(after_help = "Examples:
  stepwell config set REGION eu
  stepwell config set CRM_TOKEN - < token.txt      a secret, kept out of the shell's history
  pass show crm | stepwell config set CRM_TOKEN -")]
    Set {
        /// Its key: up to 120 letters, digits, `.`, `-` and `_`
        key: String,
        /// The value, or - to read it from stdin (one line end, LF or CR LF, is dropped from its end)
        value: String,
    },
    /// List the keys; values are never shown
    List,
    /// Delete a key
    Delete {
        /// The key
        key: String,
    },
}

/// Runs a config command.
pub async fn run(global: &Global, command: ConfigCommand, output: Output) -> Result<()> {
    let client = context::connect(global).await?;
    match command {
        ConfigCommand::Set { key, value } => {
            let value = if value == "-" {
                if io::stdin().is_terminal() {
                    output.note("reading the value from the terminal; end it with Ctrl-D");
                }
                read_value(io::stdin().lock())?
            } else {
                value
            };
            client
                .put::<()>(&["config", &key], &ConfigValue { value })
                .await?;
            output.done(&format!("set {}", printable(&key)))
        }
        ConfigCommand::List => {
            let list = client.get::<ConfigKeys>(&["config"], &[]).await?;
            if output.json {
                return Ok(output.document(list.document())?);
            }
            let entries = list.read()?.config.into_iter();
            let rows = entries.map(|entry| vec![entry.key]).collect();
            Ok(output.table(
                &[words("KEY")],
                rows,
                "no config yet; set a value with `stepwell config set KEY VALUE`",
            )?)
        }
        ConfigCommand::Delete { key } => {
            client.delete(&["config", &key]).await?;
            output.done(&format!("deleted {}", printable(&key)))
        }
    }
}

/// A value from stdin, without the line feed at its end.
pub(super) fn read_value(input: impl Read) -> Result<String> {
    let mut bytes = Vec::new();
    input.take(VALUE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > VALUE_BYTES {
        return Err(UsageError::Value(format!(
            "the value on stdin is longer than {VALUE_BYTES} bytes"
        ))
        .into());
    }
    let mut value = String::from_utf8(bytes).map_err(|_| {
        UsageError::Value(
            "the value on stdin is not UTF-8 text; encode it, e.g. with base64".into(),
        )
    })?;
    if value.ends_with('\n') {
        value.pop();
        if value.ends_with('\r') {
            value.pop();
        }
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_from_stdin_loses_only_its_last_line_feed() {
        for (input, value) in [
            ("secret\n", "secret"),
            ("secret\r\n", "secret"),
            ("secret", "secret"),
            ("a\nb\n\n", "a\nb\n"),
            ("", ""),
        ] {
            assert_eq!(read_value(input.as_bytes()).unwrap(), value);
        }
    }

    #[test]
    fn what_is_no_text_or_endless_is_refused() {
        let error = read_value(&b"\xff\xfe"[..]).unwrap_err().to_string();
        assert!(error.contains("base64"), "{error}");
        assert!(read_value(io::repeat(b'x')).is_err());
    }
}
