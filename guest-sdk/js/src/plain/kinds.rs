//! Objects of one kind have the same names in the same order, and share a hidden class (a shape of QuickJS). The engine
//! finds it name by name, and changes the class on the way there when nothing else has it: then each
//! object of the kind is made by copying classes. So one object is kept at each step of the way.

use rquickjs::qjs;

/// Kinds that are told apart.
const KINDS: usize = 64;
/// An object of more members is not worth it: it seldom comes twice.
const MEMBERS: u32 = 64;

/// The names of an object in their order.
#[derive(Clone, Copy, Default)]
pub struct Kind {
    hash: u32,
    members: u32,
}

impl Kind {
    pub fn add(&mut self, name: qjs::JSAtom) {
        // The multiplier of FxHash for 32 bits.
        self.hash = (self.hash.rotate_left(5) ^ name).wrapping_mul(0x9e37_79b9);
        self.members += 1;
    }
}

/// The kinds that came last, and the objects that are kept for those that came again.
#[derive(Default)]
pub struct Kinds {
    /// Empty until the first object comes.
    last: Vec<(u32, bool)>,
    kept: Vec<qjs::JSValue>,
}

impl Kinds {
    /// The objects that are kept. The caller frees them, and must not use this after that.
    pub fn all(&self) -> impl Iterator<Item = qjs::JSValue> {
        self.kept.iter().copied()
    }

    /// Takes note of a new object.
    ///
    /// # Safety
    /// It is a plain object of this context.
    pub unsafe fn came(&mut self, context: *mut qjs::JSContext, object: qjs::JSValue, kind: Kind) {
        if !(2..=MEMBERS).contains(&kind.members) {
            return;
        }
        if self.last.is_empty() {
            self.last.resize(KINDS, (0, false));
        }
        let last = &mut self.last[kind.hash as usize % KINDS];
        if last.0 != kind.hash {
            *last = (kind.hash, false);
        } else if !std::mem::replace(&mut last.1, true) {
            unsafe { self.keep(context, object) };
        }
    }

    /// Makes an object of the first name, one of the first two, and so on. Where memory ends, parsing
    /// soon notes it as well.
    unsafe fn keep(&mut self, context: *mut qjs::JSContext, object: qjs::JSValue) {
        let (mut names, mut count) = (std::ptr::null_mut(), 0);
        let flags = qjs::JS_GPN_STRING_MASK as i32;
        if unsafe { qjs::JS_GetOwnPropertyNames(context, &mut names, &mut count, object, flags) }
            < 0
        {
            return;
        }
        let all: Vec<qjs::JSAtom> = (0..count as usize)
            .map(|at| unsafe { (*names.add(at)).atom })
            .collect();
        for members in 1..all.len() {
            let object = unsafe { qjs::JS_NewObject(context) };
            for name in &all[..members] {
                let (null, flags) = (
                    qjs::JS_MKVAL(qjs::JS_TAG_NULL, 0),
                    qjs::JS_PROP_C_W_E as i32,
                );
                unsafe { qjs::JS_DefinePropertyValue(context, object, *name, null, flags) };
            }
            self.kept.push(object);
        }
        unsafe { qjs::JS_FreePropertyEnum(context, names, count) };
    }
}
