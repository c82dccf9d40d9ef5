//! What the sandbox costs per run: a fresh instance, the call, and taking it down again, with fuel,
//! memory, epoch and deadline limits as the server has them. The guests are built from
//! `tests/guests` when the benchmark starts; the scripts are run by the server's own engine.

use std::error::Error;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::{Value, json};
use stepwell::domain::budget::Permit;
use stepwell::domain::data::Document;
use stepwell::domain::effect::{Answer, CallFault, CallRequest, Calls};
use stepwell::domain::ids::TaskId;
use stepwell::domain::limits::StepLimits;
use stepwell::domain::run::{RunEnd, RunInput, RunOutcome};
use stepwell::sandbox::{Sandbox, SandboxSettings};

/// The guests, and what a run of each may cost in microseconds for the server to keep its promise.
const GUESTS: [(&str, &str); 3] = [
    ("noop", "a step that does nothing; 14 us or less"),
    ("small", "one get and one set; 20 us or less"),
    ("five-sets", "five gets and five sets; 35 us or less"),
];

/// A script, the data that it runs on, and what a run of it may cost.
type Script = (&'static str, &'static str, Vec<u8>, Arc<Document>);

fn package(text: &str) -> Vec<u8> {
    let package = json!({"entry": "step.js", "modules": {"step.js": text}});
    package.to_string().into_bytes()
}

/// Functions that nothing calls, of some 200 bytes each.
fn helpers(count: usize) -> String {
    let helper = |n: usize| {
        format!(
            "function helper{n}(value, other) {{\n  const list = value.items.map((item) => item.name.trim().toLowerCase());\n  \
             if (list.length > {n}) return other ? list.join(', ') : null;\n  return `${{value.id}}-${{other}}`;\n}}\n"
        )
    };
    (0..count).map(helper).collect()
}

/// A bundle of nearly a mebibyte, as bundlers make them: all in one function. Each number is another one.
fn bundle(number: u64) -> Vec<u8> {
    let helpers = helpers(4_900);
    package(&format!(
        "const all = (() => {{\n{helpers}\nreturn [helper0, {number}]; }})();\n\
         export const condition = {{}};\nexport const content = () => all.length;\n"
    ))
}

fn scripts() -> Vec<Script> {
    let script = |body: &str| {
        package(&format!(
            "export const condition = {};\nexport const content = () => {body};\n",
            "{}"
        ))
    };
    let form = include_str!("../../examples/js/contact-form/contact-form.js");
    let unused = form.replacen("export const content =", "const unused =", 1)
        + "export const content = () => {};\n";
    let helpers = helpers(103);
    let helpers =
        format!("export const condition = {{}};\nexport const content = () => {{}};\n{helpers}");
    let entry =
        json!({"sku": "A-1042", "title": "a line of an order", "price": 12.5, "tags": ["a", "b"]});
    let lines = |count| document(&json!({"id": 7, "items": vec![entry.clone(); count]}));
    let (large, mebibyte) = (lines(1_300), lines(13_400));
    vec![
        (
            "empty.js",
            "a script that does nothing",
            script("{}"),
            input().data,
        ),
        (
            "contact-form.js",
            "an ordinary script; 200 us or less, and 20 times noop or less",
            package(form),
            input().data,
        ),
        (
            "contact-form-unused.js",
            "the same text, of which nothing runs",
            package(&unused),
            input().data,
        ),
        (
            "helpers.js",
            "21 KB of functions that are not called",
            package(&helpers),
            input().data,
        ),
        (
            "touch-100-kB.js",
            "one member read and one written of 100 kB; 3 ms or less",
            script("{ data.seen = data.id; }"),
            large,
        ),
        (
            "read-1-MB.js",
            "one member read of 0.97 MiB; 2 ms and 10 M fuel or less",
            script("{ if (data.items.length === 0) throw new Error('none'); }"),
            mebibyte.clone(),
        ),
        (
            "stringify-1-MB.js",
            "JSON.stringify of 0.97 MiB; 15 ms or less",
            script("{ if (JSON.stringify(data).length < 9e5) throw new Error('short'); }"),
            mebibyte,
        ),
    ]
}

fn sandbox(criterion: &mut Criterion) {
    if let Err(error) = measure(criterion) {
        // A benchmark without figures must not look like one that passed.
        eprintln!("sandbox: {error}");
        std::process::exit(1);
    }
}

