//! A thread of the store panics: the process ends with an error, and no caller waits for ever.

use crate::store::conformance::owned::Owned;
use std::process::Command;
use std::sync::Arc;

use super::super::failpoint::{FailPoint, Write};
use super::crash::spaces;
use super::{scratch, small};
use crate::domain::ids::TaskId;
use crate::domain::task::TaskState;
use crate::store::conformance::samples::{new_task, next};
use crate::store::sled::{SledSettings, SledStore};

const HOME: &str = "STEPWELL_TEST_PANIC_HOME";
const AT: &str = "STEPWELL_TEST_PANIC_AT";

/// The process that ends: started by the test below.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it ends the process"]
async fn ends_the_process() {
    let (home, at) = (std::env::var(HOME).unwrap(), std::env::var(AT).unwrap());
    let settings = SledSettings {
        fail: FailPoint {
            hook: Some(Arc::new(move |write| {
                assert!(format!("{write:?}") != at, "the test's panic");
                Ok(())
            })),
        },
        ..small(home.as_ref())
    };
    let store = SledStore::open(settings).unwrap();
    let task = new_task(&spaces()[0], TaskId::new(), "{}");
    store.accept_owned(task.clone()).await.unwrap();
    store
        .commit_owned(next(&task.head, TaskState::Error, None))
        .await
        .unwrap();
    store.shared.want_checkpoint();
    // The process ends meanwhile.
    std::future::pending::<()>().await;
}

#[test]
fn a_panic_in_a_thread_of_the_store_ends_the_process() {
    for at in [Write::Append, Write::Sync, Write::Fold] {
        let home = scratch();
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::sled::tests::panic::ends_the_process"])
            .args(["--ignored", "--nocapture"])
            .env(HOME, home.path())
            .env(AT, format!("{at:?}"))
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{at:?}: {text}");
        assert!(text.contains("the test's panic"), "{at:?}: {text}");
        // What it left opens.
        SledStore::open(small(home.path())).unwrap();
    }
}
