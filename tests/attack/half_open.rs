//! Connections whose requests never end.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::attacker::Sent;
use super::fixtures::fixture;
use super::urgency;

/// Between two bytes of those that go on, and two looks at all of them.
const DRIP: Duration = Duration::from_millis(250);

/// The arguments with which a server speaks TLS.
pub fn tls() -> [String; 4] {
    let fixture = |name: &str| fixture(name).display().to_string();
    [
        "--tls-cert".into(),
        fixture("one.pem"),
        "--tls-key".into(),
        fixture("one.key"),
    ]
}

/// What the n-th connection sends at first, and whether it goes on byte by byte.
fn begun(path: &str, n: usize) -> (Vec<u8>, bool) {
    let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\n");
    match n % 5 {
        0 => (Vec::new(), false),
        1 => (format!("{head}x-a: ").into_bytes(), true),
        2 => (
            format!("{head}content-length: 9\r\n\r\n{{").into_bytes(),
            false,
        ),
        3 => (
            format!("{head}content-length: 9000\r\n\r\n{{").into_bytes(),
            true,
        ),
        // A greeting of TLS, of which the rest does not come.
        _ => (vec![22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3], false),
    }
}

/// Keeps `count` connections open until `until`; those that the server closes are opened again. Counts what was opened as
/// accepted, and what was closed as refused.
pub fn start(address: SocketAddr, path: &str, count: usize, until: Instant, sent: Arc<Sent>) {
    let path = path.to_owned();
    std::thread::spawn(move || {
        urgency::last();
        let mut open: Vec<Option<TcpStream>> = (0..count).map(|_| None).collect();
        while Instant::now() < until {
            for (n, place) in open.iter_mut().enumerate() {
                let (begun, goes_on) = begun(&path, n);
                if let Some(stream) = place {
                    if is_open(stream, goes_on) {
                        continue;
                    }
                    sent.refused.fetch_add(1, Ordering::Relaxed);
                }
                *place = TcpStream::connect(address).ok().filter(|stream| {
                    let mut stream = stream;
                    stream.write_all(&begun).is_ok() && stream.set_nonblocking(true).is_ok()
                });
                if place.is_some() {
                    sent.accepted.fetch_add(1, Ordering::Relaxed);
                }
            }
            std::thread::sleep(DRIP);
        }
    });
}

/// Whether the server has not closed it. Sends another byte if it is to go on.
fn is_open(mut stream: &TcpStream, goes_on: bool) -> bool {
    let mut answer = [0; 1024];
    match stream.read(&mut answer) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            !goes_on || stream.write_all(b"0").is_ok()
        }
        // An answer is the end of it, too.
        _ => false,
    }
}
