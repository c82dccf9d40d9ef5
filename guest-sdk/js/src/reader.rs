//! Reads the parts of the document that a run was given unread.

use std::rc::Rc;

use rquickjs::{Ctx, Persistent, Result, Value};

use crate::document::Document;
use crate::plain::unread::Source;
use crate::plain::{self, Shapes};
use crate::prelude::Glue;
use crate::scan::Elements;

/// The document of a run, with what its parts are made with.
pub struct Reader {
    pub document: Document,
    pub shapes: Shapes,
    pub glue: Glue,
}

impl Source for Reader {
    fn text(&self) -> &str {
        self.document.text()
    }

    fn value<'js>(&self, ctx: &Ctx<'js>, from: usize, to: usize) -> Result<Value<'js>> {
        let glue = &self.glue;
        self.document.value(ctx, self.shapes, glue, from, to)
    }

    fn part<'js>(
        &self,
        ctx: &Ctx<'js>,
        from: usize,
        to: usize,
        is_usual: bool,
    ) -> Result<Value<'js>> {
        match self.document.part(ctx, (from, to), is_usual)? {
            Some(part) => Ok(part),
            None => self.value(ctx, from, to),
        }
    }

    fn elements(&self, from: usize) -> Rc<Elements> {
        self.document.elements(from)
    }

    fn moved<'js>(&self, from: &Value<'js>, to: &Value<'js>) {
        let numbers = self.document.numbers();
        if numbers.has_marks() {
            let kept = Persistent::save(to.ctx(), to.clone());
            numbers.moved(plain::address(from), plain::address(to), kept);
        }
    }
}
