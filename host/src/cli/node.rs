//! `stepwell node …`.

use anyhow::Result;
use clap::Subcommand;
use serde_json::json;
use stepwell_api::{Node, Nodes};

use super::context;
use super::global::Global;
use crate::terminal::output::{Output, printable, words};

/// The subcommands of `stepwell node`.
#[derive(Debug, Subcommand)]
pub enum NodeCommand {
    /// List the servers that share the database, with what each has to do
    #[command(after_help = "It takes a token of the server with the scope admin.")]
    List,
    /// Have a server give its tasks to the others, e.g. before it is upgraded
    #[command(after_help = "Example:
  stepwell node drain 7

Runs under way there end first, for at most 10 seconds; one that is cut off begins again elsewhere, with its
recorded calls answered. The server can be ended when `stepwell node list` says that it has no partitions.")]
    Drain {
        /// Its number in `stepwell node list`
        node: u64,
    },
    /// Have a server take its share of the tasks again
    Undrain {
        /// Its number in `stepwell node list`
        node: u64,
    },
}

/// Runs a node command.
pub async fn run(global: &Global, command: NodeCommand, output: Output) -> Result<()> {
    let client = context::connect(global).await?;
    let (node, verb) = match command {
        NodeCommand::List => {
            let list = client.get_of_server::<Nodes>(&["nodes"], &[]).await?;
            if output.json {
                return Ok(output.document(list.document())?);
            }
            let rows = list.read()?.nodes.into_iter().map(row).collect();
            let columns = [
                "ID",
                "STATE",
                "PARTITIONS",
                "RUNNING",
                "QUEUED",
                "REVISION",
                "LEASE",
                "CLOCK",
                "VERSION",
                "STARTED",
                "URL",
            ];
            return Ok(output.table(&columns.map(words), rows, "no servers")?);
        }
        NodeCommand::Drain { node } => (node, "drain"),
        NodeCommand::Undrain { node } => (node, "undrain"),
    };
    let path = ["nodes", &node.to_string(), verb];
    let done = client.post_to_server::<Node>(&path, &json!({})).await?;
    if output.json {
        return Ok(output.document(done.document())?);
    }
    let node = done.read()?;
    output.done(&format!(
        "server {} is {} and has {} partitions",
        node.id,
        printable(&node.state),
        node.partitions
    ))
}

fn row(node: Node) -> Vec<String> {
    let lease = node.lease_ms.map_or_else(
        || "none".to_owned(),
        |lease| format!("{:.1} s", lease as f64 / 1_000.0),
    );
    let clock = node.clock_ms.map_or_else(
        || "none".to_owned(),
        |ahead| format!("{:+.1} s", ahead as f64 / 1_000.0),
    );
    let id = match node.this {
        true => format!("{} (this)", node.id),
        false => node.id.to_string(),
    };
    vec![
        id,
        node.state,
        node.partitions.to_string(),
        node.running.to_string(),
        node.queued.to_string(),
        node.revision.to_string(),
        lease,
        clock,
        node.version,
        node.started,
        node.url,
    ]
}
