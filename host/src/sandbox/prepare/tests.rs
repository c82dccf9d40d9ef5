//! Images are made of real scripts by the real engine.

use std::ffi::OsString;
use std::path::PathBuf;

use serde_json::json;
use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::*;
use crate::domain::run::{RunEnd, RunOutcome, StepFault};
use crate::sandbox::{Inspected, Sandbox, SandboxSettings};

const STEP: &str = "const twice = (n) => 2 * n;\nexport const condition = {};\n\
    export const content = () => { data.sum = twice(21); };\n";

fn package(text: &str) -> Vec<u8> {
    json!({"entry": "step.js", "modules": {"step.js": text}})
        .to_string()
        .into_bytes()
}

/// The script engine, compiled once for all tests: its file's name and content.
static ENGINE: OnceCell<(OsString, Vec<u8>)> = OnceCell::const_new();

/// A cache with the compiled script engine and nothing else.
async fn cache() -> TempDir {
    let (name, code) = ENGINE
        .get_or_init(async || {
            let folder = tempfile::tempdir().unwrap();
            inspected(&with_cache(&folder), STEP).await;
            let files = std::fs::read_dir(folder.path()).unwrap();
            let mut files = files.map(|file| file.unwrap().path());
            let code = |path: &PathBuf| path.extension().is_some_and(|found| found == "cwasm");
            let path = files.find(code).unwrap();
            let name = path.file_name().unwrap().to_owned();
            (name, std::fs::read(path).unwrap())
        })
        .await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(name), code).unwrap();
    folder
}

fn with_cache(folder: &TempDir) -> Arc<Sandbox> {
    let settings = SandboxSettings {
        cache_dir: Some(folder.path().into()),
        ..SandboxSettings::default()
    };
    Sandbox::new(settings).unwrap()
}

async fn sandbox() -> (Arc<Sandbox>, TempDir) {
    let folder = cache().await;
    (with_cache(&folder), folder)
}

async fn inspected(sandbox: &Sandbox, text: &str) -> Inspected {
    let inspected = sandbox
        .inspect(
            &"acme".parse().unwrap(),
            &package(text),
            StepLimits::default(),
        )
        .await;
    inspected.unwrap()
}

/// How a run on an empty document ended.
async fn run(sandbox: &Sandbox, script: &LoadedComponent, fuel: u64) -> RunEnd {
    let limits = StepLimits {
        fuel,
        ..StepLimits::default()
    };
    let input = run::input(limits);
    let output = run::step(&sandbox.engine, script, input, Arc::new(run::NoCalls)).await;
    match output.outcome {
        RunOutcome::Ended(end) => end,
        _ => panic!("a run without calls neither pauses nor waits for memory"),
    }
}

fn image_of(inspected: &Inspected) -> &Image {
    &inspected.component.script().unwrap().image
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_whose_image_would_be_far_larger_than_its_text_is_compiled_by_each_run() {
    let (sandbox, _folder) = sandbox().await;
    let letters = "/\\p{L}/u, ".repeat(400);
    let step = format!(
        "const all = [{letters}];\nexport const condition = {{}};\n\
         export const content = () => {{ data.count = all.filter((one) => one.test('é')).length; }};\n"
    );
    let inspected = inspected(&sandbox, &step).await;
    assert_eq!(*image_of(&inspected), Image::default());
    let RunEnd::Finished(finished) = run(&sandbox, &inspected.component, 500_000_000).await else {
        panic!("it is compiled by the run");
    };
    let written = format!("{:?}", finished.written);
    assert!(written.contains("400"), "{written}");
}

/// QuickJS does not check what it runs, so a wrong image may do all that a guest can: end in a trap or at a limit, or
/// change the data of its own run.
#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_the_engine_did_not_make_is_contained() {
    let (sandbox, _folder) = sandbox().await;
    let inspected = inspected(&sandbox, STEP).await;
    let component = &inspected.component;
    let whole = image_of(&inspected).to_bytes();
    assert!((1_000..64_000).contains(&whole.len()), "{}", whole.len());
    let mut ends = [0; 2];
    for at in (0..whole.len()).step_by(11) {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        let files = component.script().unwrap().files.clone();
        let Some(image) = Image::of_bytes(&flipped, |_| None) else {
            continue;
        };
        let script = LoadedComponent::of_script(component.pre().clone(), files, image);
        match run(&sandbox, &script, 5_000_000).await {
            RunEnd::Finished(_) => ends[0] += 1,
            RunEnd::Fault(StepFault::Host(why)) => panic!("byte {at}: {why}"),
            _ => ends[1] += 1,
        }
    }
    assert!(ends.iter().all(|count| *count > 0), "{ends:?}");
    let end = run(&sandbox, component, 5_000_000).await;
    assert!(matches!(end, RunEnd::Finished(_)), "{end:?}");
}

