//! Objects.

use rquickjs::qjs;

use super::{Unwritten, Writer, Written, name};
use crate::lanes;
use crate::plain::numbers::{Key, Mark};
use crate::plain::shape::{Kind, Slot, tag};
use crate::plain::text;

impl Writer<'_, '_> {
    pub(super) fn object(&mut self, value: qjs::JSValue, marks: &[Mark]) -> Written {
        if marks.is_empty() && self.walk.is_first(value) && self.direct(value)? {
            return Ok(());
        }
        let layout = self.walk.layout(value)?;
        if layout.kind == Kind::Method {
            return Err(Unwritten::Behaves);
        }
        self.out.push(b'{');
        let mut is_first = true;
        for member in &layout.members {
            let slot = self.walk.member(value, &layout, member);
            if let Slot::Absent = slot {
                continue;
            }
            if let Slot::Value(value) | Slot::Seen(value) = slot
                && let qjs::JS_TAG_UNDEFINED | qjs::JS_TAG_SYMBOL = tag(value)
            {
                self.walk.done(slot);
                continue;
            }
            if !is_first {
                self.out.push(b',');
            }
            is_first = false;
            self.line();
            self.out.extend_from_slice(&member.quoted);
            self.out.push(b':');
            if !self.style.gap.is_empty() {
                self.out.push(b' ');
            }
            match slot {
                Slot::Value(value) | Slot::Seen(value) => {
                    let key = || Key::Name(name(&member.quoted));
                    let written = self.value(value, Some((marks, &key)));
                    self.walk.done(slot);
                    written?;
                }
                Slot::Getter(getter) => self.deferred(getter)?,
                Slot::Absent => {}
            }
        }
        self.end(!is_first, b'}');
        Ok(())
    }

    /// Appends an object without its layout being found out. False if that cannot be; then nothing is appended.
    fn direct(&mut self, value: qjs::JSValue) -> Written<bool> {
        let Some((members, values)) = self.walk.direct(value) else {
            return Ok(false);
        };
        let begin = self.out.len();
        self.out.push(b'{');
        let mut is_first = true;
        for (index, member) in members.iter().enumerate() {
            // SAFETY: so many values stand there.
            let value = unsafe { *values.add(index) };
            if let qjs::JS_TAG_UNDEFINED | qjs::JS_TAG_SYMBOL = tag(value) {
                continue;
            }
            if !std::mem::replace(&mut is_first, false) {
                self.out.push(b',');
            }
            self.line();
            let out = &mut self.out;
            let named = self.walk.name(member.atom, |name| {
                out.push(b'"');
                text::escape(name, out);
                lanes::is_ascii(name).then_some(())
            });
            if named.is_none() {
                self.out.truncate(begin);
                return Ok(false);
            }
            self.out.extend_from_slice(b"\":");
            if !self.style.gap.is_empty() {
                self.out.push(b' ');
            }
            self.value(value, None)?;
        }
        self.end(!is_first, b'}');
        Ok(true)
    }
}
