//! Which store the servers of the tests have: one in their data directory or, with `STEPWELL_TEST_STORE=postgres`, a database
//! of their own in one PostgreSQL, which all servers of a test program share.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio_postgres::NoTls;

use super::cluster::postgres::PostgresServer;

const VARIABLE: &str = "STEPWELL_TEST_STORE";

/// Whether the servers of the tests have their tasks in PostgreSQL.
pub fn is_postgres() -> bool {
    match std::env::var(VARIABLE).as_deref() {
        Err(_) | Ok("" | "sled") => false,
        Ok("postgres") => true,
        Ok(other) => panic!("{VARIABLE} is `sled` or `postgres`, not `{other}`"),
    }
}

/// Whether the test that asks is not run with PostgreSQL; then it is said why. See [`only_on_sled`](super::only_on_sled).
pub fn is_left_out(reason: &str) -> bool {
    if !is_postgres() {
        return false;
    }
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    // Not by `eprintln!`: the output of a test that passes is not shown.
    let _ = writeln!(
        std::io::stderr(),
        "not run with PostgreSQL: {test}: {reason}"
    );
    true
}

/// The first line of a test that is about the files of a data directory's store, which a server on PostgreSQL does not have.
macro_rules! only_on_sled {
    ($reason:literal) => {
        if $crate::support::database::is_left_out($reason) {
            return;
        }
    };
}
pub(crate) use only_on_sled;

/// The PostgreSQL that a test program starts once.
struct Shared {
    server: PostgresServer,
    /// Ends the PostgreSQL when this program has ended, however it does: then its standard input is closed.
    _keeper: Child,
    made: AtomicUsize,
    /// Databases of servers that are gone.
    left: Mutex<Vec<String>>,
}

static SHARED: OnceLock<Shared> = OnceLock::new();

/// `$1` is the folder of the PostgreSQL. What a terminal sends to all of its programs does not end it before them.
const KEEPER: &str = r#"trap '' INT TERM HUP
cat >/dev/null
kill -QUIT "$(head -n 1 "$1/data/postmaster.pid")"
for _ in 1 2 3 4 5 6 7 8 9 10; do
    rm -rf "$1" 2>/dev/null && exit
    sleep 0.2
done"#;

fn shared() -> &'static Shared {
    SHARED.get_or_init(|| {
        let server = PostgresServer::with(&[
            "max_connections=400",
            "shared_buffers=64MB",
            "autovacuum_naptime=10s",
        ]);
        let keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .arg(folder(&server))
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        Shared {
            server,
            _keeper: keeper,
            made: AtomicUsize::new(0),
            left: Mutex::default(),
        }
    })
}

fn folder(server: &PostgresServer) -> std::path::PathBuf {
    server.socket().parent().unwrap().to_owned()
}

/// A database of a server's own. It is removed some time after this is dropped.
pub struct Database {
    name: String,
}

impl Database {
    /// A new database with nothing in it.
    pub async fn create() -> Self {
        let shared = tokio::task::spawn_blocking(shared).await.unwrap();
        let config: tokio_postgres::Config = shared.server.url().parse().unwrap();
        let (client, connection) = config.connect(NoTls).await.unwrap();
        let driver = tokio::spawn(connection);
        let left = std::mem::take(&mut *shared.left.lock());
        for name in left {
            let drop = format!("drop database {name} with (force)");
            client.batch_execute(&drop).await.unwrap();
        }
        let name = format!("server_{}", shared.made.fetch_add(1, Ordering::Relaxed));
        let create = format!("create database {name} template template0");
        client.batch_execute(&create).await.unwrap();
        driver.abort();
        Self { name }
    }

    /// What a server is started with.
    pub fn url(&self) -> String {
        let url = shared().server.url();
        url.replace("/postgres?", &format!("/{}?", self.name))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        shared().left.lock().push(std::mem::take(&mut self.name));
    }
}
