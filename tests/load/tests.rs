//! What the load harness's figures rest on, tested apart from it: a benchmark has no test runner.
//! The parsers are compiled in a second time, from the same files.

#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "process.rs"]
#[allow(dead_code)]
mod process;
#[path = "response.rs"]
mod response;

use response::{BadResponse, parse, task_id};

const ID: &str = "01937f2e-3c5a-7b1d-9f00-0123456789ab";

fn answer() -> Vec<u8> {
    let body = format!("{{\"task\":\"{ID}\"}}");
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCONTENT-LENGTH:  {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

#[test]
fn a_response_is_complete_with_its_last_byte_and_not_before() {
    let answer = answer();
    for end in 0..answer.len() {
        assert_eq!(parse(&answer[..end]), Ok(None), "after {end} bytes");
    }
    let whole = parse(&answer).unwrap().unwrap();
    assert_eq!(whole.status, 200);
    assert_eq!(whole.body.end, answer.len());
    assert_eq!(
        task_id(&answer[whole.body]),
        Some(uuid::Uuid::try_parse(ID).unwrap().as_u128())
    );
}

#[test]
fn a_response_that_cannot_be_measured_is_refused() {
    let table: [(&[u8], BadResponse); 6] = [
        (
            b"HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n",
            BadResponse::StatusLine,
        ),
        (
            b"HTTP/1.1 2x0 OK\r\ncontent-length: 0\r\n\r\n",
            BadResponse::StatusLine,
        ),
        (b"\r\n\r\n", BadResponse::StatusLine),
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            BadResponse::Length,
        ),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
            BadResponse::Length,
        ),
        (&[b'x'; 9000], BadResponse::Head),
    ];
    for (bytes, bad) in table {
        assert_eq!(parse(bytes), Err(bad), "{}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn only_a_version_7_uuid_under_task_is_a_task() {
    let table = [
        (format!("{{\"task\":\"{ID}\"}}"), true),
        (format!("{{ \"ok\": true, \"task\" : \"{ID}\" }}"), true),
        (format!("{{\"task\":\"{ID}0\"}}"), false),
        (format!("{{\"task\":\"{}\"}}", &ID[..35]), false),
        (format!("{{\"job\":\"{ID}\"}}"), false),
        (
            "{\"task\":\"a8098c1a-f86e-41da-bd1a-00112444be1e\"}".to_owned(),
            false,
        ),
        ("{\"task\":7}".to_owned(), false),
        ("{\"task\"".to_owned(), false),
        (String::new(), false),
    ];
    for (body, is_task) in table {
        assert_eq!(task_id(body.as_bytes()).is_some(), is_task, "{body}");
    }
}

#[test]
fn cpu_and_memory_are_read_as_proc_writes_them() {
    let stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 5 6 7 8 120 34 9 9 20 0 3 0 100 1 2";
    assert_eq!(process::process_ticks(stat), Some(154));
    assert_eq!(process::process_ticks("42 (cut"), None);
    assert_eq!(process::family_ticks(stat, 42), Some(154 + 18));
    assert_eq!(process::family_ticks(stat, 1), Some(154));
    assert_eq!(process::family_ticks(stat, 7), None);
    let machine = "cpu  10 20 30 1000 2000 4 5 6 7 8\ncpu0 1 1 1 1 1 1 1 1 1 1\n";
    assert_eq!(process::machine_ticks(machine), Some(75));
    assert_eq!(process::machine_ticks("cpu0 1 1 1 1 1 1 1 1"), None);
    let status = "Name:\tx\nVmHWM:\t    300 kB\nVmRSS:\t    200 kB\n";
    assert_eq!(process::kibibytes(status, "VmRSS:"), Some(200));
    assert_eq!(process::kibibytes(status, "VmSwap:"), None);
}

#[test]
fn cpu_time_grows_with_work_and_belongs_to_a_process() {
    let own = std::process::id();
    let before = process::cpu_time(own).unwrap();
    let mut sum = 0_u64;
    while process::cpu_time(own).unwrap() < before + std::time::Duration::from_millis(30) {
        sum = std::hint::black_box(sum.wrapping_add(1));
    }
    assert!(process::machine_cpu_time().unwrap() >= before);
    assert!(process::resident(own).unwrap() <= process::peak_resident(own).unwrap());
    assert!(process::cpu_time(u32::MAX).is_err());
}
