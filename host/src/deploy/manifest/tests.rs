use std::ffi::OsString;
use std::fs;

use tempfile::TempDir;

use serde_json::Value;

use super::*;
use crate::domain::ids::StepName;
use crate::domain::limits::CONFIG_BYTES;
use crate::domain::limits::StepLimits;
use crate::domain::step::RetryPolicy;

fn vars(name: &str) -> Option<OsString> {
    (name == "CRM_TOKEN").then(|| "s3cret: \"x\"".into())
}

/// A folder with something in it that a manifest may name.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("steps")).unwrap();
    fs::write(folder.path().join("one.wasm"), "").unwrap();
    folder
}

fn parse(text: &str) -> Result<Manifest, Vec<Fault>> {
    let folder = folder();
    Manifest::parse(text, fs::canonicalize(folder.path()).unwrap(), &vars)
}

/// The faults as they are shown, without the file's name.
fn faults(text: &str) -> Vec<String> {
    match parse(text) {
        Ok(_) => panic!("it is right: {text}"),
        Err(faults) => faults.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn a_whole_manifest() {
    let manifest = parse(
        r#"
workspaces:
  - name: sales
    tags: [crm]
    webhooks:
      - name: "Contact Form"
      - {name: Orders, correlate: /order/taskId}
      - {name: Payments, dedup: {header: Idempotency-Key}}
      - {name: Events, dedup: {pointer: /event/id, window: 2h}}
    steps:
      - syncPath: steps/
      - {name: team/one, file: one.wasm, limits: {fuel: 5M, memory: 8MiB, timeout: 1.5s}}
      - name: two
        file: ./steps/../one.wasm
        limits: {fuel: 1_000_000, memory: 65536}
        retry: {attempts: 5, firstDelay: 2s, factor: 3, maxDelay: 1.5h}
    libraries:
      - syncPath: steps
    config:
      REGION: ${REGION:-eu}
      PRICE: "$$5"
    secrets:
      - name: CRM_TOKEN
        value: ${CRM_TOKEN}
        description: of the CRM
        encrypted: true
    connectors:
      - {name: slack, kind: slack.com, config: {token: "${CRM_TOKEN}", retries: [1, {a: ~}]}}
      - {connectorName: hubspot.com, namespace: hub}
  - name: empty
    webhooks:
"#,
    )
    .unwrap_or_else(|faults| panic!("{faults:?}"));
    assert_eq!(
        manifest.notes,
        ["workspaces[0].tags: the server keeps no tags of a workspace"]
    );
    let [sales, empty] = &manifest.workspaces[..] else {
        panic!("two workspaces");
    };
    assert_eq!(
        (sales.name.as_str(), empty.name.as_str()),
        ("sales", "empty")
    );
    assert_eq!(sales.webhooks[1].name.as_str(), "Orders");
    let webhook = |at: usize| &sales.webhooks[at];
    let correlate = |at: usize| webhook(at).correlate.as_deref();
    assert_eq!((correlate(0), correlate(1)), (None, Some("/order/taskId")));
    let dedup = |at: usize| {
        let dedup = webhook(at).dedup.as_ref()?;
        let (header, pointer) = (dedup.header.as_deref(), dedup.pointer.as_deref());
        Some((header, pointer, dedup.window_ms))
    };
    assert_eq!(dedup(1), None);
    let hours = |hours: u64| Some(hours * 3_600_000);
    assert_eq!(dedup(2), Some((Some("idempotency-key"), None, hours(72))));
    assert_eq!(dedup(3), Some((None, Some("/event/id"), hours(2))));
    assert!(empty.webhooks.is_empty());
    let config: Vec<_> = sales
        .config
        .iter()
        .map(|setting| (setting.key.as_str(), setting.value.as_str()))
        .collect();
    assert_eq!(
        config,
        [
            ("REGION", "eu"),
            ("PRICE", "$5"),
            ("CRM_TOKEN", "s3cret: \"x\"")
        ]
    );
    let [sync, one, two] = &sales.steps[..] else {
        panic!("three sources of steps");
    };
    assert_eq!((&sync.name, sync.limits), (&None, StepLimits::default()));
    assert!(sync.path.ends_with("steps") && one.path == two.path);
    assert_eq!(one.name.as_ref().map(StepName::as_str), Some("team/one"));
    assert_eq!(one.limits.timeout_ms, 1_500);
    assert_eq!((one.limits.fuel, one.limits.memory), (5_000_000, 8 << 20));
    assert_eq!((two.limits.fuel, two.limits.memory), (1_000_000, 65_536));
    assert_eq!(one.retry, RetryPolicy::default());
    let retry = RetryPolicy {
        attempts: 5,
        first_ms: 2_000,
        factor: 3,
        cap_ms: 5_400_000,
    };
    assert_eq!(two.retry, retry);
    let [slack, hub] = &sales.connectors[..] else {
        panic!("two connectors");
    };
    assert_eq!(
        (slack.name.as_str(), slack.settings.kind.as_str()),
        ("slack", "slack.com")
    );
    assert_eq!(
        Value::from(slack.settings.config.clone()),
        serde_json::json!({"token": "s3cret: \"x\"", "retries": [1, {"a": null}]})
    );
    assert_eq!(
        (hub.name.as_str(), hub.settings.kind.as_str()),
        ("hub", "hubspot.com")
    );
}

#[test]
fn every_fault_is_told_at_once_in_the_order_of_the_file() {
    let found = faults(
        r#"workspaces:
  - name: sales
    webhook:
      - name: a
    webhooks:
      - name: 17
      - nam: b
      - name: Form
      - name: Form
    config: {KEY: true, "a b": x, TOKEN: "${NOT_SET}", EMPTY: }
    secrets:
      - {name: KEY, value: x}
      - {name: K2, value: x, encrypted: "yes"}
    steps:
      - syncPath: stepz/
      - name: x
  - name: sales
"#,
    );
    assert_eq!(
        found,
        [
            "3:5: workspaces[0]: unknown key `webhook`; did you mean `webhooks`?",
            "6:15: workspaces[0].webhooks[0].name: must be a text, not a number; put it in quotes",
            "7:9: workspaces[0].webhooks[1]: unknown key `nam`; did you mean `name`?",
            "7:9: workspaces[0].webhooks[1]: has no `name`",
            "9:15: workspaces[0].webhooks[3].name: a webhook `Form` is there already, on line 8",
            "10:19: workspaces[0].config.KEY: must be a text, not a boolean; put it in quotes",
            "10:32: workspaces[0].config.a b: `a b` is not a config name: 1 to 120 characters of letters, digits, -, _ and .",
            "10:42: workspaces[0].config.TOKEN: the environment variable NOT_SET is not set; set it, or give a default: ${NOT_SET:-…}",
            "10:56: workspaces[0].config.EMPTY: must be a text, not nothing",
            "12:16: workspaces[0].secrets[0].name: the config key `KEY` is there already, on line 10",
            "13:41: workspaces[0].secrets[1].encrypted: must be true or false, not a text",
            "15:19: workspaces[0].steps[0].syncPath: `stepz/` cannot be found in TMP: No such file or directory (os error 2)",
            "16:9: workspaces[0].steps[1]: must be either {syncPath: FOLDER} or {name: NAME, file: FILE}",
            "17:11: workspaces[1].name: a workspace `sales` is there already, on line 2",
        ]
        .map(|line| in_place(line, &found))
    );
}

/// The temporary folder's name differs each time.
fn in_place(line: &str, found: &[String]) -> String {
    let folder = found.iter().find_map(|line| {
        let (_, rest) = line.split_once("found in ")?;
        rest.split_once(": ").map(|(folder, _)| folder)
    });
    line.replace("TMP", folder.unwrap_or("TMP"))
}

#[test]
fn one_fault_each() {
    for (step, message) in [
        ("syncPath: one.wasm", "is a file; `syncPath` names a folder"),
        ("syncPath: /etc", "write a relative path"),
        ("syncPath: ..", "is not below the manifest's folder"),
        ("{name: a b, file: one.wasm}", "`a b` is not a step name"),
        (
            "{name: a, file: one.wasm, limits: {fuel: 1}}",
            "`1` is out of range: 1000 to 1000000000000",
        ),
        ("{name: a, file: one.wasm, limits: {memory: 64M}}", "64MiB"),
        (
            "{name: a, file: one.wasm, limits: {timeout: 30}}",
            "500ms, 30s",
        ),
        (
            "{name: a, file: one.wasm, limits: {timeout: 1h}}",
            "1 to 600000 ms",
        ),
        (
            "{name: a, file: one.wasm, limits: {gas: 1}}",
            "unknown key `gas`; there are fuel, memory, timeout",
        ),
        (
            "{name: a, file: one.wasm, retry: {attempts: 0}}",
            "steps[0].retry.attempts: `0` is out of range: 1 to 100",
        ),
        (
            "{name: a, file: one.wasm, retry: {attempts: 2, firstDelay: -2s}}",
            "500ms, 30s",
        ),
        (
            "{name: a, file: one.wasm, retry: {firstDelay: 2m, maxDelay: 1m}}",
            "`1m` is out of range: 120000 to 604800000 ms",
        ),
        (
            "{name: a, file: one.wasm, retry: {delay: 1s}}",
            "unknown key `delay`; did you mean `maxDelay`?",
        ),
        ("{name: a, file: [one.wasm]}", "must be a text, not a list"),
    ] {
        let text = format!("workspaces:\n  - name: w\n    steps:\n      - {step}\n");
        let found = faults(&text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].starts_with("4:") && found[0].contains(message),
            "{}",
            found[0]
        );
    }
    for (text, message) in [
        ("", "1:1: must be a mapping of keys, not nothing"),
        (
            "workspaces: x",
            "1:13: workspaces: must be a list, each item beginning with `- `, not a text",
        ),
        (
            "workspace: []",
            "1:1: unknown key `workspace`; did you mean `workspaces`?",
        ),
        (
            "workspaces:\n- name: Sales & Co",
            "`Sales & Co` is not a workspace name",
        ),
        (
            "workspaces:\n- name: w\n  name: v",
            "3:3: workspaces[0].name: the key `name` is there already, on line 2",
        ),
        (
            "workspaces:\n- name: w\n  connectors: [{name: a-b, kind: c}]",
            "`a-b` is not a connector name: 1 to 80 characters of letters, digits, $ and _",
        ),
        (
            "workspaces:\n- name: w\n  connectors: [{name: a}]",
            "must have `name` and `kind`, or `namespace` and `connectorName`",
        ),
        (
            "workspaces:\n- name: w\n  connectors: [{name: a, kind: b, config: x}]",
            "3:43: workspaces[0].connectors[0].config: must be a mapping of keys",
        ),
        ("workspaces: [\n", "not YAML: "),
    ] {
        let found = faults(text);
        assert!(
            found.iter().any(|fault| fault.contains(message)),
            "{text}\n{found:?}"
        );
    }
}

#[cfg(unix)]
#[test]
fn a_link_does_not_lead_out() {
    let folder = folder();
    std::os::unix::fs::symlink("/", folder.path().join("root")).unwrap();
    let at = fs::canonicalize(folder.path()).unwrap();
    let text = "workspaces:\n  - name: w\n    steps:\n      - syncPath: root/usr\n";
    let Err(found) = Manifest::parse(text, at, &vars) else {
        panic!("the link leads out");
    };
    assert!(found[0].message.contains("not below"), "{found:?}");
}

#[test]
fn a_value_that_is_too_long_is_not_repeated() {
    let text = format!(
        "workspaces:\n  - name: w\n    config: {{K: {}}}\n",
        "x".repeat(CONFIG_BYTES + 1)
    );
    let found = faults(&text);
    assert_eq!(
        found,
        ["3:17: workspaces[0].config.K: 65537 bytes are too many; at most 65536"]
    );
}