fn measure(criterion: &mut Criterion) -> Result<(), Box<dyn Error>> {
    let guests = build_guests()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let sandbox = Sandbox::new(SandboxSettings::default())?;
    let mut group = criterion.benchmark_group("instantiate and run");
    let components = GUESTS.into_iter().map(|(guest, what)| {
        let bytes = std::fs::read(guests.join(guest.replace('-', "_") + ".wasm"))?;
        Ok((guest, what, bytes, input().data))
    });
    let all = components.chain(scripts().into_iter().map(Ok));
    for guest in all.collect::<std::io::Result<Vec<_>>>()? {
        let (guest, what, bytes, data) = guest;
        let input = RunInput { data, ..input() };
        let owner = "default".parse()?;
        let inspected = runtime.block_on(sandbox.inspect(&owner, &bytes, StepLimits::default()))?;
        let run = || sandbox.run(&inspected.component, input.clone(), Arc::new(NoCalls));
        let output = runtime.block_on(run());
        if !matches!(output.outcome, RunOutcome::Ended(RunEnd::Finished(_))) {
            return Err(format!("{guest} did not finish: {:?}", output.outcome).into());
        }
        eprintln!("{guest}: {what}; fuel {}", output.fuel);
        group.bench_function(guest, |bencher| {
            bencher.iter_custom(|count| -> Duration {
                runtime.block_on(async {
                    let begun = Instant::now();
                    for _ in 0..count {
                        std::hint::black_box(run().await);
                    }
                    begun.elapsed()
                })
            });
        });
    }
    // Each is compiled, so one of them must not be there already.
    let (owner, mut number) = ("default".parse()?, 0);
    group.sample_size(10);
    group.bench_function("add-1-MB.js", |bencher| {
        bencher.iter_custom(|count| -> Duration {
            let bundles: Vec<Vec<u8>> = (number..number + count).map(bundle).collect();
            number += count;
            let begun = Instant::now();
            for bytes in bundles {
                let added = sandbox.inspect(&owner, &bytes, StepLimits::default());
                assert!(runtime.block_on(added).is_ok(), "the bundle is no step");
            }
            begun.elapsed()
        });
    });
    group.finish();
    Ok(())
}

fn input() -> RunInput {
    RunInput {
        memory: Arc::new(Permit::unlimited()),
        task: TaskId::MAX,
        name: None,
        tags: Vec::new(),
        data: document(&json!({
            "$via": {"type": "webhook", "name": "Contact Form", "received": 1_700_000_000_000u64},
            "firstName": "Maria",
            "lastName": "Lindqvist",
            "email": "maria.lindqvist@example.com",
            "company": "Nordlicht Maskinbygg AB",
            "amount": 1250.5,
        })),
        config: Arc::default(),
        clock: 1_700_000_000_000,
        seed: [7; 32],
        limits: StepLimits::default(),
        depth: 0,
        subtasks: 0,
        family: Arc::default(),
        spent_ms: 0,
    }
}

/// As it is read from the store.
fn document(data: &Value) -> Arc<Document> {
    let parsed = Document::parse(data.to_string().into());
    Arc::new(parsed.unwrap_or_else(|_| Document::of(data.clone())))
}

/// Builds the guests' workspace; gives the directory of its components.
fn build_guests() -> Result<PathBuf, Box<dyn Error>> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/guests");
    let target = workspace.join("target");
    let mut command = Command::new(env!("CARGO"));
    command
        .args(["build", "--release", "--target", "wasm32-wasip2"])
        .arg("--target-dir")
        .arg(&target)
        .current_dir(&workspace);
    for (guest, _) in GUESTS {
        command.args(["-p", guest]);
    }
    let status = command.status()?;
    if !status.success() {
        return Err(format!("building {} failed: {status}", workspace.display()).into());
    }
    Ok(target.join("wasm32-wasip2/release"))
}

/// The measured steps make no connector call.
struct NoCalls;

impl Calls for NoCalls {
    fn answer(
        &self,
        call: u32,
        _request: CallRequest,
    ) -> Pin<Box<dyn Future<Output = Result<Answer, CallFault>> + Send>> {
        let refused = CallFault::NotRecorded(format!("call {call} in a benchmark without calls"));
        Box::pin(std::future::ready(Err(refused)))
    }
}

criterion_group!(benches, sandbox);
criterion_main!(benches);
