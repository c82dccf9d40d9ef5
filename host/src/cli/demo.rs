//! `stepwell demo`: the whole way of one webhook, on a fresh store, with nothing made up. It builds
//! two example steps, starts the server in this process, and from then on does what any client
//! would do, over HTTP.

use std::fs::Permissions;
use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use bytes::Bytes;
use clap::Args;
use serde::Deserialize;
use serde_json::Value;
use stepwell_api::report::DemoReport;
use stepwell_api::{NewWebhook, Webhook};

use super::global::Global;
use super::serve::{Signals, block_on};
use super::step::sheet::condition;
use super::step::tuning::TuningArgs;
use super::step::upload;
use super::{context, task};
use crate::app::App;
use crate::build::{self, Built, Progress};
use crate::client::{Answer, Client};
use crate::settings::Settings;
use crate::telemetry;
use crate::terminal::output::{Output, Tone, json_line, printable};
use crate::terminal::units;

/// The example steps that the demo runs, in the order in which they will match.
const STEPS: [&str; 2] = ["contact-form", "lead-routing"];
/// The webhook's name; the steps' conditions name it.
const WEBHOOK: &str = "Contact Form";
/// The body that is posted: the `body` of one of the first step's own cases.
const SAMPLE: &str = "cases/lead.json";

/// The options of `demo`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cargo run --release -- demo
  stepwell demo --listen 127.0.0.1:7400 --data-dir ./demo-data")]
pub struct DemoArgs {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDR")]
    listen: SocketAddr,
    /// End after the timeline instead of serving on
    #[arg(long)]
    exit: bool,
}

/// Runs the demo.
pub fn run(global: &Global, args: &DemoArgs, output: Output) -> Result<()> {
    let examples = examples()?;
    let built = STEPS
        .iter()
        .map(|step| build_step(&examples, step))
        .collect::<Result<Vec<_>>>()?;
    let sample = read_sample(&examples.join(STEPS[0]).join(SAMPLE))?;

    // Fresh unless a place was named, and then gone with the process.
    let mut fresh = None;
    let data_dir = match &global.data_dir {
        Some(named) => named.clone(),
        None => fresh
            .insert(
                tempfile::Builder::new()
                    .prefix("stepwell-demo-")
                    .permissions(Permissions::from_mode(0o700))
                    .tempdir()?,
            )
            .path()
            .to_path_buf(),
    };
    let mut settings = Settings::new(data_dir.clone());
    settings.listen = args.listen;
    // A demo's last run may be cut off.
    settings.grace = Duration::from_secs(1);
    settings.log = std::env::var("STEPWELL_LOG").unwrap_or_else(|_| "warn".into());
    telemetry::init(settings.log_json, telemetry::Filter::parse(&settings.log)?)?;
    block_on(async {
        let mut signals = Signals::new()?;
        let app = App::start(settings).await?;
        let url = format!("http://{}", app.address());
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let show = async {
            let shown = tokio::select! {
                shown = show_steps(&url, &data_dir, &built, &sample, output) => Some(shown),
                () = signals.next() => None,
            };
            if matches!(shown, Some(Ok(()))) && !args.exit {
                signals.next().await;
            }
            let _ = stop.send(());
            shown.unwrap_or(Ok(()))
        };
        let ((), shown) = tokio::join!(app.run_until(async { drop(stopped.await) }), show);
        shown
    })
}

fn examples() -> Result<PathBuf> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    match examples.canonicalize() {
        Ok(path) if path.is_dir() => Ok(path),
        _ => bail!(
            "the demo builds its steps from source, and there is no {}; run it in a checkout of the repository: cargo run --release -- demo",
            examples.display()
        ),
    }
}

fn read_sample(path: &Path) -> Result<Value> {
    let wrong = || format!("the demo's sample {}", path.display());
    let text = std::fs::read(path).with_context(wrong)?;
    /// A test case of an example. The demo posts its `body`.
    #[derive(Deserialize)]
    struct Case {
        body: Option<Value>,
    }
    let case: Case = serde_json::from_slice(&text).with_context(wrong)?;
    match case.body {
        Some(body @ Value::Object(_)) => Ok(body),
        _ => Err(anyhow!("no object `body` is in it")).with_context(wrong),
    }
}

