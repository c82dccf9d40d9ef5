//! The command line: noun, then verb. Every command but `serve`, `demo` and `store` speaks to a server by
//! its HTTP API and knows nothing else of it.

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};
use serde_json::json;

use context::error::ContextError;
use exit::{Exit, ExitOf, UsageError};
use global::Global;
use scaffold::ScaffoldError;
use stepwell_api::report::{Failure, FailureReason};
use stepwell_script::ScriptError;
use store::DamagedError;

use crate::build::error::BuildError;
use crate::client::ClientError;
use crate::deploy::error::DeployError;
use crate::terminal::output::{self, Output};

mod audit;
mod config;
mod connector;
mod context;
mod current;
mod delivery;
mod demo;
mod deploy;
mod exit;
mod global;
mod node;
mod provider;
mod scaffold;
mod schedule;
mod script;
mod serve;
mod step;
mod store;
mod task;
mod timeline;
mod token;
mod webhook;
mod workspace;

/// Self-hosted webhook automation: durable tasks, sandboxed WebAssembly steps.
#[derive(Debug, Parser)]
#[command(
    name = "stepwell",
    version,
    arg_required_else_help = true,
    after_help = "Examples:
  stepwell demo                                      see it work, on a throw-away store
  stepwell serve                                     run a server
  stepwell webhook add \"Contact Form\"                get a URL that makes tasks
  stepwell step new greet && stepwell step add greet   write a step, build and upload it
  stepwell deploy deploy.yaml                        all of that from one file
  stepwell delivery list --verdict refused           the requests that were refused
  stepwell task list --state error                   what went wrong
  stepwell task log ID --follow                      watch a task

Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 not found, 4 server not reached or token refused"
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve(Box<serve::ServeArgs>),
    /// See it work: build two example steps, run a server, send it a webhook, show what happens
    Demo(demo::DemoArgs),
    /// Bring a manifest's workspaces, config, webhooks and steps to the server
    Deploy(deploy::DeployArgs),
    /// Webhooks: secret URLs that make tasks
    #[command(subcommand)]
    Webhook(webhook::WebhookCommand),
    /// Deliveries: requests to webhooks, and why they were refused
    #[command(subcommand)]
    Delivery(delivery::DeliveryCommand),
    /// Providers: the services whose webhooks are verified
    #[command(subcommand)]
    Provider(provider::ProviderCommand),
    /// Steps: conditions with code, run in the sandbox
    #[command(subcommand)]
    Step(step::StepCommand),
    /// Tasks: list, show, change and repair them
    #[command(subcommand)]
    Task(task::TaskCommand),
    /// Config: values and secrets that steps read
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Connectors: services that steps call by name, with credentials that they never see
    #[command(subcommand)]
    Connector(connector::ConnectorCommand),
    /// Schedules: cron lines that make tasks
    #[command(subcommand)]
    Schedule(schedule::ScheduleCommand),
    /// Tokens: who may use the API, and what for
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// The audit log: who changed what
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Nodes: the servers that share a database
    #[command(subcommand)]
    Node(node::NodeCommand),
    /// Workspaces: tenants
    #[command(subcommand)]
    Workspace(workspace::WorkspaceCommand),
    /// The store of a server that does not run: check it for damage, repair it, and move it to a database or back
    #[command(subcommand)]
    Store(store::StoreCommand),
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse_usage(&error),
    };
    let output = Output::new(cli.global.json);
    match run(cli, output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report(&error, output),
    }
}

