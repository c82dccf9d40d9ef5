//! What the engine asks of its host: the imports of the world `script-engine`, as one trait.

/// A call or pause under way, named by the host.
pub type CallId = u32;

/// A source file of the step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// Its path in the step's folder.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// How loud a line of the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Ordinary.
    Log,
    /// Something looks wrong.
    Warn,
    /// Something is wrong.
    Error,
    /// For the record.
    Audit,
}

/// What to do with a redirect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redirect {
    /// Follow it.
    Follow,
    /// Give the 3xx response to the step.
    Manual,
    /// Fail.
    Error,
}

/// An HTTP request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Absolute URL.
    pub url: String,
    /// Method.
    pub method: String,
    /// Headers, in the order given.
    pub headers: Vec<(String, String)>,
    /// The body, empty for none.
    pub body: Vec<u8>,
    /// The longest it may take.
    pub timeout_ms: Option<u64>,
    /// What to do with a redirect.
    pub redirect: Redirect,
}

/// An HTTP response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Reason phrase.
    pub status_text: String,
    /// Headers with lower-case names.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The URL that it came from, if redirects were followed.
    pub landed: Option<String>,
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A fetch was answered.
    Response(Response),
    /// A connector's operation, or a pause, brought this JSON text.
    Value(String),
    /// It failed.
    Failed {
        /// The WIT's name of the case, e.g. `denied`.
        code: &'static str,
        /// What to tell the author.
        text: String,
    },
}

/// Why a run failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Worth another try.
    Retry(String),
    /// Another try would not help.
    Stop(String),
}

/// The host, as a run sees it. An `Err` is a text for the step's author.
pub trait Host {
    /// The module that exports `condition` and `content`.
    fn entry(&self) -> Module;
    /// Another module, by its exact name.
    fn load(&self, name: &str) -> Option<Module>;
    /// The names of all modules but the entry.
    fn names(&self) -> Vec<String>;
    /// The name of the module that is compiled at this place, from 0 on, before all others.
    fn first(&self, _index: u32) -> Option<String> {
        None
    }
    /// Takes the memory as that of a layer: a module of [`Host::first`] has been compiled, and nothing of another one.
    fn layer(&self) {}
    /// A piece of the locale data, by its name.
    fn locale_data(&self, name: &str) -> Option<Vec<u8>>;

    /// The whole document, as JSON text.
    fn document(&self) -> String;
    /// Puts a JSON value at a pointer.
    fn set(&self, pointer: &str, json: &str) -> Result<(), String>;
    /// Removes the value at a pointer.
    fn remove(&self, pointer: &str) -> Result<(), String>;

    /// The task's id.
    fn task_id(&self) -> String;
    /// The task's name.
    fn task_name(&self) -> Option<String>;
    /// Names the task.
    fn set_task_name(&self, name: &str) -> Result<(), String>;
    /// The task's tags.
    fn task_tags(&self) -> Vec<String>;
    /// Replaces the task's tags.
    fn set_task_tags(&self, tags: Vec<String>) -> Result<(), String>;
    /// A config value of the workspace.
    fn config(&self, key: &str) -> Option<String>;
    /// Ends the task as done after this run.
    fn complete(&self, result: Option<&str>) -> Result<(), String>;
    /// Ends the task as ignored after this run.
    fn ignore(&self);
    /// Lets the task wait after this run.
    fn park(&self, milliseconds: u64) -> Result<(), String>;
    /// After how long the run is to be tried again if it fails.
    fn retry_after(&self, milliseconds: u64);
    /// Makes a subtask if this run finishes; its id.
    fn subtask(
        &self,
        name: &str,
        data: &str,
        into: Option<&str>,
        wait: bool,
    ) -> Result<String, String>;
    /// Lets this step run again.
    fn redo(&self);
    /// Gives the task so much time from the end of this run on.
    fn timeout(&self, milliseconds: u64) -> Result<(), String>;
    /// Lets the task end as done when its time is over.
    fn complete_on_expire(&self);
    /// Keeps something to be drawn with this run.
    fn visualize(&self, json: &str) -> Result<(), String>;
    /// Replies to the sender of the request that made the task; whether this is the task's reply.
    fn respond(
        &self,
        status: u16,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    ) -> Result<bool, String>;

    /// The size of a file of the task.
    fn file_size(&self, digest: &str) -> Result<Option<u64>, String>;
    /// A part of a file of the task; empty at its end.
    fn read_file(&self, digest: &str, offset: u64, length: u32) -> Result<Vec<u8>, String>;

    /// Begins an HTTP call.
    fn fetch(&self, request: Request) -> CallId;
    /// Begins an operation of a connector.
    fn call(&self, connector: &str, operation: &str, argument: &str) -> CallId;
    /// Begins a pause.
    fn pause(&self, milliseconds: u64) -> CallId;
    /// Sleeps until at least one that is under way is done; those that are, in the host's order.
    fn wait(&self) -> Vec<(CallId, Outcome)>;

    /// Writes a line to the log.
    fn write(&self, level: Level, text: &str);
    /// The run's clock, in milliseconds since 1970.
    fn now(&self) -> f64;
    /// Fills a buffer with the run's randomness.
    fn random(&self, bytes: &mut [u8]);
}
