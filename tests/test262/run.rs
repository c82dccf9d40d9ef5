//! Runs a test in the sandbox, as the server runs a step.

use std::collections::BTreeMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use anyhow::Context;
use serde_json::json;
use stepwell::domain::budget::Permit;
use stepwell::domain::data::Document;
use stepwell::domain::effect::{Answer, CallFault, CallRequest, CallResult, Calls};
use stepwell::domain::ids::TaskId;
use stepwell::domain::limits::StepLimits;
use stepwell::domain::run::{RunInput, RunOutput};
use stepwell::sandbox::{Sandbox, SandboxSettings, not_run};
use stepwell_script::Package;

use super::front::Front;
use super::judge::{FileResult, Verdict, judge};
use super::plan::{self, Mode, Plan};
use super::suite::Suite;

/// The step that runs a test; the test comes as its module `parts.json`.
const STEP: &str = include_str!("step.js");

/// The sandbox, and what a run may use.
pub struct Runner {
    sandbox: Arc<Sandbox>,
    runtime: tokio::runtime::Runtime,
    limits: StepLimits,
}

impl Runner {
    /// Sets the sandbox up.
    pub fn new(limits: StepLimits) -> anyhow::Result<Self> {
        let settings = SandboxSettings {
            concurrency: 4,
            loaded: 4,
            ..SandboxSettings::default()
        };
        Ok(Self {
            sandbox: Sandbox::new(settings)?,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?,
            limits,
        })
    }

    /// Runs a test file in every mode that its front matter asks for.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn file(&self, suite: &Suite, file: &str) -> anyhow::Result<FileResult> {
        let text = suite.text(file)?;
        let front = match Front::of(&text) {
            Ok(front) => front,
            Err(error) => return Ok(FileResult::failed(error)),
        };
        let modes = match plan::of(file, &front, &text) {
            Plan::Run(modes) => modes,
            Plan::NotApplicable(what) => return Ok(FileResult::NotApplicable(what)),
        };
        let mut verdicts = Vec::new();
        for mode in modes {
            let verdict = match package(suite, file, &text, &front, mode) {
                Ok(package) => judge(&self.run(&package), &front),
                Err(error) => Verdict::Failed(format!("{error:#}")),
            };
            verdicts.push((mode, verdict));
        }
        Ok(FileResult::Run(verdicts))
    }

    /// One run. A panic of the host's is an output as well: it must not hide the rest.
    fn run(&self, package: &Package) -> RunOutput {
        let run = || self.runtime.block_on(self.sandboxed(package));
        match catch_unwind(AssertUnwindSafe(run)) {
            Ok(Ok(output)) => output,
            Ok(Err(error)) => not_run(format!("{error:#}")),
            Err(_) => not_run("a panic".to_owned()),
        }
    }

    async fn sandboxed(&self, package: &Package) -> anyhow::Result<RunOutput> {
        let bytes = package.to_json().into_bytes();
        let input = RunInput {
            memory: Arc::new(Permit::unlimited()),
            task: TaskId::MAX,
            name: None,
            tags: Vec::new(),
            data: Arc::new(Document::of(json!({}))),
            config: Arc::default(),
            clock: START,
            seed: [7; 32],
            limits: self.limits,
            depth: 0,
            subtasks: 0,
            family: Arc::default(),
            spent_ms: 0,
        };
        // As it is added, and as it is run.
        let owner = "default".parse()?;
        let step = self.sandbox.inspect(&owner, &bytes, self.limits).await?;
        Ok(self
            .sandbox
            .run(&step.component, input, Arc::<Pauses>::default())
            .await)
    }
}

/// The test as a step.
fn package(
    suite: &Suite,
    file: &str,
    text: &str,
    front: &Front,
    mode: Mode,
) -> anyhow::Result<Package> {
    let mut harness = Vec::new();
    if mode != Mode::Raw {
        let always = ["assert.js", "sta.js"].into_iter();
        for name in always.chain(front.includes.iter().map(String::as_str)) {
            let text = suite.harness(name);
            let text = text.with_context(|| format!("this copy's harness has no {name}"))?;
            harness.push(as_globals(text));
        }
    }
    let mut modules: BTreeMap<String, String> = suite.imported(file, text);
    let name = file.rsplit('/').next().unwrap_or(file);
    let (mut script, mut module) = (String::new(), None);
    match mode {
        Mode::Module => {
            modules.insert(name.to_owned(), text.to_owned());
            module = Some(format!("./{name}"));
        }
        Mode::Strict => script = format!("\"use strict\";\n{text}"),
        Mode::Sloppy | Mode::Raw => script = text.to_owned(),
    }
    let parts = json!({
        "harness": harness,
        "script": script,
        "module": module,
        "async": front.is("async"),
    });
    modules.insert("parts.json".to_owned(), parts.to_string());
    modules.insert("step.js".to_owned(), STEP.to_owned());
    Ok(Package {
        entry: "step.js".to_owned(),
        modules,
    })
}

/// A harness file whose declarations the next script sees, though it is run by `eval`.
fn as_globals(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let declared = line.strip_prefix("const ").or(line.strip_prefix("let "));
        match declared {
            Some(rest) => out.extend(["var ", rest]),
            None => out.push_str(line),
        }
    }
    out
}

/// What the clock reads when a run begins, in milliseconds.
const START: u64 = 1_700_000_000_000;

/// Timers are pauses, which are over at once: only the clock has moved. Nothing else is to be called.
#[derive(Default)]
struct Pauses {
    passed: AtomicU64,
}

impl Calls for Pauses {
    fn answer(
        &self,
        call: u32,
        request: CallRequest,
    ) -> Pin<Box<dyn Future<Output = Result<Answer, CallFault>> + Send>> {
        let answer = match request {
            CallRequest::Pause(milliseconds) => Ok(Answer {
                charge: None,
                result: CallResult::Operation(Ok("null".to_owned())),
                at: START + self.passed.fetch_add(milliseconds, Relaxed) + milliseconds,
                order: None,
            }),
            _ => {
                let text = format!("call {call} in a test without calls");
                Err(CallFault::NotRecorded(text))
            }
        };
        Box::pin(std::future::ready(answer))
    }
}
