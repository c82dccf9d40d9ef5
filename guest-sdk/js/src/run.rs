//! One run of a step: its data, its modules, its `content`, and what it changed.

use std::rc::Rc;

use rquickjs::{Ctx, Error, Function, Object, Persistent, Promise, Value};

use crate::document::{Document, WritebackGlue};
use crate::engine::Engine;
use crate::event_loop::{Ended, EventLoop};
use crate::fault;
use crate::host::{Failure, Level};
use crate::plain::unread;
use crate::reader::Reader;
use crate::writeback::{self, Change};

/// Unhandled rejections that are reported.
const REPORTED: usize = 20;

/// A run that is under way.
pub struct Run<'a, 'js> {
    engine: &'a Engine,
    ctx: &'a Ctx<'js>,
    event_loop: EventLoop<'a, 'js>,
    document: Document,
}

type Outcome<T = ()> = Result<T, Failure>;

impl<'a, 'js> Run<'a, 'js> {
    /// Gives the step its data.
    pub fn begin(engine: &'a Engine, ctx: &'a Ctx<'js>) -> Outcome<Self> {
        let document = Document::new(engine.host.document());
        let opened = Self::open(engine, ctx, &document);
        opened.map_err(|error| engine.failure(ctx, error))?;
        let glue = &engine.modules.glue;
        Ok(Self {
            engine,
            ctx,
            event_loop: EventLoop::new(ctx, &*engine.host, &engine.open, glue),
            document,
        })
    }

    fn open(engine: &Engine, ctx: &Ctx<'js>, document: &Document) -> rquickjs::Result<()> {
        let glue = &engine.modules.glue;
        *engine.given.borrow_mut() = document.clone();
        if document.is_large() {
            let reader = Reader {
                document: document.clone(),
                shapes: engine.shapes,
                glue: glue.clone(),
            };
            let begin: Function = glue.get(ctx)?.get("beginUnread")?;
            unread::begin(ctx, Rc::new(reader), begin.call(())?);
        }
        let length = document.text().len();
        let data = document.value(ctx, engine.shapes, glue, 0, length)?;
        ctx.globals().set("data", data)
    }

    /// A function of the prelude.
    fn prelude(&self, name: &str) -> Outcome<Function<'js>> {
        let glue = self.engine.modules.glue.get(self.ctx);
        self.or_failure(glue.and_then(|glue| glue.get(name)))
    }

    /// The step's condition as JSON.
    pub fn condition(mut self) -> Outcome<String> {
        let exports = self.exports()?;
        let compile = self.prelude("condition")?;
        self.or_failure(compile.call((exports,)))
    }

    /// Runs the step's `content` and gives the host the changes.
    pub fn content(mut self) -> Outcome {
        let ended = self.call_content();
        self.report_rejections();
        ended?;
        let glue = WritebackGlue::new(self.ctx, &self.engine.modules.glue);
        let data: Value = self.or_failure(self.ctx.globals().get("data"))?;
        self.check_retry(&data)?;
        let changes = writeback::changes(self.ctx, &self.document, self.engine.shapes, glue, &data);
        for change in changes.map_err(Failure::Stop)? {
            let host = &self.engine.host;
            let made = match &change {
                Change::Set { pointer, json } => host.set(pointer, json),
                Change::Remove { pointer } => host.remove(pointer),
            };
            made.map_err(|text| Failure::Stop(format!("`data` was not written: {text}")))?;
        }
        Ok(())
    }

    /// JSON makes null of a number or a `Date` that is none, and the server would take it for no time at
    /// all: a step whose sum went wrong would run again at once.
    fn check_retry(&self, data: &Value<'js>) -> Outcome {
        const MEMBER: &str = "nextRetryAt";
        let Some(object) = data.as_object() else {
            return Ok(());
        };
        let at: Value = self.or_failure(object.get(MEMBER))?;
        let wrong = match at.as_number() {
            Some(number) if number.is_nan() => "NaN".to_owned(),
            Some(number) if number.is_infinite() => "infinite".to_owned(),
            None if at.is_object() => {
                let is_no_time = self.prelude("isNoTime")?;
                let is_no_time: bool = self.or_failure(is_no_time.call((at,)))?;
                if !is_no_time {
                    return Ok(());
                }
                "an invalid Date".to_owned()
            }
            _ => return Ok(()),
        };
        Err(Failure::Stop(format!(
            "`data.{MEMBER}` is {wrong}; write a time with its zone, such as \"2026-11-28T23:00:00Z\", a Date, or \
             milliseconds since 1970 as a number"
        )))
    }

    fn call_content(&mut self) -> Outcome {
        let exports = self.exports()?;
        let content: Value = self.or_failure(exports.get("content"))?;
        let Some(content) = content.as_function() else {
            let kind = fault::kind(&content);
            let text = format!("the step exports no function `content`; it is {kind}");
            return Err(Failure::Stop(text));
        };
        let returned = self.or_failure(content.call(()))?;
        self.wait_for(returned)?;
        let quiet = self.event_loop.until_quiet();
        self.or_failure(quiet).map(|_| ())
    }

    /// Evaluates the step's modules.
    fn exports(&mut self) -> Outcome<Object<'js>> {
        let (exports, evaluation) = self.or_failure(self.engine.modules.entry(self.ctx))?;
        if let Some(evaluation) = evaluation {
            self.wait_for(evaluation)?;
        }
        Ok(exports)
    }

    /// Goes on until a value, if it is a promise or thenable, is settled.
    fn wait_for(&mut self, value: Value<'js>) -> Outcome {
        if !value.is_object() {
            return Ok(());
        }
        let promise = match value.as_promise() {
            Some(promise) => promise.clone(),
            None => {
                let promised = self.prelude("promised")?;
                self.or_failure(promised.call::<_, Promise>((value,)))?
            }
        };
        let ended = self.event_loop.until_settled(&promise);
        let ended = self.or_failure(ended)?;
        let this = Persistent::save(self.ctx, promise.as_value().clone());
        let mut rejections = self.engine.rejections.borrow_mut();
        rejections.retain(|(other, _)| *other != this);
        match ended {
            Ended::Settled => match promise.result::<Value>() {
                Some(Err(error)) => Err(self.engine.failure(self.ctx, error)),
                _ => Ok(()),
            },
            Ended::Stuck(None) => Err(Failure::Stop(
                "the step's promise never settles: it awaits something that nobody will resolve"
                    .into(),
            )),
            Ended::Stuck(Some(reason)) => Err(Failure::Stop(format!(
                "the step waits for a timer that cannot fire: {reason}; `task.park` waits between runs"
            ))),
        }
    }

    fn report_rejections(&self) {
        let rejections = self.engine.rejections.take();
        for (_, reason) in rejections.into_iter().take(REPORTED) {
            if let Ok(reason) = reason.restore(self.ctx) {
                let text = fault::describe(self.ctx, &reason, &self.engine.modules.sources);
                let text = format!("a rejected promise was not awaited: {text}");
                self.engine.host.write(Level::Error, &text);
            }
        }
    }

    /// An exception as the failure that it ends the run with.
    fn or_failure<T>(&self, result: Result<T, Error>) -> Outcome<T> {
        result.map_err(|error| self.engine.failure(self.ctx, error))
    }
}
