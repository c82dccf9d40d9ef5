//! The audit log: who changed what by the API.

use super::clock::Millis;
use super::ids::WorkspaceName;
use super::limits;

/// One change, or an attempt that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub at: Millis,
    /// The workspace in whose log it is; `None` for that of the server itself.
    pub workspace: Option<WorkspaceName>,
    /// The principal's name: `admin`, or a token's.
    pub who: String,
    /// The token's id; `None` for the admin token.
    pub token: Option<String>,
    /// The address that the request came from.
    pub ip: String,
    /// The id of the operation in the OpenAPI document, e.g. `setConfig`.
    pub what: String,
    /// The target: the path below the workspace, e.g. `config/CRM_TOKEN`.
    pub target: String,
    /// [`DONE`], or the code of the refusal.
    pub outcome: String,
}

/// The outcome of a change that was made.
pub const DONE: &str = "done";
/// The most characters of a target that are kept. Two names of the longest kind and the words between them have
/// less.
pub const TARGET_CHARS: usize = 300;

impl AuditEntry {
    /// Whether the change was made.
    pub fn is_done(&self) -> bool {
        self.outcome == DONE
    }

    /// A target, cut to what is kept of one.
    pub fn target(text: &str) -> String {
        text.chars().take(TARGET_CHARS).collect()
    }
}

/// An entry's id: ids grow with the time, also over several logs of one server. The upper 44 bits are the
/// milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AuditId(pub u64);

impl AuditId {
    /// The bits below the time.
    const BELOW: u32 = 20;

    /// The least id of a time.
    pub fn from_time(at: Millis) -> Self {
        Self(at.min(u64::MAX >> Self::BELOW) << Self::BELOW)
    }

    /// The time in it.
    pub fn time(self) -> Millis {
        self.0 >> Self::BELOW
    }
}

/// How much of a log is kept. Refused attempts are counted by themselves, so that they drive out no change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditBounds {
    /// Changes of one workspace, and of the server itself.
    pub done: usize,
    /// Refused attempts of one workspace, and of the server itself.
    pub refused: usize,
    /// The age at which an entry is removed, in days.
    pub days: u32,
}

impl Default for AuditBounds {
    fn default() -> Self {
        Self {
            done: limits::AUDIT_DONE,
            refused: limits::AUDIT_REFUSED,
            days: limits::AUDIT_DAYS,
        }
    }
}

/// Which entries are wanted. A member that is `None` matches every entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// The log of one workspace; `None` for all logs, the server's own included.
    pub workspace: Option<WorkspaceName>,
    /// Older than this entry.
    pub before: Option<AuditId>,
    /// At this time or later.
    pub since: Option<Millis>,
    /// Before this time.
    pub until: Option<Millis>,
    /// A principal's name, or a token's id.
    pub who: Option<String>,
    /// An operation's id, or the beginning of a target.
    pub what: Option<String>,
    /// The most entries of a page.
    pub limit: usize,
}

impl AuditQuery {
    /// Whether an entry is one of those, wherever it is.
    pub fn fits(&self, entry: &AuditEntry) -> bool {
        let is_by = |who: &str| entry.who == who || entry.token.as_deref() == Some(who);
        let is_of = |what: &str| entry.what == what || entry.target.starts_with(what);
        self.who.as_deref().is_none_or(is_by) && self.what.as_deref().is_none_or(is_of)
    }

    /// The ids among which they are: from the first up to and without the second.
    pub fn ids(&self) -> (AuditId, AuditId) {
        let until = self.until.map_or(AuditId(u64::MAX), AuditId::from_time);
        let before = self.before.unwrap_or(AuditId(u64::MAX));
        let since = self.since.map_or(AuditId(0), AuditId::from_time);
        (since, until.min(before))
    }
}

/// A page of entries, the newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditPage {
    /// The entries with their ids.
    pub entries: Vec<(AuditId, AuditEntry)>,
    /// The id before which the next page begins, if there may be more.
    pub next: Option<AuditId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_grow_with_the_time() {
        let at = 1_764_000_000_123;
        let id = AuditId::from_time(at);
        assert_eq!((id.time(), AuditId(id.0 + 1).time()), (at, at));
        assert!(AuditId::from_time(at + 1) > AuditId(id.0 + 1000));
        assert!(AuditId::from_time(u64::MAX) > id);
    }
}
