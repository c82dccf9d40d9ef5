//! The keys of the one tree: how they are built, what they sort by, how they are read back.
//!
//! A workspace's name has no zero byte, so `<ws>\0` is never a prefix of another workspace's keys:
//! a range scan of one tenant cannot reach into another's. Numbers are big-endian and task ids
//! are UUID v7, so keys sort by time.
//!
//! | key | value |
//! | --- | --- |
//! | `m/…` | format number, generation, seed, the log's low-water mark, whether all is as this version writes it, which groups of the log have tasks that were removed |
//! | `t/<ws>\0<id>` | a task's record |
//! | `j/<ws>\0<id><offset u64>` | a piece of a task's journal past what its record holds |
//! | `r/<ws>\0<id>` | the task is ready; digests of its terms |
//! | `w/<wake_at u64><ws>\0<id>` | empty: the task waits, or has failed and owes a notice |
//! | `s/<ws>\0<state u8><id>` | the task is in that state (none for ready and done); digests of its terms |
//! | `d/<ws>\0<span u64>` | empty: a task whose id is of that span of time was done once |
//! | `a/<ws>\0<id>` | where in the archive the records of done tasks are, from that id on |
//! | `b/<ws>\0<id>` | digests of the terms of those done tasks |
//! | `e/<ws>\0<day u32><tier u8><run u64><key>` | keys of deliveries from that one on, see [`super::dedup`] |
//! | `p/<ws>` | a workspace's settings |
//! | `m/revision`, `v/<ws>` | how often the setup was changed; the revision in which a workspace last was (u64) |
//! | `h/<ws>\0<id>`, `q/<ws>\0<name>`, `g/<ws>\0<key>`, `k/<ws>\0<name>` | a webhook, a step, a config value, a connector |
//! | `f/<ws>\0<name>`, `l/<ws>\0<name>` | a schedule, the last planned time of it whose task is already stored (u64) |
//! | `n/<ws>\0<id>`, `o/<id>` | a token of a workspace, of the server |
//! | `i/<ws>\0<kind u8><id u64>`, `c/<kind u8><id u64>` | an entry of the audit log of a workspace, of the server |
//! | `m/server` | the revision in which a token of the server was last changed (u64) |
//! | `y/<ws>` | empty: the workspace is being erased |
//! | `x/<key>\0<piece u32>` | the further pieces of a value that is too long for one key |

use crate::domain::clock::Millis;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::task::TaskState;

/// The format number, u32.
pub(super) const FORMAT: &[u8] = b"m/format";
/// How often the tree was made durable under a mark, see [`super::marks`].
pub(super) const GENERATION: &[u8] = b"m/generation";
/// 32 random bytes.
pub(super) const SEED: &[u8] = b"m/seed";
/// See [`super::change::Mark`].
pub(super) const MARK: &[u8] = b"m/log";
/// There if nothing is left to be done by [`super::upgrade`].
pub(super) const UPGRADED: &[u8] = b"m/terms";
/// See [`super::removed::Removed`].
pub(super) const REMOVED: &[u8] = b"m/removed";
/// The archive's places.
pub(super) const PLACES: &[u8] = b"a/";
/// How often the setup was changed, u64.
pub(super) const REGISTRY_REVISION: &[u8] = b"m/revision";
/// The revision in which a token of the server was last changed, u64.
pub(super) const SERVER_REVISION: &[u8] = b"m/server";
/// All workspaces' revisions.
pub(super) const WORKSPACE_REVISIONS: &[u8] = b"v/";
/// All workspaces.
pub(super) const WORKSPACES: &[u8] = b"p/";
/// All webhooks.
pub(super) const WEBHOOKS: &[u8] = b"h/";
/// All steps.
pub(super) const STEPS: &[u8] = b"q/";
/// All config values.
pub(super) const CONFIG: &[u8] = b"g/";
/// All connectors.
pub(super) const CONNECTORS: &[u8] = b"k/";
/// All schedules.
pub(super) const SCHEDULES: &[u8] = b"f/";
/// All tokens of workspaces.
pub(super) const TOKENS: &[u8] = b"n/";
/// All tokens of the server.
pub(super) const SERVER_TOKENS: &[u8] = b"o/";
/// The audit logs of all workspaces.
pub(super) const AUDIT: &[u8] = b"i/";
/// The audit log of the server.
pub(super) const SERVER_AUDIT: &[u8] = b"c/";
/// All tasks that are due at some time.
pub(super) const WAITING: &[u8] = b"w/";

