//! Lists of tasks: each filter has an index that gives it in order, and tables of the version before get these with what they have.

use std::collections::BTreeSet;

use super::server::PostgresServer;
use super::takeover::node;
use super::values::{Term, digest};
use super::*;
use crate::domain::ids::TaskId;
use crate::domain::task::{TaskHead, TaskState};
use crate::store::conformance::owned::Owned as _;
use crate::store::conformance::samples::{new_task, next, workspace};
use crate::store::postgres::lists as queries;
use crate::store::{Store, TaskQuery, Terms};

const LEASE: std::time::Duration = std::time::Duration::from_secs(60);
/// Two workspaces, webhooks of 2 to 10,000 tasks, names, tags and states.
const FILL: &str = "insert into tasks (workspace, id, partition, version, state, due, rests, webhook, \
    name, tags, settled, journal_bytes, head, data, entries) \
    select case when n % 10 = 0 then 'small' else 'large' end, \
    ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, n % 256, 1, \
    case when n % 50 = 0 then 4 else 2 end, null, null, case when n % 2 = 0 then 1 else n / 2 end, \
    case when n % 3 = 0 then n % 7 end, case when n % 4 = 0 then array[n % 5, 77] end, 0, 0, '\\x00', '{}', '\\x00' \
    from generate_series(1, 20000) n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_list_has_an_index_that_gives_it_in_order() {
    let server = PostgresServer::start();
    let store = node(&server, LEASE).await;
    let session = Session::open(&store.shared.settings).await.unwrap();
    session.run(FILL).await.unwrap();
    let id = "'01900000-0000-7000-8000-000000003a98'";
    let least = "'00000000-0000-0000-0000-000000000000'";
    let list = format!("'large', {id}, 21, {least}");
    let all = format!("{list}, '{{0,1,2,3,4,5,6}}'");
    let one = format!("{list}, '{{2}}'");
    let prepared = |sql: &str| format!("deallocate all; prepare it as {sql}");
    // Before the first `analyze` several indexes are as good to the planner; then it is the right one.
    for is_analyzed in [false, true] {
        if is_analyzed {
            session.run("analyze").await.unwrap();
        }
        for (name, sql, params, index) in [
            ("all", queries::LIST, list.clone(), "tasks_pkey"),
            (
                "states",
                queries::LIST_STATES.several,
                format!("{list}, '{{2,4}}'"),
                "tasks_state",
            ),
            (
                "one state",
                queries::LIST_STATES.one,
                format!("{list}, '{{2}}'"),
                "tasks_state",
            ),
            (
                "name",
                queries::FIND_NAME.several,
                format!("{all}, null, 3, null, 21"),
                "tasks_name_state",
            ),
            (
                "name, one state",
                queries::FIND_NAME.one,
                format!("{one}, null, 3, null, 21"),
                "tasks_name_state",
            ),
            (
                "webhook",
                queries::FIND_WEBHOOK.several,
                format!("{all}, 1, null, null, 21"),
                "tasks_webhook_state",
            ),
            (
                "webhook, one state",
                queries::FIND_WEBHOOK.one,
                format!("{one}, 1, null, null, 21"),
                "tasks_webhook_state",
            ),
            (
                "tag",
                queries::FIND_TAG.several,
                format!("{all}, null, null, 77, 21"),
                "task_tags_pkey",
            ),
            (
                "tag, one state",
                queries::FIND_TAG.one,
                format!("{one}, null, null, 77, 21"),
                "task_tags_pkey",
            ),
            (
                "states' counts",
                super::super::queries::COUNT,
                "'large', '{0,1,2,3,4,5,6}', 1000".to_owned(),
                "tasks_state",
            ),
            (
                "counts",
                queries::COUNT_TERMS,
                "'large', 1, 3, 77, 1000".to_owned(),
                "tasks_name_state",
            ),
        ] {
            session.run(&prepared(sql)).await.unwrap();
            let explain = format!("explain execute it({params})");
            let rows = session.client.simple_query(&explain).await.unwrap();
            let lines = rows.iter().filter_map(|row| match row {
                tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
                _ => None,
            });
            let plan = lines.collect::<Vec<_>>().join("\n");
            let used = format!("using {index} on");
            let merges = !name.ends_with("one state")
                && !["all", "counts", "states' counts"].contains(&name);
            assert!(!is_analyzed || plan.contains(&used), "{name}:\n{plan}");
            // A list of one state is one walk.
            assert_eq!(plan.contains("Merge Append"), merges, "{name}:\n{plan}");
            for bad in ["Sort  (", "Seq Scan", "Bitmap"] {
                assert!(!plan.contains(bad), "{name}, {is_analyzed}:\n{plan}");
            }
        }
    }
    store.close().await;
}

