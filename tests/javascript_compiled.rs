//! A JavaScript step is compiled once, when it is added: a run does not parse it, and a step cannot tell. What was
//! compiled is made again where it is missing or damaged.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::{Server, refusal};
use serde_json::{Value, json};

/// Compiling what is 20 KB long takes some 20 million units of fuel.
const COMPILED: u64 = 2_000_000;

/// Some 20 KB of functions that nothing calls, and a step.
fn with_helpers(step: &str) -> String {
    let helper = |n: usize| {
        format!(
            "export function helper{n}(value, other) {{\n  const list = value.items.map((item) => item.name.trim().toLowerCase());\n  \
             if (list.length > {n}) return other ? list.join(', ') : null;\n  return `${{value.id}}-${{other}}`;\n}}\n"
        )
    };
    let helpers: String = (0..100).map(helper).collect();
    helpers + step
}

/// The files of a directory whose names end so, with what is in them.
fn files(directory: &Path, ending: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let files = std::fs::read_dir(directory).unwrap();
    let files = files.map(|file| file.unwrap().path());
    let mut files: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|found| found == ending))
        .map(|path| (path.clone(), std::fs::read(&path).unwrap()))
        .collect();
    files.sort();
    files
}

/// The compiled scripts of a server, with what is in them.
fn images(cache: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    files(cache, "image")
}

#[tokio::test]
async fn what_is_missing_or_damaged_is_compiled_again() {
    let mut server = Server::with(&["--cache-dir", ""]).await;
    let step =
        "export const condition = {};\nexport const content = () => { data.sum = data.a + 1; };\n";
    server.script("it", &with_helpers(step)).await;
    let cache = server.data_dir().join("cache");
    let made = images(&cache);
    assert_eq!(made.len(), 1);
    let (file, bytes) = &made[0];
    // What the parser has freed is not in it: with that it would have a quarter of a megabyte.
    assert!(
        (20_000..200_000).contains(&bytes.len()),
        "{} bytes",
        bytes.len()
    );
    let webhook = server.webhook("w").await;
    let task = server.run(&webhook, &json!({"a": 1}), "done").await;
    let fuel = task.runs[0].fuel;
    assert!(fuel < COMPILED, "{fuel}");

    // No file, a damaged one, the start of one, and an empty one.
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 4;
    for damaged in [None, Some(&flipped[..]), Some(&bytes[..100]), Some(b"")] {
        match damaged {
            Some(damaged) => std::fs::write(file, damaged).unwrap(),
            None => std::fs::remove_file(file).unwrap(),
        }
        server.restart().await;
        if damaged.is_none() {
            // It does not wait for a run.
            while images(&cache).is_empty() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        let task = server.run(&webhook, &json!({"a": 1}), "done").await;
        assert_eq!(task.data["sum"], 2);
        assert_eq!(task.runs[0].fuel, fuel, "it costs the same again");
        assert!(images(&cache) == made, "it is the same again");
    }

    // As a server with an older engine leaves it, and tasks come at once.
    let name = file.file_name().unwrap().to_str().unwrap();
    let (digest, _) = name.split_once('-').unwrap();
    let older = file.with_file_name(format!("{digest}-0123456789abcdef.image"));
    std::fs::rename(file, older).unwrap();
    server.restart().await;
    let mut tasks = Vec::new();
    for _ in 0..20 {
        tasks.push(server.post(&webhook, &json!({"a": 1})).await);
    }
    for id in tasks {
        let task = server.wait(&id, "done").await;
        assert_eq!(task.data["sum"], 2);
        assert_eq!(task.runs[0].fuel, fuel, "no run compiles it");
    }
    assert!(images(&cache) == made, "the other engine's is gone");
}

/// A step of several files.
async fn add(server: &Server, entry: &str, modules: Value) {
    let package = json!({"entry": entry, "modules": modules}).to_string();
    let (status, answer) = server.try_step("it", package.into_bytes(), "").await;
    assert!(status.is_success(), "{answer}");
}

#[tokio::test]
async fn all_of_nodes_modules_that_there_are_are_imported_by_both_names() {
    let server = Server::start().await;
    let webhook = server.webhook("w").await;
    let names = ["buffer", "crypto", "querystring", "url", "util"];
    let both = names
        .iter()
        .flat_map(|name| [(*name).to_owned(), format!("node:{name}")]);
    let imports: Vec<_> = both
        .enumerate()
        .map(|(n, name)| format!("import * as m{n} from '{name}';"))
        .collect();
    let all: Vec<_> = (0..imports.len()).map(|n| format!("m{n}")).collect();
    let source = format!(
        "{}\nexport const condition = {{}};\nexport const content = () => {{
           data.kinds = [{}].map((module) => typeof module.default);
           data.query = m4.default.stringify({{a: [1, 'b c']}});
         }};\n",
        imports.join("\n"),
        all.join(", ")
    );
    add(&server, "step.js", json!({"step.js": source})).await;
    let task = server.run(&webhook, &json!({}), "done").await;
    assert_eq!(task.data["query"], "a=1&a=b%20c", "{task}");
    let kinds = task.data["kinds"].as_array().unwrap();
    assert_eq!(kinds.len(), 10);
    assert!(kinds.iter().all(|kind| kind == "object"), "{task}");
}