/// All keys of deliveries.
pub(super) const DEDUP: &[u8] = b"e/";
/// All workspaces that are being erased.
pub(super) const ERASING: &[u8] = b"y/";
/// The marks of all schedules.
pub(super) const MARKS: &[u8] = b"l/";
/// All records of tasks.
pub(super) const TASKS: &[u8] = b"t/";
/// The setup of a workspace.
pub(super) const SET_UP: [&[u8]; 7] = [
    WEBHOOKS, STEPS, CONFIG, CONNECTORS, SCHEDULES, MARKS, TOKENS,
];
/// What [`super::catalog_copy`] has: what all keys begin with that a change of the catalog writes, but for
/// the revision, which it has by itself. Long values have further pieces.
pub(super) const CATALOG: [&[u8]; 12] = [
    WORKSPACES,
    WEBHOOKS,
    STEPS,
    CONFIG,
    CONNECTORS,
    SCHEDULES,
    MARKS,
    TOKENS,
    SERVER_TOKENS,
    SERVER_REVISION,
    WORKSPACE_REVISIONS,
    ERASING,
];

/// Whether a key is one of [`CATALOG`], or of a further piece of such a value.
pub(super) fn is_catalog(key: &[u8]) -> bool {
    let key = key.strip_prefix(b"x/").unwrap_or(key);
    CATALOG.iter().any(|prefix| key.starts_with(prefix))
}

/// Whether a key is an entry of the audit log.
pub(super) fn is_audit(key: &[u8]) -> bool {
    key.starts_with(AUDIT) || key.starts_with(SERVER_AUDIT)
}

/// Values of a workspace's tasks beside their records, and its logs; `w/` keys do not
/// begin with the workspace.
pub(super) const OF_TASKS: [&[u8]; 9] = [
    b"j/", b"r/", b"s/", b"d/", PLACES, b"b/", DEDUP, b"x/t/", AUDIT,
];

/// The prefix of a workspace's keys of a kind.
pub(super) fn all_of(prefix: &[u8], workspace: &WorkspaceName) -> Vec<u8> {
    [prefix, workspace.as_str().as_bytes(), &[0]].concat()
}

/// There while a workspace is being erased.
pub(super) fn erasing(workspace: &WorkspaceName) -> Vec<u8> {
    [ERASING, workspace.as_str().as_bytes()].concat()
}

fn scoped(prefix: &[u8; 2], workspace: &WorkspaceName, rest: &[&[u8]]) -> Vec<u8> {
    let name = workspace.as_str().as_bytes();
    let length = 3 + name.len() + rest.iter().map(|part| part.len()).sum::<usize>();
    let mut key = Vec::with_capacity(length);
    key.extend_from_slice(prefix);
    key.extend_from_slice(name);
    key.push(0);
    for part in rest {
        key.extend_from_slice(part);
    }
    key
}

pub(super) fn task(workspace: &WorkspaceName, id: TaskId) -> Vec<u8> {
    scoped(b"t/", workspace, &[id.as_bytes()])
}

pub(super) fn ready(workspace: &WorkspaceName, id: TaskId) -> Vec<u8> {
    scoped(b"r/", workspace, &[id.as_bytes()])
}

pub(super) fn state(workspace: &WorkspaceName, state: TaskState, id: TaskId) -> Vec<u8> {
    scoped(b"s/", workspace, &[&[state_byte(state)], id.as_bytes()])
}

/// About a second of UUID v7's 48 bits of milliseconds. Most tasks end as done; a key for each
/// would cost as much as their records, and without any a search for the few that are would read
/// all others.
pub(super) fn span(id: TaskId) -> u64 {
    let [a, b, c, d, e, f, ..] = *id.as_bytes();
    u64::from_be_bytes([0, 0, a, b, c, d, e, f]) >> 10
}

/// The least id of a span.
pub(super) fn span_start(span: u64) -> TaskId {
    TaskId::from_bytes((u128::from(span) << 90).to_be_bytes())
}

/// The least id past a span, if there is one.
pub(super) fn span_end(span: u64) -> Option<TaskId> {
    // 48 bits of milliseconds less 10.
    (span + 1 < 1 << 38).then(|| span_start(span + 1))
}

/// A key for all tasks of a span.
pub(super) fn done(workspace: &WorkspaceName, id: TaskId) -> Vec<u8> {
    scoped(b"d/", workspace, &[&span(id).to_be_bytes()])
}

/// The span at the end of a `d/` key.
pub(super) fn span_of(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(*key.last_chunk()?))
}