/// 5,000 copies of a task with other ids, one of which is its own: the state, what it is found by and the head stay.
const COPY: &str = "insert into tasks (workspace, id, partition, version, state, webhook, name, tags, settled, \
    journal_bytes, head, data, entries) \
    select workspace, overlay(id::text placing lpad(to_hex(n), 8, '0') from 29)::uuid, partition, version, state, webhook, \
    name, tags, settled, journal_bytes, head, data, entries from tasks, generate_series(1, 5000) n where id = $1";

/// Tasks that have one of two terms may be many, and those that have both few.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_two_terms_looks_at_few_tasks() {
    let server = PostgresServer::start();
    let store = node(&server, LEASE).await;
    let session = Session::open(&store.shared.settings).await.unwrap();
    let ws = workspace("acme");
    let accept = async |id: TaskId, name: Option<&str>, tags: &[&str]| {
        let mut task = new_task(&ws, id, "{}");
        task.head.name = name.map(str::to_owned);
        task.head.tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        store.accept_owned(task).await.unwrap();
        values::Uuid::from(id)
    };
    let oldest = TaskId::derived(1_000, [1; 10]);
    accept(oldest, Some("often"), &["rare"]).await;
    let named = accept(TaskId::derived(2_000, [1; 10]), Some("often"), &[]).await;
    let tagged = accept(TaskId::derived(3_000, [1; 10]), None, &["common"]).await;
    for id in [named, tagged] {
        session.execute(COPY, &[&id]).await.unwrap();
    }
    let mut query = TaskQuery {
        limit: 10,
        ..TaskQuery::default()
    };
    let both = |tag: &str| Terms {
        name: Some("often".to_owned()),
        tag: Some(tag.to_owned()),
        ..Terms::default()
    };
    let page = store.find(&ws, &query, &both("rare")).await.unwrap();
    let ids: Vec<TaskId> = page.tasks.iter().map(|head| head.id).collect();
    assert_eq!((ids, page.next), (vec![oldest], None), "by the rare one");
    let mut pages = 0;
    loop {
        let page = store.find(&ws, &query, &both("common")).await.unwrap();
        assert!(page.tasks.is_empty());
        pages += 1;
        let Some(next) = page.next else { break };
        assert!(query.before.is_none_or(|before| next < before));
        query.before = Some(next);
    }
    assert_eq!(pages, 2, "4,000 for one page");
    store.close().await;
}

/// The ids that the store finds by a tag, in any state.
async fn tagged(store: &PostgresStore, tag: &str) -> BTreeSet<TaskId> {
    let query = TaskQuery {
        limit: 100,
        ..TaskQuery::default()
    };
    let terms = Terms {
        tag: Some(tag.to_owned()),
        ..Terms::default()
    };
    let page = store.find(&workspace("acme"), &query, &terms).await;
    page.unwrap().tasks.iter().map(|head| head.id).collect()
}

