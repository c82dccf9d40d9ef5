//! Finding deliveries: those that became tasks by their tasks, the others in the log.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};
use stepwell_condition::{Budget, Pattern};
use url::form_urlencoded;

use super::DeliveryLog;
use crate::catalog::LiveWebhook;
use crate::domain::budget::Budget as Memory;
use crate::domain::clock::Millis;
use crate::domain::data::{Document, VIA, memory_estimate};
use crate::domain::delivery::{Delivery, DeliveryBody, DeliveryQuery, Verdict};
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::limits::{self, SEARCH_BYTES};
use crate::domain::task::StoredTask;
use crate::engine::FairPool;
use crate::store::search::{NO_MEMORY, Search, search};
use crate::store::{StoreError, Terms};

const ACCEPTED: &str = "accepted";
/// Recorded deliveries that are read at once, at least: each may have a body of [`limits::DELIVERY_BODY_BYTES`].
const AT_ONCE: usize = 50;

/// Which deliveries are wanted. A member that is `None` matches every delivery.
#[derive(Debug, Clone, Default)]
pub struct DeliveryFilter {
    /// To these webhooks.
    pub webhooks: Option<Vec<Arc<LiveWebhook>>>,
    /// That came when their webhook had this name.
    pub under: Option<String>,
    /// With one of these verdicts; with any if there is none.
    pub verdicts: Vec<&'static str>,
    /// At this time or later.
    pub since: Option<Millis>,
    /// That match, see [`document`].
    pub pattern: Option<Arc<Pattern>>,
    /// Older than this one.
    pub before: Option<TaskId>,
    /// The most deliveries of a page.
    pub limit: usize,
}

/// A page of deliveries.
#[derive(Debug, Default)]
pub struct Page {
    /// Newest first. There may be fewer than were asked for though there are more on the next page.
    pub deliveries: Vec<Delivery>,
    /// The [`DeliveryFilter::before`] of the next page; `None` if there is none.
    pub next: Option<TaskId>,
}

impl DeliveryFilter {
    /// The names under which tasks of the webhooks are found; one without a name finds all tasks.
    fn names(&self) -> BTreeSet<Option<String>> {
        let webhook = match (&self.under, self.webhooks.as_deref()) {
            (Some(name), _) => return BTreeSet::from([Some(name.clone())]),
            (None, None) => return BTreeSet::from([None]),
            (None, Some(webhooks)) => webhooks,
        };
        let names = webhook.iter().flat_map(|webhook| webhook.names());
        names.map(|name| Some(name.to_string())).collect()
    }

    /// Whether a delivery is one to the webhooks. Another one may have had the same name.
    fn is_of(&self, delivery: &Delivery) -> bool {
        let mut webhooks = self.webhooks.iter().flatten();
        let is_under = |name: &String| *name == *delivery.name.as_str();
        (self.webhooks.is_none() || webhooks.any(|webhook| webhook.id == delivery.webhook))
            && self.under.as_ref().is_none_or(is_under)
    }
}