/// The key of the places in the archive of tasks from `id` on.
pub(super) fn places(workspace: &WorkspaceName, id: TaskId) -> Vec<u8> {
    scoped(b"a/", workspace, &[id.as_bytes()])
}

/// The digests of the terms of those tasks whose places are at [`places`] of the same id.
pub(super) fn terms(workspace: &WorkspaceName, id: TaskId) -> Vec<u8> {
    scoped(b"b/", workspace, &[id.as_bytes()])
}

pub(super) fn waiting(wake_at: Millis, workspace: &WorkspaceName, id: TaskId) -> Vec<u8> {
    let name = workspace.as_str().as_bytes();
    let mut key = Vec::with_capacity(27 + name.len());
    key.extend_from_slice(WAITING);
    key.extend_from_slice(&wake_at.to_be_bytes());
    key.extend_from_slice(name);
    key.push(0);
    key.extend_from_slice(id.as_bytes());
    key
}

pub(super) fn journal(workspace: &WorkspaceName, id: TaskId, offset: u64) -> Vec<u8> {
    scoped(b"j/", workspace, &[id.as_bytes(), &offset.to_be_bytes()])
}

/// Every piece of a task's journal has a key that begins with this.
pub(super) fn journal_prefix(workspace: &WorkspaceName, id: TaskId) -> Vec<u8> {
    scoped(b"j/", workspace, &[id.as_bytes()])
}

pub(super) fn workspace(workspace: &WorkspaceName) -> Vec<u8> {
    [WORKSPACES, workspace.as_str().as_bytes()].concat()
}

/// A workspace's revision.
pub(super) fn workspace_revision(workspace: &WorkspaceName) -> Vec<u8> {
    [WORKSPACE_REVISIONS, workspace.as_str().as_bytes()].concat()
}

pub(super) fn webhook(workspace: &WorkspaceName, id: &str) -> Vec<u8> {
    scoped(b"h/", workspace, &[id.as_bytes()])
}

pub(super) fn step(workspace: &WorkspaceName, name: &str) -> Vec<u8> {
    scoped(b"q/", workspace, &[name.as_bytes()])
}

pub(super) fn config(workspace: &WorkspaceName, key: &str) -> Vec<u8> {
    scoped(b"g/", workspace, &[key.as_bytes()])
}

pub(super) fn connector(workspace: &WorkspaceName, name: &str) -> Vec<u8> {
    scoped(b"k/", workspace, &[name.as_bytes()])
}

pub(super) fn schedule(workspace: &WorkspaceName, name: &str) -> Vec<u8> {
    scoped(b"f/", workspace, &[name.as_bytes()])
}

/// A token of a workspace, or of the server.
pub(super) fn token(workspace: Option<&WorkspaceName>, id: &str) -> Vec<u8> {
    match workspace {
        Some(workspace) => scoped(b"n/", workspace, &[id.as_bytes()]),
        None => [SERVER_TOKENS, id.as_bytes()].concat(),
    }
}

/// What the keys of a kind of entries of the audit log of a workspace, or of the server, have before their ids.
pub(super) fn audit(workspace: Option<&WorkspaceName>, kind: u8) -> Vec<u8> {
    match workspace {
        Some(workspace) => scoped(b"i/", workspace, &[&[kind]]),
        None => [SERVER_AUDIT, &[kind]].concat(),
    }
}

/// The last planned time of a schedule whose task is already stored.
pub(super) fn schedule_mark(workspace: &WorkspaceName, name: &str) -> Vec<u8> {
    scoped(b"l/", workspace, &[name.as_bytes()])
}

/// What the values of a run of keys of deliveries have keys after: the first of their keys follows.
pub(super) fn dedup_run(workspace: &WorkspaceName, day: u32, tier: u8, number: u64) -> Vec<u8> {
    let (day, number) = (day.to_be_bytes(), number.to_be_bytes());
    scoped(b"e/", workspace, &[&day, &[tier], &number])
}

/// The run that a value of keys of deliveries is of: workspace, day, tier and number.
pub(super) fn dedup_run_of(key: &[u8]) -> Option<(WorkspaceName, u32, u8, u64)> {
    let (workspace, rest) = split(key)?;
    let (day, rest) = rest.split_first_chunk::<4>()?;
    let (tier, rest) = rest.split_first()?;
    let (number, rest) = rest.split_first_chunk::<8>()?;
    let run = (u32::from_be_bytes(*day), *tier, u64::from_be_bytes(*number));
    (rest.len() == 16).then_some((workspace, run.0, run.1, run.2))
}

