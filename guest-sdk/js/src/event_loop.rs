//! Drives a run: promise reactions first, then timers that are due, then whatever the host has
//! ready; and tells when nothing can happen any more.

use rquickjs::{ArrayBuffer, Ctx, Function, Promise, Result, promise::PromiseState};

use crate::host::{CallId, Host, Outcome};
use crate::natives::OpenCalls;
use crate::prelude::{Glue, Usual};

/// How a wait ended.
pub enum Ended {
    Settled,
    /// Nothing is under way that could settle it; why a timer cannot fire, if that is so.
    Stuck(Option<String>),
}

/// The run's event loop.
pub struct EventLoop<'a, 'js> {
    ctx: &'a Ctx<'js>,
    host: &'a dyn Host,
    open: &'a OpenCalls,
    glue: &'a Glue,
    /// Pauses under way, with the time that they end.
    pauses: Vec<(CallId, f64)>,
    /// From when on no pause is to be had, and why.
    end: Option<(f64, String)>,
}

impl<'a, 'js> EventLoop<'a, 'js> {
    pub fn new(ctx: &'a Ctx<'js>, host: &'a dyn Host, open: &'a OpenCalls, glue: &'a Glue) -> Self {
        Self {
            ctx,
            host,
            open,
            glue,
            pauses: Vec::new(),
            end: None,
        }
    }

    /// A function of the prelude. Most runs use none: they make no call and set no timer.
    fn usual(&self, what: Usual) -> Result<Function<'js>> {
        self.glue.usual(self.ctx, what)
    }

    /// Runs until the promise is settled. What a timer throws is the error.
    pub fn until_settled(&mut self, promise: &Promise<'js>) -> Result<Ended> {
        self.until(|_| promise.state() != PromiseState::Pending)
    }

    /// Runs until no connector call is under way. Timers that are left do not count.
    pub fn until_quiet(&mut self) -> Result<Ended> {
        self.until(|event_loop| event_loop.open.get() == 0)
    }

    fn until(&mut self, done: impl Fn(&Self) -> bool) -> Result<Ended> {
        loop {
            self.jobs();
            if done(self) {
                return Ok(Ended::Settled);
            }
            let due: Option<f64> = self.usual(Usual::NextTimer)?.call(())?;
            if let Some(due) = due {
                let now = self.host.now();
                if due <= now {
                    self.usual(Usual::FireTimer)?.call::<_, ()>(())?;
                    continue;
                }
                if !self.await_timer(due, now) && self.open.get() == 0 {
                    return Ok(Ended::Stuck(self.end.take().map(|(_, reason)| reason)));
                }
            } else if self.open.get() == 0 {
                return Ok(Ended::Stuck(None));
            }
            for (id, outcome) in self.host.wait() {
                self.deliver(id, outcome)?;
                self.jobs();
            }
        }
    }

    fn jobs(&self) {
        while self.ctx.execute_pending_job() {}
    }

    /// Sees to it that a pause ends when the timer is due. False if that cannot be.
    fn await_timer(&mut self, due: f64, now: f64) -> bool {
        if self.end.as_ref().is_some_and(|(end, _)| due >= *end) {
            return false;
        }
        if !self.pauses.iter().any(|(_, end)| *end <= due) {
            let id = self.host.pause((due - now).ceil() as u64);
            self.pauses.push((id, due));
        }
        true
    }

    fn deliver(&mut self, id: CallId, outcome: Outcome) -> Result<()> {
        if let Some(at) = self.pauses.iter().position(|(pause, _)| *pause == id) {
            let (_, due) = self.pauses.swap_remove(at);
            if let Outcome::Failed { text, .. } = outcome {
                self.end = Some((due, text));
            }
            return Ok(());
        }
        self.open.set(self.open.get().saturating_sub(1));
        let settle = self.usual(Usual::Settle)?;
        match outcome {
            Outcome::Response(response) => {
                let headers: Vec<String> = response
                    .headers
                    .into_iter()
                    .flat_map(|(name, value)| [name, value])
                    .collect();
                let body = ArrayBuffer::new(self.ctx.clone(), response.body)?;
                let text = response.status_text;
                let landed = response.landed;
                settle.call((id, response.status, text, headers, body, landed))
            }
            Outcome::Value(json) => settle.call((id, 0, json)),
            Outcome::Failed { code, text } => settle.call((id, -1, code, text)),
        }
    }
}