/// Builds one example beside the other guests of this checkout, with a line of progress on a
/// terminal.
fn build_step(examples: &Path, step: &str) -> Result<Built> {
    let target_dir = examples.join("../target/guests");
    let live = std::io::stderr().is_terminal();
    let say = |text: &str| {
        if live {
            let mut stderr = std::io::stderr().lock();
            // Carriage return, text, erase to the end of the line.
            let _ = write!(stderr, "\r{text}\u{1b}[K");
            let _ = stderr.flush();
        }
    };
    say(&format!("building {step} …"));
    let mut crates = 0u32;
    let mut each = |name: &str| {
        crates += 1;
        say(&format!("building {step} … {crates} {}", printable(name)));
    };
    let built = build::build_component(
        &examples.join(step),
        Some(&target_dir),
        Progress::Crates(&mut each),
    );
    say("");
    Ok(built?)
}

/// Sets the server up as a client, sends it a webhook and prints the task's timeline.
async fn show_steps(
    url: &str,
    data_dir: &Path,
    built: &[Built],
    sample: &Value,
    output: Output,
) -> Result<()> {
    let line = |text: &str| -> Result<()> {
        if !output.json {
            output.line(text)?;
        }
        Ok(())
    };
    let label = |word: &str| output.paint(Tone::Faint, &format!("{word:<9}"));
    let token = context::admin_token(data_dir, url)?;
    let client = Client::new(url, &token, "default")?;
    for step in built {
        let size = units::size(step.size);
        line(&format!("{}{}  {size}", label("built"), step.package))?;
    }
    line(&format!("{}{url}", label("serving")))?;
    let webhook = add_webhook(&client).await?;
    line(&format!("{}{WEBHOOK}", label("webhook")))?;
    let mut steps = Vec::new();
    for step in built {
        let bytes = Bytes::from(std::fs::read(&step.path)?);
        let added = upload(&client, &step.package, &TuningArgs::default(), bytes).await?;
        line(&format!(
            "{}{}  when {}",
            label("step"),
            step.package,
            condition(&added.read()?)
        ))?;
        steps.push(added.into_document());
    }
    let target = webhook.read()?.url;
    line(&format!(
        "\n{} {}",
        output.paint(Tone::Strong, "POST"),
        printable(&target)
    ))?;
    line(&json_line(sample))?;
    let accepted = client
        .event(&target, Bytes::from(sample.to_string()))
        .await?;
    line(&format!(
        "{} {}\n",
        output.paint(Tone::Good, "200"),
        json_line(accepted.document())
    ))?;
    let task = task::watch(&client, &accepted.read()?.task, None, output).await?;
    if output.json {
        return output.report(&DemoReport {
            url: url.to_owned(),
            webhook: webhook.document(),
            steps,
            task,
        });
    }
    let again = format!(
        "curl -H 'content-type: application/json' -d {} {}",
        quoted(&json_line(sample)),
        quoted(&target)
    );
    line(&format!(
        "\n{}\n{again}",
        output.paint(Tone::Strong, "Send it one yourself:")
    ))?;
    Ok(())
}

/// The demo's webhook: a new one, or on a store that was named, the one of the last time.
async fn add_webhook(client: &Client) -> Result<Answer<Webhook>> {
    let body = NewWebhook {
        name: WEBHOOK,
        ..NewWebhook::default()
    };
    match client.post(&["webhooks"], &body).await {
        Err(error) if error.code() == "exists" => {
            Ok(client.get(&["webhooks", WEBHOOK], &[]).await?)
        }
        other => Ok(other?),
    }
}

/// `text` as one word of a POSIX shell.
fn quoted(text: &str) -> String {
    let plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '/' | '.' | '-' | '_' | '[' | ']');
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_text_is_one_word_of_the_shell() {
        for text in ["", "plain", "it's", "$HOME `id` \"x\" \\ *", "a\nb", "''"] {
            let output = std::process::Command::new("sh")
                .args(["-c", &format!("printf %s {}", quoted(text))])
                .output()
                .unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), text);
        }
        assert_eq!(
            quoted("http://127.0.0.1:1/event/aB"),
            "http://127.0.0.1:1/event/aB"
        );
    }
}
