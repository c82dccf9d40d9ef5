//! What a step does not have is an error that names it and says what there is instead.

#![allow(missing_docs)]

use crate::common::content;
use serde_json::json;

#[test]
fn a_global_is_named_with_what_there_is_instead() {
    for (expression, sentence) in [
        (
            "process.env.X",
            "`process` is not available in a step: secrets and settings are in task.config(key)",
        ),
        (
            "new WebSocket('wss://a.example')",
            "`WebSocket` is not available in a step: a step reaches others by `fetch`",
        ),
        (
            "localStorage.setItem('a', 'b')",
            "`localStorage` is not available in a step: what is to be kept goes into `data`",
        ),
        (
            "new Worker('a.js')",
            "`Worker` is not available in a step: a step runs in one thread",
        ),
        (
            "new BroadcastChannel('a')",
            "`BroadcastChannel` is not available in a step",
        ),
        (
            "new EventSource('/a')",
            "`EventSource` is not available in a step",
        ),
        (
            "document.body",
            "`document` is not available in a step: a step has no page",
        ),
        (
            "navigator.userAgent",
            "`navigator` is not available in a step",
        ),
        (
            "__dirname",
            "`__dirname` is not available in a step: a step has its own files by `import`",
        ),
        (
            "new XMLHttpRequest()",
            "`XMLHttpRequest` is not available in a step",
        ),
    ] {
        let text = content(&format!("data.x = {expression}")).run().retry();
        assert!(
            text.starts_with(&format!("ReferenceError: {sentence}")),
            "{text}"
        );
        assert!(text.contains("at step.js:3"), "the place: {text}");
    }
    let text = content("data.x = nobodyKnowsThis").run().retry();
    assert!(
        text.starts_with("ReferenceError: nobodyKnowsThis is not defined"),
        "{text}"
    );
}

#[test]
fn a_bundle_may_ask_what_there_is() {
    let names = [
        "process",
        "window",
        "document",
        "navigator",
        "Deno",
        "Worker",
        "WebSocket",
        "WebAssembly",
    ];
    for name in names {
        let data = content(&format!("data.x = typeof {name}")).run().data();
        assert_eq!(data["x"], json!("undefined"), "{name}");
    }
    let data = content("globalThis.window = { a: 1 }; data.x = window.a")
        .run()
        .data();
    assert_eq!(data["x"], json!(1));
}

#[test]
fn a_module_is_named_with_what_there_is_instead() {
    for (name, sentence) in [
        (
            "fs",
            "`fs` is not available in a step: a step has its own files by `import`",
        ),
        (
            "node:http",
            "`http` is not available in a step: a step reaches others by `fetch`",
        ),
        (
            "child_process",
            "`child_process` is not available in a step: a step runs in one thread",
        ),
        ("node:os", "`os` is not available in a step"),
        (
            "axios",
            "`axios` is not available in a step: a step reaches others by `fetch`",
        ),
        (
            "events",
            "`events` is not available in a step: of Node's modules there are `buffer`",
        ),
        (
            "lodash",
            "`lodash` is not available in a step: packages are brought along",
        ),
    ] {
        let text = content(&format!("require('{name}')")).run().retry();
        assert!(
            text.starts_with(&format!("ReferenceError: {sentence}")),
            "{text}"
        );
    }
}
