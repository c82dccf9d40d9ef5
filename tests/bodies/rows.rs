//! One row a request: its header fields, its body, and the task's data or the refusal.

use std::io::Write;

use data_encoding::HEXLOWER;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use reqwest::Method;
use serde_json::{Value, json};

use super::{data, send};
use crate::support::{Server, refusal};

pub(super) type Fields = &'static [(&'static str, &'static str)];

pub(super) enum Becomes {
    /// One task with this data.
    Data(Value),
    /// One task with this data, and this event in `$via.cloudevent`.
    Event(Value, Value),
    /// Status and code, and what the detail says.
    Refused(u16, &'static str, &'static str),
}
use Becomes::{Data, Event, Refused};

pub(super) struct Row {
    fields: Fields,
    body: Vec<u8>,
    becomes: Becomes,
}

pub(super) fn row(fields: Fields, body: impl Into<Vec<u8>>, becomes: Becomes) -> Row {
    Row {
        fields,
        body: body.into(),
        becomes,
    }
}

pub(super) const JSON: (&str, &str) = ("content-type", "application/json");
pub(super) const FORM: Fields = &[("content-type", "application/x-www-form-urlencoded")];
const TEXT: Fields = &[("content-type", "text/plain; charset=UTF-8")];
const XML: Fields = &[("content-type", "application/xml")];
const PARTS: Fields = &[("content-type", "multipart/form-data; boundary=\"-x-\"")];
const GZIP: Fields = &[JSON, ("content-encoding", "gzip")];
const DEFLATE: Fields = &[JSON, ("content-encoding", "deflate")];
const BR: Fields = &[JSON, ("content-encoding", "br")];
const ZSTD: Fields = &[JSON, ("content-encoding", "zstd")];

const TEN: &[u8] = b"{\"a\":[1,2,3,4,5,6,7,8,9,10]}";
/// `TEN` by Node's zlib.
const BROTLI: &str = "8b0d807b2261223a5b312c322c332c342c352c362c372c382c392c31305d7d03";
/// 64 MiB of zeros in 107 bytes, by the same.
const BROTLI_BOMB: &str = "cbffff3ff82700e2b14020f7fe8fffff7ff04f00c4611180eefd1fffffffe09f0088c30200ddfb3ffeffffc13f0110870500baf77ffcffff837f02200e0b0074effff8ffff07ff04401c1600e8defff1ffff0ffe0980382c00d0bdffcbffff3ffc1300715800a07bff07";

fn hex(text: &str) -> Vec<u8> {
    HEXLOWER.decode(text.as_bytes()).unwrap()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::default());
    out.write_all(text).unwrap();
    out.finish().unwrap()
}

fn zlib(text: &[u8]) -> Vec<u8> {
    let mut out = ZlibEncoder::new(Vec::new(), Compression::default());
    out.write_all(text).unwrap();
    out.finish().unwrap()
}

fn raw(text: &[u8]) -> Vec<u8> {
    let mut out = DeflateEncoder::new(Vec::new(), Compression::default());
    out.write_all(text).unwrap();
    out.finish().unwrap()
}

fn zstd(text: &[u8]) -> Vec<u8> {
    zstd::encode_all(text, 3).unwrap()
}

