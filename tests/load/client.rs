//! The load generator: one thread, one epoll, keep-alive connections, each with one request under
//! way. It shares the cores with the server it measures, so a request costs two system calls and
//! no allocation: the request's bytes are made once, the response is read into a fixed buffer.
//!
//! It is a closed loop: a connection sends its next request when it has read the last answer. A
//! server that is slow is therefore also asked less, and its latencies are those at the rate that
//! it reached, not at a rate that was set.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail, ensure};
use hdrhistogram::Histogram;
use mio::{Events, Interest, Poll, Token};

use super::response;

/// Room for one response; a longer one is no answer to a webhook.
const RESPONSE_BYTES: usize = 16 * 1024;
/// The longest that an answer may take. Past it the server is taken to be stuck.
const STUCK: Duration = Duration::from_secs(20);

/// When connections stop sending.
#[derive(Debug, Clone, Copy)]
pub enum Until {
    /// After this long.
    Elapsed(Duration),
    /// After so many requests over all connections.
    Requests(u64),
}

/// A task that the server said it has.
#[derive(Debug, Clone, Copy)]
pub struct Accepted {
    /// Its id.
    pub id: u128,
    /// When its request was sent, in microseconds since 1970.
    pub sent_us: u64,
}

/// What a round of load came to.
#[derive(Debug)]
pub struct Outcome {
    /// Every accepted task, in the order of the answers.
    pub accepted: Vec<Accepted>,
    /// Answers that were not 200, and 200s without a task's id.
    pub refused: u64,
    /// The first of those, in words.
    pub refusal: Option<String>,
    /// When the first request was sent.
    pub first: Instant,
    /// When the last answer was read.
    pub last: Instant,
    /// From sending a request to having its answer, in microseconds, of accepted ones.
    pub latency: Histogram<u64>,
}

impl Outcome {
    /// Answers of any kind.
    pub fn answers(&self) -> u64 {
        self.accepted.len() as u64 + self.refused
    }
}

/// The bytes of a request.
#[derive(Debug, Clone)]
pub struct Request {
    bytes: Vec<u8>,
    /// Where its number stands, which no other one has, if it has one.
    number: Option<usize>,
}

/// Digits of a request's number.
const DIGITS: usize = 20;

/// A `POST` of `body` to `path`, with further header fields, each with its line's end.
pub fn request(address: SocketAddr, path: &str, headers: &str, body: &[u8]) -> Request {
    let mut bytes = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nuser-agent: stepwell-load\r\n\
         content-type: application/json\r\n{headers}content-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    Request {
        bytes,
        number: None,
    }
}

/// The same with the header field `name` whose value is another one for each request.
pub fn numbered(
    address: SocketAddr,
    path: &str,
    (name, headers): (&str, &str),
    body: &[u8],
) -> Request {
    let number = format!("{name}: {:0DIGITS$}\r\n{headers}", 0);
    let mut request = request(address, path, &number, body);
    let at = request
        .bytes
        .windows(DIGITS)
        .position(|digits| digits == [b'0'; DIGITS]);
    request.number = at;
    request
}

/// Sends `request` over `connections` connections, to the addresses in turn, until it is time to stop, and waits for the last
/// answers. Errors if the server closes a connection, sends something that is no HTTP, or is stuck.
pub fn drive(
    addresses: &[SocketAddr],
    request: &Request,
    connections: usize,
    until: Until,
) -> anyhow::Result<Outcome> {
    let mut poll = Poll::new()?;
    let mut open = Vec::with_capacity(connections);
    for (place, address) in (0..connections).zip(addresses.iter().cycle()) {
        let mut connection = Connection::open(*address, request.bytes.clone())?;
        poll.registry().register(
            &mut connection.stream,
            Token(place),
            Interest::READABLE | Interest::WRITABLE,
        )?;
        open.push(connection);
    }

    let first = Instant::now();
    let epoch = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let mut load = Load {
        number: request.number,
        // There are fewer requests than nanoseconds.
        next: epoch.as_nanos() as u64,
        until,
        sent: 0,
        under_way: 0,
        epoch_us: epoch.as_micros() as u64,
        outcome: Outcome {
            accepted: Vec::new(),
            refused: 0,
            refusal: None,
            first,
            last: first,
            latency: Histogram::new_with_bounds(1, 60_000_000, 3)?,
        },
    };
    for connection in &mut open {
        load.send_next(connection)?;
    }

    let mut events = Events::with_capacity(connections.max(1));
    while load.under_way > 0 {
        match poll.poll(&mut events, Some(STUCK)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            result => result?,
        }
        ensure!(
            !events.is_empty(),
            "no answer for {STUCK:?}, {} requests under way",
            load.under_way
        );
        for event in &events {
            if let Some(connection) = open.get_mut(event.token().0) {
                load.advance(connection)?;
            }
        }
    }
    Ok(load.outcome)
}

