//! A script's text, compiled at one time and evaluated at another.

#![allow(unsafe_code)]

use std::ffi::CString;

use rquickjs::{Ctx, Error, Result, Value, qjs};

/// Compiles a script in sloppy mode. The value means something to [`evaluate`] alone.
///
/// # Errors
/// The text or the name has a zero byte; the exception is pending if the text is no script.
pub fn compile<'js>(ctx: &Ctx<'js>, text: String, name: &str) -> Result<Value<'js>> {
    let flags = qjs::JS_EVAL_TYPE_GLOBAL | qjs::JS_EVAL_FLAG_COMPILE_ONLY;
    let (length, text, name) = (text.len(), CString::new(text)?, CString::new(name)?);
    // SAFETY: the context lives, and the text ends with a zero behind its length.
    unsafe {
        let context = ctx.as_raw().as_ptr();
        let script = qjs::JS_Eval(
            context,
            text.as_ptr(),
            length as _,
            name.as_ptr(),
            flags as _,
        );
        checked(ctx, script)
    }
}

/// Evaluates what [`compile`] gave.
///
/// # Errors
/// An exception that the script threw is pending.
pub fn evaluate<'js>(ctx: &Ctx<'js>, script: Value<'js>) -> Result<Value<'js>> {
    // SAFETY: the engine takes one reference to the script, and `script` keeps its own.
    unsafe {
        let context = ctx.as_raw().as_ptr();
        let value = qjs::JS_EvalFunction(context, qjs::JS_DupValue(context, script.as_raw()));
        checked(ctx, value)
    }
}

/// A value that the engine gave, or the exception that it stands for.
unsafe fn checked<'js>(ctx: &Ctx<'js>, value: qjs::JSValue) -> Result<Value<'js>> {
    unsafe {
        match qjs::JS_IsException(value) {
            true => Err(Error::Exception),
            false => Ok(Value::from_raw(ctx.clone(), value)),
        }
    }
}
