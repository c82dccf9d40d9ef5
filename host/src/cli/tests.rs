//! Checks of the command line's grammar.

mod documents;

use clap::CommandFactory;

use super::*;

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn commands_have_the_shape_of_the_manual() {
    for line in [
        "stepwell serve --listen 127.0.0.1:0 --data-dir /d --egress-allow 127.0.0.1/32 --egress-allow *.example.com --print-config",
        "stepwell webhook add Form --json",
        "stepwell webhook list --workspace w --url http://h --token t",
        "stepwell step add a.wasm --name n --fuel 1_000_000 --memory 64MiB --timeout 30s",
        "stepwell step add a.wasm --attempts 5 --first-delay 2s --factor 2 --max-delay 1h",
        "stepwell step set greet --attempts 5 --fuel 5G",
        "stepwell step versions greet",
        "stepwell step rollback greet --to 24ca1ef9",
        "stepwell step new greet",
        "stepwell step new greet --lang ts",
        "stepwell step add steps/greet.js --root steps",
        "stepwell connector add slackCom --kind slack.com --set token=-",
        "stepwell step build",
        "stepwell step build dir",
        "stepwell task list --state done --limit 5 --before 0190c0de-0000-7000-8000-000000000000",
        "stepwell task log ID --follow",
        "stepwell task list --state error,ready --state waiting --name n --tag t --webhook w --since 2h --until 2026-11-23T14:00:00Z --where {}",
        "stepwell task list --attention",
        "stepwell webhook add Form --correlate /order/taskId",
        "stepwell webhook update Form --no-correlate",
        "stepwell webhook add Form --header x-tenant --header x-plan --method GET --method POST",
        "stepwell webhook update Form --correlate /a --header x-tenant --method GET",
        "stepwell webhook update Form --no-header",
        "stepwell delivery list --webhook Form --verdict refused,duplicate --since 1h --limit 9",
        "stepwell delivery redeliver --webhook Form --yes",
        "stepwell webhook add Form --rate 100/s --at-once 4",
        "stepwell webhook update Form --no-rate --at-once 2",
        "stepwell workspace set w --rate 1000/m",
        "stepwell workspace set w --rate none",
        "stepwell webhook test Form --event push",
        "stepwell webhook rotate Form",
        "stepwell webhook rotate Form --overlap 7d",
        "stepwell webhook rename Form Contact",
        "stepwell webhook disable Form",
        "stepwell webhook enable Form --json",
        "stepwell webhook add Form --dedup-header Idempotency-Key --dedup-window 72h",
        "stepwell webhook update Form --correlate /a --dedup-pointer /event/id --dedup-window 1m",
        "stepwell webhook update Form --no-dedup --no-correlate",
        "stepwell task cancel ID",
        "stepwell task retry ID --json",
        "stepwell task update ID --set /a=1 --set /b={} --patch {}",
        "stepwell task clone ID --replace @file",
        "stepwell task new -",
        "stepwell deploy deploy.yaml --dry-run --prune --json",
        "stepwell deploy --prune deploy.yaml",
        "stepwell deploy deploy.yaml --prune=config,steps --prune=connectors --yes",
        "stepwell workspace use sales",
        "stepwell config set KEY -",
        "stepwell config list",
        "stepwell workspace add w",
        "stepwell token add ci --scope read,deploy --scope operate --expires 90d",
        "stepwell token revoke ci --server",
        "stepwell audit list --server --since 1d --who ci --what config/ --limit 1000 --json",
        "stepwell workspace delete w --yes",
        "stepwell schedule add report @daily --timezone Europe/Berlin --missed once --data {}",
        "stepwell workspace set w --failure-url none",
        "stepwell workspace set w --keep-done 7 --keep-others forever",
        "stepwell task keep ID ID --undo",
        "stepwell demo --listen 127.0.0.1:0 --exit",
    ] {
        if let Err(error) = Cli::try_parse_from(line.split(' ')) {
            panic!("{line}\n{error}");
        }
    }
    for (line, hint) in [
        ("stepwell step add a.wasm --memory 64M", "64MiB"),
        ("stepwell step add a.wasm --timeout 30", "30s"),
        ("stepwell step set a --attempts 0", "1..=100"),
        ("stepwell step set a --attempts=-1", "1..=100"),
        ("stepwell step set a --first-delay=-2s", "500ms, 30s"),
        ("stepwell task list --limit 1000001", "1000001"),
        ("stepwell task list --state finished", "done"),
        ("stepwell schedule add a b --missed none", "once"),
        ("stepwell webhook", "add"),
        (
            "stepwell webhook add Form --correlate order.taskId",
            "RFC 6901",
        ),
        ("stepwell webhook update Form", "--correlate"),
        (
            "stepwell webhook update Form --no-header --header a",
            "--no-header",
        ),
        (
            "stepwell webhook add F --dedup-header a --dedup-pointer /a",
            "--dedup-pointer",
        ),
        (
            "stepwell webhook add F --dedup-header a:b",
            "not the name of a header",
        ),
        ("stepwell webhook add F --dedup-pointer id", "RFC 6901"),
        (
            "stepwell webhook add F --dedup-header a --dedup-window 31d",
            "30 days",
        ),
        (
            "stepwell webhook add F --dedup-header a --dedup-window 72",
            "30s",
        ),
        (
            "stepwell webhook update F --no-dedup --dedup-window 1h",
            "--no-dedup",
        ),
        ("stepwell workspace set w", "--keep-done"),
        ("stepwell token add ci", "--scope"),
        ("stepwell token add ci --scope write", "read, deploy"),
        ("stepwell workspace set w --keep-done 0", "`forever`"),
        ("stepwell workspace set w --rate 100", "100/s"),
        ("stepwell webhook add Form --rate 0/s", "1 to 1000000"),
        ("stepwell task list --since yesterday", "2h"),
        ("stepwell task list --attention --state error", "--state"),
        ("stepwell task update ID --replace {} --patch {}", "--patch"),
        ("stepwell task update ID --set /a", "/a=JSON"),
        ("stepwell task update ID --set /a=Ada", "not JSON"),
    ] {
        let error = Cli::try_parse_from(line.split(' ')).unwrap_err();
        assert!(error.to_string().contains(hint), "{line}\n{error}");
    }
}

#[test]
fn errors_know_their_exit_code_through_context() {
    let error = anyhow::Error::from(ClientError::NotFound {
        code: "unknown-task".into(),
        detail: "no".into(),
    })
    .context("while looking");
    assert_eq!(classify(&error), ("unknown-task".into(), Exit::NotFound));
    assert_eq!(whole_text(&error), "while looking: no");
    assert_eq!(
        classify(&anyhow::anyhow!("x")),
        ("failed".into(), Exit::Failed)
    );
}
