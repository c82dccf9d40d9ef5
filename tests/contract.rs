//! The contract: the OpenAPI document is valid and in step with its snapshot, the server answers as it says,
//! and the examples of docs/api.md are what it describes.
#![allow(clippy::unwrap_used, reason = "a test")]

mod answers;
mod arrays;
mod examples;
mod outline;
mod schemas;

use std::collections::BTreeSet;
use std::fs;

use reqwest::Method;
use serde_json::{Value, json};
use stepwell_api::Code;

use self::schemas::Contract;
use crate::support::{Server, repository};

/// Where the snapshot is.
const SNAPSHOT: &str = "host/api/openapi.json";

#[test]
fn the_document_is_valid() {
    let schema = repository().join("tests/fixtures/openapi/schema-3.1.json");
    let schema = serde_json::from_slice(&fs::read(schema).unwrap()).unwrap();
    let contract = Contract::new();
    schemas::validate("openapi-3.1", &schema, &contract.document).unwrap();
    // What is no document is found out.
    let mut wrong = contract.document.clone();
    wrong["paths"]["/healthz"]["get"]["responses"] = json!([]);
    assert!(schemas::validate("openapi-3.1", &schema, &wrong).is_err());
    // The schemas of the types are schemas, and every reference leads to one.
    for name in contract.names() {
        contract.check(&name, &Value::Null).unwrap_err();
    }
    // An operation's id is its own.
    let ids = contract
        .operations()
        .map(|(_, _, it)| it["operationId"].to_string());
    let ids: Vec<String> = ids.collect();
    assert_eq!(ids.len(), ids.iter().collect::<BTreeSet<_>>().len());
}

#[test]
fn the_snapshot_is_the_document() {
    let path = repository().join(SNAPSHOT);
    let document = stepwell::http::openapi();
    if std::env::var_os("STEPWELL_WRITE_OPENAPI").is_some() {
        fs::write(&path, &document).unwrap();
    }
    let snapshot = fs::read_to_string(&path).unwrap_or_default();
    let differs = (snapshot.lines().zip(document.lines())).find(|(old, new)| old != new);
    assert!(
        snapshot == document,
        "{SNAPSHOT} is not what the server has (first difference: {differs:?}); if the change is meant, \
         `STEPWELL_WRITE_OPENAPI=1 cargo test --test suite contract` writes it anew"
    );
}

#[tokio::test]
async fn the_server_has_the_document_for_everybody() {
    let server = Server::start().await;
    let url = format!("{}/api/v1/openapi.json", server.url);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(&url).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert!(answer.headers().contains_key("stepwell-version"));
    assert_eq!(answer.text().await.unwrap(), stepwell::http::openapi());
}

/// What docs/api.md says of the contract is what the document promises.
#[test]
fn the_document_promises_no_more_and_no_less_than_the_docs() {
    let document: Value = serde_json::from_str(&stepwell::http::openapi()).unwrap();
    let schemas = &document["components"]["schemas"];
    // Words may be added, so no schema of an answer lists them as all that there can be.
    for (name, word) in [
        ("TaskState", "unmatched"),
        ("Outcome", "nondeterministic"),
        ("StepKind", "script"),
        ("NoticeState", "given-up"),
        ("LogLevel", "audit"),
    ] {
        assert_eq!(schemas[name]["enum"], Value::Null, "{name}");
        let words = schemas[name]["x-extensible-enum"].as_array().unwrap();
        assert!(words.contains(&json!(word)), "{name}");
    }
    let get = |path: &str, method: &str| document["paths"][path][method].clone();
    let refused = &get("/api/v1/workspaces", "post")["responses"]["409"]["content"];
    let code = &refused["application/problem+json"]["schema"]["properties"]["code"];
    assert_eq!(code["enum"], Value::Null);
    assert!(
        code["x-extensible-enum"]
            .as_array()
            .unwrap()
            .contains(&json!("exists"))
    );
    let workspace = "/api/v1/workspaces/{workspace}";
    let tasks = get(&format!("{workspace}/tasks"), "get");
    let parameters = tasks["parameters"].as_array().unwrap();
    let limit = parameters
        .iter()
        .find(|one| one["name"] == "limit")
        .unwrap();
    let bounds = (&limit["schema"]["minimum"], &limit["schema"]["maximum"]);
    assert_eq!(bounds, (&json!(1), &json!(500)));
    let update = get(&format!("{workspace}/tasks/{{task}}/update"), "post");
    assert_eq!(update["requestBody"]["required"], true);
    let clone = get(&format!("{workspace}/tasks/{{task}}/clone"), "post");
    assert_eq!(clone["requestBody"]["required"], false);
    let key = |operation: &Value| {
        let parameters = operation["parameters"].as_array().unwrap();
        let key = parameters.iter().find(|one| one["name"] == "key").unwrap();
        key["description"].as_str().unwrap().to_owned()
    };
    assert!(key(&get("/event/{key}", "post")).contains("webhook"));
    let config = get(&format!("{workspace}/config/{{key}}"), "put");
    assert_eq!(key(&config), "The config key.");
    let upload = get(&format!("{workspace}/steps/{{step}}"), "put");
    let content = &upload["requestBody"]["content"];
    assert_eq!(content["application/wasm"]["schema"]["format"], "binary");
    let package = &content["application/json"]["schema"];
    assert_eq!(package["required"], json!(["entry", "modules"]));
}