#[tokio::test]
async fn a_compiled_step_has_its_text_its_places_and_its_files() {
    let server = Server::start().await;
    let entry = with_helpers(
        "import { even } from './even.js';
import rates from './rates.json';
import { createHash } from 'node:crypto';
export const condition = {};
export const content = async () => {
  data.text = helper7.toString().split('\\n')[2];
  data.even = even(10);
  data.rate = rates.list[1];
  data.hash = createHash('sha256').update('x').digest('hex').slice(0, 8);
  data.common = lib.common.twice(21);
  data.late = (await import('./late.js')).late;
  try { await import('./broken.js') } catch (error) { data.broken = error.name }
  helper3(data.nothing);
};
",
    );
    let modules = json!({
        "step.js": entry,
        "even.js": "import { odd } from './odd.js';\nexport const even = (n) => n === 0 || odd(n - 1);",
        "odd.js": "import { even } from './even.js';\nexport const odd = (n) => n !== 0 && even(n - 1);",
        "rates.json": "{\"list\": [1, 2.50]}",
        "lib/common.js": "exports.twice = (n) => 2 * n;",
        "late.js": "export const late = typeof data;",
        "broken.js": "export const = 1;",
    });
    add(&server, "step.js", modules).await;
    let webhook = server.webhook("w").await;
    let id = server.post(&webhook, &json!({})).await;
    let task = server.wait(&id, "error").await;
    let error = task.runs[0].error.clone().unwrap_or_default();
    assert!(
        error.contains("at step.js:17:16\n  17 |   const list = value.items.map(")
            && error.contains("at content (step.js:513:"),
        "{error}"
    );
    assert!(task.runs[0].fuel < 2 * COMPILED, "{}", task.runs[0].fuel);

    let modules = json!({
        "step.js": with_helpers("import { twice } from './common.js';\nexport const condition = {};\n\
            export const content = () => { data.common = twice(21); data.text = helper7.toString().split('\\n')[2]; };"),
        "common.js": "exports.twice = (n) => 2 * n;",
    });
    add(&server, "step.js", modules).await;
    let task = server.run(&webhook, &json!({}), "done").await;
    assert_eq!(task.data["common"], 42);
    assert_eq!(
        task.data["text"],
        "  if (list.length > 7) return other ? list.join(', ') : null;"
    );
}

#[tokio::test]
async fn what_a_step_sets_up_when_it_is_loaded_is_of_each_run() {
    let server = Server::start().await;
    let step = "let count = 0;\nconst at = Date.now();\nconst was = data.n;\nconst chance = Math.random();\n\
        Object.prototype.toString = JSON.stringify = Promise.resolve = undefined;\n\
        export const condition = { n: Number };\n\
        export const content = async () => { data.seen = [++count, was, at > 0, chance]; };\n";
    server.script("it", step).await;
    let webhook = server.webhook("w").await;
    let mut chances = Vec::new();
    for n in [1, 2] {
        let task = server.run(&webhook, &json!({"n": n}), "done").await;
        assert_eq!(task.data["seen"][0], 1);
        assert_eq!(task.data["seen"][1], n);
        assert_eq!(task.data["seen"][2], true);
        chances.push(task.data["seen"][3].clone());
    }
    assert_ne!(chances[0], chances[1]);
}

#[tokio::test]
async fn scripts_that_cannot_be_compiled_before_they_run_are_compiled_by_each_run() {
    let server = Server::start().await;
    // Its functions take many times the memory of their text, and more than an image may have.
    let nested = format!("{}0", "()=>".repeat(100));
    let functions: String = (0..500)
        .map(|n| format!("const f{n}={nested};\n"))
        .collect();
    let step = "export const condition = {};\nexport const content = () => { data.ok = true; };\n";
    server.script("large", &format!("{functions}{step}")).await;
    let webhook = server.webhook("w").await;
    let task = server.run(&webhook, &json!({}), "done").await;
    assert_eq!(task.data["ok"], true);
    assert!(task.runs[0].fuel > COMPILED, "{}", task.runs[0].fuel);

    let wrong = json!({"entry": "step.js", "modules": {"step.js": "export const = 1;"}});
    let (status, answer) = server
        .try_step("wrong", wrong.to_string().into_bytes(), "")
        .await;
    assert!(status.is_client_error(), "{status}");
    let detail = refusal(&answer).detail;
    assert!(detail.contains("step.js:1:14"), "{detail}");
    server.is_well().await;
}

