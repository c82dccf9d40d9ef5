//! Images are made of real scripts by the real engine.

use serde_json::json;

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
    let sandbox = Sandbox::new(SandboxSettings::default()).unwrap();
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
    let sandbox = Sandbox::new(SandboxSettings::default()).unwrap();
    let inspected = inspected(&sandbox, STEP).await;
    let component = &inspected.component;
    let whole = image_of(&inspected).to_bytes();
    assert!((1_000..64_000).contains(&whole.len()), "{}", whole.len());
    let mut ends = [0; 2];
    for at in (0..whole.len()).step_by(11) {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        let package = component.script().unwrap().package.clone();
        let image = Image::of_bytes(&flipped);
        let script = LoadedComponent::of_script(component.pre().clone(), package, image);
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
