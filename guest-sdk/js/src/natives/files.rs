//! The files of the task.

use std::rc::Rc;

use rquickjs::{ArrayBuffer, Ctx, Function, Object, Result};

use super::refused;
use crate::host::Host;
use crate::text::Text;

pub fn install<'js>(ctx: &Ctx<'js>, natives: &Object<'js>, host: &Rc<dyn Host>) -> Result<()> {
    let h = Rc::clone(host);
    // Undefined if the task has no such file.
    let size = move |ctx: Ctx<'js>, digest: Text| -> Result<Option<f64>> {
        let size = refused(&ctx, h.file_size(&digest))?;
        Ok(size.map(|size| size as f64))
    };
    natives.set("fileSize", Function::new(ctx.clone(), size)?)?;
    let h = Rc::clone(host);
    let read = move |ctx: Ctx<'js>, digest: Text, offset: f64, length: f64| {
        let part = h.read_file(&digest, offset as u64, length as u32);
        ArrayBuffer::new(ctx.clone(), refused(&ctx, part)?)
    };
    natives.set("readFile", Function::new(ctx.clone(), read)?)
}