fn run(cli: Cli, output: Output) -> anyhow::Result<()> {
    let global = cli.global;
    // A client makes one call at a time; only a server has use for more threads.
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
    };
    let done = match cli.command {
        Command::Serve(args) => serve::run(&global, &args, output),
        Command::Demo(args) => demo::run(&global, &args, output),
        Command::Deploy(args) => runtime()?.block_on(deploy::run(&global, args, output)),
        Command::Webhook(command) => runtime()?.block_on(webhook::run(&global, command, output)),
        Command::Delivery(command) => runtime()?.block_on(delivery::run(&global, command, output)),
        Command::Provider(command) => runtime()?.block_on(provider::run(&global, command, output)),
        Command::Step(command) => runtime()?.block_on(step::run(&global, command, output)),
        Command::Task(command) => runtime()?.block_on(task::run(&global, command, output)),
        Command::Config(command) => runtime()?.block_on(config::run(&global, command, output)),
        Command::Connector(command) => {
            runtime()?.block_on(connector::run(&global, command, output))
        }
        Command::Schedule(command) => runtime()?.block_on(schedule::run(&global, command, output)),
        Command::Store(command) => store::run(&global, command, output),
        Command::Token(command) => runtime()?.block_on(token::run(&global, command, output)),
        Command::Audit(command) => runtime()?.block_on(audit::run(&global, command, output)),
        Command::Node(command) => runtime()?.block_on(node::run(&global, command, output)),
        Command::Workspace(command) => {
            runtime()?.block_on(workspace::run(&global, command, output))
        }
    };
    done.or_else(|error| {
        // The resource may be missing because the current workspace is gone, which the command line did not name.
        let gone = match classify(&error).1 {
            Exit::NotFound => runtime()?.block_on(context::current_is_gone(&global)),
            _ => None,
        };
        Err(gone.map_or(error, Into::into))
    })
}

/// Clap's own message: help and version are results, the rest is an error.
fn refuse_usage(error: &clap::Error) -> ExitCode {
    let wanted = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    );
    // Parsing failed, so nothing but the words themselves says what form the caller reads.
    if !wanted && std::env::args_os().any(|word| word == "--json") {
        let text = error.render().to_string();
        let message = text.trim().trim_start_matches("error: ").to_owned();
        eprint_json("usage", &message);
    } else {
        // A closed pipe is no reason to fail.
        let _ = error.print();
    }
    ExitCode::from(if wanted { 0 } else { Exit::Usage as u8 })
}

fn report(error: &anyhow::Error, output: Output) -> ExitCode {
    // `stepwell task list | head`: the reader has what it wanted.
    if let Some(io) = error.downcast_ref::<std::io::Error>()
        && io.kind() == std::io::ErrorKind::BrokenPipe
    {
        return ExitCode::SUCCESS;
    }
    let (code, exit) = classify(error);
    let message = whole_text(error);
    if output.json {
        eprint_json(&code, &message);
    } else {
        let lines: Vec<_> = message.split('\n').map(output::printable).collect();
        output.note(&format!("error: {}", lines.join("\n")));
    }
    ExitCode::from(exit as u8)
}

/// The error and its causes, joined by `: `; a cause that was said already is not said again.
fn whole_text(error: &anyhow::Error) -> String {
    let mut causes = error.chain().map(ToString::to_string);
    let mut text = causes.next().unwrap_or_default();
    for cause in causes {
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

/// The stable word and the exit code for an error, by its root cause.
fn classify(error: &anyhow::Error) -> (String, Exit) {
    for cause in error.chain() {
        if let Some(error) = cause.downcast_ref::<ClientError>() {
            return (error.code().to_owned(), error.exit());
        }
        if let Some(error) = cause.downcast_ref::<ContextError>() {
            return (error.code().to_owned(), error.exit());
        }
        if let Some(error) = cause.downcast_ref::<BuildError>() {
            return (error.code().to_owned(), error.exit());
        }
        if cause.is::<ScriptError>() {
            return ("bad-script".to_owned(), Exit::Failed);
        }
        if let Some(error) = cause.downcast_ref::<ScaffoldError>() {
            return (error.code().to_owned(), error.exit());
        }
        if let Some(error) = cause.downcast_ref::<DeployError>() {
            return (error.code().to_owned(), error.exit());
        }
        if cause.is::<DamagedError>() {
            return ("damaged".to_owned(), Exit::Failed);
        }
        if let Some(error) = cause.downcast_ref::<UsageError>() {
            return ("usage".to_owned(), error.exit());
        }
    }
    ("failed".to_owned(), Exit::Failed)
}

fn eprint_json(code: &str, message: &str) {
    let failure = json!(Failure {
        error: FailureReason {
            code: code.to_owned(),
            message: message.to_owned(),
        },
    });
    use std::io::Write;
    // A closed stderr is no reason to fail in another way.
    let _ = writeln!(std::io::stderr().lock(), "{}", output::json_line(&failure));
}

#[cfg(test)]
mod tests;
