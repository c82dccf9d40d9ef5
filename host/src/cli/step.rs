//! `stepwell step …`.

mod settle;
pub(super) mod sheet;
pub(super) mod tuning;
mod versions;

use std::path::{Path, PathBuf};

use anyhow::Result;
use bytes::Bytes;
use clap::{Args, Subcommand};
use serde_json::json;
use stepwell_api::report::{BuiltStep, NewStep};
use stepwell_api::{Step, Steps};
use stepwell_script::part_name;

use super::exit::UsageError;
use super::global::Global;
use super::{context, scaffold, script};
use crate::build::naming::Derived;
use crate::build::{self, Built, Progress};
use crate::client::{Answer, Client};
use crate::domain::ids::StepName;
use crate::terminal::output::{Output, figures, printable, shorten, words};
use crate::terminal::units;
use sheet::{condition, sheet};
use tuning::TuningArgs;

/// The subcommands of `stepwell step`.
#[derive(Debug, Subcommand)]
pub enum StepCommand {
    /// Upload a step: a script, a component, or a crate that is built first
    #[command(after_help = "Examples:
  stepwell step add steps/greet.js                    upload a script with what it imports
  stepwell step add steps/greet                       build the crate and upload it
  stepwell step add greet.wasm --name welcome         upload a component under another name
  stepwell step add greet.wasm --fuel 5G --memory 128MiB --timeout 2m
  stepwell step add greet.wasm --attempts 5 --first-delay 2s --factor 2 --max-delay 1h

Adding a step of the same name replaces it; limits and retry policy that are not given stay as they
were. Runs that are under way end with the old one, later runs have the new one.")]
    Add(AddArgs),
    /// List the workspace's steps
    List,
    /// Show a step: its condition, limits and version
    Show {
        /// Its name
        name: String,
    },
    /// Set a step's limits and retry policy, without an upload
    #[command(after_help = "Examples:
  stepwell step set greet --attempts 5 --first-delay 2s --factor 2 --max-delay 1h
  stepwell step set greet --fuel 5G --timeout 2m

What is not given stays. It counts from the next run, and the policy from the next failure.")]
    Set {
        /// Its name
        name: String,
        #[command(flatten)]
        tuning: TuningArgs,
    },
    /// List a step's last versions, the one in place first
    Versions {
        /// Its name
        name: String,
    },
    /// Put an earlier version of a step in place, with one command
    #[command(after_help = "Examples:
  stepwell step rollback greet                        the version before; once more takes it back
  stepwell step versions greet
  stepwell step rollback greet --to 24ca1ef9

Limits and retry policy stay. Runs that are under way end with the version that they began with.")]
    Rollback {
        /// Its name
        name: String,
        /// The beginning of a version's digest [default: the version that was in place before]
        #[arg(long, value_name = "DIGEST")]
        to: Option<String>,
    },
    /// Delete a step
    Delete {
        /// Its name
        name: String,
    },
    /// Start a step: a crate that builds and tests at once, or a script
    #[command(after_help = "Examples:
  stepwell step new greet
  cd greet && cargo test
  stepwell step add .

  stepwell step new greet --lang js
  stepwell step add greet/greet.js")]
    New {
        /// The step's name, also its directory
        name: PathBuf,
        /// Its language
        #[arg(long, value_enum, default_value_t = scaffold::Language::Rust)]
        lang: scaffold::Language,
    },
    /// Build a step's crate to a component
    Build {
        /// The crate's directory
        #[arg(default_value = ".")]
        dir: PathBuf,
    },
}

/// The options of `step add`.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// A script (FILE.js, FILE.ts), a component (FILE.wasm), a crate's directory or a script's
    #[arg(value_name = "FILE|DIR")]
    source: PathBuf,
    /// The step's name [default: the crate's or file's]
    #[arg(long)]
    name: Option<StepName>,
    /// The folder that a script's imports may reach [default: the script's own]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    #[command(flatten)]
    tuning: TuningArgs,
}

/// Runs a step command.
pub async fn run(global: &Global, command: StepCommand, output: Output) -> Result<()> {
    match command {
        // A build takes longer than finding out that there is no server to upload to.
        StepCommand::Add(args) => add(&context::connect(global).await?, args, output).await,
        StepCommand::List => {
            let client = context::connect(global).await?;
            let found = client.get::<Steps>(&["steps"], &[]).await?;
            list(&found, output)
        }
        StepCommand::Show { name } => {
            let client = context::connect(global).await?;
            let step = client.get::<Step>(&["steps", &name], &[]).await?;
            if output.json {
                return Ok(output.document(step.document())?);
            }
            Ok(output.line(&sheet(&step.read()?, output))?)
        }
        StepCommand::Set { name, tuning } => {
            if tuning.is_empty() {
                return Err(UsageError::Value(
                    "nothing to set; name a figure, e.g. --attempts 5 or --timeout 2m".into(),
                )
                .into());
            }
            let client = context::connect(global).await?;
            let path = ["steps", name.as_str()];
            let step = client.patch::<Step>(&path, &tuning.patch()).await?;
            if output.json {
                return Ok(output.document(step.document())?);
            }
            output.note(&format!("set step {}", printable(&name)));
            Ok(output.line(&sheet(&step.read()?, output))?)
        }
        StepCommand::Versions { name } => {
            versions::list(&context::connect(global).await?, &name, output).await
        }
        StepCommand::Rollback { name, to } => {
            let client = context::connect(global).await?;
            versions::rollback(&client, &name, to.as_deref(), output).await
        }
        StepCommand::Delete { name } => {
            context::connect(global)
                .await?
                .delete(&["steps", &name])
                .await?;
            output.done(&format!("deleted step {}", printable(&name)))
        }
        StepCommand::New { name, lang } => new(&name, lang, output),
        StepCommand::Build { dir } => {
            let built = build::build_component(&dir, None, Progress::for_output(output.json))?;
            show_built(&built, output)
        }
    }
}

