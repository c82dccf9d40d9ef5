//! The values of which golden files are kept: every variant and every field that may be absent, once
//! with and once without.

use crate::domain::authentication::{Authentication, WebhookSecret, networks};
use crate::domain::dedup::DedupRule;
use crate::domain::effect::{
    CallResult, Effect, FetchError, FetchResponse, FetchResult, OperationError, RunOrigin,
};
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::intake::Intake;
use crate::domain::journal::{Entry, RunEntry, SubtaskEntry};
use crate::domain::limits::StepLimits;
use crate::domain::retention::{Period, Retention};
use crate::domain::run::{Ended, LogLevel, LogLine, StepFault};
use crate::domain::schedule::{Missed, Schedule};
use crate::domain::step::{RetryPolicy, Step, StepKind, StepVersion};
use crate::domain::subtask::{Child, Parent};
use crate::domain::task::{
    Expiry, Notice, Paused, Retrying, Standing, StepMemory, TaskHead, TaskState, Wait,
};
use crate::domain::webhook::{FormerKey, Webhook, WebhookKey};
use crate::domain::workspace::WorkspaceSettings;

pub(super) const AT: u64 = 1_764_000_000_123;

pub(super) fn id(n: u8) -> TaskId {
    let mut bytes = [0x70 | (n & 15); 16];
    bytes[15] = n;
    TaskId::from_bytes(bytes)
}

pub(super) fn workspace() -> WorkspaceName {
    "sales-automation".parse().unwrap()
}

fn text(text: &str) -> String {
    text.to_owned()
}

/// Where a task of that state stands, with nothing absent.
fn standing(state: TaskState, n: u8) -> Standing {
    let step = || "crm/sync".parse().unwrap();
    let retrying = Some(Retrying {
        step: step(),
        failed: 2,
    });
    match state {
        TaskState::Ready => Standing::Ready { retrying },
        TaskState::Waiting => Standing::Waiting(Wait::Pause {
            until: AT + 100_000,
            paused: Paused {
                step: step(),
                spent_ms: 1_234,
            },
            retrying,
        }),
        TaskState::Error => Standing::Error(Some(Notice {
            id: text("msg_1"),
            step: step(),
            attempts: 3,
            failed_at: AT + 250,
            tries: 1,
            error: n.is_multiple_of(2).then(|| text("connection failed")),
            due: AT + 100_000,
        })),
        state => state.into(),
    }
}

/// A head of each kind of wait.
pub(super) fn waiting_heads() -> Vec<TaskHead> {
    let retrying = Retrying {
        step: "crm/sync".parse().unwrap(),
        failed: 1,
    };
    let paused = Paused {
        step: "notify".parse().unwrap(),
        spent_ms: 0,
    };
    let waits = [
        Wait::Subtasks,
        Wait::Until(AT + 1),
        Wait::Retry {
            at: AT + 2,
            retrying,
        },
        Wait::Pause {
            until: AT + 3,
            paused,
            retrying: None,
        },
    ];
    let heads = (30..).zip(waits).map(|(n, wait)| TaskHead {
        standing: Standing::Waiting(wait),
        ..TaskHead::new(id(n), workspace(), AT)
    });
    heads.collect()
}

