//! The attacks, as data: which step the attacker adds, and what it posts over how many connections.

use std::time::Duration;

use super::upstream::Upstream;

/// What the attacker's step is.
pub enum Step {
    /// JavaScript; `UPSTREAM` in it is the upstream's address, and `TLS` the port at which it speaks TLS.
    Script(&'static str),
    /// A guest of `tests/guests`.
    Guest(&'static str),
}

/// What a tenant asks again and again.
#[derive(Clone, Copy)]
pub enum Ask {
    /// One of its tasks, whole.
    View,
    /// What one of its tasks would do if it ran again.
    Replay,
    /// Its tasks whose data match a pattern.
    Search(&'static str),
    /// That its step is replaced by the same.
    Upload,
    /// That a member of a task's data is set, which is large.
    Update,
}

/// How often posts that are counted begin anew.
pub const ROUND: Duration = Duration::from_secs(10);

/// What a tenant, or a stranger who knows its webhook's URL, can do.
pub struct Attack {
    pub name: &'static str,
    /// What it is, for people.
    pub about: &'static str,
    pub step: Step,
    /// The body of every post.
    pub body: fn() -> String,
    /// Whether the body comes in pieces and its length is not announced.
    pub chunked: bool,
    /// Connections that post at once.
    pub connections: usize,
    /// Posts over all connections in each [`ROUND`]; as many as go in the time if none.
    pub posts: Option<u64>,
    /// What is asked of the API with a token, over so many connections.
    pub asks: Option<(Ask, usize)>,
    /// Connections whose requests never end, in place of posts. The server speaks TLS then, too.
    pub half_open: usize,
}

const COMPUTING: Attack = Attack {
    name: "",
    about: "",
    step: Step::Script(""),
    body: || "{}".into(),
    chunked: false,
    connections: 8,
    posts: None,
    asks: None,
    half_open: 0,
};

/// Every attack, by the rows of the table that they were found as.
pub const ATTACKS: &[Attack] = &[
    Attack {
        name: "loop",
        about: "a script that never returns",
        step: Step::Script("export const condition = {}; export const content = () => { for (;;); };"),
        ..COMPUTING
    },
    Attack {
        name: "data-get",
        about: "reads 0.9 MB of data in a loop",
        step: Step::Guest("host-loop"),
        body: || format!(r#"{{"how":"get","text":"{}"}}"#, "x".repeat(900_000)),
        ..COMPUTING
    },
    Attack {
        name: "data-set",
        about: "writes a member in a loop",
        step: Step::Guest("host-loop"),
        body: || r#"{"how":"set"}"#.into(),
        ..COMPUTING
    },
    Attack {
        name: "rewrite",
        about: "writes 3 MiB of data and runs again",
        step: Step::Script(
            "export const condition = {}; export const content = () => {
                data.n = (data.n ?? 0) + 1; data.big = `${data.n}`.repeat(3e6).slice(0, 3e6); task.redo(); };",
        ),
        ..COMPUTING
    },
    Attack {
        name: "console",
        about: "writes log lines in a loop",
        step: Step::Guest("host-loop"),
        body: || r#"{"how":"log"}"#.into(),
        ..COMPUTING
    },
    Attack {
        name: "grow",
        about: "grows its memory by nothing in a loop",
        step: Step::Guest("host-loop"),
        body: || r#"{"how":"grow"}"#.into(),
        ..COMPUTING
    },
    Attack {
        name: "subtasks",
        about: "100 subtasks a run, over 8 generations, from one post",
        step: Step::Script(
            "export const condition = {}; export const content = () => {
                for (let n = 0; n < 100; n++) try { task.subtask('part', { n }); } catch { return; } };",
        ),
        connections: 1,
        posts: Some(1),
        ..COMPUTING
    },
    Attack {
        name: "matching",
        about: "a condition of 9,990 alternatives, 8 posts of 349,000 texts",
        step: Step::Script(
            "export const condition = { items: { $in: Array.from({ length: 9990 }, (_, n) => n) } };
            export const content = () => {};",
        ),
        body: || format!(r#"{{"items":[{}""]}}"#, r#""","#.repeat(348_999)),
        posts: Some(8),
        ..COMPUTING
    },
    Attack {
        name: "documents",
        about: "100 posts of 1 MB of numbers, held by a call that hangs",
        step: Step::Script(
            "export const condition = { items: Array };
            export const content = async () => { await fetch('http://UPSTREAM/hang'); };",
        ),
        body: || format!(r#"{{"items":[{}0]}}"#, "1,".repeat(520_000)),
        posts: Some(100),
        ..COMPUTING
    },
    Attack {
        name: "bodies",
        about: "1 MB bodies for a quick step",
        step: Step::Script("export const condition = {}; export const content = () => { data.ok = true; };"),
        body: || format!(r#"{{"text":"{}"}}"#, "x".repeat(1_000_000)),
        ..COMPUTING
    },
    Attack {
        name: "chunked",
        about: "1 MB bodies without a length, for a quick step",
        step: Step::Script("export const condition = {}; export const content = () => { data.ok = true; };"),
        body: || format!(r#"{{"text":"{}"}}"#, "x".repeat(1_000_000)),
        chunked: true,
        ..COMPUTING
    },
    Attack {
        name: "stacks",
        about: "recurses as deep as it can, then waits for a call that hangs; 1,000 posts",
        step: Step::Script(
            "const deep = (n) => deep(n + 1) + 1;
            export const condition = {}; export const content = async () => {
                try { deep(0); } catch { await fetch('http://UPSTREAM/hang'); } };",
        ),
        posts: Some(1_000),
        ..COMPUTING
    },
    Attack {
        name: "calls",
        about: "32 calls each to an upstream that hangs, 1,100 posts",
        step: Step::Script(
            "export const condition = {}; export const content = async () => {
                await Promise.all(Array.from({ length: 32 }, () => fetch('http://UPSTREAM/hang'))); };",
        ),
        posts: Some(1_100),
        ..COMPUTING
    },
    Attack {
        name: "journal",
        about: "192 calls a run with answers of 60 kB, and views of the task",
        step: Step::Script(
            "export const condition = {}; export const content = async () => {
                for (let n = 0; n < 6; n++)
                    await Promise.all(Array.from({ length: 32 }, () => fetch('http://UPSTREAM/much')));
                task.redo(); };",
        ),
        connections: 1,
        posts: Some(1),
        asks: Some((Ask::View, 1)),
        ..COMPUTING
    },
    Attack {
        name: "answers",
        about: "192 calls a run with answers of 10 kB that become 10 MB",
        step: Step::Script(
            "export const condition = {}; export const content = async () => {
                for (let n = 0; n < 6; n++)
                    await Promise.all(Array.from({ length: 32 }, () => fetch('http://UPSTREAM/gzip').catch(() => null)));
                task.redo(); };",
        ),
        ..COMPUTING
    },
    Attack {
        name: "tls",
        about: "192 calls a run over TLS with answers of 2 MB",
        step: Step::Script(
            "export const condition = {}; export const content = async () => {
                for (let n = 0; n < 6; n++)
                    await Promise.all(Array.from({ length: 32 }, () => fetch('https://localhost:TLS/').catch(() => null)));
                task.redo(); };",
        ),
        ..COMPUTING
    },
    Attack {
        name: "replays",
        about: "dry runs of a script that computes, over 8 connections",
        step: Step::Script(
            "export const condition = {}; export const content = () => { for (let n = 0; n < 1e7; n++); };",
        ),
        connections: 1,
        posts: Some(1),
        asks: Some((Ask::Replay, 8)),
        ..COMPUTING
    },
    Attack {
        name: "searches",
        about: "lists by a costly pattern over 16 tasks of 1 MB, over 8 connections",
        step: Step::Script("export const condition = { none: 1 }; export const content = () => {};"),
        body: || format!(r#"{{"items":[{}0]}}"#, "1,".repeat(480_000)),
        connections: 1,
        posts: Some(16),
        asks: Some((Ask::Search(r#"{"items":{"$not":{"$elemMatch":{"$in":[2,3,4,5]}}},"x":1}"#), 8)),
        ..COMPUTING
    },
    Attack {
        name: "uploads",
        about: "a step whose condition computes until its fuel is used, added over 8 connections",
        step: Step::Script(
            "let n = 0; while (n < 2e7) n++; export const condition = { n: n }; export const content = () => {};",
        ),
        connections: 0,
        asks: Some((Ask::Upload, 8)),
        ..COMPUTING
    },
    Attack {
        name: "updates",
        about: "changes of a task with 1 MB of data, over 8 connections",
        step: Step::Script("export const condition = { none: 1 }; export const content = () => {};"),
        body: || format!(r#"{{"items":[{}0]}}"#, "1,".repeat(480_000)),
        connections: 1,
        posts: Some(1),
        asks: Some((Ask::Update, 8)),
        ..COMPUTING
    },
    Attack {
        name: "half-open",
        about: "1,000 connections that stop in the head, the body or the handshake, or go on byte by byte",
        step: Step::Script("export const condition = {}; export const content = () => {};"),
        half_open: 1_000,
        ..COMPUTING
    },
    Attack {
        name: "short",
        about: "a one-line script, posted as fast as it goes",
        step: Step::Script("export const condition = {}; export const content = () => { data.ok = true; };"),
        connections: 64,
        ..COMPUTING
    },
];

/// The step as the API takes it.
pub fn component(step: &Step, upstream: Upstream) -> anyhow::Result<Vec<u8>> {
    match step {
        Step::Script(text) => {
            let text = text.replace("UPSTREAM", &upstream.http.to_string());
            let text = text.replace("TLS", &upstream.tls.port().to_string());
            let package = serde_json::json!({"entry": "step.js", "modules": {"step.js": text}});
            Ok(package.to_string().into_bytes())
        }
        Step::Guest(name) => super::guest::component(name),
    }
}