async fn add(client: &Client, mut args: AddArgs, output: Output) -> Result<()> {
    args.source = script::of_folder(args.source);
    if script::is_script(&args.source) {
        return add_script(client, args, output).await;
    }
    let wanted = "name a script (FILE.js, FILE.ts), a component (FILE.wasm) or a crate's directory";
    let path = |error| UsageError::Path {
        path: args.source.display().to_string(),
        error,
        wanted,
    };
    let (file, derived) = if std::fs::metadata(&args.source).map_err(path)?.is_dir() {
        let built = build::build_component(&args.source, None, Progress::for_output(output.json))?;
        output.note(&built.summary());
        (built.path, Derived::of_crate(&built.package))
    } else {
        let stem = args.source.file_name().unwrap_or_default();
        (args.source.clone(), Derived::of_file(Path::new(stem)))
    };
    let name = match args.name {
        Some(name) => name,
        None => settle::name(client, &args.source, &derived, output).await?,
    };
    let bytes = std::fs::read(&file).map_err(path)?;
    let step = upload(client, name.as_str(), &args.tuning, bytes.into()).await?;
    if output.json {
        return Ok(output.document(step.document())?);
    }
    output.note(&format!("added step {name}"));
    let step = step.read()?;
    warn(&step, output);
    Ok(output.line(&sheet(&step, output))?)
}

/// Uploads every step of a script file.
async fn add_script(client: &Client, args: AddArgs, output: Output) -> Result<()> {
    let steps = script::steps(&args.source, args.root.as_deref())?;
    let count = steps.len();
    let mut added = Vec::new();
    for (step, number) in steps.into_iter().zip(1..) {
        let name: StepName = match &args.name {
            Some(name) => part_name(name.as_str(), number, count)
                .parse()
                .map_err(UsageError::Name)?,
            None => settle::name(client, &args.source, &step.derived, output).await?,
        };
        let step = upload(client, name.as_str(), &args.tuning, step.package.into()).await?;
        if !output.json {
            output.note(&format!("added step {name}"));
            let step = step.read()?;
            warn(&step, output);
            output.line(&sheet(&step, output))?;
        }
        added.push(step.into_document());
    }
    if !output.json {
        return Ok(());
    }
    // One step is one document, as it is for a component.
    match added.as_slice() {
        [step] => output.document(step)?,
        steps => output.document(&json!({ "steps": steps }))?,
    }
    Ok(())
}

/// Uploads a component as the step `name`; the server compiles and validates it.
pub async fn upload(
    client: &Client,
    name: &str,
    tuning: &TuningArgs,
    component: Bytes,
) -> Result<Answer<Step>> {
    Ok(client
        .upload(&["steps", name], &tuning.query(), component)
        .await?)
}

/// Prints the server's warnings about the step.
fn warn(step: &Step, output: Output) {
    for warning in step.warnings.iter().flatten() {
        output.note(&format!("warning: {}", printable(warning)));
    }
}

fn new(name: &Path, lang: scaffold::Language, output: Output) -> Result<()> {
    let made = match lang {
        scaffold::Language::Rust => scaffold::create(name)?,
        scaffold::Language::Js | scaffold::Language::Ts => scaffold::script(name, lang)?,
    };
    if output.json {
        let files: Vec<String> = made
            .files
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        return output.report(&NewStep {
            name: made.name,
            path: made.directory.display().to_string(),
            files,
        });
    }
    let at = made.directory.display();
    output.note(&format!("made the step {} in {at}", made.name));
    Ok(output.line(&match lang {
        scaffold::Language::Rust => {
            format!("next:\n  cargo test --manifest-path {at}/Cargo.toml\n  stepwell step add {at}")
        }
        _ => format!(
            "next:\n  stepwell step add {at}/{}.{}",
            made.name,
            lang.ending()
        ),
    })?)
}

fn show_built(built: &Built, output: Output) -> Result<()> {
    if output.json {
        return output.report(&BuiltStep {
            name: built.package.clone(),
            path: built.path.display().to_string(),
            size: built.size,
        });
    }
    output.note(&built.summary());
    Ok(output.line(&built.path.display().to_string())?)
}

fn list(found: &Answer<Steps>, output: Output) -> Result<()> {
    if output.json {
        return Ok(output.document(found.document())?);
    }
    let rows = (found.read()?.steps.into_iter())
        .map(|step| {
            let condition = condition(&step);
            vec![
                step.name,
                units::size(step.size),
                shorten(&condition, 60).into_owned(),
                step.updated,
                shorten(&step.digest, 13).into_owned(),
            ]
        })
        .collect();
    let columns = [
        words("NAME"),
        figures("SIZE"),
        words("CONDITION"),
        words("UPDATED"),
        words("DIGEST"),
    ];
    Ok(output.table(
        &columns,
        rows,
        "no steps yet; start one with `stepwell step new NAME`",
    )?)
}
