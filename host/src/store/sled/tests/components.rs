//! The files of components: a text that several have is there once, as long as one has it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{scratch, small};
use crate::store::conformance::owned::Owned;
use crate::store::conformance::samples::{digest, package, step, workspace};
use crate::store::sled::SledStore;
use crate::store::{Manage, Store, StoreError};

const LIBRARY: usize = 95_000;

/// Two scripts with one library.
fn scripts() -> [(&'static str, Arc<[u8]>); 2] {
    let library = "x".repeat(LIBRARY);
    ["one", "two"].map(|name| (name, package(name, &library)))
}

/// The files of components: their extensions, with the number of each and their bytes in sum.
fn files(home: &Path) -> BTreeMap<String, (usize, u64)> {
    let mut files = BTreeMap::<_, (usize, u64)>::new();
    for file in std::fs::read_dir(home.join("components")).unwrap() {
        let file = file.unwrap();
        let extension = file
            .path()
            .extension()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        let of_kind = files.entry(extension).or_default();
        *of_kind = (of_kind.0 + 1, of_kind.1 + file.metadata().unwrap().len());
    }
    files
}

async fn put(store: &SledStore, name: &str, bytes: &Arc<[u8]>) {
    let change = Manage::PutStep(workspace("acme"), step(name, bytes), bytes.clone());
    store.manage_now(change).await.unwrap();
}

async fn delete(store: &SledStore, name: &str) {
    let name = step(name, b"").name;
    let change = Manage::DeleteStep(workspace("acme"), name);
    store.manage_now(change).await.unwrap();
}

#[tokio::test]
async fn a_text_is_on_disk_once_and_goes_with_the_last_component_that_has_it() {
    let home = scratch();
    let mut store = SledStore::open(small(home.path())).unwrap();
    for (name, bytes) in &scripts() {
        put(&store, name, bytes).await;
    }
    let found = files(home.path());
    assert!(
        found["text"].0 == 1 && found["text"].1 < 96_000,
        "{found:?}"
    );
    assert!(found["parts"].0 == 2 && found["parts"].1 < 400, "{found:?}");
    for reopened in [false, true] {
        if reopened {
            store.close().await;
            store = SledStore::open(small(home.path())).unwrap();
            assert_eq!(files(home.path())["text"].0, 1, "it knows who has it");
        }
        delete(&store, "one").await;
        let found = files(home.path());
        assert_eq!((found["text"].0, found["parts"].0), (1, 1));
        let (name, bytes) = &scripts()[0];
        put(&store, name, bytes).await;
    }
    delete(&store, "one").await;
    delete(&store, "two").await;
    assert!(files(home.path()).is_empty());
}

#[tokio::test]
async fn what_a_change_left_behind_that_was_cut_short_goes_at_the_next_start() {
    let home = scratch();
    let store = SledStore::open(small(home.path())).unwrap();
    let [(name, bytes), (_, other)] = &scripts();
    put(&store, name, bytes).await;
    store.close().await;
    let directory = home.path().join("components");
    for (name, content) in [
        (format!("{}.text", "0".repeat(64)), &b"text"[..]),
        (format!("{}.parts", digest(other)), b"\x01"),
        (format!("{}.wasm", digest(other)), b"whole"),
        ("1.tmp".into(), b""),
    ] {
        std::fs::write(directory.join(name), content).unwrap();
    }
    let store = SledStore::open(small(home.path())).unwrap();
    let found = files(home.path());
    assert_eq!((found["text"].0, found["parts"].0, found.len()), (1, 1, 2));
    let component = store.component(&digest(bytes)).await.unwrap();
    assert_eq!(component.as_ref(), Some(bytes));
}

/// As versions wrote it that knew of no parts.
#[tokio::test]
async fn a_script_that_is_stored_whole_stays_so_as_long_as_it_is_there() {
    let home = scratch();
    let store = SledStore::open(small(home.path())).unwrap();
    let [(name, bytes), (other, second)] = &scripts();
    put(&store, name, bytes).await;
    store.close().await;
    let directory = home.path().join("components");
    std::fs::remove_dir_all(&directory).unwrap();
    std::fs::create_dir(&directory).unwrap();
    std::fs::write(directory.join(format!("{}.wasm", digest(bytes))), bytes).unwrap();
    let store = SledStore::open(small(home.path())).unwrap();
    let component = store.component(&digest(bytes)).await.unwrap();
    assert_eq!(component.as_ref(), Some(bytes));
    put(&store, name, bytes).await;
    put(&store, other, second).await;
    let found = files(home.path());
    assert_eq!((found["wasm"].0, found["parts"].0), (1, 1));
    delete(&store, name).await;
    assert!(!files(home.path()).contains_key("wasm"));
    let component = store.component(&digest(second)).await.unwrap();
    assert_eq!(component.as_ref(), Some(second));
}

#[tokio::test]
async fn a_component_whose_text_is_damaged_or_missing_is_not_handed_out() {
    let home = scratch();
    let store = SledStore::open(small(home.path())).unwrap();
    let [(name, bytes), _] = &scripts();
    put(&store, name, bytes).await;
    let directory = home.path().join("components");
    let mut files = std::fs::read_dir(&directory).unwrap();
    let text = files.find_map(|file| {
        let path = file.unwrap().path();
        (path.extension()? == "text").then_some(path)
    });
    let text = text.unwrap();
    let whole = std::fs::read(&text).unwrap();
    for damaged in [Some(&whole[1..]), None] {
        match damaged {
            Some(bytes) => std::fs::write(&text, bytes).unwrap(),
            None => std::fs::remove_file(&text).unwrap(),
        }
        let component = store.component(&digest(bytes)).await;
        assert!(
            matches!(component, Err(StoreError::Damaged(_))),
            "{component:?}"
        );
    }
    // A start does not remove it, nor what a damaged file of parts may have.
    std::fs::write(&text, &whole).unwrap();
    let parts = directory.join(format!("{}.parts", digest(bytes)));
    let sound = std::fs::read(&parts).unwrap();
    std::fs::write(&parts, b"\x01\x09").unwrap();
    store.close().await;
    let store = SledStore::open(small(home.path())).unwrap();
    assert!(store.component(&digest(bytes)).await.is_err());
    std::fs::write(&parts, sound).unwrap();
    let component = store.component(&digest(bytes)).await.unwrap();
    assert_eq!(component.as_ref(), Some(bytes));
}

/// The files of this extension.
fn named(home: &Path, extension: &str) -> Vec<PathBuf> {
    let files = std::fs::read_dir(home.join("components")).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect()
}

#[tokio::test]
async fn a_component_that_is_damaged_is_mended_as_its_step_is_added_again() {
    let home = scratch();
    let mut store = SledStore::open(small(home.path())).unwrap();
    let [(name, bytes), (other, second)] = &scripts();
    let (plain, small_one) = ("plain", Arc::<[u8]>::from(*b"whole"));
    for (name, bytes) in [(name, bytes), (other, second), (&plain, &small_one)] {
        put(&store, name, bytes).await;
    }
    let text = named(home.path(), "text").remove(0);
    let parts = |of: &Arc<[u8]>| {
        let name = format!("{}.parts", digest(of));
        home.path().join("components").join(name)
    };
    let whole = named(home.path(), "wasm").remove(0);
    type Harm<'a> = (&'a str, &'a Arc<[u8]>, &'a dyn Fn());
    let harms: [Harm<'_>; 5] = [
        (name, bytes, &|| std::fs::remove_file(&text).unwrap()),
        (name, bytes, &|| std::fs::write(&text, "other").unwrap()),
        (name, bytes, &|| {
            std::fs::write(parts(bytes), [1, 9]).unwrap()
        }),
        (plain, &small_one, &|| {
            std::fs::write(&whole, "cut").unwrap()
        }),
        (plain, &small_one, &|| std::fs::remove_file(&whole).unwrap()),
    ];
    for (number, (name, bytes, harm)) in harms.iter().enumerate() {
        harm();
        if number == 2 {
            store.close().await;
            store = SledStore::open(small(home.path())).unwrap();
        }
        let damaged = store.component(&digest(bytes)).await;
        assert!(damaged.is_err(), "{number}: {damaged:?}");
        put(&store, name, bytes).await;
        let mended = store.component(&digest(bytes)).await.unwrap();
        assert_eq!(mended.as_ref(), Some(*bytes), "{number}");
    }
    // Each text is counted once for each component, however often that was written.
    store.close().await;
    let store = SledStore::open(small(home.path())).unwrap();
    std::fs::remove_file(&text).unwrap();
    put(&store, name, bytes).await;
    delete(&store, name).await;
    let found = store.component(&digest(second)).await.unwrap();
    assert_eq!(found.as_ref(), Some(second));
    for name in [*other, plain] {
        delete(&store, name).await;
    }
    assert!(files(home.path()).is_empty(), "{:?}", files(home.path()));
}

