//! A damaged data directory: the server names the part and does not start, or has everything;
//! `store check` lists what is damaged, `store repair` makes a sound store of it. Hundreds of damages more are in
//! `host/src/store/sled/tests/matrix.rs`.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use stepwell_api::report::{StoreCheckReport, StoreRepairReport};
use stepwell_api::{TaskHead, TaskPage};

use crate::support::{Answer, PATIENCE, Server, only_on_sled, repository, stepwell, texts};

/// A data directory as a server leaves it that is killed, and its tasks with their states.
struct Subject {
    home: tempfile::TempDir,
    tasks: BTreeMap<String, Answer<TaskHead>>,
}

const SCRIPT: &str = "export const condition = {n: Number};
    export const content = async () => {
        data.seen = task.config('GREETING');
        if (data.n % 3 === 1) task.park(3_600_000);
        if (data.n % 3 === 2) throw new Error('it is broken');
    };";

impl Subject {
    async fn make() -> Self {
        let mut server = Server::start().await;
        server.config("GREETING", "hello").await;
        server.script("greet", SCRIPT).await;
        let webhook = server.webhook("Orders").await;
        let mut ids = Vec::new();
        for n in 0..12 {
            let text = "x".repeat(if n % 4 == 0 { 9_000 } else { 10 });
            ids.push(server.post(&webhook, &json!({"n": n, "text": text})).await);
        }
        for (n, id) in ids.iter().enumerate() {
            match n % 3 {
                0 => drop(server.wait(id, "done").await),
                1 => drop(server.waiting(id).await),
                // It is tried three times.
                _ => drop(server.wait(id, "error").await),
            }
        }
        // The store notes what must be there with each checkpoint, every half second. That there is no more to note shows
        // only by time.
        let file = server.data_dir().join("store/acknowledged");
        let until = Instant::now() + PATIENCE;
        let mut last = fs::read(&file).unwrap();
        loop {
            tokio::time::sleep(Duration::from_millis(1_500)).await;
            let now = fs::read(&file).unwrap();
            if now == last {
                break;
            }
            assert!(Instant::now() < until, "it goes on writing");
            last = now;
        }
        let tasks = listed(server.data_dir());
        assert_eq!(tasks.len(), 12);
        server.kill();
        let home = tempfile::tempdir().unwrap();
        copy(server.data_dir(), &home.path().join("killed"));
        Self { home, tasks }
    }

    /// A copy of the directory.
    fn again(&self) -> PathBuf {
        let work = self.home.path().join("work");
        let _ = fs::remove_dir_all(&work);
        copy(&self.home.path().join("killed"), &work);
        work
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true if entry.file_name() != "cache" => copy(&entry.path(), &target),
            true => {}
            false => drop(fs::copy(entry.path(), &target).unwrap()),
        }
    }
}

fn cli(directory: &Path, args: &[&str]) -> Output {
    stepwell()
        .args(args)
        .env("STEPWELL_DATA_DIR", directory)
        .output()
        .unwrap()
}

/// The tasks that a running server lists, by their ids.
fn listed(directory: &Path) -> BTreeMap<String, Answer<TaskHead>> {
    let output = cli(directory, &["task", "list", "--limit", "1000", "--json"]);
    let (out, err) = texts(&output);
    assert!(output.status.success(), "{err}");
    let page: TaskPage<Value> = serde_json::from_str(&out).unwrap();
    let tasks = page.tasks.into_iter().map(Answer::<TaskHead>::of);
    tasks.map(|task| (task.id.clone(), task)).collect()
}

