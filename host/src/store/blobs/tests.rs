//! Files come, stay with their tasks and go, and what they take is counted.

use std::path::Path;

use super::*;

fn workspace(name: &str) -> WorkspaceName {
    name.parse().unwrap()
}

fn arrived(blobs: &Arc<Blobs>, of: &str, bytes: &[u8]) -> Arrived {
    let mut file = blobs.begin(&workspace(of)).unwrap();
    for piece in bytes.chunks(3) {
        file.write(piece).unwrap();
    }
    file.finish()
}

fn used(blobs: &Blobs, of: &str) -> u64 {
    let state = blobs.state.lock();
    state
        .used
        .get(&workspace(of))
        .map_or(0, |usage| usage.bytes())
}

/// Everything below the folder.
fn left(path: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for name in names(path).unwrap() {
        if path.join(&name).is_dir() {
            found.extend(left(&path.join(&name)));
        } else {
            found.push(name);
        }
    }
    found
}

#[test]
fn a_file_is_its_tasks_and_goes_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let (acme, task, other) = (workspace("acme"), TaskId::new(), TaskId::new());
    let blobs = Blobs::new(dir.path().join("blobs"));
    assert!(!blobs.root.exists());
    let file = arrived(&blobs, "acme", b"0123456789");
    let (digest, again) = (file.digest, arrived(&blobs, "acme", b"0123456789"));
    let kept = blobs.keep(&acme, task, vec![file, again]).unwrap();
    assert!(blobs.is_arriving(task));
    kept.stay();
    assert!(!blobs.is_arriving(task));
    assert_eq!(used(&blobs, "acme"), 10, "it is there once");
    let read = |task, from, length| blobs.read(&acme, task, &digest, (from, length)).unwrap();
    assert_eq!(read(task, 0, 99), Some((10, b"0123456789".to_vec())));
    assert_eq!(read(task, 4, 3), Some((10, b"456".to_vec())));
    assert_eq!(read(task, 10, 3), Some((10, Vec::new())));
    assert_eq!(read(task, u64::MAX, 3), Some((10, Vec::new())));
    assert_eq!(read(other, 0, 99), None);
    let strange = blobs.read(&workspace("globex"), task, &digest, (0, 9));
    assert_eq!(strange.unwrap(), None);
    assert_eq!(blobs.owners().unwrap(), [(acme.clone(), task)]);
    // Another task of the same data.
    blobs.share(&acme, (task, other)).unwrap().unwrap().stay();
    assert!(
        blobs
            .share(&acme, (TaskId::new(), TaskId::new()))
            .unwrap()
            .is_none()
    );
    assert_eq!(used(&blobs, "acme"), 20);
    blobs.remove(&acme, task).unwrap();
    assert_eq!((read(task, 0, 1), used(&blobs, "acme")), (None, 10));
    assert_eq!(read(other, 9, 9), Some((10, b"9".to_vec())));
    blobs.remove_all(&acme).unwrap();
    assert_eq!(left(dir.path()), [""; 0]);
}

