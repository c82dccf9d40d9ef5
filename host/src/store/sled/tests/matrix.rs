//! Damage of every file of a store: bits and bytes flipped, files cut, deleted, or put back as they were
//! before. A start has all that was acknowledged, or it refuses and names the part; it never has something
//! else. Then a repair makes a sound store of it: what is not there is listed. By default some bytes are flipped; with
//! STEPWELL_DAMAGES=all twice as many.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};

use super::crash::spaces;
use super::dump::{dump, keyed};
use super::torn::copy;
use super::{scratch, small};
use crate::domain::effect::Effect;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::journal::Entry;
use crate::domain::task::TaskState;
use crate::domain::workspace::WorkspaceSettings;
use crate::store::conformance::owned::Owned;
use crate::store::conformance::samples::{effect, new_task, next, step};
use crate::store::sled::salvage::{self, Damage};
use crate::store::sled::{OpenError, SledSettings, SledStore};
use crate::store::{Manage, Store, StoreError};

/// A store, as a server that is killed leaves it, and as it was a while before.
struct Subject {
    home: tempfile::TempDir,
    tasks: BTreeMap<(WorkspaceName, TaskId), String>,
    whole: String,
}

fn settings(path: &Path) -> SledSettings {
    SledSettings {
        slot_bytes: 32 * 1024,
        segment_bytes: 32 * 1024,
        ..small(path)
    }
}