pub(super) async fn all_hold(rows: Vec<Row>) {
    let server = Server::start().await;
    let url = server.webhook("w").await;
    let mut made = 0;
    for Row {
        fields,
        body,
        becomes,
    } in rows
    {
        let shown = String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
        let answer = send(&url, Method::POST, fields, body).await;
        let at = format!("{fields:?} {shown}: {}", answer.body);
        match becomes {
            Refused(status, code, says) => {
                assert_eq!(answer.refusal(), (status, code.to_owned()), "{at}");
                assert!(refusal(&answer.body).detail.contains(says), "{at}");
                let names = answer.headers.get("accept-encoding");
                let names = names.map(|value| value.to_str().unwrap());
                let taken = (code == "unsupported-encoding").then_some("gzip, deflate, br, zstd");
                assert_eq!(names, taken, "{at}");
            }
            Data(expected) => {
                let tasks = answer.tasks();
                assert_eq!(tasks.len(), 1, "{at}");
                let (data, via) = data(&server, &tasks[0]).await;
                assert_eq!(data, expected, "{at}");
                assert_eq!(via.get("cloudevent"), None, "{at}");
                let sent = fields.iter().find(|(name, _)| *name == "content-type");
                assert_eq!(
                    via["contentType"].as_str(),
                    sent.map(|(_, value)| *value),
                    "{at}"
                );
                made += 1;
            }
            Event(expected, event) => {
                let (data, via) = data(&server, &answer.tasks()[0]).await;
                assert_eq!(data, expected, "{at}");
                assert_eq!(via["cloudevent"], event, "{at}");
                made += 1;
            }
        }
    }
    assert_eq!(
        server.tasks("limit=200").await.len(),
        made,
        "a refusal left a task"
    );
    server.is_well().await;
}

#[tokio::test]
async fn codings() {
    let ten: Value = serde_json::from_slice(TEN).unwrap();
    let ten = || Data(ten.clone());
    let zeros = vec![0; 8 * 1024 * 1024];
    let most = |body: Vec<u8>| [b"\"".to_vec(), body, b"\"".to_vec()].concat();
    let largest = most(vec![b'x'; 1024 * 1024 - 2]);
    let larger = most(vec![b'x'; 1024 * 1024 - 1]);
    let text = json!({"value": "x".repeat(1024 * 1024 - 2)});
    all_hold(vec![
        row(GZIP, gzip(TEN), ten()),
        row(&[JSON, ("content-encoding", "X-GZIP")], gzip(TEN), ten()),
        row(GZIP, [gzip(&TEN[..9]), gzip(&TEN[9..])].concat(), ten()),
        row(DEFLATE, zlib(TEN), ten()),
        row(DEFLATE, raw(TEN), ten()),
        row(BR, hex(BROTLI), ten()),
        row(ZSTD, zstd(TEN), ten()),
        row(&[JSON, ("content-encoding", "identity")], TEN, ten()),
        row(&[JSON, ("content-encoding", "")], TEN, ten()),
        row(
            &[JSON, ("content-encoding", "deflate, gzip")],
            gzip(&zlib(TEN)),
            ten(),
        ),
        row(
            &[
                JSON,
                ("content-encoding", "gzip"),
                ("content-encoding", "identity, zstd"),
            ],
            zstd(&gzip(TEN)),
            ten(),
        ),
        row(GZIP, gzip(&largest), Data(text.clone())),
        row(ZSTD, zstd(&largest), Data(text)),
        row(
            GZIP,
            gzip(&larger),
            Refused(413, "body-too-large", "1048576 bytes"),
        ),
        row(
            GZIP,
            gzip(&zeros),
            Refused(413, "body-too-large", "the decoded body"),
        ),
        row(
            DEFLATE,
            zlib(&zeros),
            Refused(413, "body-too-large", "the decoded body"),
        ),
        row(
            ZSTD,
            zstd(&zeros),
            Refused(413, "body-too-large", "the decoded body"),
        ),
        row(
            BR,
            hex(BROTLI_BOMB),
            Refused(413, "body-too-large", "the decoded body"),
        ),
        row(
            &[JSON, ("content-encoding", "gzip, gzip")],
            gzip(&gzip(&zeros)),
            Refused(413, "body-too-large", "the decoded body"),
        ),
        row(GZIP, TEN, Refused(400, "bad-encoding", "no whole gzip")),
        row(
            GZIP,
            &gzip(TEN)[..20],
            Refused(400, "bad-encoding", "no whole gzip"),
        ),
        row(
            DEFLATE,
            &zlib(TEN)[..10],
            Refused(400, "bad-encoding", "it is cut off"),
        ),
        row(BR, TEN, Refused(400, "bad-encoding", "no whole brotli")),
        row(
            BR,
            &hex(BROTLI)[..20],
            Refused(400, "bad-encoding", "no whole brotli"),
        ),
        row(ZSTD, TEN, Refused(400, "bad-encoding", "no whole zstd")),
        row(
            ZSTD,
            &zstd(TEN)[..20],
            Refused(400, "bad-encoding", "no whole zstd"),
        ),
        row(GZIP, gzip(b"{"), Refused(400, "bad-json", "EOF")),
        row(GZIP, "", Refused(400, "bad-json", "empty")),
        row(
            &[JSON, ("content-encoding", "compress")],
            TEN,
            Refused(415, "unsupported-encoding", "`compress` is not taken"),
        ),
        row(
            &[JSON, ("content-encoding", "lzma, gzip")],
            gzip(TEN),
            Refused(415, "unsupported-encoding", "`lzma` is not taken"),
        ),
        row(
            &[JSON, ("content-encoding", "gzip,gzip,gzip,gzip")],
            TEN,
            Refused(415, "unsupported-encoding", "at most 3"),
        ),
    ])
    .await;
}

