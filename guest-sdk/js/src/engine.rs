//! The engine: a QuickJS context with the prelude in it, ready for one step.

use std::cell::RefCell;
use std::rc::Rc;

use rquickjs::object::Property;
use rquickjs::{Context, Ctx, Error, Function, Persistent, Result, Runtime, Value};

use crate::compiled::{self, Compiled, Extent};
use crate::fault::{self, Sources};
use crate::host::{Failure, Host};
use crate::modules::Modules;
use crate::natives::{self, Given, OpenCalls};
use crate::plain::{Shapes, unread};
use crate::prelude::Glue;
use crate::run::Run;

/// JavaScript stack: half of what the component has, so that Rust never meets the end of its own.
const STACK: usize = 1024 * 1024;
/// JavaScript heap: what fits into the memory that a step has by default, beside the snapshot.
const HEAP: usize = 48 * 1024 * 1024;
/// Short runs never collect cycles, nor do those that hold as much data as the server takes; long ones
/// do before they run out.
const COLLECT_AT: usize = 32 * 1024 * 1024;

type Rejections = Rc<RefCell<Vec<(Persistent<Value<'static>>, Persistent<Value<'static>>)>>>;

/// A JavaScript engine. It serves one call of [`Engine::condition`] or [`Engine::run`].
pub struct Engine {
    // Persistent values must go before the runtime that they belong to.
    pub(crate) rejections: Rejections,
    pub(crate) given: Given,
    pub(crate) shapes: Shapes,
    pub(crate) modules: Modules,
    pub(crate) host: Rc<dyn Host>,
    pub(crate) open: OpenCalls,
    context: Context,
    runtime: Runtime,
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.rejections.borrow_mut().clear();
        self.runtime.set_host_promise_rejection_tracker(None);
        self.modules.glue.clear();
        self.modules.compiled.clear();
        unread::clear();
        self.given.borrow().clear();
    }
}

impl Engine {
    /// Builds the engine. The host is not called. The error is the prelude's, and never happens.
    pub fn new(host: Rc<dyn Host>) -> std::result::Result<Self, String> {
        let built = Self::build(host);
        built.map_err(|error| error.to_string())
    }

    fn build(host: Rc<dyn Host>) -> Result<Self> {
        #[cfg(any(target_family = "wasm", target_os = "linux"))]
        let runtime = Runtime::new_with_alloc(crate::heap::Heap)?;
        #[cfg(not(any(target_family = "wasm", target_os = "linux")))]
        let runtime = Runtime::new()?;
        runtime.set_max_stack_size(STACK);
        runtime.set_memory_limit(HEAP);
        runtime.set_gc_threshold(COLLECT_AT);
        let modules = Modules {
            host: Rc::clone(&host),
            sources: Sources::default(),
            glue: Glue::default(),
            compiled: Compiled::default(),
            declared: Rc::default(),
        };
        runtime.set_loader(modules.clone(), modules.clone());
        let rejections = Rejections::default();
        let noted = Rc::clone(&rejections);
        runtime.set_host_promise_rejection_tracker(Some(Box::new(
            move |ctx, promise, reason, handled| {
                let promise = Persistent::save(&ctx, promise);
                let mut noted = noted.borrow_mut();
                if handled {
                    // Most are handled soon after they were noted.
                    if let Some(at) = noted.iter().rposition(|(other, _)| *other == promise) {
                        noted.remove(at);
                    }
                } else {
                    noted.push((promise, Persistent::save(&ctx, reason)));
                }
            },
        )));
        let context = Context::full(&runtime)?;
        let open = OpenCalls::default();
        let given = Given::default();
        let shapes = context.with(|ctx| {
            let shapes = Shapes::new(&ctx)?;
            unread::install(&ctx)?;
            let natives = natives::install(&ctx, &host, &open)?;
            modules.install(&ctx, &natives)?;
            natives::json(&ctx, &natives, shapes, &given, &modules.glue)?;
            let data = Property::from(Value::new_undefined(ctx.clone()));
            ctx.globals().prop("data", data.writable().enumerable())?;
            let filled = modules.glue.fill(&ctx, natives);
            let found = filled.map_err(|error| fault::headline(&ctx, error));
            found.map_err(|text| Error::new_loading_message("prelude", text))?;
            #[cfg(target_family = "wasm")]
            crate::heap::seal(&ctx);
            Ok::<_, Error>(shapes)
        })?;
        Ok(Self {
            rejections,
            given,
            shapes,
            modules,
            host,
            open,
            context,
            runtime,
        })
    }

    /// Compiles the step's files, so that [`Engine::run`] need not. No code of the step runs.
    ///
    /// # Errors
    /// Not all of the extent can be compiled. Another engine is needed then, with a lesser extent or none.
    pub fn prepare(&self, extent: Extent) -> std::result::Result<(), String> {
        let done = self
            .context
            .with(|ctx| compiled::prepare(&ctx, &self.modules, extent));
        // That of the promise of what linking evaluates.
        self.rejections.borrow_mut().clear();
        done
    }

    /// The step's condition as JSON; the error says what is wrong with the step.
    pub fn condition(&self) -> std::result::Result<String, String> {
        self.context.with(|ctx| {
            let condition = Run::begin(self, &ctx).and_then(Run::condition);
            condition.map_err(|failure| match failure {
                Failure::Retry(text) | Failure::Stop(text) => text,
            })
        })
    }

    /// Runs the step on the host's task.
    pub fn run(&self) -> std::result::Result<(), Failure> {
        self.context
            .with(|ctx| Run::begin(self, &ctx).and_then(Run::content))
    }

    pub(crate) fn failure(&self, ctx: &Ctx<'_>, error: Error) -> Failure {
        match fault::failure(ctx, error, &self.modules.sources) {
            Failure::Retry(text) => Failure::Retry(self.with_unset(ctx, text)),
            Failure::Stop(text) => Failure::Stop(self.with_unset(ctx, text)),
        }
    }

    /// A failure that is about `undefined`, with the config keys that the run asked for in vain.
    fn with_unset(&self, ctx: &Ctx<'_>, mut text: String) -> String {
        let headline = text.lines().next().unwrap_or_default();
        if !headline.contains("undefined") {
            return text;
        }
        let unset = || -> Result<String> {
            self.modules
                .glue
                .get(ctx)?
                .get::<_, Function>("unset")?
                .call(())
        };
        let unset = unset().unwrap_or_default();
        if !unset.is_empty() && !headline.contains(&unset) {
            text.push_str(&format!("\n  {unset}"));
        }
        text
    }
}
