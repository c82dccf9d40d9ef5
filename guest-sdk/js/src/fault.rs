//! What went wrong, in the author's words: the message, where in the author's source, the line
//! with a caret, and the calls that led there. The engine's own frames are left out.

use std::cell::RefCell;
use std::rc::Rc;

use rquickjs::{Coerced, Ctx, Error, FromJs, Object, Value};

use crate::absent;
use crate::host::{Failure, Host, Module};

/// Bytes kept of a message; the server keeps fewer.
const MESSAGE: usize = 8 * 1024;
/// Calls shown of a stack.
const FRAMES: usize = 8;
/// Characters shown of a source line, around the fault.
const LINE: usize = 120;

/// A source text as the engine was given it. `shift` is how many columns of its first line are the
/// engine's.
pub struct Source {
    pub name: String,
    pub shift: usize,
    /// None if it was forgotten: the host has it.
    text: RefCell<Option<Rc<str>>>,
    is_entry: bool,
    host: Rc<dyn Host>,
}

impl Source {
    pub fn new(module: Module, is_entry: bool, shift: usize, host: Rc<dyn Host>) -> Self {
        Self {
            name: module.name,
            shift,
            text: RefCell::new(Some(without_mark(&module.text).into())),
            is_entry,
            host,
        }
    }

    /// The text without a byte order mark.
    pub fn text(&self) -> Rc<str> {
        let mut text = self.text.borrow_mut();
        let text = text.get_or_insert_with(|| {
            let module = match self.is_entry {
                true => Some(self.host.entry()),
                false => self.host.load(&self.name),
            };
            module.map_or_else(Rc::default, |module| without_mark(&module.text).into())
        });
        Rc::clone(text)
    }
}

fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// The author's files that were loaded so far.
#[derive(Clone, Default)]
pub struct Sources(Rc<RefCell<Vec<Rc<Source>>>>);

impl Sources {
    pub fn add(&self, source: Rc<Source>) {
        self.0.borrow_mut().push(source);
    }

    pub fn find(&self, name: &str) -> Option<Rc<Source>> {
        let sources = self.0.borrow();
        sources.iter().find(|source| source.name == name).cloned()
    }

    /// Keeps the names alone.
    pub fn forget_texts(&self) {
        for source in &*self.0.borrow() {
            source.text.take();
        }
    }
}

/// A place in an author's file, and the function it is in.
struct Frame {
    source: Rc<Source>,
    function: String,
    line: usize,
    column: usize,
}

/// The failure that an exception ends a run with.
pub fn failure(ctx: &Ctx<'_>, error: Error, sources: &Sources) -> Failure {
    match error {
        Error::Exception => {
            let thrown = ctx.catch();
            let object = thrown.as_object();
            let stop = object.is_some_and(|o| matches!(o.get::<_, bool>("final"), Ok(true)));
            ctx.catch();
            let text = describe(ctx, &thrown, sources);
            if stop {
                Failure::Stop(text)
            } else {
                Failure::Retry(text)
            }
        }
        other => Failure::Retry(other.to_string()),
    }
}

/// A thrown value with its place, its line and its stack.
pub fn describe<'js>(ctx: &Ctx<'js>, thrown: &Value<'js>, sources: &Sources) -> String {
    let mut text = message(ctx, thrown);
    cut(&mut text, MESSAGE);
    let frames = frames(ctx, thrown, sources);
    if let Some(top) = frames.first() {
        text.push_str(&format!(
            "\n  at {}:{}:{}{}",
            top.source.name,
            top.line,
            top.column,
            excerpt(top)
        ));
    }
    for frame in frames.iter().skip(1).take(FRAMES) {
        let Frame { function, .. } = frame;
        let place = format!("{}:{}:{}", frame.source.name, frame.line, frame.column);
        if function.is_empty() {
            text.push_str(&format!("\n  at {place}"));
        } else {
            text.push_str(&format!("\n  at {function} ({place})"));
        }
    }
    if let Some(cause) = property(ctx, thrown, "cause").filter(Value::is_object) {
        text.push_str(&format!("\n  because of {}", message(ctx, &cause)));
    }
    text
}

/// An exception's first line.
pub fn headline(ctx: &Ctx<'_>, error: Error) -> String {
    match error {
        Error::Exception => message(ctx, &ctx.catch()),
        other => other.to_string(),
    }
}

/// A string's text; half a surrogate pair becomes U+FFFD. None for what is no string.
pub fn text(value: &Value<'_>) -> Option<String> {
    crate::text::of(value.as_string()?).ok()
}

