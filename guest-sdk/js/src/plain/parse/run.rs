//! Runs of small elements of an array: integers, words, and what is empty.

use rquickjs::qjs;

use super::Parser;

impl Parser<'_, '_> {
    /// Reads elements of an array from the place on where one begins, as long as they are small ones and another
    /// follows.
    pub(super) fn run(&mut self) {
        let bytes = self.bytes;
        let mut at = self.at;
        let object = self
            .nodes
            .first()
            .and_then(|root| root.model.as_ref())
            .map(|(model, _)| *model);
        while let Some(here) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
            let here = u64::from_le_bytes(*here);
            let is = |text: &[u8; 3]| {
                here as u32 & 0xff_ffff == u32::from_le_bytes([text[0], text[1], text[2], 0])
            };
            let (value, length) = match here as u8 {
                digit @ b'0'..=b'9' => {
                    let (mut value, mut length) = (i32::from(digit - b'0'), 1);
                    let mut rest = here >> 8;
                    while let next @ b'0'..=b'9' = rest as u8 {
                        value = value * 10 + i32::from(next - b'0');
                        rest >>= 8;
                        length += 1;
                    }
                    if rest as u8 != b',' || (digit == b'0' && length > 1) {
                        break;
                    }
                    (qjs::JS_MKVAL(qjs::JS_TAG_INT, value), length)
                }
                b't' if here << 24 == u64::from_le_bytes(*b"\0\0\0true,") => {
                    (qjs::JS_MKVAL(qjs::JS_TAG_BOOL, 1), 4)
                }
                b'f' if here << 16 == u64::from_le_bytes(*b"\0\0false,") => {
                    (qjs::JS_MKVAL(qjs::JS_TAG_BOOL, 0), 5)
                }
                b'n' if here << 24 == u64::from_le_bytes(*b"\0\0\0null,") => {
                    (qjs::JS_MKVAL(qjs::JS_TAG_NULL, 0), 4)
                }
                b'"' if is(b"\"\",") => match self.empty_text {
                    Some(empty) => (self.kept(empty), 2),
                    None => break,
                },
                b'[' if is(b"[],") => match (&self.empty_array, &mut self.slab) {
                    // SAFETY: the model's object is kept.
                    (Some((model, _)), Some(slab)) => match unsafe { model.array(slab, &[]) } {
                        Some(array) => (array, 2),
                        None => break,
                    },
                    _ => break,
                },
                b'{' if is(b"{},") => match (&object, &mut self.slab) {
                    // SAFETY: the model's object is kept.
                    (Some(model), Some(slab)) => match unsafe { model.copy(slab, &[]) } {
                        Some(object) => (object, 2),
                        None => break,
                    },
                    _ => break,
                },
                _ => break,
            };
            self.values.push(value);
            at += length + 1;
        }
        self.at = at;
    }
}
