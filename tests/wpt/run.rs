//! Runs a test file in the sandbox, as the server runs a step.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde_json::json;
use stepwell::domain::budget::Permit;
use stepwell::domain::data::Document;
use stepwell::domain::effect::{
    Answer, CallFault, CallRequest, CallResult, Calls, FetchError, OperationError,
};
use stepwell::domain::ids::TaskId;
use stepwell::domain::limits::StepLimits;
use stepwell::domain::run::{RunDirective, RunEnd, RunInput, RunOutcome, RunOutput, StepFault};
use stepwell::sandbox::{Sandbox, SandboxSettings, not_run};
use stepwell_script::Package;

use super::judge::Ran;
use super::suite::Case;

/// What the clock reads when a run begins, in milliseconds.
const START: u64 = 1_700_000_000_000;

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

    /// One run. A panic of the host's is an output as well: it must not hide the rest.
    pub fn run(&self, case: &Case) -> Ran {
        let run = || self.runtime.block_on(self.sandboxed(case));
        let output = match catch_unwind(AssertUnwindSafe(run)) {
            Ok(Ok(output)) => output,
            Ok(Err(error)) => not_run(format!("{error:#}")),
            Err(_) => not_run("a panic".to_owned()),
        };
        let end = match output.outcome {
            RunOutcome::Ended(end) => end,
            RunOutcome::Paused { .. } => return Ran::Failed("the step paused".to_owned()),
            RunOutcome::NoRoom { .. } => return Ran::Failed("no memory".to_owned()),
        };
        match end {
            RunEnd::Finished(finished) => match finished.directive {
                RunDirective::Complete(Some(result)) => Ran::Finished(result),
                _ => Ran::Failed("the step told nothing".to_owned()),
            },
            RunEnd::Retry { message: why, .. } | RunEnd::Stop(why) => Ran::Failed(why),
            RunEnd::Fault(fault @ StepFault::Host(_)) => Ran::HostFault(fault.to_string()),
            RunEnd::Fault(fault) => Ran::Contained(fault.to_string()),
            RunEnd::Computed { limit_ms } => Ran::Contained(format!("{limit_ms} ms of computing")),
        }
    }

    async fn sandboxed(&self, case: &Case) -> anyhow::Result<RunOutput> {
        let package = Package {
            entry: case.entry.to_owned(),
            modules: case.modules.clone(),
        };
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
            .run(&step.component, input, Arc::<Alone>::default())
            .await)
    }
}

/// Timers are pauses, which are over at once: only the clock has moved. Every other call fails.
#[derive(Default)]
struct Alone {
    passed: AtomicU64,
}

impl Calls for Alone {
    fn answer(
        &self,
        _: u32,
        request: CallRequest,
    ) -> Pin<Box<dyn Future<Output = Result<Answer, CallFault>> + Send>> {
        let nobody = "a test has nobody to call".to_owned();
        let passed = |milliseconds| self.passed.fetch_add(milliseconds, Relaxed) + milliseconds;
        let (result, passed) = match request {
            CallRequest::Pause(milliseconds) | CallRequest::LongPause { milliseconds, .. } => (
                CallResult::Operation(Ok("null".to_owned())),
                passed(milliseconds),
            ),
            CallRequest::Fetch(_) => (
                CallResult::Fetch(Err(FetchError::Connection(nobody))),
                passed(0),
            ),
            CallRequest::Operation(_) => (
                CallResult::Operation(Err(OperationError::Failed(nobody))),
                passed(0),
            ),
        };
        let answer = Answer {
            charge: None,
            result,
            at: START + passed,
            order: None,
        };
        Box::pin(std::future::ready(Ok(answer)))
    }
}