/// A server on the directory; or what it said instead of starting.
fn started(directory: &Path) -> Result<Child, String> {
    let mut command = stepwell();
    let cache = Path::new(command.get_program()).with_file_name("tests-cache");
    let mut child = command
        .env("STEPWELL_CACHE_DIR", cache)
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--log",
            "off",
            "--data-dir",
        ])
        .arg(directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let stdout = child.stdout.as_mut().unwrap();
    BufReader::new(stdout).read_line(&mut line).unwrap();
    if line.starts_with("listening on") {
        return Ok(child);
    }
    let output = child.wait_with_output().unwrap();
    let (out, err) = texts(&output);
    assert_eq!(output.status.code(), Some(1), "{out}{err}");
    Err(err)
}

fn end(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// The report of a command that was run with `--json`.
fn report<T: DeserializeOwned>(output: &Output) -> T {
    let (out, err) = texts(output);
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{err}"))
}

fn flip(file: &Path, at: usize, count: usize) {
    let mut bytes = fs::read(file).unwrap();
    for byte in bytes.iter_mut().skip(at).take(count) {
        *byte ^= 0x5a;
    }
    fs::write(file, bytes).unwrap();
}

/// A damage: what it is called, and what does it to a data directory.
type Damage = (&'static str, Box<dyn Fn(&Path)>);

/// The damages that are tried through the program.
fn damages() -> Vec<Damage> {
    fn of(what: &'static str, harm: impl Fn(&Path) + 'static) -> Damage {
        (what, Box::new(harm))
    }
    let in_store = |path: &'static str| move |dir: &Path| dir.join("store").join(path);
    let (db, log, segment) = (
        in_store("tree/db"),
        in_store("log"),
        in_store("archive/00000001.tasks"),
    );
    let slot = move |dir: &Path| {
        fs::read_dir(log(dir))
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .path()
    };
    let (marks, catalog) = (in_store("marks"), in_store("catalog"));
    let mut all = vec![
        of("the log is deleted", move |dir| {
            fs::remove_dir_all(log(dir)).unwrap()
        }),
        of("a file of the log is cut", move |dir| {
            let file = fs::File::options().write(true).open(slot(dir)).unwrap();
            file.set_len(100).unwrap();
        }),
        of("the tree is deleted", move |dir| {
            fs::remove_file(db(dir)).unwrap()
        }),
        of("the tree is cut", move |dir| {
            let file = fs::File::options().write(true).open(db(dir)).unwrap();
            file.set_len(3_000).unwrap();
        }),
        of("the archive is deleted", move |dir| {
            fs::remove_file(segment(dir)).unwrap()
        }),
        of("a bit of the archive is flipped", move |dir| {
            flip(&segment(dir), 200, 1)
        }),
        of("the marks are deleted", move |dir| {
            fs::remove_file(marks(dir)).unwrap()
        }),
        of("the marks are flipped", move |dir| flip(&marks(dir), 15, 1)),
        of("the catalog's copy is deleted", move |dir| {
            fs::remove_file(catalog(dir)).unwrap()
        }),
        of("the catalog's copy is flipped", move |dir| {
            flip(&catalog(dir), 40, 8)
        }),
    ];
    for at in [3usize, 40, 700, 2_500, 6_000, 12_000] {
        all.push(of("the tree is flipped", move |dir| flip(&db(dir), at, 8)));
        all.push(of("the log is flipped", move |dir| flip(&slot(dir), at, 1)));
    }
    all
}

#[tokio::test]
async fn a_server_names_damage_and_a_repair_makes_it_start() {
    only_on_sled!("it is about damage of the store's files");
    let subject = Subject::make().await;
    let sound = cli(&subject.again(), &["store", "check"]);
    assert_eq!(sound.status.code(), Some(0), "{:?}", texts(&sound));
    let (mut refused, mut lossless) = (0, 0);
    for (what, harm) in damages() {
        let work = subject.again();
        harm(&work);
        let listed_at_once = match started(&work) {
            Err(error) => {
                refused += 1;
                assert!(error.contains("the store is damaged: "), "{what}: {error}");
                assert!(error.contains("stepwell store repair"), "{what}: {error}");
                None
            }
            Ok(child) => {
                let tasks = listed(&work);
                end(child);
                Some(tasks)
            }
        };
        if let Some(tasks) = listed_at_once {
            assert_eq!(
                tasks.len(),
                subject.tasks.len(),
                "{what}: it starts, and tasks are missing"
            );
            continue;
        }
        let work = subject.again();
        harm(&work);
        let checked = cli(&work, &["store", "check", "--json"]);
        assert_eq!(checked.status.code(), Some(1), "{what}");
        let found: StoreCheckReport = report(&checked);
        assert!(!found.sound, "{what}");
        let path = work.to_str().unwrap();
        let repaired = cli(&work, &["store", "repair", path, "--json"]);
        assert_eq!(
            repaired.status.code(),
            Some(0),
            "{what}: {:?}",
            texts(&repaired)
        );
        let repaired: StoreRepairReport = report(&repaired);
        assert_eq!(repaired.damages, found.damages, "{what}");
        assert!(Path::new(&repaired.kept.unwrap()).is_dir(), "{what}");
        let again = cli(&work, &["store", "check"]);
        assert_eq!(again.status.code(), Some(0), "{what}: {:?}", texts(&again));
        let child = started(&work).unwrap_or_else(|error| panic!("{what}: {error}"));
        let tasks = listed(&work);
        end(child);
        let losses = &repaired.damages;
        let lost = losses.iter().filter(|damage| damage.loss.is_some());
        let is_listed = |id: &String| {
            lost.clone()
                .any(|damage| damage.task.as_ref().is_none_or(|task| task == id))
        };
        for (id, task) in &subject.tasks {
            let is_there = tasks.get(id).is_some_and(|found| found.state == task.state);
            assert!(
                is_there || is_listed(id),
                "{what}: {id} is not there, and not listed: {losses:?}"
            );
        }
        lossless += usize::from(tasks.len() == subject.tasks.len());
    }
    assert!(
        refused >= 8 && lossless >= 4,
        "{refused} refused, {lossless} repaired without a loss"
    );
}

/// Bytes of a part of the tree's file, and of what each begins with.
const SEGMENT: usize = 512 * 1024;
const SEGMENT_HEADER: usize = 20;

/// A number as it is in the tree's file, and the bytes behind it.
fn number(bytes: &[u8]) -> (usize, &[u8]) {
    let byte = |at: usize| usize::from(bytes[at]);
    match byte(0) {
        first @ ..=240 => (first, &bytes[1..]),
        first @ 241..=248 => (240 + 256 * (first - 241) + byte(1), &bytes[2..]),
        249 => (2_288 + 256 * byte(1) + byte(2), &bytes[3..]),
        first => {
            let (little, rest) = bytes[1..].split_at(first - 247);
            let bits = little.iter().rev();
            (
                bits.fold(0, |number, byte| number << 8 | usize::from(*byte)),
                rest,
            )
        }
    }
}

/// Appends a message to the tree's file that names a page which is nowhere, as a power cut can leave it. All of the file
/// can be read, and sled does not open it.
fn dangle(directory: &Path) {
    let db = directory.join("store/tree/db");
    let mut bytes = fs::read(&db).unwrap();
    let lsn = |segment: &[u8]| {
        let header: [u8; SEGMENT_HEADER] = *segment.first_chunk()?;
        let lsn = i64::from_le_bytes(*header[4..].first_chunk()?) ^ i64::MAX;
        let sum = u32::from_le_bytes(*header.first_chunk()?) ^ u32::MAX;
        (crc32fast::hash(&header[4..]) == sum).then_some(lsn)
    };
    let segments = bytes.chunks(SEGMENT).enumerate();
    let newest = segments.filter_map(|(at, segment)| Some((lsn(segment)?, at)));
    let (lsn, at) = newest.max().unwrap();
    let segment = usize::try_from(lsn).unwrap() / SEGMENT;
    assert!(segment <= 240, "it would take two bytes");
    let mut end = at * SEGMENT + SEGMENT_HEADER;
    loop {
        let message = &bytes[end..bytes.len().min((at + 1) * SEGMENT)];
        let Some((_, rest)) = message.split_at_checked(5).filter(|(head, _)| head[4] != 0) else {
            break;
        };
        let (length, rest) = number(rest);
        let (own, rest) = number(rest);
        let (_page, rest) = number(rest);
        if own != segment || rest.len() < length {
            break;
        }
        end += message.len() - rest.len() + length;
    }
    let body = [0; 16];
    // The change of a page, of which there are not so many.
    let mut message = vec![10, body.len() as u8, segment as u8, 240];
    let mut sum = crc32fast::Hasher::new();
    sum.update(&body);
    sum.update(&message);
    message.splice(0..0, (sum.finalize() ^ u32::MAX).to_le_bytes());
    message.extend_from_slice(&body);
    bytes.resize(bytes.len().max(end + message.len()), 0);
    bytes[end..end + message.len()].copy_from_slice(&message);
    fs::write(db, bytes).unwrap();
}

#[tokio::test]
async fn a_store_that_can_be_repaired_without_a_loss_is_repaired_at_the_start() {
    only_on_sled!("it is about damage of the store's files");
    let subject = Subject::make().await;
    let work = subject.again();
    dangle(&work);
    let checked = cli(&work, &["store", "check", "--json"]);
    assert_eq!(checked.status.code(), Some(1), "{:?}", texts(&checked));
    let found: StoreCheckReport = report(&checked);
    let [damage] = &found.damages[..] else {
        panic!("{:?}", found.damages);
    };
    assert_eq!(damage.loss, None);
    let child = started(&work).unwrap();
    let tasks = listed(&work);
    end(child);
    assert_eq!(tasks.len(), subject.tasks.len());
    for (id, task) in &subject.tasks {
        assert_eq!(tasks[id].state, task.state, "{id}");
    }
    assert!(
        work.join("store.damaged-1").is_dir(),
        "the former one is kept"
    );
    let again = cli(&work, &["store", "check"]);
    assert_eq!(again.status.code(), Some(0), "{:?}", texts(&again));
    assert!(!work.join("store.repaired").exists());
    // With a damage beside it, which may be a loss, it is the operator's to decide. What is read for that is said before;
    // another damage is an error at once.
    for is_of_the_tree in [true, false] {
        let work = subject.again();
        dangle(&work);
        match is_of_the_tree {
            true => flip(&first_file(&work.join("store/archive")), 100, 64),
            false => fs::remove_file(first_file(&work.join("store/archive"))).unwrap(),
        }
        let refused = cli(&work, &["serve", "--listen", "127.0.0.1:0"]);
        let (out, err) = texts(&refused);
        let said = out + &err;
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(said.contains("stepwell store repair"), "{said}");
        assert_eq!(said.contains("all of it is read"), is_of_the_tree, "{said}");
        assert!(!work.join("store.damaged-1").exists());
    }
}

/// The file of a directory whose name comes first.
fn first_file(directory: &Path) -> PathBuf {
    let files = fs::read_dir(directory).unwrap().flatten();
    files.map(|file| file.path()).min().unwrap()
}

/// As it is after a crash, where the file system does not exchange directories.
#[tokio::test]
async fn a_repair_that_was_cut_short_is_ended_at_the_start() {
    only_on_sled!("it is about the store's files");
    let subject = Subject::make().await;
    for has_lock in [false, true] {
        let work = subject.again();
        let (store, repaired) = (work.join("store"), work.join("store.repaired"));
        fs::rename(&store, &repaired).unwrap();
        if has_lock {
            // Of a server that was started meanwhile.
            fs::create_dir(&store).unwrap();
            fs::write(store.join("lock"), "").unwrap();
        }
        let checked = texts(&cli(&work, &["store", "check"])).1;
        assert!(
            checked.contains("a repair of the store was cut short"),
            "{checked}"
        );
        let accepted = cli(&work, &["store", "repair", "--accept-loss", "store"]);
        assert_eq!(accepted.status.code(), Some(1), "nothing is lost");
        let child = started(&work).unwrap();
        let tasks = listed(&work);
        end(child);
        assert!(!repaired.exists());
        assert!(tasks.keys().eq(subject.tasks.keys()));
        for (id, task) in &subject.tasks {
            assert_eq!(tasks[id].state, task.state, "{id}");
        }
    }
}

#[tokio::test]
async fn a_store_that_is_gone_is_missed() {
    only_on_sled!("it is about damage of the store's files");
    let subject = Subject::make().await;
    let work = subject.again();
    fs::remove_dir_all(work.join("store")).unwrap();
    let error = started(&work).unwrap_err();
    assert!(
        error.contains("the store is missing") && error.contains("store-mark"),
        "{error}"
    );
    // An older version left no mark; its secrets say that there was a store.
    fs::remove_file(work.join("store-mark")).unwrap();
    let error = started(&work).unwrap_err();
    assert!(error.contains("vault-key and admin-token"), "{error}");
    for args in [&["store", "check"][..], &["store", "repair"]] {
        let (_, error) = texts(&cli(&work, args));
        assert!(error.contains("the store is missing"), "{error}");
    }
    let accepted = cli(&work, &["store", "repair", "--accept-loss", "store"]);
    assert!(accepted.status.success(), "{:?}", texts(&accepted));
    let child = started(&work).unwrap();
    assert!(listed(&work).is_empty());
    end(child);
    let refused = cli(&work, &["store", "repair", "--accept-loss", "store"]);
    assert_eq!(refused.status.code(), Some(1), "there is one now");
    let nothing = tempfile::tempdir().unwrap();
    let (_, error) = texts(&cli(nothing.path(), &["store", "check"]));
    assert!(error.contains("no data directory"), "{error}");
}

/// The key is not the store's, but without it the store's secrets are lost.
#[tokio::test]
async fn a_key_that_opens_nothing_is_damage() {
    only_on_sled!("it is about damage of the store's files");
    let subject = Subject::make().await;
    let work = subject.again();
    let key = work.join("vault-key");
    let text = fs::read_to_string(&key).unwrap();
    let other = if text.starts_with('0') { "1" } else { "0" };
    fs::write(&key, format!("{other}{}", &text[1..])).unwrap();
    let checked = cli(&work, &["store", "check", "--json"]);
    assert_eq!(checked.status.code(), Some(1));
    let found: StoreCheckReport = report(&checked);
    assert_eq!(found.damages[0].part, "the vault key");
    fs::remove_file(&key).unwrap();
    let checked = cli(&work, &["store", "check"]);
    let (out, _) = texts(&checked);
    assert!(
        out.contains("the vault key") && out.contains("it is missing"),
        "{out}"
    );
}

#[tokio::test]
async fn a_damaged_store_is_repaired_as_the_manual_says() {
    only_on_sled!("it is about damage of the store's files");
    let subject = Subject::make().await;
    let work = subject.again();
    fs::remove_file(work.join("store/marks")).unwrap();
    let manual = fs::read_to_string(repository().join("docs/operations.md")).unwrap();
    let (_, manual) = manual.split_once("## Damaged stores").unwrap();
    let (_, block) = manual.split_once("```sh\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let mut codes = Vec::new();
    for line in block.lines().filter(|line| !line.contains(" serve ")) {
        let here = line.replace("/var/lib/stepwell", work.to_str().unwrap());
        let words: Vec<&str> = here.split(' ').skip(1).collect();
        codes.push(cli(&work, &words).status.code().unwrap());
    }
    assert_eq!(
        codes,
        [1, 0],
        "a check finds the damage, and a repair mends it"
    );
    let child = started(&work).unwrap();
    assert_eq!(listed(&work), subject.tasks);
    end(child);
}