/// Every path of the document is there, needs a token if the document says so, and refuses the methods that
/// the document does not have, naming those that it has.
#[tokio::test]
async fn the_routes_are_those_of_the_document() {
    let server = Server::with(&["--auth-failures", "1000000"]).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let contract = Contract::new();
    let all = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    let parameter = regex::Regex::new(r"\{\w+\}").unwrap();
    let mut refused = 0;
    for (path, item) in contract.document["paths"].as_object().unwrap() {
        let url = parameter.replace_all(path, "x");
        let url = format!("{}{url}", server.url);
        let operations = item.as_object().unwrap();
        let has = |method: &str| {
            let method = if method == "HEAD" { "GET" } else { method };
            operations.contains_key(&method.to_lowercase())
        };
        let taken: BTreeSet<&str> = all.into_iter().filter(|method| has(method)).collect();
        for method in all {
            let request = |token: &str| {
                let method = Method::from_bytes(method.as_bytes()).unwrap();
                client.request(method, &url).bearer_auth(token).send()
            };
            let answer = request(server.token()).await.unwrap();
            if taken.contains(method) {
                assert_ne!(answer.status(), 405, "{method} {path}");
            } else {
                assert_eq!(answer.status(), 405, "{method} {path}");
                let allow = answer.headers()["allow"].to_str().unwrap();
                let allowed: BTreeSet<&str> = allow.split(", ").collect();
                assert_eq!(allowed, taken, "{method} {path}");
                refused += 1;
            }
            // Without a valid token every route that needs one answers 401, whatever the method.
            let is_open = operations.values().any(|it| it["security"] == json!([]));
            let stranger = request("wrong").await.unwrap();
            assert_eq!(stranger.status() == 401, !is_open, "{method} {path}");
        }
    }
    assert!(refused > 50, "{refused}");
}

/// The codes of the contract are those that the server refuses with, in both directions.
#[test]
fn the_codes_are_those_of_the_source() {
    let files = [
        "host/src/http/problem.rs",
        "host/src/http/problem/action.rs",
        "host/src/http/problem/ingest.rs",
        "host/src/http/problem/kind.rs",
        "host/src/http/problem/reply.rs",
        "host/src/http/problem/setup.rs",
        "host/signature/src/refused.rs",
    ];
    let source = files.map(|file| fs::read_to_string(repository().join(file)).unwrap());
    let source = source.concat();
    let quoted = regex::Regex::new("\"([a-z]+(?:-[a-z]+)*)\"").unwrap();
    let quoted: BTreeSet<&str> = (quoted.captures_iter(&source))
        .map(|found| found.get(1).unwrap().as_str())
        .collect();
    let known: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(known.difference(&quoted).collect::<Vec<_>>(), [&""; 0]);
    let refused = regex::Regex::new("(?:kind|with)\\([^\"]*?,\\s*\"([a-z-]+)\"").unwrap();
    let refused: BTreeSet<&str> = (refused.captures_iter(&source))
        .map(|found| found.get(1).unwrap().as_str())
        .collect();
    assert!(refused.len() > 35, "{refused:?}");
    assert_eq!(refused.difference(&known).collect::<Vec<_>>(), [&""; 0]);
}
