//! Does what the data says: `{"base": "http://…", "program": [op, …], "at": 0}`. A run goes on from the
//! op at `/at` until one that ends it; the last run completes the task.
//!
//! | op | |
//! | --- | --- |
//! | `{"set": "/a", "to": 1}` | writes a value |
//! | `{"add": "/n"}` | counts up: twice is not the same as once |
//! | `{"fetch": "/x", "into": "/r"}` | keeps an upstream's answer |
//! | `{"race": ["/x", "/y"], "into": "/r"}` | begins several calls, keeps all answers in their order |
//! | `{"try": "/x", "into": "/r"}` | as fetch; a status that is not 2xx fails the run, to be tried again |
//! | `{"pause": 5}` | pauses within the run |
//! | `{"read": DIGEST, "from": 1, "length": 9, "into": "/r"}` | keeps `{size, text}` of a part of a file |
//! | `{"next": true}` | ends the run |
//! | `{"park": 5}` | ends the run and lets the task wait so many milliseconds |
//!
//! Every call carries the clock and a random number in its query: a run that is begun again with
//! another clock or seed would not ask for what is recorded.

use std::time::{Duration, SystemTime};

use serde::Deserialize;
use stepwell_sdk::prelude::*;

#[derive(Deserialize)]
#[serde(untagged)]
enum Op {
    Set {
        set: String,
        to: Value,
    },
    Add {
        add: String,
    },
    Fetch {
        fetch: String,
        into: String,
    },
    Race {
        race: Vec<String>,
        into: String,
    },
    Try {
        r#try: String,
        into: String,
    },
    Park {
        park: u64,
    },
    Read {
        read: String,
        from: u64,
        length: usize,
        into: String,
    },
    Pause {
        pause: u64,
    },
    Next {},
}

#[step(condition = { program: Array, at: Number })]
async fn program() -> Result {
    let program: Vec<Op> = data::require("/program")?;
    let base: String = data::require("/base")?;
    let mut at: usize = data::require("/at")?;
    while let Some(op) = program.get(at) {
        at += 1;
        match op {
            Op::Set { set, to } => data::set(set, to)?,
            Op::Add { add } => {
                let number: u64 = data::get(add)?.unwrap_or(0);
                data::set(add, number + 1)?;
            }
            Op::Fetch { fetch, into } => {
                let response = connectors::fetch(request(&base, fetch)).await?;
                data::set(into, response.text())?;
            }
            Op::Race { race, into } => {
                let calls = race
                    .iter()
                    .map(|path| connectors::fetch(request(&base, path)));
                let mut texts = Vec::new();
                for response in join_all(calls).await {
                    texts.push(response?.text());
                }
                data::set(into, texts)?;
            }
            Op::Try { r#try, into } => {
                let response = connectors::fetch(request(&base, r#try)).await?;
                if response.status != 200 {
                    return Err(Failure::retry(format!("status {}", response.status)));
                }
                data::set(into, response.text())?;
            }
            Op::Park { park } => {
                data::set("/at", at)?;
                task::park(Duration::from_millis(*park))?;
                return Ok(());
            }
            Op::Read {
                read,
                from,
                length,
                into,
            } => {
                let file = blobs::get(read)?;
                let bytes = file.read(*from, *length)?;
                let text = String::from_utf8_lossy(&bytes);
                data::set(into, json!({"size": file.size(), "text": text}))?;
            }
            Op::Pause { pause } => {
                connectors::pause(Duration::from_millis(*pause)).await?;
            }
            Op::Next {} => {
                data::set("/at", at)?;
                return Ok(());
            }
        }
    }
    task::complete()?;
    Ok(())
}

fn request(base: &str, path: &str) -> Request {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let random = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0);
    let now = now.unwrap_or_default().as_millis();
    Request::new("POST", format!("{base}{path}?now={now}&random={random}"))
}
