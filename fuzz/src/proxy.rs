//! The PROXY header that a connection begins with.

use std::sync::LazyLock;

use stepwell::http::proxy_protocol::read_client;
use tokio::runtime::{Builder, Runtime};

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().build().expect("a runtime"));
/// What the client sends behind the header.
const REQUEST: &[u8] = b"GET / HTTP/1.1";

/// Takes the bytes that a connection begins with. `true` if they begin with a header.
///
/// # Panics
/// If what is read depends on what follows the header, or if the header is longer than it says.
pub fn run(bytes: &[u8]) -> bool {
    let read = |bytes: &[u8]| {
        let mut rest = bytes;
        let client = RUNTIME.block_on(read_client(&mut rest));
        client.ok().map(|client| (client, bytes.len() - rest.len()))
    };
    let Some((client, length)) = read(bytes) else {
        return false;
    };
    assert_eq!(bytes[..12], *b"\r\n\r\n\0\r\nQUIT\n", "no signature");
    let said = usize::from(u16::from_be_bytes([bytes[14], bytes[15]]));
    assert_eq!(length, 16 + said, "another length than the header says");
    let other = [&bytes[..length], REQUEST].concat();
    assert_eq!(read(&other), Some((client, length)));
    assert_eq!(read(&bytes[..length - 1]), None, "a header that is cut");
    true
}