/// Cuts a text that is longer than so many bytes, and marks the place.
pub fn cut(text: &mut String, most: usize) {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
        text.push('…');
    }
}

/// A value's kind, with its article.
pub fn kind(value: &Value<'_>) -> &'static str {
    if value.is_undefined() {
        "undefined"
    } else if value.is_null() {
        "null"
    } else if value.is_bool() {
        "a boolean"
    } else if value.is_number() {
        "a number"
    } else if value.is_string() {
        "a string"
    } else if value.is_symbol() {
        "a symbol"
    } else if value.is_big_int() {
        "a BigInt"
    } else if value.is_function() {
        "a function"
    } else if value.is_array() {
        "an array"
    } else {
        "an object"
    }
}

fn message<'js>(ctx: &Ctx<'js>, thrown: &Value<'js>) -> String {
    if let Some(text) = text(thrown) {
        return text;
    }
    if thrown.is_null() {
        // What the engine throws when there is no memory left for an error.
        return "RangeError: out of memory (or `null` was thrown)".to_owned();
    }
    if !thrown.is_object() {
        let coerced = Coerced::<String>::from_js(ctx, thrown.clone());
        return coerced.map_or_else(|_| kind(thrown).to_owned(), |text| text.0);
    }
    let read = |key| property(ctx, thrown, key).as_ref().and_then(text);
    let name = read("name").unwrap_or_default();
    let message = read("message").unwrap_or_default();
    match (name.is_empty(), message.is_empty()) {
        (true, true) => format!("{} was thrown that is no Error", kind(thrown)),
        (true, false) => message,
        (false, true) => name,
        // What the engine calls an internal error is the limit of memory or stack.
        (false, false) if name == "InternalError" => format!("RangeError: {message}"),
        (false, false) if name == "ReferenceError" => format!("{name}: {}", undefined(message)),
        (false, false) => format!("{name}: {message}"),
    }
}

/// What the engine says of an undefined name, with what there is instead of it.
fn undefined(message: String) -> String {
    let name = message.strip_suffix(" is not defined");
    match name.and_then(|name| Some((name, absent::global(name)?))) {
        Some((name, instead)) => format!("`{name}` is not available in a step: {instead}"),
        None => message,
    }
}

/// A property, read so that a hostile getter cannot make matters worse.
fn property<'js>(ctx: &Ctx<'js>, value: &Value<'js>, key: &str) -> Option<Value<'js>> {
    let object: &Object = value.as_object()?;
    let read = object.get(key);
    if read.is_err() {
        ctx.catch();
    }
    read.ok()
}

fn frames<'js>(ctx: &Ctx<'js>, thrown: &Value<'js>, sources: &Sources) -> Vec<Frame> {
    let stack = property(ctx, thrown, "stack").as_ref().and_then(text);
    let stack = stack.unwrap_or_default();
    let lines = stack.lines().take(100);
    lines.filter_map(|line| frame(line, sources)).collect()
}

/// Reads `    at function (file:line:column)` or `    at file:line:column`.
fn frame(line: &str, sources: &Sources) -> Option<Frame> {
    let line = line.trim().strip_prefix("at ")?;
    let (function, place) = match line.rsplit_once(" (") {
        Some((function, place)) => (function, place.strip_suffix(')')?),
        None => ("", line),
    };
    let (place, column) = place.rsplit_once(':')?;
    let (name, row) = place.rsplit_once(':')?;
    let source = sources.find(name)?;
    let row: usize = row.parse().ok()?;
    let mut column: usize = column.parse().ok()?;
    if row == 1 {
        column = column.saturating_sub(source.shift).max(1);
    }
    let function = if function == "<anonymous>" {
        ""
    } else {
        function
    };
    Some(Frame {
        source,
        function: function.to_owned(),
        line: row,
        column,
    })
}

/// The source line and a caret under the place.
fn excerpt(frame: &Frame) -> String {
    let text = frame.source.text();
    let Some(line) = text.lines().nth(frame.line - 1) else {
        return String::new();
    };
    let at = frame.column - 1;
    let from = at.saturating_sub(LINE / 2);
    let shown: String = line.chars().skip(from).take(LINE).collect();
    let shown = shown.replace('\t', " ");
    let caret = " ".repeat(at - from);
    let number = frame.line;
    let margin = " ".repeat(number.to_string().len());
    format!("\n  {number} | {shown}\n  {margin} | {caret}^")
}