async fn texts(session: &Session, sql: &'static str) -> Vec<String> {
    let rows = session.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

const AS_VERSION_3: &str = "drop table task_tags; drop function keep_task_tags cascade; \
    drop index tasks_webhook_state, tasks_name_state; \
    drop table component_parts, component_texts, component_uses; \
    alter table nodes drop column clock_ms, drop column token_check, drop column reads_parts; \
    update tables_version set version = 3";
const FORMER: &str = "select indexname::text from pg_indexes where schemaname = 'stepwell' \
    and indexname in ('tasks_webhook', 'tasks_name', 'tasks_tags') order by 1";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_of_version_3_get_the_indexes_with_what_they_have() {
    let server = PostgresServer::start();
    let store = node(&server, LEASE).await;
    let session = Session::open(&store.shared.settings).await.unwrap();
    assert_eq!(texts(&session, FORMER).await, Vec::<String>::new());
    let ws = workspace("acme");
    let tagged_task = |tags: &[&str]| {
        let mut task = new_task(&ws, TaskId::new(), "{}");
        task.head.tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        task
    };
    let (one, two) = (tagged_task(&["red", "blue"]), tagged_task(&["red"]));
    let ids = |heads: &[&TaskHead]| heads.iter().map(|head| head.id).collect::<BTreeSet<_>>();
    for task in [&one, &two] {
        store.accept_owned(task.clone()).await.unwrap();
    }
    store.close().await;
    // As version 3 has left it, with a server of that version that goes on.
    for sql in [
        AS_VERSION_3,
        "create index tasks_webhook on tasks (workspace, webhook, id) where webhook is not null; \
         create index tasks_name on tasks (workspace, name, id) where name is not null; \
         create index tasks_tags on tasks using gin (tags) where tags is not null",
        "insert into nodes (version, lease_until) values ('0', clock_timestamp() + interval '1 day')",
    ] {
        session.run(sql).await.unwrap();
    }
    let store = node(&server, LEASE).await;
    assert_eq!(texts(&session, FORMER).await.len(), 3, "it lists by them");
    assert_eq!(tagged(&store, "red").await, ids(&[&one.head, &two.head]));
    assert_eq!(tagged(&store, "blue").await, ids(&[&one.head]));
    // What that server writes is found, too.
    let (red, green) = (digest(Term::Tag, "red"), digest(Term::Tag, "green"));
    let count = async |tag: i64, state: i16| {
        let sql =
            "select count(*) from task_tags where workspace = 'acme' and tag = $1 and state = $2";
        session.query(sql, &[&tag, &state]).await.unwrap()[0].get::<_, i64>(0)
    };
    let moved =
        "update tasks set state = 4, tags = array[$1::int8], version = version where id = $2";
    let id = values::Uuid::from(two.head.id);
    session.execute(moved, &[&green, &id]).await.unwrap();
    assert_eq!((count(red, 0).await, count(red, 4).await), (1, 0));
    assert_eq!((count(green, 0).await, count(green, 4).await), (0, 1));
    let mut done = next(&one.head, TaskState::Done, None);
    done.head.tags = vec!["blue".to_owned()];
    if store.ownership().borrow().owns(one.head.id) {
        store.commit_owned(done).await.unwrap();
    }
    session.run("delete from tasks").await.unwrap();
    let left = session.query("select from task_tags", &[]).await.unwrap();
    assert!(left.is_empty(), "what is gone has no tags");
    store.close().await;
    // It has ended.
    session.run("delete from nodes").await.unwrap();
    let store = node(&server, LEASE).await;
    assert_eq!(texts(&session, FORMER).await, Vec::<String>::new());
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dump_under_way_stops_no_server_while_tables_are_changed() {
    let server = PostgresServer::start();
    let store = node(&server, LEASE).await;
    let session = Session::open(&store.shared.settings).await.unwrap();
    let dump = Session::open(&store.shared.settings).await.unwrap();
    store.close().await;
    session.run(AS_VERSION_3).await.unwrap();
    session
        .run("insert into nodes (version, lease_until) values ('0', clock_timestamp())")
        .await
        .unwrap();
    dump.run("begin; lock table nodes in access share mode")
        .await
        .unwrap();
    let opened = tokio::spawn(async move { (node(&server, LEASE).await, server) });
    // A server renews its lease all the while, and waits no longer than that allows.
    session.run("set lock_timeout = '4s'").await.unwrap();
    for _ in 0..15 {
        let renew = "update nodes set lease_until = clock_timestamp() where version = '0'";
        session.run(renew).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    assert!(!opened.is_finished());
    dump.run("commit").await.unwrap();
    let (store, _server) = opened.await.unwrap();
    let version = "select version::text from tables_version";
    assert_eq!(texts(&session, version).await, ["6"]);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_moves_meanwhile_is_counted_once() {
    let server = PostgresServer::start();
    let store = node(&server, LEASE).await;
    let ws = workspace("acme");
    let task = new_task(&ws, TaskId::new(), "{}");
    store.accept_owned(task.clone()).await.unwrap();
    let moves = tokio::spawn({
        let store = store.clone();
        async move {
            let mut head = task.head;
            for n in 0..100 {
                let (state, wakes) = match n % 2 {
                    0 => (TaskState::Waiting, Some(7)),
                    _ => (TaskState::Ready, None),
                };
                let step = next(&head, state, wakes);
                head = step.head.clone();
                store.commit_owned(step).await.unwrap();
            }
        }
    });
    while !moves.is_finished() {
        let counts = store.counts(&ws).await.unwrap();
        assert_eq!(counts.of.iter().sum::<u64>(), 1, "{counts:?}");
    }
    moves.await.unwrap();
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_tasks_are_loaded_at_once_up_to_a_length() {
    let server = PostgresServer::start();
    let store = node(&server, LEASE).await;
    let ws = workspace("acme");
    let mut tasks = Vec::new();
    for length in [10, 100, 3_000, 5] {
        let data = format!(r#"{{"a":"{}"}}"#, "x".repeat(length));
        let task = new_task(&ws, TaskId::new(), &data);
        store.accept_owned(task.clone()).await.unwrap();
        tasks.push(task);
    }
    let mut ids: Vec<TaskId> = tasks.iter().map(|task| task.head.id).collect();
    // One that is not there, and another order than that of the ids.
    ids.insert(1, TaskId::new());
    ids.swap(0, 4);
    for (most, loaded, count) in [
        (1, vec![3], 1),
        (200, vec![3, 1, 2], 4),
        (1 << 20, vec![3, 1, 2, 0], 5),
    ] {
        let (found, looked_at) = store.load_many(&ws, &ids, most).await.unwrap();
        let expected: Vec<_> = loaded
            .iter()
            .map(|at: &usize| (tasks[*at].head.clone(), tasks[*at].data.clone()))
            .collect();
        assert_eq!((found, looked_at), (expected, count), "{most}");
    }
    let none = store.load_many(&workspace("other"), &ids, 1).await.unwrap();
    assert_eq!(none, (Vec::new(), 5));
    store.close().await;
}