/// A library of some 95 KB.
fn library() -> String {
    let helper = |n: usize| {
        format!(
            "export function helper{n}(value, other) {{\n  const list = value.items.map((item) => item.name.trim());\n  \
             if (list.length > {n}) return other ? list.join(', ') : null;\n  return `${{value.id}}-${{other}}`;\n}}\n"
        )
    };
    (0..490).map(helper).collect()
}

/// A script of a few lines that has the library, and one more file.
fn with_library(number: usize, library: &str) -> Vec<u8> {
    let step = format!(
        "import {{ helper7 }} from './lib/helpers.js';\nimport {{ small }} from './lib/small.js';\n\
         export const condition = {{}};\nconst number = {number};\n\
         export const content = () => {{ data.sum = small() + helper7({{ items: [], id: number }}, 'x'); }};\n"
    );
    let small = format!("export const small = () => '{number}:';");
    json!({"entry": format!("step{number}.js"), "modules": {
        format!("step{number}.js"): step, "lib/helpers.js": library, "lib/small.js": small,
    }})
    .to_string()
    .into_bytes()
}

async fn added(sandbox: &Sandbox, owner: &str, bytes: &[u8]) -> Inspected {
    let owner = owner.parse().unwrap();
    let inspected = sandbox.inspect(&owner, bytes, StepLimits::default());
    inspected.await.unwrap()
}

