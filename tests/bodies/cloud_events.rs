//! CloudEvents, one row a request.

use serde_json::{Value, json};

use super::rows::Becomes::{Data, Event, Refused};
use super::rows::{FORM, Fields, JSON, all_hold, row};

const CLOUD: Fields = &[(
    "content-type",
    "application/cloudevents+json; charset=UTF-8",
)];

fn event(rest: &str) -> String {
    format!(r#"{{"specversion":"1.0","id":"7","source":"/s","type":"t"{rest}}}"#)
}

#[tokio::test]
async fn cloud_events() {
    let attributes = json!({"specversion": "1.0", "id": "7", "source": "/s", "type": "t"});
    let with = |name: &str, value: Value| {
        let mut attributes = attributes.clone();
        attributes[name] = value;
        attributes
    };
    let typed = |name: &str| with("datacontenttype", json!(name));
    const BINARY: [(&str, &str); 4] = [
        ("ce-specversion", "1.0"),
        ("ce-id", "7"),
        ("ce-source", "/s"),
        ("ce-type", "t"),
    ];
    let [version, id, source, kind] = BINARY;
    let fields = |fields: Vec<(&'static str, &'static str)>| -> Fields { fields.leak() };
    let binary = |with: (&'static str, &'static str)| fields(vec![version, id, source, kind, with]);
    let xml = ("content-type", "application/xml");
    all_hold(vec![
        row(CLOUD, event(r#","data":{"n":1.0,"$via":2}"#), Event(serde_json::from_str("{\"n\":1.0}").unwrap(), attributes.clone())),
        row(CLOUD, event(""), Event(json!({}), attributes.clone())),
        row(CLOUD, event(r#","data":[1]"#), Event(json!({"items": [1]}), attributes.clone())),
        row(CLOUD, event(r#","data":null"#), Event(json!({"value": null}), attributes.clone())),
        row(CLOUD, event(r#","data":"x\ud83d""#), Event(json!({"value": "x\u{fffd}"}), attributes.clone())),
        row(CLOUD, event(r#","tenant":"a","count":3"#), Event(json!({}), json!({"specversion": "1.0", "id": "7", "source": "/s", "type": "t", "tenant": "a", "count": 3}))),
        row(
            CLOUD,
            event(r#","datacontenttype":"text/xml","data":"<a/>""#),
            Event(json!({"body": "<a/>", "encoding": "utf8"}), typed("text/xml")),
        ),
        row(
            CLOUD,
            event(r#","datacontenttype":"text/plain","data":"hi""#),
            Event(json!({"body": "hi"}), typed("text/plain")),
        ),
        row(CLOUD, event(r#","data_base64":"AAE=""#), Event(json!({"body": "\0\u{1}", "encoding": "utf8"}), attributes.clone())),
        row(CLOUD, event(r#","data_base64":"//4=""#), Event(json!({"body": "//4=", "encoding": "base64"}), attributes.clone())),
        row(
            CLOUD,
            event(r#","datacontenttype":"application/json","data_base64":"eyJuIjoxfQ==""#),
            Event(json!({"n": 1}), typed("application/json")),
        ),
        row(CLOUD, event(r#","datacontenttype":"application/json","data_base64":"AAE=""#), Refused(400, "bad-cloudevent", "not what its type says")),
        row(CLOUD, event(r#","data_base64":"?""#), Refused(400, "bad-cloudevent", "not base64")),
        row(CLOUD, event(r#","data":1,"data_base64":"AAE=""#), Refused(400, "bad-cloudevent", "both")),
        row(CLOUD, event(r#","tenant":{}"#), Refused(400, "bad-cloudevent", "`tenant`")),
        row(CLOUD, r#"{"specversion":"1.0","id":"7","source":"/s"}"#, Refused(400, "bad-cloudevent", "no `type`")),
        row(CLOUD, r#"{"specversion":"0.3","id":"7","source":"/s","type":"t"}"#, Refused(400, "bad-cloudevent", "`0.3`")),
        row(CLOUD, r#"{"specversion":"1.0","id":7,"source":"/s","type":"t"}"#, Refused(400, "bad-cloudevent", "no `id`")),
        row(CLOUD, "[]", Refused(400, "bad-cloudevent", "not a JSON object")),
        row(CLOUD, "{", Refused(400, "bad-json", "EOF")),
        row(CLOUD, "", Refused(400, "bad-json", "empty")),
        row(binary(JSON), "{\"n\":1}", Event(json!({"n": 1}), attributes.clone())),
        row(binary(("ce-subject", "caf%C3%A9")), "{\"n\":1}", Event(json!({"n": 1}), with("subject", json!("café")))),
        row(binary(JSON), "", Event(json!({}), attributes.clone())),
        row(binary(xml), "<a/>", Event(json!({"body": "<a/>", "encoding": "utf8"}), attributes.clone())),
        row(binary(FORM[0]), "a=1", Event(json!({"a": "1"}), attributes.clone())),
        row(fields(vec![JSON, version, id, source]), "{}", Refused(400, "bad-cloudevent", "no `type`")),
        row(fields(vec![JSON, id, source, kind]), "{}", Data(json!({}))),
    ])
    .await;
}
