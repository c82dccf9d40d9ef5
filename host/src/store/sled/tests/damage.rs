//! Directories that cannot be used: locked, unwritable, newer, damaged. Each has an error of its own, none
//! is a panic, and none is changed by the attempt.

use crate::store::conformance::owned::Owned;
use std::path::Path;

use super::super::disk::FORMAT;
use super::super::files::CATALOG_COPY;
use super::super::marks::Acknowledged;
use super::super::{checked, keys};
use super::{scratch, small};
use crate::domain::ids::TaskId;
use crate::domain::task::TaskState;
use crate::store::conformance::samples::{effect, new_task, next, step, workspace};
use crate::store::sled::{OpenError, SledSettings, SledStore};
use crate::store::{Manage, Store, StoreError, TaskQuery};

fn refused(path: &Path) -> OpenError {
    match SledStore::open(small(path)) {
        Ok(_) => panic!("{} opens", path.display()),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_directory_in_use_is_locked() {
    let home = scratch();
    let store = SledStore::open(small(home.path())).unwrap();
    let error = refused(home.path());
    assert!(
        matches!(&error, OpenError::Locked(path) if *path == home.path().display().to_string())
    );
    store.close().await;
    // Closed, though not dropped, it is free again.
    let again = SledStore::open(small(home.path())).unwrap();
    drop(again);
    drop(store);
    SledStore::open(small(home.path())).unwrap();
}

#[test]
fn a_path_that_is_no_directory_is_unusable() {
    let home = scratch();
    let file = home.path().join("file");
    std::fs::write(&file, "").unwrap();
    for path in [file.clone(), file.join("below"), "/proc/stepwell".into()] {
        let error = refused(&path);
        assert!(
            matches!(&error, OpenError::Unusable { path: named, reason } if named.starts_with(&*path.display().to_string()) && !reason.is_empty()),
            "{error}"
        );
    }
}

#[test]
fn a_newer_format_is_refused() {
    let home = scratch();
    drop(SledStore::open(small(home.path())).unwrap());
    let tree = tree_of(home.path());
    tree.insert(keys::FORMAT, &(FORMAT + 1).to_le_bytes())
        .unwrap();
    tree.flush().unwrap();
    drop(tree);
    let error = refused(home.path());
    let newer = |found, known| found == FORMAT + 1 && known == FORMAT;
    assert!(
        matches!(&error, OpenError::Newer { found, known, .. } if newer(*found, *known)),
        "{error}"
    );
}

/// A store with a few tasks, folded and not, and a component.
async fn filled(path: &Path) -> TaskId {
    let ws = workspace("acme");
    let store = SledStore::open(small(path)).unwrap();
    let mut last = TaskId::MIN;
    for state in TaskState::ALL {
        let task = new_task(
            &ws,
            TaskId::new(),
            &format!(r#"{{"a":"{}"}}"#, "x".repeat(7_000)),
        );
        last = task.head.id;
        store.accept_owned(task.clone()).await.unwrap();
        let effect = effect(1, 0, 7_000);
        store.record_effect_owned(&ws, last, effect).await.unwrap();
        let commit = next(&task.head, state, Some(5));
        store.commit_owned(commit).await.unwrap();
    }
    store.checkpoint().unwrap();
    let step = step("s", b"bytes");
    let change = Manage::PutStep(ws.clone(), step, b"bytes".as_slice().into());
    store.manage_now(change).await.unwrap();
    for _ in 0..3 {
        let task = new_task(&ws, TaskId::new(), "{}");
        store.accept_owned(task).await.unwrap();
    }
    store.close().await;
    last
}

/// The file of the log that holds the last groups, and where in it the last bytes are.
fn log_file(path: &Path) -> (std::path::PathBuf, Vec<u8>, usize) {
    let files = std::fs::read_dir(path.join("log")).unwrap().flatten();
    let mut files: Vec<_> = files
        .map(|file| (file.path(), std::fs::read(file.path()).unwrap()))
        .filter(|(_, bytes)| bytes.starts_with(b"stepwlog"))
        .collect();
    files.sort_by_key(|(_, bytes)| u64::from_le_bytes(bytes[16..24].try_into().unwrap()));
    let (file, bytes) = files.pop().unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    (file, bytes, end)
}

#[tokio::test]
async fn a_flipped_bit_in_the_log_is_damage_and_in_its_last_group_a_torn_write() {
    let home = scratch();
    filled(home.path()).await;
    let (file, sound, end) = log_file(home.path());
    let mut bytes = sound.clone();
    bytes[80] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    let error = refused(home.path());
    assert!(
        matches!(&error, OpenError::Store(StoreError::Damaged(what)) if what.contains("the log")),
        "{error}"
    );
    let mut bytes = sound.clone();
    bytes[end] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    let error = refused(home.path());
    assert!(
        error.to_string().contains("groups 24 to 24 are missing"),
        "{error}"
    );
    // If no checkpoint had seen the group, it may have been torn.
    std::fs::remove_file(home.path().join(Acknowledged::NAME)).unwrap();
    let store = SledStore::open(small(home.path())).unwrap();
    let ready = store
        .ready_owned(&workspace("acme"), TaskId::MIN, 10)
        .await
        .unwrap();
    assert_eq!(ready.len(), 3, "one of four is gone with its group");
}

#[tokio::test]
async fn a_log_that_is_gone_is_damage() {
    let home = scratch();
    let ws = workspace("acme");
    let store = SledStore::open(small(home.path())).unwrap();
    // Past several slots, so that the mark has moved, and one task that holds the log.
    for at in 0..40 {
        let task = new_task(
            &ws,
            TaskId::new(),
            &format!(r#"{{"a":"{}"}}"#, "x".repeat(9_000)),
        );
        store.accept_owned(task.clone()).await.unwrap();
        if at != 30 {
            let commit = next(&task.head, TaskState::Done, None);
            store.commit_owned(commit).await.unwrap();
        }
    }
    store.checkpoint().unwrap();
    store.close().await;
    std::fs::remove_dir_all(home.path().join("log")).unwrap();
    let error = refused(home.path());
    assert!(
        matches!(&error, OpenError::Store(StoreError::Damaged(what)) if what.contains("log/00000000.log is missing")),
        "{error}"
    );
}

/// What a stranger sends is never taken for a group, though it be one of another store.
#[tokio::test]
async fn a_group_of_another_store_is_none() {
    let home = scratch();
    let (one, other) = (home.path().join("one"), home.path().join("other"));
    filled(&one).await;
    filled(&other).await;
    let (_, bytes, _) = log_file(&other);
    let (file, ..) = log_file(&one);
    std::fs::write(&file, &bytes).unwrap();
    let error = SledStore::open(small(&one));
    match error {
        // Its groups were needed.
        Err(OpenError::Store(StoreError::Damaged(_))) => {}
        Ok(store) => assert!(store.registry().await.is_ok()),
        Err(error) => panic!("{error}"),
    }
}

/// The tree of a store that is closed. Threads of sled's may have its lock for a moment more.
fn tree_of(home: &std::path::Path) -> sled::Db {
    let mut tries = 0;
    loop {
        match sled::open(home.join("tree")) {
            Ok(tree) => return tree,
            Err(_) if tries < 500 => tries += 1,
            Err(error) => panic!("{error}"),
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

#[tokio::test]
async fn values_with_a_flipped_byte_are_damage_and_never_a_panic() {
    let home = scratch();
    let last = filled(home.path()).await;
    let ws = workspace("acme");
    let prefixes: [&[u8]; 6] = [b"t/", b"a/", b"j/", b"x/", b"q/", b"m/log"];
    for prefix in prefixes {
        let tree = tree_of(home.path());
        let found: Vec<_> = tree.scan_prefix(prefix).map(Result::unwrap).collect();
        drop(tree);
        for (key, sound) in found {
            for at in [0, 1, 7, 20, 40, sound.len() / 2, sound.len() - 1] {
                for cut in [false, true] {
                    let mut wrong = sound.to_vec();
                    if cut {
                        wrong.truncate(at);
                    } else if let Some(byte) = wrong.get_mut(at) {
                        *byte ^= 0xff;
                    }
                    let tree = tree_of(home.path());
                    tree.insert(&key, wrong).unwrap();
                    tree.flush().unwrap();
                    drop(tree);
                    // Each of these may fail, and some must, but only in words.
                    if let Ok(store) = SledStore::open(small(home.path())) {
                        let _ = store.load(&ws, last).await;
                        let _ = store.history(&ws, last).await;
                        let _ = store.registry().await;
                        let query = TaskQuery {
                            limit: 50,
                            ..TaskQuery::default()
                        };
                        for head in store.list(&ws, &query).await.unwrap_or_default() {
                            let _ = store.load(&ws, head.id).await;
                            let _ = store.history(&ws, head.id).await;
                        }
                        store.close().await;
                    }
                }
            }
            let tree = tree_of(home.path());
            tree.insert(&key, sound).unwrap();
            tree.flush().unwrap();
        }
    }
    let store = SledStore::open(small(home.path())).unwrap();
    assert!(store.load(&ws, last).await.unwrap().is_some());
}

/// Removes the copy of the catalog, so that the next start takes what the tree has.
fn forget_copy(home: &Path) {
    std::fs::remove_file(home.join(CATALOG_COPY)).unwrap();
}

/// What a newer version wrote is refused by name, and is still there.
#[tokio::test]
async fn a_value_of_a_newer_version_is_refused_and_left_alone() {
    let home = scratch();
    let last = filled(home.path()).await;
    let ws = workspace("acme");
    // Where a value's version is: behind the envelope, if it has one.
    let kinds: [(&[u8], usize, &str); 4] = [
        (b"q/", 5, "a step"),
        (b"q/", 0, "a value's envelope"),
        (b"t/", 5, "a task's record"),
        (b"j/", 0, "a piece of a journal"),
    ];
    for (prefix, at, name) in kinds {
        let tree = tree_of(home.path());
        let found = tree.scan_prefix(prefix).next_back();
        let (key, sound) = found.unwrap_or_else(|| panic!("no {name}")).unwrap();
        let mut newer = checked::open(&key, &sound).unwrap().to_vec();
        newer[at] = 2;
        let newer = checked::seal(&key, &newer);
        tree.insert(&key, &newer[..]).unwrap();
        tree.flush().unwrap();
        drop(tree);
        forget_copy(home.path());
        let error = match SledStore::open(small(home.path())) {
            Err(OpenError::Store(error)) => error,
            Err(error) => panic!("{name}: {error}"),
            Ok(store) => {
                let loaded = store.load(&ws, last).await.map(|_| ());
                let read = store.history(&ws, last).await.map(|_| ());
                let error = loaded.and(read).unwrap_err();
                store.close().await;
                error
            }
        };
        assert!(
            matches!(&error, StoreError::NewerValue { kind, found: 2, known: 1 } if *kind == name),
            "{name}: {error}"
        );
        let tree = tree_of(home.path());
        assert_eq!(tree.get(&key).unwrap().unwrap(), newer, "{name}");
        tree.insert(&key, sound).unwrap();
        tree.flush().unwrap();
    }
    forget_copy(home.path());
    // A file of the archive says its version once.
    let store = SledStore::open(small(home.path())).unwrap();
    let task = new_task(&ws, TaskId::new(), "{}");
    store.accept_owned(task.clone()).await.unwrap();
    let done = next(&task.head, TaskState::Done, None);
    store.commit_owned(done).await.unwrap();
    store.checkpoint().unwrap();
    store.close().await;
    let segment = home.path().join("archive/00000001.tasks");
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[8] = 2;
    std::fs::write(&segment, &bytes).unwrap();
    let error = refused(home.path());
    assert!(
        matches!(
            error,
            OpenError::Store(StoreError::NewerValue {
                kind: "a segment of the archive",
                ..
            })
        ),
        "{error}"
    );
    bytes[8] = 1;
    std::fs::write(&segment, &bytes).unwrap();
    SledStore::open(small(home.path())).unwrap();
}

#[tokio::test]
async fn a_damaged_component_is_not_handed_out() {
    let home = scratch();
    filled(home.path()).await;
    let digest = step("s", b"bytes").digest;
    let file = home.path().join(format!("components/{digest}.wasm"));
    std::fs::write(file, b"other").unwrap();
    let store = SledStore::open(small(home.path())).unwrap();
    let component = store.component(&digest).await;
    assert!(
        matches!(&component, Err(StoreError::Damaged(what)) if what.contains(&digest)),
        "{component:?}"
    );
}

/// Accepting waits at the bounds of memory and log, and everything gets through.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accepting_waits_for_room_and_goes_on() {
    let home = scratch();
    let store = SledStore::open(SledSettings {
        overlay_bytes: 64 * 1024,
        log_bytes: 128 * 1024,
        ..small(home.path())
    })
    .unwrap();
    let ws = workspace("acme");
    let mut workers = Vec::new();
    for _ in 0..16 {
        let (store, ws) = (store.clone(), ws.clone());
        workers.push(tokio::spawn(async move {
            for _ in 0..100 {
                let task = new_task(&ws, TaskId::new(), &format!(r#"["{}"]"#, "x".repeat(3_000)));
                store.accept_owned(task).await.unwrap();
            }
        }));
    }
    for worker in workers {
        worker.await.unwrap();
    }
    let mut after = TaskId::MIN;
    let mut count = 0;
    loop {
        let page = store.ready_owned(&ws, after, 100).await.unwrap();
        let Some(last) = page.last() else { break };
        after = *last;
        count += page.len();
    }
    assert_eq!(count, 1600);
    store.checkpoint().unwrap();
    let (memory, log) = (
        store.shared.overlay.read().bytes(),
        store.shared.slots.bytes(),
    );
    assert!(memory <= 64 * 1024, "{memory}");
    assert!(log <= 128 * 1024, "{log}");
    store.close().await;
}
