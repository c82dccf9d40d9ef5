//! A host in memory: the step's files, and pauses that are over at once.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use stepwell_js::{CallId, Engine, Extent, Failure, Host, Level, Module, Outcome, Request};

use super::judge::Ran;
use super::suite::Case;

/// What the clock reads when a run begins, in milliseconds.
const START: f64 = 1_700_000_000_000.0;

/// Runs a test file.
pub fn run(case: &Case) -> Ran {
    let memory = Rc::new(Memory {
        entry: case.entry,
        modules: case.modules.clone(),
        clock: Cell::new(START),
        ..Memory::default()
    });
    let engine = match prepared(&memory) {
        Ok(engine) => engine,
        Err(error) => return Ran::HostFault(error),
    };
    let ended = engine.run();
    let result = memory.result.borrow().clone();
    match (ended, result) {
        (Ok(()), Some(result)) => Ran::Finished(result),
        (Ok(()), None) => Ran::Failed("the step told nothing".to_owned()),
        (Err(Failure::Retry(why) | Failure::Stop(why)), _) => Ran::Failed(why),
    }
}

/// An engine that has compiled what it can of a step, as the server has it.
fn prepared(memory: &Rc<Memory>) -> Result<Engine, String> {
    for extent in [Extent::All, Extent::Entry, Extent::Common] {
        let engine = Engine::new(memory.clone())?;
        if engine.prepare(extent).is_ok() {
            return Ok(engine);
        }
    }
    Engine::new(memory.clone())
}

#[derive(Default)]
struct Memory {
    entry: &'static str,
    modules: BTreeMap<String, String>,
    clock: Cell<f64>,
    seed: Cell<u64>,
    last: Cell<CallId>,
    under_way: RefCell<Vec<(CallId, f64, Outcome)>>,
    result: RefCell<Option<String>>,
}

impl Memory {
    fn begin(&self, milliseconds: u64, outcome: Outcome) -> CallId {
        let id = self.last.get() + 1;
        self.last.set(id);
        let over = self.clock.get() + milliseconds as f64;
        self.under_way.borrow_mut().push((id, over, outcome));
        id
    }

    fn no_call(&self) -> CallId {
        let text = "a test has nobody to call".to_owned();
        let code = "connection";
        self.begin(0, Outcome::Failed { code, text })
    }
}

impl Host for Memory {
    fn entry(&self) -> Module {
        self.load(self.entry).unwrap_or_else(|| Module {
            name: self.entry.to_owned(),
            text: String::new(),
        })
    }

    fn load(&self, name: &str) -> Option<Module> {
        let text = self.modules.get(name)?.clone();
        let name = name.to_owned();
        Some(Module { name, text })
    }

    fn names(&self) -> Vec<String> {
        self.modules.keys().cloned().collect()
    }

    fn locale_data(&self, name: &str) -> Option<Vec<u8>> {
        stepwell_locale::get(name).map(<[u8]>::to_vec)
    }

    fn document(&self) -> String {
        "{}".to_owned()
    }

    fn set(&self, _: &str, _: &str) -> Result<(), String> {
        Ok(())
    }

    fn remove(&self, _: &str) -> Result<(), String> {
        Ok(())
    }

    fn task_id(&self) -> String {
        "00000000-0000-7000-8000-000000000000".to_owned()
    }

    fn task_name(&self) -> Option<String> {
        None
    }

    fn set_task_name(&self, _: &str) -> Result<(), String> {
        Ok(())
    }

    fn task_tags(&self) -> Vec<String> {
        Vec::new()
    }

    fn set_task_tags(&self, _: Vec<String>) -> Result<(), String> {
        Ok(())
    }

    fn config(&self, _: &str) -> Option<String> {
        None
    }

    fn complete(&self, result: Option<&str>) -> Result<(), String> {
        *self.result.borrow_mut() = result.map(str::to_owned);
        Ok(())
    }

    fn ignore(&self) {}

    fn park(&self, _: u64) -> Result<(), String> {
        Ok(())
    }

    fn retry_after(&self, _: u64) {}

    fn timeout(&self, _: u64) -> Result<(), String> {
        Ok(())
    }

    fn complete_on_expire(&self) {}

    fn visualize(&self, _: &str) -> Result<(), String> {
        Ok(())
    }

    fn respond(&self, _: u16, _: Vec<(String, String)>, _: Vec<u8>) -> Result<bool, String> {
        Ok(false)
    }

    fn subtask(&self, _: &str, _: &str, _: Option<&str>, _: bool) -> Result<String, String> {
        Err("a test makes no subtasks".to_owned())
    }

    fn redo(&self) {}

    fn file_size(&self, _: &str) -> Result<Option<u64>, String> {
        Ok(None)
    }

    fn read_file(&self, _: &str, _: u64, _: u32) -> Result<Vec<u8>, String> {
        Err("a test has no files".to_owned())
    }

    fn fetch(&self, _: Request) -> CallId {
        self.no_call()
    }

    fn call(&self, _: &str, _: &str, _: &str) -> CallId {
        self.no_call()
    }

    fn pause(&self, milliseconds: u64) -> CallId {
        self.begin(milliseconds, Outcome::Value("null".to_owned()))
    }

    fn wait(&self) -> Vec<(CallId, Outcome)> {
        let mut under_way = self.under_way.borrow_mut();
        under_way.sort_by(|a, b| a.1.total_cmp(&b.1));
        if under_way.is_empty() {
            return Vec::new();
        }
        let (id, over, outcome) = under_way.remove(0);
        self.clock.set(self.clock.get().max(over));
        vec![(id, outcome)]
    }

    fn write(&self, _: Level, _: &str) {}

    fn now(&self) -> f64 {
        self.clock.get()
    }

    fn random(&self, bytes: &mut [u8]) {
        // splitmix64 of Steele, Lea and Flood: the same in every run.
        for byte in bytes {
            let state = self.seed.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
            self.seed.set(state);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            *byte = (mixed ^ (mixed >> 31)) as u8;
        }
    }
}
