//! `multipart/form-data`: texts and files, however the body is cut on its way.

use std::sync::LazyLock;

use bytes::Bytes;
use serde_json::Value;
use stepwell::ingest::inspect::Forms;
use tokio::runtime::{Builder, Runtime};

/// Bytes that a form, and its texts, may have.
const MOST: u64 = 8 * 1024;
const TEXTS: usize = 1024;

static READER: LazyLock<(Runtime, Forms)> = LazyLock::new(|| {
    let directory = std::env::temp_dir().join(format!("stepwell-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory for files");
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build();
    let workspace = "fuzz".parse().expect("a name");
    let forms = Forms::new(workspace, &directory, (MOST, TEXTS));
    (runtime.expect("a runtime"), forms.expect("a vault"))
});

/// Takes a content type, one line, and a body. `true` if it is a form that becomes a task.
///
/// # Panics
/// If the same form is another one when it comes in other pieces, if more comes out than went in, or if a file is not
/// the one that the data describe.
pub fn run(bytes: &[u8]) -> bool {
    let end = bytes.iter().position(|byte| *byte == b'\n');
    let (content_type, body) = bytes.split_at(end.unwrap_or(bytes.len()));
    let body = body.get(1..).unwrap_or_default();
    let Ok(content_type) = std::str::from_utf8(content_type) else {
        return false;
    };
    let (runtime, forms) = &*READER;
    let read = |size: usize| {
        let pieces = body.chunks(size).map(Bytes::copy_from_slice).collect();
        runtime.block_on(forms.read(content_type, pieces))
    };
    let whole = read(body.len().max(1));
    let in_pieces = read(if body.len() < 512 { 1 } else { 13 });
    let (data, files) = match (whole, in_pieces) {
        (Ok(whole), Ok(in_pieces)) => {
            assert_eq!(whole, in_pieces, "another form in pieces");
            whole
        }
        (Err(_), Err(_)) => return false,
        (whole, in_pieces) => panic!("{whole:?} in one piece, {in_pieces:?} in several"),
    };
    let sizes = files.iter().map(Vec::len);
    assert!(sizes.clone().sum::<usize>() <= body.len());
    let value: Value = serde_json::from_slice(&data).expect("a form that becomes JSON");
    let mut described = Vec::new();
    sizes_in(&value, &mut described);
    let mut sizes: Vec<_> = sizes.collect();
    sizes.sort_unstable();
    described.sort_unstable();
    // A field `payload` may hold any numbers.
    assert!(value.get("payload").is_some() || described == sizes);
    true
}

/// All numbers in a value: of a form, they are the sizes of files.
fn sizes_in(value: &Value, found: &mut Vec<usize>) {
    match value {
        Value::Number(number) => {
            found.extend(number.as_u64().and_then(|size| usize::try_from(size).ok()));
        }
        Value::Array(items) => items.iter().for_each(|item| sizes_in(item, found)),
        Value::Object(members) => members.values().for_each(|member| sizes_in(member, found)),
        _ => {}
    }
}