/// Heads without an expiry: a new one, and for each state one of which nothing is absent.
pub(super) fn heads() -> Vec<TaskHead> {
    let mut heads = vec![TaskHead::new(id(1), workspace(), AT)];
    for (n, state) in (2..).zip(TaskState::ALL) {
        heads.push(TaskHead {
            version: u64::from(n) << 40,
            standing: standing(state, n),
            name: Some(text("Grüße an Zoë")),
            tags: vec![text("urgent"), text(""), text("日本")],
            webhook: "Contact Form".parse().ok(),
            updated: AT + 300,
            ready_at: AT + 200,
            runs: 300,
            steps: vec![
                StepMemory {
                    step: "crm/sync".parse().unwrap(),
                    observed: u64::MAX,
                    finished: true,
                    redo: false,
                },
                StepMemory {
                    step: "notify".parse().unwrap(),
                    observed: 0,
                    finished: false,
                    redo: true,
                },
            ],
            result: Some(text(r#"{"sum":1.0}"#)),
            fault: Some(text("step crm/sync: the step trapped")),
            parent: Some(Parent {
                task: id(100),
                depth: 4,
            }),
            children: vec![
                Child {
                    id: id(101),
                    into: Some(text("/checks/0")),
                    wait: true,
                    ended: false,
                },
                Child {
                    id: id(102),
                    into: None,
                    wait: false,
                    ended: true,
                },
            ],
            subtasks: 77,
            notes: 5,
            ..TaskHead::new(id(n), workspace(), AT)
        });
    }
    heads
}

/// Heads with an expiry.
pub(super) fn heads_with_expiry() -> Vec<TaskHead> {
    let expiries = [(Some(AT + 500), false), (None, true), (Some(0), true)];
    let heads = heads().into_iter().zip(expiries);
    let with = heads.map(|(head, (at, completes))| TaskHead {
        expiry: Some(Expiry { at, completes }),
        ..head
    });
    with.collect()
}

/// Heads of tasks that are kept for ever, without an expiry and with one.
pub(super) fn heads_that_are_kept() -> Vec<TaskHead> {
    let heads = heads().into_iter().take(2).chain(heads_with_expiry());
    heads.map(|head| TaskHead { kept: true, ..head }).collect()
}

fn results() -> Vec<CallResult> {
    let response = FetchResponse {
        status: 503,
        status_text: text("Service Unavailable"),
        headers: vec![
            (text("content-type"), text("text/plain")),
            (text(":url"), text("https://example.com/landed")),
        ],
        body: vec![0, 1, 127, 128, 255],
    };
    let fetches: [FetchResult; 8] = [
        Ok(response),
        Err(FetchError::Invalid(text("no URL"))),
        Err(FetchError::Denied(text("10.0.0.1 is private"))),
        Err(FetchError::Connection(text("refused"))),
        Err(FetchError::Timeout(30_000)),
        Err(FetchError::TooLarge(4_194_304)),
        Err(FetchError::Redirected(text("https://example.com/"))),
        Err(FetchError::TooMany(text("200 calls"))),
    ];
    let operations = [
        Ok(text("null")),
        Err(OperationError::NotFound(text("no connector"))),
        Err(OperationError::Invalid(text("no channel"))),
        Err(OperationError::Refused(text("not_in_channel"))),
        Err(OperationError::Failed(text("timed out"))),
    ];
    let fetches = fetches.into_iter().map(CallResult::Fetch);
    fetches
        .chain(operations.into_iter().map(CallResult::Operation))
        .collect()
}

pub(super) fn effects() -> Vec<Effect> {
    let results = results().into_iter().zip(0..);
    let of = |(result, call): (CallResult, u32)| Effect {
        run: 300,
        attempt: 2,
        begun: RunOrigin {
            step: "crm/sync".parse().unwrap(),
            digest: "d".repeat(64),
            observed: 1 << 63,
        },
        call,
        digest: std::array::from_fn(|at| at as u8 * 8),
        summary: text("POST https://example.com/"),
        order: 11 - call.min(11),
        at: AT + u64::from(call),
        duration_us: 1_500,
        body: (call == 0).then_some([0xab; 32]),
        result,
    };
    results.map(of).collect()
}

fn endings() -> Vec<Ended> {
    let faults = [
        StepFault::Trap(text("unreachable")),
        StepFault::Fuel { limit: 1_000 },
        StepFault::Memory { limit: 65_536 },
        StepFault::Stack,
        StepFault::Deadline { limit_ms: 30_000 },
        StepFault::Limit(text("too many handles")),
        StepFault::Nondeterministic(text("call 0 differs")),
        StepFault::Host(text("no memory")),
        StepFault::Gone {
            digest: "e".repeat(64),
        },
        StepFault::NotReplayed(text("it would call")),
        StepFault::FuelOnData {
            limit: 1_000,
            data_bytes: 99,
        },
        StepFault::Data(text("nextRetryAt is \"soon\"")),
    ];
    let others = [
        Ended::Finished,
        Ended::Retry(text("later")),
        Ended::Stop(text("never")),
    ];
    others
        .into_iter()
        .chain(faults.into_iter().map(Ended::Fault))
        .collect()
}

fn runs() -> Vec<RunEntry> {
    let levels = [
        LogLevel::Log,
        LogLevel::Warn,
        LogLevel::Error,
        LogLevel::Audit,
        LogLevel::Visual,
    ];
    let whole = |(ended, run): (Ended, u32)| RunEntry {
        run,
        attempt: 3,
        step: "crm/sync".parse().unwrap(),
        digest: "f".repeat(64),
        at: AT,
        ended,
        changes: text(r#"[{"op":"set","path":"/a","value":1.0}]"#),
        logs: levels
            .map(|level| LogLine {
                level,
                text: format!("line of {}", level.as_str()),
            })
            .to_vec(),
        fuel: u64::MAX,
        duration_us: 17,
        alternatives: vec!["notify".parse().unwrap(), "a.b_c-d/e".parse().unwrap()],
        retry_at: Some(AT + 1_000),
        parked_until: Some(AT + 2_000),
        subtasks: vec![
            SubtaskEntry {
                task: id(7),
                name: text("check"),
                into: Some(text("/checks")),
                wait: true,
            },
            SubtaskEntry {
                task: id(8),
                name: text("tell"),
                into: None,
                wait: false,
            },
        ],
    };
    let mut runs: Vec<_> = endings().into_iter().zip(1..).map(whole).collect();
    runs.push(RunEntry {
        logs: Vec::new(),
        alternatives: Vec::new(),
        retry_at: None,
        parked_until: None,
        subtasks: Vec::new(),
        ..runs[0].clone()
    });
    runs
}

/// Journal entries of every variant.
pub(super) fn entries() -> Vec<Entry> {
    let mut entries = vec![Entry::Accepted { at: AT }];
    entries.extend(effects().into_iter().map(Entry::Effect));
    entries.extend(runs().into_iter().map(|run| Entry::Run(Box::new(run))));
    entries.extend(TaskState::ALL.map(|state| Entry::State {
        at: AT,
        state,
        reason: text("no step matched"),
    }));
    entries.push(Entry::Changed {
        at: AT,
        by: text("127.0.0.1"),
        changes: text("[]"),
    });
    for error in [None, Some(text("status 500"))] {
        entries.push(Entry::Notice {
            at: AT,
            tries: 2,
            error,
        });
    }
    entries.push(Entry::Subtask {
        at: AT,
        task: id(9),
        changes: text(r#"[{"op":"set","path":"/b","value":"ü"}]"#),
    });
    entries
}

pub(super) fn workspaces() -> Vec<WorkspaceSettings> {
    let url = text("https://ops.example.com/failed?token=golden");
    [None, Some(url)]
        .map(|failure_url| WorkspaceSettings {
            failure_url,
            ..WorkspaceSettings::default()
        })
        .to_vec()
}

/// Settings with another retention than the default.
pub(super) fn workspaces_with_retention() -> Vec<WorkspaceSettings> {
    let periods = [
        (Period::Days(1), Period::Forever),
        (Period::Forever, Period::Days(36_500)),
    ];
    let settings = workspaces().into_iter().zip(periods);
    let with = settings.map(|(settings, (done, others))| WorkspaceSettings {
        retention: Retention { done, others },
        ..settings
    });
    with.collect()
}

pub(super) fn webhooks() -> Vec<Webhook> {
    [None, Some(text("/order/taskId"))]
        .map(|correlate| Webhook {
            id: text("5Yh2"),
            workspace: workspace(),
            name: "Contact Form".parse().unwrap(),
            key: WebhookKey::new("k".repeat(33)),
            former_keys: Vec::new(),
            created: AT,
            correlate,
            dedup: None,
            authentication: Authentication::default(),
            intake: Intake::default(),
            replies: Default::default(),
            former_names: Vec::new(),
            schema: None,
            is_disabled: false,
        })
        .to_vec()
}

/// Webhooks whose requests are verified.
pub(super) fn verified_webhooks() -> Vec<Webhook> {
    let secret = |id, expires| WebhookSecret {
        id: text(id),
        added: AT,
        expires,
        sealed: vec![1, 0, 255],
    };
    let authentications = [
        Authentication {
            provider: text("stripe"),
            secrets: vec![secret("7aB", None), secret("8cD", Some(AT + 86_400_000))],
            tolerance_seconds: Some(600),
            ..Authentication::default()
        },
        Authentication {
            provider: text("custom"),
            scheme: Some(text(r#"{"check":"basic"}"#)),
            verify_token: Some(vec![1, 2, 3]),
            ..Authentication::default()
        },
        Authentication {
            allow_ips: networks(&["10.0.0.0/8", "2001:db8::/32"]).unwrap(),
            ..Authentication::default()
        },
    ];
    let plain = webhooks().remove(1);
    authentications
        .map(|authentication| Webhook {
            authentication,
            ..plain.clone()
        })
        .to_vec()
}

/// Webhooks with a dedup rule.
pub(super) fn webhooks_with_dedup() -> Vec<Webhook> {
    let rules = [
        DedupRule::new(Some("Idempotency-Key"), None, None),
        DedupRule::new(None, Some("/event/id"), Some(60_000)),
    ];
    let webhooks = webhooks().into_iter().zip(rules);
    let with = webhooks.map(|(webhook, rule)| Webhook {
        dedup: rule.ok(),
        ..webhook
    });
    with.collect()
}

/// Webhooks that choose their methods and header fields.
pub(super) fn webhooks_with_intake() -> Vec<Webhook> {
    let intake = [
        Intake::of(Some(&["GET", "HEAD"]), &[]),
        Intake::of(None, &["x-tenant", "x-plan"]),
    ];
    let webhooks = verified_webhooks().into_iter().zip(intake);
    let with = webhooks.map(|(webhook, intake)| Webhook {
        intake: intake.unwrap(),
        ..webhook
    });
    with.collect()
}

/// Webhooks with former keys, or that are disabled.
pub(super) fn webhooks_with_former_keys() -> Vec<Webhook> {
    let former = |digit: &str, until| FormerKey {
        key: WebhookKey::new(digit.repeat(33)),
        until,
    };
    let [first, second] = [0, 1].map(|at| webhooks_with_intake().remove(at));
    vec![
        Webhook {
            former_keys: vec![former("m", AT + 86_400_000), former("n", AT)],
            ..first
        },
        Webhook {
            former_names: Vec::new(),
            schema: None,
            is_disabled: true,
            ..second
        },
    ]
}

pub(super) fn steps() -> Vec<Step> {
    let version = |digest: &str, kind| StepVersion {
        digest: digest.repeat(64),
        kind,
        size: 70_000,
        since: AT,
    };
    let step = |kind, versions| Step {
        name: "crm/sync".parse().unwrap(),
        kind,
        digest: "a".repeat(64),
        size: 300,
        condition: text(r#"{"$via":{"name":"Contact Form"}}"#),
        limits: StepLimits {
            fuel: 1_000_000,
            memory: 1 << 24,
            timeout_ms: 5_000,
        },
        retry: RetryPolicy {
            attempts: 5,
            first_ms: 250,
            factor: 3,
            cap_ms: 60_000,
        },
        versions,
        created: AT,
        updated: AT + 1,
    };
    vec![
        step(StepKind::Component, Vec::new()),
        step(
            StepKind::Script,
            vec![
                version("a", StepKind::Script),
                version("b", StepKind::Component),
            ],
        ),
    ]
}

pub(super) fn schedules() -> Vec<Schedule> {
    [Missed::Skip, Missed::Once, Missed::All]
        .map(|missed| Schedule {
            workspace: workspace(),
            name: "Morning report".parse().unwrap(),
            cron: text("0 8 * * 1-5"),
            timezone: text("Europe/Berlin"),
            missed,
            data: text(r#"{"report":1}"#),
            created: AT,
            updated: AT + 5,
        })
        .to_vec()
}

/// What the vault sealed: to the store, any bytes.
pub(super) fn sealed() -> Vec<Vec<u8>> {
    vec![Vec::new(), vec![1, 0, 255], (0..200).collect()]
}