#[tokio::test]
async fn json_forms_and_texts() {
    let base64 = |text: &str| json!({"body": text, "encoding": "base64"});
    let deep = format!("a{}=1", "[b]".repeat(33));
    let many = "a=1&".repeat(5001);
    all_hold(vec![
        row(&[], "{\"a\":1}", Data(json!({"a": 1}))),
        row(
            &[("content-type", "text/json")],
            "[1]",
            Data(json!({"items": [1]})),
        ),
        row(
            &[JSON],
            r#"{"x\ud83d":"y\ude00","z":"\ud83d\ude00"}"#,
            Data(json!({"x\u{fffd}": "y\u{fffd}", "z": "😀"})),
        ),
        row(&[JSON], r#""\ud83d""#, Data(json!({"value": "\u{fffd}"}))),
        row(
            &[JSON],
            r#"{"x":"\ud8"}"#,
            Refused(400, "bad-json", "escape"),
        ),
        row(
            &[JSON],
            b"\"\xff\"",
            Refused(400, "bad-json", "not UTF-8 at byte 1"),
        ),
        row(FORM, "", Data(json!({}))),
        row(
            FORM,
            "name=Ada+L%C3%B6&n=1",
            Data(json!({"name": "Ada Lö", "n": "1"})),
        ),
        row(
            FORM,
            "t=a&t=b&u%5B%5D=c&v[w][x]=d",
            Data(json!({"t": ["a", "b"], "u": ["c"], "v": {"w": {"x": "d"}}})),
        ),
        row(
            FORM,
            "$via=forged&%24via%5Bname%5D=x&a=1",
            Data(json!({"a": "1"})),
        ),
        row(
            FORM,
            r#"payload={"n":1}"#,
            Data(json!({"payload": {"n": 1}})),
        ),
        row(
            FORM,
            r#"payload={"s":"\ud83d"}"#,
            Data(json!({"payload": {"s": "\u{fffd}"}})),
        ),
        row(
            FORM,
            r#"payload={"n":1}&token=x"#,
            Data(json!({"payload": "{\"n\":1}", "token": "x"})),
        ),
        row(
            FORM,
            r#"payload={"n":"#,
            Data(json!({"payload": "{\"n\":"})),
        ),
        // `curl -d` calls everything a form.
        row(FORM, " {\"n\":1}", Data(json!({"n": 1}))),
        row(FORM, "[1,2]", Data(json!({"items": [1, 2]}))),
        row(FORM, "{\"n\":", Data(json!({"{\"n\":": ""}))),
        row(
            FORM,
            deep,
            Refused(400, "bad-form", "deeper than 32 brackets"),
        ),
        row(
            FORM,
            many,
            Refused(400, "bad-form", "more than 5000 fields"),
        ),
        row(
            FORM,
            "$serde_json::private::Number=1",
            Refused(400, "bad-form", "reserved"),
        ),
        row(
            TEXT,
            "Hello, Wörld\n",
            Data(json!({"body": "Hello, Wörld\n"})),
        ),
        row(TEXT, "", Data(json!({"body": ""}))),
        row(TEXT, "17", Data(json!({"body": "17"}))),
        row(TEXT, "{\"a\": 1", Data(json!({"body": "{\"a\": 1"}))),
        row(
            TEXT,
            " {\"a\": 1.50}",
            Data(serde_json::from_str("{\"a\": 1.50}").unwrap()),
        ),
        row(TEXT, "[{}]", Data(json!({"items": [{}]}))),
        row(TEXT, b"\xef\xbb\xbfhi", Data(json!({"body": "hi"}))),
        row(TEXT, b"\xff\xfe", Data(base64("//4="))),
        row(
            &[("content-type", "text/plain; charset=iso-8859-1")],
            b"caf\xe9",
            Data(json!({"body": "café"})),
        ),
        row(
            &[("content-type", "text/plain; charset=nonsense")],
            "café",
            Data(json!({"body": "café"})),
        ),
        row(
            XML,
            "<a>1</a>",
            Data(json!({"body": "<a>1</a>", "encoding": "utf8"})),
        ),
        row(XML, b"<a>\xe9</a>", Data(base64("PGE+6TwvYT4="))),
        row(XML, "{}", Data(json!({"body": "{}", "encoding": "utf8"}))),
        row(
            &[("content-type", "application/octet-stream")],
            b"\0\x01",
            Data(json!({"body": "\0\u{1}", "encoding": "utf8"})),
        ),
        row(
            &[("content-type", "image/png"), ("content-encoding", "gzip")],
            gzip(b"\x89PNG"),
            Data(base64("iVBORw==")),
        ),
        row(
            &[("content-type", "no type at all")],
            "x",
            Data(json!({"body": "x", "encoding": "utf8"})),
        ),
        row(
            &[("content-type", "text/csv")],
            "a,b\n",
            Data(json!({"body": "a,b\n", "encoding": "utf8"})),
        ),
    ])
    .await;
}

/// A multipart body of these parts: what stands in the disposition, and the value.
fn parts(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut body = String::new();
    for (disposition, value) in parts {
        body.push_str("---x-\r\ncontent-disposition: form-data; ");
        body.push_str(&format!("{disposition}\r\n\r\n{value}\r\n"));
    }
    format!("{body}---x---\r\n").into()
}

#[tokio::test]
async fn forms_in_parts() {
    let field = "name=\"a\"";
    let whole = parts(&[(field, "1")]);
    let many = vec![(field, "1"); 5001];
    all_hold(vec![
        row(PARTS, whole.clone(), Data(json!({"a": "1"}))),
        row(
            PARTS,
            parts(&[(field, "1"), ("name=\"b[c]\"", "ö\r\nü"), (field, "")]),
            Data(json!({"a": ["1", ""], "b": {"c": "ö\r\nü"}})),
        ),
        row(
            PARTS,
            parts(&[("name=\"payload\"", "{\"n\":1}")]),
            Data(json!({"payload": {"n": 1}})),
        ),
        row(
            PARTS,
            parts(&[("name=a\r\ncontent-type: application/json", "{}")]),
            Data(json!({"a": "{}"})),
        ),
        row(PARTS, parts(&[]), Data(json!({}))),
        // A file input that was left empty.
        row(
            PARTS,
            parts(&[("name=\"a\"; filename=\"\"", "")]),
            Data(json!({"a": ""})),
        ),
        row(
            PARTS,
            parts(&[("filename=\"me.png\"", "x")]),
            Refused(400, "bad-form", "no name"),
        ),
        row(
            PARTS,
            &whole[..whole.len() - 8],
            Refused(400, "bad-form", "do not read"),
        ),
        row(PARTS, &whole[..20], Refused(400, "bad-form", "do not read")),
        row(PARTS, "", Refused(400, "bad-form", "do not read")),
        row(PARTS, "a=1", Refused(400, "bad-form", "do not read")),
        row(
            &[("content-type", "multipart/form-data")],
            whole,
            Refused(400, "bad-form", "no boundary"),
        ),
        row(
            PARTS,
            parts(&many),
            Refused(400, "bad-form", "more than 5000 fields"),
        ),
    ])
    .await;
}
