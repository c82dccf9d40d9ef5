//! Bodies that are not what they say, or that are too much.

use super::{Row, chunked, json, post};

pub(super) fn rows() -> Vec<Row> {
    let json_of = |body: &str| json(body);
    let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let parts = |body: &str| post("content-type: multipart/form-data; boundary=x\r\n", body);
    vec![
        ("nothing", json_of(""), 400, ""),
        ("an open bracket", json_of("{"), 400, "bad-json"),
        ("two values", json_of("{} {}"), 400, "bad-json"),
        ("a comment", json_of("{} // {}"), 400, "bad-json"),
        ("NaN", json_of("{\"a\": NaN}"), 400, "bad-json"),
        ("one quote", json_of("{'a': 1}"), 400, "bad-json"),
        ("a comma", json_of("[1,]"), 400, "bad-json"),
        ("a control", json_of("{\"a\": \"\u{1}\"}"), 400, "bad-json"),
        ("bytes", json(b"{\"a\": \"\xff\xfe\"}"), 400, ""),
        ("UTF-16", json(b"\xff\xfe{\0}\0"), 400, ""),
        ("a mark", json_of("\u{feff}{}"), 200, "task"),
        ("half a pair", json_of("{\"a\": \"\\ud800\"}"), 200, "task"),
        ("deep", json_of(&deep(65)), 400, ""),
        ("very deep", json_of(&deep(500_000)), 400, ""),
        (
            "deep objects",
            json_of(&("{\"a\":".repeat(100_000) + "1" + &"}".repeat(100_000))),
            400,
            "",
        ),
        ("deep and open", json_of(&"[".repeat(1_000_000)), 400, ""),
        (
            "a long number",
            json_of(&format!("[{}]", "9".repeat(1_000_000))),
            200,
            "task",
        ),
        (
            "a large exponent",
            json_of("[1e99999999999999999999]"),
            200,
            "task",
        ),
        (
            "too long",
            json_of(&format!("\"{}\"", "x".repeat(1 << 20))),
            413,
            "",
        ),
        (
            "names of prototypes",
            json_of("{\"__proto__\": {\"a\": 1}, \"constructor\": 1}"),
            200,
            "task",
        ),
        (
            "an origin",
            json_of("{\"$via\": {\"type\": \"cron\"}}"),
            200,
            "task",
        ),
        ("no chunk", chunked("zz\r\n{}\r\n0\r\n\r\n"), 400, ""),
        ("a long chunk", chunked("ffffffffffffffff\r\n{}"), 400, ""),
        (
            "a chunk beyond numbers",
            chunked("fffffffffffffffffffff\r\n{}"),
            400,
            "",
        ),
        (
            "a chunk below nothing",
            chunked("-2\r\n{}\r\n0\r\n\r\n"),
            400,
            "",
        ),
        (
            "chunks of a byte",
            chunked(&("1\r\n \r\n".repeat(50_000) + "2\r\n{}\r\n0\r\n\r\n")),
            200,
            "task",
        ),
        (
            "a note of a chunk",
            chunked(&format!("2;{}\r\n{{}}\r\n0\r\n\r\n", "x".repeat(100_000))),
            400,
            "",
        ),
        (
            "fields behind chunks",
            chunked(&format!(
                "2\r\n{{}}\r\n0\r\n{}\r\n",
                "x: y\r\n".repeat(20_000)
            )),
            400,
            "",
        ),
        ("no part", parts(""), 400, ""),
        (
            "a part without an end",
            parts("--x\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\nb"),
            400,
            "",
        ),
        (
            "a part without a name",
            parts("--x\r\n\r\nb\r\n--x--\r\n"),
            400,
            "",
        ),
        (
            "no boundary",
            post("content-type: multipart/form-data\r\n", "--x--"),
            400,
            "",
        ),
        (
            "a long boundary",
            post(
                &format!(
                    "content-type: multipart/form-data; boundary={}\r\n",
                    "x".repeat(10_000)
                ),
                "--x--",
            ),
            400,
            "",
        ),
        (
            "many fields of a form",
            post(
                "content-type: application/x-www-form-urlencoded\r\n",
                "a=1&".repeat(100_000),
            ),
            400,
            "",
        ),
        (
            "brackets of a form",
            post(
                "content-type: application/x-www-form-urlencoded\r\n",
                format!("a{}=1", "[b]".repeat(100_000)),
            ),
            400,
            "",
        ),
        (
            "many lines",
            post(
                "content-type: application/x-ndjson\r\n",
                "{}\n".repeat(1_001),
            ),
            413,
            "",
        ),
        (
            "a line that is none",
            post("content-type: application/x-ndjson\r\n", "{}\n{\n{}\n"),
            400,
            "",
        ),
        (
            "gzip that is none",
            post(
                "content-type: application/json\r\ncontent-encoding: gzip\r\n",
                "{}",
            ),
            400,
            "",
        ),
        (
            "many codings",
            post(
                "content-type: application/json\r\ncontent-encoding: gzip, gzip, gzip, gzip\r\n",
                "{}",
            ),
            415,
            "",
        ),
        (
            "an unknown coding",
            post(
                "content-type: application/json\r\ncontent-encoding: x-bomb\r\n",
                "{}",
            ),
            415,
            "",
        ),
        (
            "a type of nothing",
            post("content-type: \r\n", "{}"),
            200,
            "task",
        ),
        (
            "a long type",
            post(
                &format!("content-type: application/{}\r\n", "x".repeat(4_000)),
                "{}",
            ),
            200,
            "task",
        ),
        (
            "an event that is none",
            post("content-type: application/cloudevents+json\r\n", "{}"),
            400,
            "",
        ),
    ]
}