/// Piece `piece` (from 1) of the long value at `key`.
pub(super) fn piece(key: &[u8], piece: u32) -> Vec<u8> {
    [b"x/", key, &[0], &piece.to_be_bytes()].concat()
}

/// The workspace and the rest of a key made by [`scoped`].
pub(super) fn split(key: &[u8]) -> Option<(WorkspaceName, &[u8])> {
    let scoped = key.get(2..)?;
    let end = scoped.iter().position(|byte| *byte == 0)?;
    let name = std::str::from_utf8(&scoped[..end]).ok()?.parse().ok()?;
    Some((name, &scoped[end + 1..]))
}

/// The workspace of a key made by [`workspace`].
pub(super) fn workspace_of(key: &[u8]) -> Option<WorkspaceName> {
    std::str::from_utf8(key.get(2..)?).ok()?.parse().ok()
}

/// The id at the end of a `t/`, `r/`, `s/`, `a/` or `w/` key.
pub(super) fn id_of(key: &[u8]) -> Option<TaskId> {
    let start = key.len().checked_sub(16)?;
    Some(TaskId::from_bytes(key[start..].try_into().ok()?))
}

/// The parts of a `w/` key.
pub(super) fn waiting_of(key: &[u8]) -> Option<(Millis, WorkspaceName, TaskId)> {
    let wake_at = Millis::from_be_bytes(key.get(2..10)?.try_into().ok()?);
    let id = id_of(key)?;
    let name = key.get(10..key.len() - 17)?;
    let workspace = std::str::from_utf8(name).ok()?.parse().ok()?;
    Some((wake_at, workspace, id))
}

/// A state as the byte that is stored; never renumbered.
pub(super) fn state_byte(state: TaskState) -> u8 {
    match state {
        TaskState::Ready => 1,
        TaskState::Waiting => 2,
        TaskState::Done => 3,
        TaskState::Unmatched => 4,
        TaskState::Error => 5,
        TaskState::Ignored => 6,
        TaskState::Cancelled => 7,
    }
}

/// The state that a stored byte means.
pub(super) fn state_of(byte: u8) -> Option<TaskState> {
    TaskState::ALL
        .into_iter()
        .find(|state| state_byte(*state) == byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ws(name: &str) -> WorkspaceName {
        name.parse().unwrap()
    }

    #[test]
    fn the_order_of_keys_is_the_order_of_ids_and_times() {
        let ids: Vec<TaskId> = (0..500).map(|_| TaskId::new()).collect();
        for pair in ids.windows(2) {
            assert!(task(&ws("a"), pair[0]) < task(&ws("a"), pair[1]));
            assert!(waiting(255, &ws("b"), pair[1]) < waiting(256, &ws("a"), pair[0]));
        }
    }

    #[test]
    fn a_workspace_never_reaches_into_one_whose_name_goes_on() {
        let (short, long) = (ws("a"), ws("a-b"));
        let range = task(&short, TaskId::MIN)..=task(&short, TaskId::MAX);
        for id in [TaskId::MIN, TaskId::new(), TaskId::MAX] {
            assert!(range.contains(&task(&short, id)));
            assert!(!range.contains(&task(&long, id)));
        }
    }

    #[test]
    fn keys_are_read_back() {
        let id = TaskId::new();
        assert_eq!(
            waiting_of(&waiting(77, &ws("acme"), id)),
            Some((77, ws("acme"), id))
        );
        assert_eq!(id_of(&state(&ws("acme"), TaskState::Error, id)), Some(id));
        assert_eq!(
            split(&step(&ws("acme"), "crm/sync")),
            Some((ws("acme"), &b"crm/sync"[..]))
        );
        for state in TaskState::ALL {
            assert_eq!(state_of(state_byte(state)), Some(state));
        }
        let run = dedup_run(&ws("acme"), 20_000, 3, 1 << 40);
        let first = [&run[..], &[0; 16]].concat();
        assert_eq!(dedup_run_of(&first), Some((ws("acme"), 20_000, 3, 1 << 40)));
        assert_eq!(dedup_run_of(&run), None);
        assert_eq!(span_of(&done(&ws("acme"), id)), Some(span(id)));
        for id in [TaskId::MIN, id, TaskId::MAX] {
            let start = span_start(span(id));
            assert!(start <= id && span(start) == span(id));
        }
        assert!(span_end(span(id)).is_some_and(|end| id < end));
        assert_eq!(span_end(span(TaskId::MAX)), None);
        for torn in [&b""[..], b"w", b"w/12345678", b"w/12345678a\0"] {
            assert_eq!(waiting_of(torn), None);
        }
    }
}