#[test]
fn what_is_not_kept_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (acme, task) = (workspace("acme"), TaskId::new());
    let blobs = Blobs::new(dir.path().join("blobs"));
    let mut begun = blobs.begin(&acme).unwrap();
    begun.write(b"abc").unwrap();
    assert_eq!(used(&blobs, "acme"), 3);
    drop(begun);
    drop(arrived(&blobs, "acme", b"abc"));
    drop(
        blobs
            .keep(&acme, task, vec![arrived(&blobs, "acme", b"abc")])
            .unwrap(),
    );
    assert_eq!((used(&blobs, "acme"), left(dir.path())), (0, Vec::new()));
    // What the task had before stays.
    let file = arrived(&blobs, "acme", b"abc");
    blobs.keep(&acme, task, vec![file]).unwrap().stay();
    let more = vec![
        arrived(&blobs, "acme", b"abc"),
        arrived(&blobs, "acme", b"de"),
    ];
    drop(blobs.keep(&acme, task, more).unwrap());
    assert_eq!((used(&blobs, "acme"), left(dir.path()).len()), (3, 1));
    // What may have become a task's in spite of an error is left; what has not is removed.
    for (error, left_over) in [
        (StoreError::Full, 0),
        (StoreError::Failed, 1),
        (StoreError::Closed, 1),
    ] {
        let other = TaskId::new();
        let file = arrived(&blobs, "acme", b"fghi");
        let mut kept = blobs.keep(&acme, other, vec![file]).unwrap();
        kept.begin_acceptance();
        kept.refuse(&error);
        let found = names(&blobs.of_task(&acme, other)).unwrap();
        assert_eq!(found.len(), left_over, "{error}");
        // The sweep of this process must not take the task for one that is not there.
        assert_eq!(blobs.is_arriving(other), left_over == 1, "{error}");
        blobs.remove(&acme, other).unwrap();
    }
    let waits = TaskId::new();
    let file = arrived(&blobs, "acme", b"fghi");
    let mut kept = blobs.keep(&acme, waits, vec![file]).unwrap();
    kept.begin_acceptance();
    kept.refuse(&StoreError::Undecided);
    assert!(blobs.is_arriving(waits));
    assert_eq!(names(&blobs.of_task(&acme, waits)).unwrap().len(), 1);
    blobs.take_back_undecided();
    assert!(!blobs.is_arriving(waits));
    assert!(!blobs.of_task(&acme, waits).exists());
    assert_eq!(used(&blobs, "acme"), 3);
    // The caller did not wait for the result.
    let cut_off = TaskId::new();
    let file = arrived(&blobs, "acme", b"fghi");
    let mut kept = blobs.keep(&acme, cut_off, vec![file]).unwrap();
    kept.begin_acceptance();
    drop(kept);
    assert_eq!(used(&blobs, "acme"), 3 + 4);
    assert!(!blobs.is_arriving(cut_off));
    blobs.remove(&acme, cut_off).unwrap();
    // The same file of two requests stays if one of them is not refused.
    let both = TaskId::new();
    let keep = || {
        let file = arrived(&blobs, "acme", b"fghi");
        blobs.keep(&acme, both, vec![file]).unwrap()
    };
    let (refused, accepted) = (keep(), keep());
    accepted.stay();
    refused.remove();
    assert_eq!(names(&blobs.of_task(&acme, both)).unwrap().len(), 1);
    keep().remove();
    assert_eq!(names(&blobs.of_task(&acme, both)).unwrap().len(), 1);
    assert_eq!(used(&blobs, "acme"), 3 + 4);
    blobs.remove(&acme, both).unwrap();
    // A crash leaves what was on its way in.
    std::mem::forget(arrived(&blobs, "acme", b"lost"));
    assert_eq!(left(dir.path()).len(), 2);
    let opened = Blobs::new(dir.path().join("blobs"));
    opened.tidy().unwrap();
    assert_eq!(left(dir.path()).len(), 1);
}

#[test]
fn a_workspace_has_so_many_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let acme = workspace("acme");
    let blobs = Blobs::new(dir.path().join("blobs"));
    let file = arrived(&blobs, "acme", b"123456");
    let task = TaskId::new();
    blobs.keep(&acme, task, vec![file]).unwrap().stay();
    // Another process counts what is there.
    let blobs = Blobs::new(dir.path().join("blobs"));
    blobs.limit(10);
    let mut file = blobs.begin(&acme).unwrap();
    file.write(b"789").unwrap();
    let full = file.write(b"ab").unwrap_err();
    assert!(
        matches!(full, BlobError::WorkspaceFull { most: 10 }),
        "{full}"
    );
    file.write(b"a").unwrap();
    let shared = blobs.share(&acme, (task, TaskId::new()));
    assert!(matches!(shared, Err(BlobError::WorkspaceFull { .. })));
    let mut neighbour = blobs.begin(&workspace("globex")).unwrap();
    neighbour.write(b"0123456789").unwrap();
    blobs.remove(&acme, task).unwrap();
    file.write(b"bcdefg").unwrap();
}