struct Load {
    /// See [`Request::number`].
    number: Option<usize>,
    next: u64,
    until: Until,
    sent: u64,
    under_way: usize,
    /// Wall-clock time of `outcome.first`.
    epoch_us: u64,
    outcome: Outcome,
}

impl Load {
    fn send_next(&mut self, connection: &mut Connection) -> anyhow::Result<()> {
        let now = Instant::now();
        let enough = match self.until {
            Until::Elapsed(time) => now.duration_since(self.outcome.first) >= time,
            Until::Requests(count) => self.sent >= count,
        };
        if enough {
            return Ok(());
        }
        self.sent += 1;
        self.under_way += 1;
        connection.sent = Some(now);
        connection.written = 0;
        connection.filled = 0;
        if let Some(at) = self.number {
            self.next += 1;
            let mut digits = &mut connection.request[at..at + DIGITS];
            write!(digits, "{:0DIGITS$}", self.next)?;
        }
        connection.write()
    }

    /// Takes the answer if it has come, and sends the next request. The poll is edge-triggered: a
    /// connection is left only when it would block, or when it has nothing under way, or right
    /// after a request whose answer will be a new edge.
    fn advance(&mut self, connection: &mut Connection) -> anyhow::Result<()> {
        let Some(sent) = connection.sent else {
            return Ok(());
        };
        connection.write()?;
        let Some(answer) = connection.read()? else {
            return Ok(());
        };
        let now = Instant::now();
        let body = &connection.buffer[answer.body];
        match (answer.status, response::task_id(body)) {
            (200, Some(id)) => {
                let since_first = sent.duration_since(self.outcome.first).as_micros() as u64;
                self.outcome.accepted.push(Accepted {
                    id,
                    sent_us: self.epoch_us + since_first,
                });
                let took = now.duration_since(sent).as_micros() as u64;
                self.outcome.latency.saturating_record(took.max(1));
            }
            (status, _) => {
                self.outcome.refused += 1;
                self.outcome.refusal.get_or_insert_with(|| {
                    let text = String::from_utf8_lossy(&body[..body.len().min(300)]);
                    format!("{status}: {text}")
                });
            }
        }
        self.outcome.last = now;
        self.under_way -= 1;
        connection.sent = None;
        self.send_next(connection)
    }
}

struct Connection {
    stream: mio::net::TcpStream,
    request: Vec<u8>,
    /// When the request under way was sent.
    sent: Option<Instant>,
    /// How much of it has been written.
    written: usize,
    buffer: Box<[u8]>,
    /// How much of the buffer has been read into.
    filled: usize,
}

impl Connection {
    fn open(address: SocketAddr, request: Vec<u8>) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address)
            .with_context(|| format!("cannot connect to the server at {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream: mio::net::TcpStream::from_std(stream),
            request,
            sent: None,
            written: 0,
            buffer: vec![0; RESPONSE_BYTES].into_boxed_slice(),
            filled: 0,
        })
    }

    fn write(&mut self) -> anyhow::Result<()> {
        while self.written < self.request.len() {
            match self.stream.write(&self.request[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("cannot send a request"),
            }
        }
        Ok(())
    }

    fn read(&mut self) -> anyhow::Result<Option<response::Response>> {
        loop {
            match self.stream.read(&mut self.buffer[self.filled..]) {
                Ok(0) if self.filled == self.buffer.len() => {
                    bail!("a response is longer than {RESPONSE_BYTES} bytes")
                }
                Ok(0) => bail!("the server closed a connection with a request under way"),
                Ok(count) => self.filled += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error).context("cannot read a response"),
            }
            if let Some(response) = response::parse(&self.buffer[..self.filled])? {
                return Ok(Some(response));
            }
        }
    }
}