#[tokio::test]
async fn nothing_of_a_script_runs_when_it_is_compiled() {
    let server = Server::start().await;
    let webhook = server.webhook("w").await;
    // A CommonJS file that ends the function which it stands in, a file that is named as the engine's own modules once
    // were, and an entry that is.
    let note = "globalThis.seen = [typeof data, Date.now() > 0, Math.random()];";
    let tell = "export const condition = {};\nexport const content = async () => {\n\
        data.seen = globalThis.seen ?? null;\n  data.count = (globalThis.count = (globalThis.count ?? 0) + 1);\n};\n";
    let unused =
        format!("exports.a = 1; }}); {note} fetch('http://127.0.0.1:1/'); (function () {{");
    let modules = json!({"step.js": tell, "unused.js": unused});
    add(&server, "step.js", modules).await;
    let task = server.run(&webhook, &json!({}), "done").await;
    assert_eq!(task.data["seen"], json!(null));

    let with_import = format!("import './stepwell:stop';\n{tell}");
    let entry = format!("{note}\n{tell}");
    for (entry, modules) in [
        (
            "step.js",
            json!({"step.js": with_import, "stepwell:stop": note}),
        ),
        ("stepwell:stop", json!({"stepwell:stop": entry})),
    ] {
        add(&server, entry, modules).await;
        let mut chances = Vec::new();
        for _ in 0..2 {
            let task = server.run(&webhook, &json!({}), "done").await;
            assert_eq!(task.data["seen"][0], "object");
            assert_eq!(task.data["seen"][1], true);
            assert_eq!(task.data["count"], 1);
            chances.push(task.data["seen"][2].clone());
        }
        assert_ne!(chances[0], chances[1], "{entry}");
    }
}

#[tokio::test]
async fn a_module_of_the_largest_size_is_added() {
    let server = Server::start().await;
    let helper = |n: usize| {
        format!(
            "function helper{n}(value, other) {{\n  const list = value.items.map((item) => item.name.trim().toLowerCase());\n  \
             if (list.length > {n}) return other ? list.join(', ') : null;\n  return `${{value.id}}-${{other}}`;\n}}\n"
        )
    };
    // Parsing it takes more fuel than a run has.
    let mut source: String = (0..4_900).map(helper).collect();
    source += "export const condition = {};\nexport const content = () => { data.n = helper4899.length; };\n";
    assert!(
        (900_000..1 << 20).contains(&source.len()),
        "{}",
        source.len()
    );
    server.script("it", &source).await;
    let webhook = server.webhook("w").await;
    let task = server.run(&webhook, &json!({}), "done").await;
    assert_eq!(task.data["n"], 2);
}

/// Ten steps have it: each adds what is its own, on disk and in the store.
#[tokio::test]
async fn a_library_of_many_steps_is_stored_once() {
    let mut server = Server::with(&["--cache-dir", ""]).await;
    let library: String = (0..4)
        .map(|n| with_helpers("").replace("helper", &format!("h{n}")))
        .collect();
    let package = |n: usize| {
        let step = format!(
            "import {{ h033 }} from './library.js';\nexport const condition = {{ n: {n} }};\nexport const content = () => {{\n\
             data.text = h033({{ items: [], id: {n} }}, 'x');\n}};\n"
        );
        json!({"entry": "step.js", "modules": {"step.js": step, "library.js": library}}).to_string()
    };
    for n in 0..10 {
        let (status, answer) = server
            .try_step(&format!("s{n}"), package(n).into_bytes(), "")
            .await;
        assert!(status.is_success(), "{answer}");
    }
    let webhook = server.webhook("w").await;
    let cache = server.data_dir().join("cache");
    let components = server.data_dir().join("store/components");
    let (layers, images) = (files(&cache, "layer"), images(&cache));
    assert_eq!((layers.len(), images.len()), (1, 10));
    let sizes =
        |files: &[(PathBuf, Vec<u8>)]| files.iter().map(|(_, bytes)| bytes.len()).max().unwrap();
    assert!(layers[0].1.len() > 2 * library.len());
    assert!(sizes(&images) < library.len() / 3, "{}", sizes(&images));
    if components.exists() {
        let (texts, parts) = (files(&components, "text"), files(&components, "parts"));
        assert_eq!((texts.len(), parts.len()), (1, 10));
        assert!(sizes(&parts) < 1_000, "{}", sizes(&parts));
    }
    // As they are, without the layer, and with another one in its place.
    for damaged in [None, Some(&images[0].1[..]), Some(&layers[0].1[..5_000])] {
        for n in [3, 7] {
            let task = server.run(&webhook, &json!({"n": n}), "done").await;
            assert_eq!(task.data["text"], format!("{n}-x"));
            assert!(task.runs[0].fuel < COMPILED, "{}", task.runs[0].fuel);
        }
        match damaged {
            Some(bytes) => std::fs::write(&layers[0].0, bytes).unwrap(),
            None => std::fs::remove_file(&layers[0].0).unwrap(),
        }
        server.restart().await;
    }
    let task = server.run(&webhook, &json!({"n": 5}), "done").await;
    assert_eq!(task.data["text"], "5-x");
    assert!(files(&cache, "layer") == layers, "it is as it was");
}