/// Accepts some tasks and leaves them in all states, with journals of all lengths.
async fn work(store: &SledStore, count: usize) -> Vec<(WorkspaceName, TaskId)> {
    let mut made = Vec::new();
    for n in 0..count {
        let ws = spaces()[n % 3].clone();
        let bytes = [20, 300, 7_000][n % 3];
        let task = keyed(new_task(
            &ws,
            TaskId::new(),
            &format!(r#"{{"text":"{}"}}"#, "x".repeat(bytes)),
        ));
        let id = task.head.id;
        store.accept_owned(task.clone()).await.unwrap();
        if n % 4 == 0 {
            let body = vec![n as u8; 5_000];
            let digest = store.put_body(&ws, id, body.into()).await.unwrap();
            let with_body = Effect {
                body: Some(digest),
                ..effect(1, 0, 101)
            };
            store.record_effect_owned(&ws, id, with_body).await.unwrap();
        } else if n % 5 == 0 {
            store
                .record_effect_owned(&ws, id, effect(1, 0, 9_001))
                .await
                .unwrap();
        }
        let states = [
            TaskState::Done,
            TaskState::Done,
            TaskState::Error,
            TaskState::Waiting,
            TaskState::Ready,
        ];
        let state = states[n % 5];
        if state != TaskState::Ready {
            let commit = next(&task.head, state, Some(5_000 + n as u64));
            store.commit_owned(commit).await.unwrap();
        }
        made.push((ws, id));
    }
    made
}

async fn set_up(store: &SledStore, round: u8) {
    for (n, ws) in spaces().into_iter().enumerate() {
        let settings = WorkspaceSettings {
            failure_url: Some(format!("https://example.com/{round}")),
            ..WorkspaceSettings::default()
        };
        store
            .manage_now(Manage::SetWorkspace(ws.clone(), settings))
            .await
            .unwrap();
        let bytes = vec![n as u8; 7_000];
        let step = step(&format!("step{round}"), &bytes);
        store
            .manage_now(Manage::PutStep(ws.clone(), step, bytes.into()))
            .await
            .unwrap();
        let key = format!("key{round}").parse().unwrap();
        store
            .manage_now(Manage::SetConfig(ws, key, vec![round; 9_000]))
            .await
            .unwrap();
    }
}

async fn tasks_of(
    store: &SledStore,
    is_repaired: bool,
) -> Result<BTreeMap<(WorkspaceName, TaskId), String>, StoreError> {
    let mut all = BTreeMap::new();
    for ws in spaces() {
        let query = crate::store::TaskQuery {
            limit: 10_000,
            ..Default::default()
        };
        for head in store.list(&ws, &query).await? {
            let id = head.id;
            let Some(history) = store.history(&ws, id).await? else {
                continue;
            };
            let effects = history.journal.iter().filter_map(|entry| match entry {
                Entry::Effect(effect) => effect.body,
                _ => None,
            });
            for digest in effects.filter(|_| !is_repaired) {
                let body = store.body(&ws, id, digest).await?;
                body.ok_or_else(|| StoreError::Damaged("a response's body is missing".into()))?;
            }
            all.insert((ws.clone(), id), format!("{head:?} {:?}", history.journal));
        }
    }
    Ok(all)
}

impl Subject {
    async fn make(is_young: bool) -> Self {
        let home = scratch();
        let path = home.path().join("live");
        let store = SledStore::open(settings(&path)).unwrap();
        set_up(&store, 0).await;
        if !is_young {
            let made = work(&store, 60).await;
            store.fold_all().unwrap();
            store.close().await;
            drop(store);
            let store = SledStore::open(settings(&path)).unwrap();
            copy(&path, &home.path().join("older"));
            // Some of the archive come back to the tree.
            for (ws, id) in made.iter().filter(|(_, id)| id.as_bytes()[15] % 3 == 0) {
                let task = store.load(ws, *id).await.unwrap().unwrap();
                let commit = next(&task.head, TaskState::Error, None);
                store.commit_owned(commit).await.unwrap();
            }
            set_up(&store, 1).await;
            work(&store, 60).await;
            store.checkpoint().unwrap();
            return Self::killed(home, &store).await;
        }
        copy(&path, &home.path().join("older"));
        work(&store, 12).await;
        Self::killed(home, &store).await
    }

    /// What a server leaves that is killed half a second after its last task.
    async fn killed(home: tempfile::TempDir, store: &SledStore) -> Self {
        work(store, 8).await;
        store
            .shared
            .acknowledged
            .note(store.shared.overlay.read().applied);
        let tasks = tasks_of(store, false).await.unwrap();
        let whole = format!("{:#?}", dump(store).await);
        copy(&home.path().join("live"), &home.path().join("killed"));
        store.close().await;
        Self { home, tasks, whole }
    }

    fn files(&self) -> Vec<PathBuf> {
        fn all(directory: &Path, inside: &Path, into: &mut Vec<PathBuf>) {
            for entry in std::fs::read_dir(directory).unwrap().flatten() {
                let inside = inside.join(entry.file_name());
                match entry.file_type().unwrap().is_dir() {
                    true => all(&entry.path(), &inside, into),
                    false => into.push(inside),
                }
            }
        }
        let mut files = Vec::new();
        all(&self.home.path().join("killed"), Path::new(""), &mut files);
        files.retain(|file| file != Path::new("lock") && file != Path::new("reserve"));
        files.sort();
        files
    }
}

#[derive(Debug, Clone, Copy)]
enum Harm {
    Delete,
    /// To that part of its length.
    Cut(f64),
    /// At that part of its length, so many bytes.
    Flip(f64, usize),
    Older,
}

/// Does it; false if the file has nothing for it.
fn harm(harm: Harm, file: &Path, older: &Path) -> bool {
    let bytes = std::fs::read(file).unwrap();
    match harm {
        Harm::Delete => std::fs::remove_file(file).unwrap(),
        Harm::Cut(part) => {
            let length = (bytes.len() as f64 * part) as usize;
            std::fs::write(file, &bytes[..length]).unwrap();
        }
        Harm::Flip(part, count) => {
            let mut bytes = bytes;
            let at = (bytes.len() as f64 * part) as usize;
            let end = (at + count).min(bytes.len());
            let mask = if count == 1 { 0x10 } else { 0xa5 };
            bytes
                .get_mut(at..end)
                .into_iter()
                .flatten()
                .for_each(|byte| *byte ^= mask);
            std::fs::write(file, bytes).unwrap();
        }
        Harm::Older => {
            let Ok(before) = std::fs::read(older) else {
                return false;
            };
            if before == bytes {
                return false;
            }
            std::fs::write(file, before).unwrap();
        }
    }
    true
}

/// What became of a store that was opened.
enum Became {
    Refused(String),
    /// It opens, and something in it is refused by name.
    Named(String),
    Whole,
    /// It opens, and says something else than was acknowledged.
    Wrong(String),
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

fn look(path: &Path, subject: &Subject) -> Became {
    let looked = std::panic::catch_unwind(AssertUnwindSafe(|| {
        runtime().block_on(async {
            let store = match SledStore::open(settings(path)) {
                Ok(store) => store,
                Err(OpenError::Store(error)) => return Became::Refused(error.to_string()),
                Err(error) => return Became::Refused(error.to_string()),
            };
            let became = match tasks_of(&store, false).await {
                Err(error) => Became::Named(error.to_string()),
                Ok(tasks) if tasks != subject.tasks => {
                    let is_there =
                        |key: &&(WorkspaceName, TaskId)| tasks.get(*key) == subject.tasks.get(*key);
                    let wrong: Vec<_> = subject.tasks.keys().filter(|key| !is_there(key)).collect();
                    let more: Vec<_> = tasks
                        .keys()
                        .filter(|key| !subject.tasks.contains_key(*key))
                        .collect();
                    Became::Wrong(format!(
                        "{} tasks of {}: not {wrong:?}, and {more:?}",
                        tasks.len(),
                        subject.tasks.len()
                    ))
                }
                Ok(_) => match dump_of(&store).await {
                    Ok(whole) if whole == subject.whole => Became::Whole,
                    Ok(_) => Became::Wrong("the setup, or an index".into()),
                    Err(error) => Became::Named(error),
                },
            };
            store.close().await;
            became
        })
    }));
    looked.unwrap_or_else(|_| Became::Wrong("it panics".into()))
}

/// The dump, or why there is none.
async fn dump_of(store: &std::sync::Arc<SledStore>) -> Result<String, String> {
    for name in 0..3u8 {
        let digest = step("s", &vec![name; 7_000]).digest;
        if let Err(error) = store.component(&digest).await {
            return Err(error.to_string());
        }
    }
    Ok(format!("{:#?}", dump(&**store).await))
}

/// The words by which an error names what is damaged.
const NAMES: [&str; 16] = [
    "the tree",
    "the log",
    "the archive",
    "the marks",
    "the setup",
    "seed",
    "record",
    "journal",
    "component",
    "body",
    "places",
    "digests",
    "keys of deliveries",
    "index",
    "mark",
    "format number",
];

fn names_it(error: &str) -> bool {
    NAMES.iter().any(|name| error.contains(name))
}

/// Repairs the store and looks at what is left.
fn repair(path: &Path, subject: &Subject, what: &str) -> (Vec<Damage>, usize) {
    let repaired = salvage::repair(path).unwrap_or_else(|error| panic!("{what}: {error}"));
    let report = salvage::check(path).unwrap();
    assert!(
        report.sound,
        "{what}: {:#?} after {:#?}",
        report.damages, repaired.damages
    );
    let left = runtime().block_on(async {
        let store =
            SledStore::open(settings(path)).unwrap_or_else(|error| panic!("{what}: {error}"));
        let left = tasks_of(&store, true)
            .await
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        store.checkpoint().unwrap();
        store.close().await;
        left
    });
    let lost: Vec<_> = repaired
        .damages
        .iter()
        .filter(|damage| damage.loss.is_some())
        .collect();
    let named: BTreeSet<&str> = lost
        .iter()
        .filter_map(|damage| damage.task.as_deref())
        .collect();
    // What was in a page that cannot be read, or in a group, may be of any task.
    let any = lost.iter().any(|damage| {
        damage.task.is_none() && !matches!(damage.part, "the components" | "the setup")
    });
    let mut missing = 0;
    for ((ws, id), expected) in &subject.tasks {
        if left.get(&(ws.clone(), *id)) == Some(expected) {
            continue;
        }
        missing += 1;
        assert!(
            any || named.contains(&*id.to_string()),
            "{what}: task {id} of {ws} is not as it was, and is not listed: {lost:#?}"
        );
    }
    (repaired.damages, missing)
}

#[test]
fn no_damage_is_passed_over_and_every_store_can_be_repaired() {
    every_damage(false, 100);
}

#[test]
fn no_damage_of_a_young_store_is_passed_over_and_it_can_be_repaired() {
    every_damage(true, 60);
}

/// Whether all flips are tried; else a half of them is.
fn wants_all() -> bool {
    std::env::var("STEPWELL_DAMAGES").is_ok_and(|value| value == "all")
}

/// Harms each file of a store in each way, which are at least so many damages.
fn every_damage(is_young: bool, least: usize) {
    let mut random = if is_young { 0x5eed_u64 } else { 0xfeed };
    let mut part = || {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 11) as f64 / (1u64 << 53) as f64
    };
    let (mut refused, mut named, mut whole, mut wrong) = (0, 0, 0, Vec::new());
    let (mut missing, mut of) = (0, 0);
    let subject = runtime().block_on(Subject::make(is_young));
    let sound = salvage::check(&subject.home.path().join("killed")).unwrap();
    assert!(sound.sound, "{:#?}", sound.damages);
    assert_eq!(sound.tasks, subject.tasks.len());
    let (mut bodies, mut components) = (0, 0);
    for file in subject.files() {
        // Two of these are like all.
        let seen = if file.starts_with("bodies") {
            bodies += 1;
            bodies
        } else if file.starts_with("components") {
            components += 1;
            components
        } else {
            0
        };
        if seen > 2 {
            continue;
        }
        let mut harms = vec![Harm::Delete, Harm::Cut(0.0), Harm::Cut(part()), Harm::Older];
        let flips = match file.to_str() {
            Some("tree/db") => 24,
            Some("catalog" | "marks" | "acknowledged") => 8,
            _ if file.starts_with("log") => 6,
            _ => 3,
        };
        let flips = if wants_all() { flips } else { (flips + 1) / 2 };
        for n in 0..flips {
            harms.push(Harm::Flip(part(), if n % 2 == 0 { 1 } else { 8 }));
        }
        for one in harms {
            let work = subject.home.path().join("work");
            copy(&subject.home.path().join("killed"), &work);
            let older = subject.home.path().join("older").join(&file);
            if harm(one, &work.join(&file), &older) {
                let what = format!("{}, {one:?}", file.display());
                match look(&work, &subject) {
                    Became::Refused(error) => {
                        refused += 1;
                        assert!(names_it(&error), "{what}: {error}");
                    }
                    Became::Named(error) => {
                        named += 1;
                        assert!(names_it(&error), "{what}: {error}");
                    }
                    Became::Whole => whole += 1,
                    Became::Wrong(how) => wrong.push(format!("{what}: {how}")),
                }
                // As it was harmed, without what the start did.
                let _ = std::fs::remove_dir_all(&work);
                copy(&subject.home.path().join("killed"), &work);
                harm(one, &work.join(&file), &older);
                let (_, gone) = repair(&work, &subject, &what);
                missing += gone;
                of += subject.tasks.len();
            }
            for entry in std::fs::read_dir(subject.home.path()).unwrap().flatten() {
                if entry.file_name().to_string_lossy().starts_with("work") {
                    std::fs::remove_dir_all(entry.path()).unwrap();
                }
            }
        }
    }
    let all = refused + named + whole + wrong.len();
    eprintln!(
        "{all} damages: {refused} refused, {named} named when read, {whole} without effect, {} silently wrong; after repairs {missing} of {of} tasks missing or older, all listed",
        wrong.len()
    );
    assert!(all >= least, "{all}");
    assert!(wrong.is_empty(), "silently wrong:\n{}", wrong.join("\n"));
}
