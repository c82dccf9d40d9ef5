//! Components that no toolchain makes. Each row: its name, its bytes, and how it is refused or how its run ends.

use serde_json::json;

use super::Ends::{Fault, Refused, Says};
use super::{Ends, Ground};
use crate::hostile_components::component;

const LIMITS: &str = "fuel=60000000&timeout_ms=20000&attempts=1&memory=8388608";

type Row = (&'static str, Vec<u8>, Ends);

/// A step whose `run` does this, beside which the module has `more`.
fn runs(more: &str, run: &str) -> Vec<u8> {
    component("1", more, "", run)
}

/// A component whose condition is this text, in WAT's escapes.
fn condition(text: &str, length: usize) -> Vec<u8> {
    let stores = format!(
        "(i32.store (i32.const 0) (i32.const 4096)) (i32.store offset=4 (i32.const 0) (i32.const {length}))"
    );
    component(
        "32",
        &format!("(data (i32.const 4096) \"{text}\")"),
        &stores,
        "",
    )
}

fn component_of(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

/// An import of the component, as WIT would have it.
fn importing(import: &str) -> Vec<u8> {
    component_of(&format!("(component {import})"))
}

/// A module with so many functions of such a body.
fn functions(count: usize, body: &str) -> String {
    format!("(func {body})").repeat(count)
}

const FUEL: Ends = Fault("fuel", "out of fuel");

pub(super) fn rows() -> Vec<Row> {
    let mut rows = traps();
    rows.extend(not_taken());
    rows.extend(conditions());
    rows
}

fn traps() -> Vec<Row> {
    let table = "(table $t 4 funcref) (type $void (func)) (type $one (func (param i32)))";
    vec![
        (
            "unreachable",
            runs("", "unreachable"),
            Fault("trap", "unreachable"),
        ),
        (
            "division",
            runs("", "(drop (i32.div_u (i32.const 1) (i32.const 0)))"),
            Fault("trap", "divide by zero"),
        ),
        (
            "overflow",
            runs(
                "",
                "(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))",
            ),
            Fault("trap", "overflow"),
        ),
        (
            "truncation",
            runs("", "(drop (i32.trunc_f64_s (f64.const nan)))"),
            Fault("trap", "conversion to integer"),
        ),
        (
            "load",
            runs("", "(drop (i32.load (i32.const -4)))"),
            Fault("trap", "out of bounds"),
        ),
        (
            "store",
            runs(
                "",
                "(i64.store offset=0xffffffff (i32.const -1) (i64.const 0))",
            ),
            Fault("trap", "out of bounds"),
        ),
        (
            "fill",
            runs(
                "",
                "(memory.fill (i32.const 1) (i32.const 0) (i32.const -1))",
            ),
            FUEL,
        ),
        (
            "copy",
            runs(
                "",
                "(memory.copy (i32.const 0) (i32.const -9) (i32.const 99))",
            ),
            Fault("trap", "out of bounds"),
        ),
        (
            "dropped data",
            runs(
                "(data $d \"abcdef\")",
                "(data.drop $d) (memory.init $d (i32.const 0) (i32.const 0) (i32.const 3))",
            ),
            Fault("trap", "out of bounds"),
        ),
        (
            "null call",
            runs(table, "(call_indirect (type $void) (i32.const 0))"),
            Fault("trap", "uninitialized element"),
        ),
        (
            "call outside",
            runs(table, "(call_indirect (type $void) (i32.const 99))"),
            Fault("trap", "out of bounds"),
        ),
        (
            "call of another type",
            runs(
                &format!("{table} (func $f (type $one)) (elem (table $t) (i32.const 0) func $f)"),
                "(call_indirect (type $void) (i32.const 0))",
            ),
            Fault("trap", "type mismatch"),
        ),
        (
            "table.get",
            runs(
                "(table $t 1 funcref)",
                "(drop (table.get $t (i32.const 5)))",
            ),
            Fault("trap", "out of bounds"),
        ),
        ("loop", runs("", "(loop $l (br $l))"), FUEL),
        (
            "loop of blocks",
            runs("", "(loop $l (block $b (br_if $b (i32.const 0))) (br $l))"),
            FUEL,
        ),
        (
            "growth by nothing",
            runs("", "(loop $l (drop (memory.grow (i32.const 0))) (br $l))"),
            FUEL,
        ),
        (
            "growth",
            runs("", "(loop $l (drop (memory.grow (i32.const 1))) (br $l))"),
            Fault("memory", "8388608"),
        ),
        (
            "growth at once",
            runs("", "(drop (memory.grow (i32.const 65535)))"),
            Fault("memory", "8388608"),
        ),
        (
            "growth of a table",
            runs(
                "(table $t 1 funcref)",
                "(loop $l (drop (table.grow $t (ref.null func) (i32.const 1000))) (br $l))",
            ),
            FUEL,
        ),
        (
            "large fills",
            runs(
                "",
                "(loop $l (memory.fill (i32.const 0) (i32.const 1) (i32.const 65536)) (br $l))",
            ),
            FUEL,
        ),
        (
            "recursion",
            runs("(func $f (call $f) (call $f))", "(call $f)"),
            Fault("stack", ""),
        ),
        (
            "wide recursion",
            runs(
                &format!(
                    "(func $f (local {}) (call $f) (call $f))",
                    "i64 ".repeat(900)
                ),
                "(call $f)",
            ),
            Fault("stack", ""),
        ),
        (
            "tail calls",
            runs("(func $f (return_call $f))", "(call $f)"),
            FUEL,
        ),
        (
            "a result at the end of memory",
            runs("", "(return (i32.const 65535))"),
            Fault("trap", "canonical ABI"),
        ),
        (
            "a result that is not aligned",
            runs("", "(return (i32.const 17))"),
            Fault("trap", "canonical ABI"),
        ),
        (
            "a message of 2 GiB",
            runs(
                "",
                "(i32.store (i32.const 16) (i32.const 1)) (i32.store offset=4 (i32.const 16) (i32.const 0)) (i32.store offset=8 (i32.const 16) (i32.const 0)) (i32.store offset=12 (i32.const 16) (i32.const 0x7fffffff))",
            ),
            Fault("trap", "canonical ABI"),
        ),
    ]
}

fn not_taken() -> Vec<Row> {
    let deep = format!("{}{}", "(block ".repeat(20_000), ")".repeat(20_000));
    let mut cut = runs("", "");
    cut.truncate(cut.len() / 2);
    let mut flipped = runs("", "");
    let at = flipped.len() / 3;
    flipped[at..at + 8].fill(0xff);
    let long_name = "x".repeat(200_000);
    vec![
        ("nothing", Vec::new(), Refused("not-a-component", "")),
        ("text", b"hello".to_vec(), Refused("not-a-component", "")),
        (
            "magic alone",
            b"\0asm".to_vec(),
            Refused("not-a-component", ""),
        ),
        (
            "a later version",
            b"\0asm\xff\xff\xff\xff".to_vec(),
            Refused("not-a-component", ""),
        ),
        ("cut", cut, Refused("not-a-component", "")),
        ("flipped", flipped, Refused("not-a-component", "")),
        (
            "ELF",
            b"\x7fELF\x02\x01\x01".repeat(100),
            Refused("not-a-component", ""),
        ),
        (
            "gzip",
            b"\x1f\x8b\x08\0\0\0\0\0\0\x03".repeat(10),
            Refused("not-a-component", ""),
        ),
        (
            "zip",
            b"PK\x03\x04".repeat(100),
            Refused("not-a-component", ""),
        ),
        (
            "a module",
            wat::parse_str("(module)").unwrap(),
            Refused("not-a-component", ""),
        ),
        (
            "no exports",
            component_of("(component)"),
            Refused("missing-export", ""),
        ),
        (
            "sockets",
            importing("(import \"wasi:sockets/tcp@0.2.0\" (instance))"),
            Refused("foreign-import", "wasi:sockets"),
        ),
        (
            "files",
            importing("(import \"wasi:filesystem/types@0.2.0\" (instance))"),
            Refused("missing-export", ""),
        ),
        (
            "a later world",
            importing("(import \"stepwell:step/data@9.9.9\" (instance (export \"get\" (func))))"),
            Refused("missing-export", ""),
        ),
        (
            "the engine's own",
            importing("(import \"stepwell:step/script@0.1.0\" (instance))"),
            Refused("foreign-import", "script"),
        ),
        (
            "another name",
            importing("(import \"system\" (func))"),
            Refused("foreign-import", "system"),
        ),
        (
            "start loops",
            runs("(func $s (loop $l (br $l))) (start $s)", ""),
            Refused("condition-failed", "fuel"),
        ),
        (
            "start traps",
            runs("(func $s unreachable) (start $s)", ""),
            Refused("condition-failed", "unreachable"),
        ),
        (
            "start grows",
            runs(
                "(func $s (loop $l (drop (memory.grow (i32.const 1))) (br $l))) (start $s)",
                "",
            ),
            Refused("condition-failed", "8388608"),
        ),
        (
            "data outside",
            runs("(data (i32.const 65535) \"abc\")", ""),
            Refused("condition-failed", "out of bounds"),
        ),
        (
            "shared memory",
            component("1 2 shared", "", "", ""),
            Refused("not-a-component", ""),
        ),
        (
            "memory of 64 bits",
            runs("(memory i64 1)", ""),
            Refused("compile-failed", ""),
        ),
        (
            "a large memory",
            component("65536", "", "", ""),
            Refused("too-many-parts", "at most"),
        ),
        (
            "many locals",
            runs(&format!("(func (local {}))", "i64 ".repeat(50_001)), ""),
            Refused("not-a-component", ""),
        ),
        (
            "many parameters",
            runs(&format!("(func (param {}))", "i32 ".repeat(1_001)), ""),
            Refused("not-a-component", ""),
        ),
        (
            "many results",
            runs(
                &format!("(type (func (result {})))", "i32 ".repeat(1_001)),
                "",
            ),
            Refused("not-a-component", ""),
        ),
        (
            "a large table",
            runs("(table 10000000 funcref)", ""),
            Refused("compile-failed", ""),
        ),
        (
            "a deep body",
            runs(&format!("(func {deep})"), ""),
            Says(json!(null)),
        ),
        (
            "many functions",
            runs(&functions(1_000_001, ""), ""),
            Refused("not-a-component", ""),
        ),
        (
            "a long name",
            runs(&format!("(func (export \"{long_name}\"))"), ""),
            Refused("not-a-component", ""),
        ),
        (
            "too many bytes",
            vec![0; 33 << 20],
            Refused("too-large", ""),
        ),
    ]
}

fn conditions() -> Vec<Row> {
    let deep = "[".repeat(5_000);
    vec![
        (
            "a condition that is no JSON",
            condition("{a: 1", 5),
            Refused("bad-condition", ""),
        ),
        (
            "one that ends early",
            condition("{", 1),
            Refused("bad-condition", ""),
        ),
        (
            "one that is nothing",
            condition("", 0),
            Refused("bad-condition", ""),
        ),
        (
            "one of bytes",
            condition("\\ff\\fe", 2),
            Refused("condition-failed", ""),
        ),
        (
            "one that is deep",
            condition(&deep, 5_000),
            Refused("bad-condition", ""),
        ),
        (
            "one that is long",
            condition("", 2_000_000),
            Refused("condition-failed", ""),
        ),
        (
            "one beyond the memory",
            condition("", 0x7fff_ffff),
            Refused("condition-failed", ""),
        ),
        (
            "an operator that is none",
            condition("{\\22a\\22:{\\22$where\\22:\\221\\22}}", 20),
            Refused("bad-condition", "$where"),
        ),
        (
            "a condition that loops",
            component("1", "", "(loop $l (br $l))", ""),
            Refused("condition-failed", "fuel"),
        ),
        (
            "a condition that traps",
            component("1", "", "unreachable", ""),
            Refused("condition-failed", "unreachable"),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn components() {
    let mut ground = Ground::new().await;
    let body = json!({"n": 1});
    for (name, bytes, ends) in rows() {
        let row = async |ground: &Ground| ground.step_ends(bytes, LIMITS, &body, &ends).await;
        ground.row(name, row).await;
    }
    ground.over().await;
}