#[tokio::test]
async fn texts_stay_while_one_component_does_not_say_which_it_has() {
    let home = scratch();
    let store = SledStore::open(small(home.path())).unwrap();
    let [(name, bytes), (other, second)] = &scripts();
    put(&store, name, bytes).await;
    put(&store, other, second).await;
    store.close().await;
    let parts = home.path().join("components");
    let parts = parts.join(format!("{}.parts", digest(second)));
    let aside = home.path().join("aside");
    std::fs::rename(&parts, &aside).unwrap();
    std::fs::create_dir(&parts).unwrap();
    let store = SledStore::open(small(home.path())).unwrap();
    std::fs::remove_dir(&parts).unwrap();
    std::fs::rename(&aside, &parts).unwrap();
    delete(&store, name).await;
    let component = store.component(&digest(second)).await.unwrap();
    assert_eq!(component.as_ref(), Some(second));
    // The next start knows who has it.
    store.close().await;
    let store = SledStore::open(small(home.path())).unwrap();
    delete(&store, other).await;
    assert!(files(home.path()).is_empty());
}

/// JSON may repeat a key: the package has one module, and thousands of texts.
#[tokio::test]
async fn a_component_with_more_texts_than_modules_is_one_file() {
    let home = scratch();
    let store = SledStore::open(small(home.path())).unwrap();
    let text = format!(r#""s.js":"{}""#, "x".repeat(4_096));
    let modules = vec![text; 300].join(",");
    let package = format!(r#"{{"entry":"s.js","modules":{{{modules}}}}}"#);
    let bytes: Arc<[u8]> = package.into_bytes().into();
    put(&store, "one", &bytes).await;
    assert_eq!(files(home.path()).keys().collect::<Vec<_>>(), ["wasm"]);
    let component = store.component(&digest(&bytes)).await.unwrap();
    assert_eq!(component, Some(bytes));
}