impl DeliveryLog {
    /// A page of the deliveries that are wanted. They are matched on `pool`, with `memory` for the values of one at a time.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn page(
        &self,
        (pool, memory): (&FairPool, &Arc<Memory>),
        workspace: &WorkspaceName,
        wanted: &DeliveryFilter,
    ) -> Result<Page, StoreError> {
        let mut found = self.recorded(workspace, wanted).await?;
        let mut looked_to = None;
        let has = |verdict: &str| wanted.verdicts.is_empty() || wanted.verdicts.contains(&verdict);
        // Tasks as they are now, which patterns look at.
        let (mut data, mut largest) = (Vec::new(), 0);
        if has(ACCEPTED) {
            let names = wanted.names();
            let most = SEARCH_BYTES / names.len().max(1);
            for name in names {
                let tasks = Search {
                    terms: Terms {
                        webhook: name,
                        ..Terms::default()
                    },
                    since: wanted.since,
                    before: wanted.before,
                    limit: wanted.limit,
                    ..Search::default()
                };
                let tasks = search(&*self.store, None, workspace, &tasks).await?;
                // As far as the search for each name has looked.
                looked_to = looked_to.max(tasks.next);
                let mut bytes = 0;
                for head in tasks.tasks {
                    if head.webhook.is_none() {
                        continue;
                    }
                    let Some(task) = self.store.load(workspace, head.id).await? else {
                        continue;
                    };
                    bytes += task.data.len();
                    let delivery = accepted(&task);
                    if let Some(delivery) = delivery.filter(|delivery| wanted.is_of(delivery)) {
                        found.push(delivery);
                        if wanted.pattern.is_some() {
                            largest = largest.max(memory_estimate(&task.data));
                            data.push((task.head.id, task.data));
                        }
                    }
                    // What is behind it is of the next page.
                    if bytes >= most {
                        looked_to = looked_to.max(Some(head.id));
                        break;
                    }
                    // Each may take milliseconds, and the store may answer at once.
                    tokio::task::yield_now().await;
                }
            }
        }
        found.sort_by_key(|delivery| std::cmp::Reverse(delivery.id));
        // Between older ones there may be tasks that were not looked at.
        found.retain(|delivery| looked_to.is_none_or(|to| delivery.id >= to));
        let mut next = match found.get(wanted.limit.saturating_sub(1)) {
            Some(last) if found.len() > wanted.limit => Some(last.id),
            _ => looked_to,
        };
        found.truncate(wanted.limit);
        if let Some(pattern) = wanted.pattern.clone() {
            for delivery in &found {
                if let DeliveryBody::Kept(body) = &delivery.body {
                    largest = largest.max(memory_estimate(&String::from_utf8_lossy(body)));
                }
            }
            let taken = memory.wait_briefly_for(workspace, largest, 0);
            let room = taken
                .await
                .ok_or_else(|| StoreError::unavailable(NO_MEMORY))?;
            let matching = move || {
                let _room = room;
                matching(&pattern, found, &data)
            };
            let (matching, end) = pool.run_for(workspace, matching).await;
            found = matching;
            next = end.or(next);
        }
        Ok(Page {
            deliveries: found,
            next,
        })
    }

    /// One delivery.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn find(
        &self,
        workspace: &WorkspaceName,
        id: TaskId,
    ) -> Result<Option<Delivery>, StoreError> {
        self.flush().await;
        let query = DeliveryQuery {
            since: Some(self.oldest()),
            id: Some(id),
            ..DeliveryQuery::default()
        };
        let recorded = self.store.recorded_deliveries(workspace, &query).await?;
        if let Some(delivery) = recorded.into_iter().next() {
            return Ok(Some(delivery));
        }
        let task = self.store.load(workspace, id).await?;
        Ok(task.as_ref().and_then(accepted))
    }

    /// Recorded deliveries of this time and later are shown.
    fn oldest(&self) -> Millis {
        let shown = limits::DELIVERY_DAYS * 86_400_000;
        self.clock.now().saturating_sub(shown)
    }

    /// The newest recorded deliveries that are wanted: all of them, or more than a page has.
    async fn recorded(
        &self,
        workspace: &WorkspaceName,
        wanted: &DeliveryFilter,
    ) -> Result<Vec<Delivery>, StoreError> {
        if wanted.verdicts == [ACCEPTED] {
            return Ok(Vec::new());
        }
        self.flush().await;
        let oldest = self.oldest();
        let at_once = wanted.limit.saturating_add(1).max(AT_ONCE);
        let mut query = DeliveryQuery {
            webhook: match wanted.webhooks.as_deref() {
                Some([webhook]) => Some(webhook.id.clone()),
                _ => None,
            },
            before: wanted.before,
            since: Some(wanted.since.map_or(oldest, |since| since.max(oldest))),
            at_once: Some(at_once),
            ..DeliveryQuery::default()
        };
        let verdicts = &wanted.verdicts;
        let mut found = Vec::new();
        loop {
            let mut some = self.store.recorded_deliveries(workspace, &query).await?;
            let is_last = some.len() < at_once;
            query.before = some.last().map(|last| last.id);
            some.retain(|one| wanted.is_of(one));
            some.retain(|one| verdicts.is_empty() || verdicts.contains(&one.verdict.name()));
            found.extend(some);
            if is_last || found.len() > wanted.limit {
                return Ok(found);
            }
        }
    }
}