async fn sums(sandbox: &Sandbox, script: &LoadedComponent) -> String {
    match run(sandbox, script, 5_000_000).await {
        RunEnd::Finished(finished) => format!("{:?}", finished.written),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_library_of_many_scripts_is_in_memory_once() {
    let (sandbox, _folder) = sandbox().await;
    let library = library();
    let mut scripts = Vec::new();
    for (number, owner) in [(1, "acme"), (2, "acme"), (3, "globex"), (1234, "globex")] {
        let script = added(&sandbox, owner, &with_library(number, &library)).await;
        let written = sums(&sandbox, &script.component).await;
        assert!(
            written.contains(&format!("{number}:{number}-x")),
            "{written}"
        );
        scripts.push(script);
    }
    let first = &image_of(&scripts[0]).layers()[0];
    for script in &scripts {
        let image = image_of(script);
        let (shared, own) = image.bytes();
        assert!(
            Arc::ptr_eq(&image.layers()[0], first),
            "the layer is another one"
        );
        assert!(shared > library.len() && own < 40_000, "{shared} {own}");
        let (shared, own) = script.component.script().unwrap().files.bytes();
        assert!(shared == library.len() && own < 1_000, "{shared} {own}");
    }
    // Each counts what is its own.
    let weight = scripts[0].component.weight(false);
    assert!(weight < 60_000, "{weight}");
    let (layers, texts) = (sandbox.layers.clone(), library.len());
    assert_eq!(layers.bytes(), image_of(&scripts[0]).bytes().0);
    assert!(scripts[0].component.weight(true) as usize > texts + layers.bytes());
    // Another library is another layer, and what has no owner is gone.
    let other = library.replace("helper7", "helper_7") + "export const helper7 = helper_7;";
    let other = added(&sandbox, "acme", &with_library(5, &other)).await;
    assert!(!Arc::ptr_eq(&image_of(&other).layers()[0], first));
    drop((scripts, other));
    sandbox.retain(|_| false);
    sandbox.loaded.run_pending_tasks();
    assert_eq!(layers.bytes(), 0);
}

/// The entry is one module, also where a library imports it: such a library is no layer.
#[tokio::test(flavor = "multi_thread")]
async fn a_library_that_imports_its_script_is_no_layer() {
    let (sandbox, _folder) = sandbox().await;
    for import in ["./step.js", "./step"] {
        let step = "import { lib } from './lib.js';\nexport const own = { times: (globalThis.times = (globalThis.times ?? 0) + 1) };\n\
            export const condition = {};\nexport const content = () => { data.sum = `${lib() === own}:${own.times}`; };\n";
        let library = format!(
            "import {{ own }} from '{import}';\nexport const lib = () => own;\n// {}\n",
            "x".repeat(5_000)
        );
        let package = json!({"entry": "step.js", "modules": {"step.js": step, "lib.js": library}});
        let script = added(&sandbox, "acme", package.to_string().as_bytes()).await;
        let image = image_of(&script);
        assert!(image.layers().is_empty() && image.part(0).is_some());
        let written = sums(&sandbox, &script.component).await;
        assert!(written.contains("true:1"), "{written}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_library_of_many_scripts_is_on_disk_once() {
    let folder = cache().await;
    let files = |ending: &str| {
        let files = std::fs::read_dir(folder.path()).unwrap();
        let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        files.retain(|path| path.extension().is_some_and(|found| found == ending));
        files.sort();
        files
    };
    let length = |path: &std::path::Path| std::fs::metadata(path).unwrap().len();
    let library = library();
    let packages: Vec<_> = (0..3)
        .map(|number| with_library(number, &library))
        .collect();
    let mut digests = Vec::new();
    {
        let sandbox = with_cache(&folder);
        for package in &packages {
            digests.push(added(&sandbox, "acme", package).await.digest);
        }
    }
    let [layer] = &files("layer")[..] else {
        panic!("{:?}", files("layer"));
    };
    let (images, whole) = (files("image"), std::fs::read(layer).unwrap());
    assert_eq!(images.len(), 3);
    assert!(images.iter().all(|image| length(image) < 40_000));
    // Read again, and with the layer damaged, cut off or gone: compiled again, and written as it was.
    let owner = "acme".parse().unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for damaged in [Some(&whole[..]), Some(&flipped), Some(&whole[..99]), None] {
        match damaged {
            Some(bytes) => std::fs::write(layer, bytes).unwrap(),
            None => std::fs::remove_file(layer).unwrap(),
        }
        let sandbox = with_cache(&folder);
        for (number, (digest, package)) in digests.iter().zip(&packages).enumerate() {
            let script = sandbox.load(&owner, digest, package).await.unwrap();
            let written = sums(&sandbox, &script).await;
            assert!(
                written.contains(&format!("{number}:{number}-x")),
                "{written}"
            );
        }
        assert!(std::fs::read(layer).unwrap() == whole);
        assert_eq!(files("image"), images);
    }
    // It goes with the last script that has it, but not before the image of one that is being written may be there.
    let sandbox = with_cache(&folder);
    let age = |by: u64| {
        let file = std::fs::File::options().append(true).open(layer).unwrap();
        let then = std::time::SystemTime::now() - Duration::from_secs(by);
        file.set_modified(then).unwrap();
    };
    age(3_600);
    sandbox.retain(|digest| digest == digests[1]);
    assert_eq!((files("image").len(), files("layer").len()), (1, 1));
    age(1);
    sandbox.retain(|_| false);
    assert_eq!((files("image").len(), files("layer").len()), (0, 1));
    age(3_600);
    sandbox.retain(|_| false);
    assert!(files("layer").is_empty());
}