/// Those that match; and where the page ends, if it ends before the last one: what costs too much by itself is passed
/// over. `data` is that of tasks.
fn matching(
    pattern: &Pattern,
    found: Vec<Delivery>,
    data: &[(TaskId, Arc<str>)],
) -> (Vec<Delivery>, Option<TaskId>) {
    let mut budget = Budget::new(4 * Budget::UNITS);
    let mut matching = Vec::new();
    let mut looked_at = None;
    for delivery in found {
        let data = data.iter().find(|(id, _)| *id == delivery.id);
        let document = document(&delivery, data.map(|(_, data)| &**data));
        let Ok(matches) = pattern.matches_within(&document, &mut budget) else {
            return (matching, Some(looked_at.unwrap_or(delivery.id)));
        };
        looked_at = Some(delivery.id);
        if matches {
            matching.push(delivery);
        }
    }
    (matching, None)
}

/// The delivery that a task came by. None if it came otherwise, or is a copy of one that did.
fn accepted(task: &StoredTask) -> Option<Delivery> {
    let data = Document::parse(task.data.clone()).ok()?;
    let via = data.member(VIA)?;
    let text = |key: &str| via[key].as_str();
    if text("type") != Some("webhook") || via["received"].as_u64() != Some(task.head.created) {
        return None;
    }
    let texts = |key: &str| {
        let object = via[key].as_object().into_iter().flatten();
        object.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
    };
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(texts("query"));
    Some(Delivery {
        id: task.head.id,
        webhook: text("id")?.to_owned(),
        name: task.head.webhook.clone()?,
        at: task.head.created,
        verdict: Verdict::Accepted,
        ip: text("ip")?.parse().ok()?,
        method: text("method")?.to_owned(),
        query: Some(query.finish()).filter(|query| !query.is_empty()),
        headers: texts("headers").collect(),
        body: DeliveryBody::None,
        omitted: 0,
    })
}

/// The document that a pattern is matched with, of a delivery: `webhook`, `verdict`, `status`, `code`, `method`, `ip`, `headers`, and `body`: the
/// task's data or the recorded body, as JSON if it is JSON and else as text.
fn document(delivery: &Delivery, data: Option<&str>) -> Value {
    let (status, code) = match &delivery.verdict {
        Verdict::Refused { status, code, .. } => (Some(*status), Some(code)),
        _ => (None, None),
    };
    let body = match (&delivery.body, data) {
        (_, Some(data)) => serde_json::from_str(data).ok(),
        (DeliveryBody::Kept(bytes), None) => {
            let text = || Value::String(String::from_utf8_lossy(bytes).into_owned());
            Some(serde_json::from_slice(bytes).unwrap_or_else(|_| text()))
        }
        _ => None,
    };
    let headers = delivery.headers.iter().cloned();
    let headers: std::collections::BTreeMap<String, String> = headers.collect();
    let mut document = json!({
        "webhook": delivery.name.as_str(),
        "verdict": delivery.verdict.name(),
        "method": delivery.method,
        "ip": delivery.ip.to_string(),
        "headers": headers,
    });
    for (key, value) in [
        ("status", status.map(Value::from)),
        ("code", code.map(|code| Value::from(code.as_str()))),
        ("body", body),
    ] {
        if let Some(value) = value {
            document[key] = value;
        }
    }
    document
}
