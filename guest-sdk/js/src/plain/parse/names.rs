//! The names of objects in their order, as a tree: the objects of one kind go the same way through it, and at its end
//! is the model that they are copied from.

use rquickjs::qjs;

use super::{Parsed, Parser, Stop};
use crate::plain::number;
use crate::plain::shape::tag;
use crate::plain::text;
use crate::raw::model::Model;

/// Names that are remembered. Objects with others are made member by member.
const NODES: usize = 4096;
/// So are objects of more members.
pub const MEMBERS: u32 = 64;
/// Names that may follow one.
const NEXT: usize = 16;
/// A name's quotes and colon are compared eight bytes at a time.
const WORD: usize = 8;

/// Where all ways begin: an object without members.
pub const ROOT: u32 = 0;
const NOTHING: u32 = u32::MAX;

/// A name that follows others.
pub struct Node {
    /// Where the name stood when it was first seen, with its quotes and the colon, and how long it is.
    pub from: usize,
    length: usize,
    /// Its first eight bytes, and which of them count.
    word: u64,
    mask: u64,
    pub atom: qjs::JSAtom,
    pub parent: u32,
    pub members: u32,
    /// The name that followed it last, and the next one that may stand in its own place.
    child: u32,
    sibling: u32,
    /// A name comes twice on the way here.
    is_double: bool,
    /// Objects that end here, up to two.
    seen: u8,
    pub model: Option<(Model, qjs::JSValue)>,
}

impl Node {
    pub fn root() -> Self {
        Self {
            from: 0,
            length: 0,
            word: 0,
            mask: 0,
            atom: 0,
            parent: ROOT,
            members: 0,
            child: NOTHING,
            sibling: NOTHING,
            is_double: false,
            seen: 0,
            model: None,
        }
    }
}

impl Parser<'_, '_> {
    /// The first eight bytes from here on.
    #[inline(always)]
    fn eight(&self, at: usize) -> Option<u64> {
        self.bytes
            .get(at..)?
            .first_chunk()
            .map(|word| u64::from_le_bytes(*word))
    }

    /// Whether the name of a node begins here; `word` are the first bytes.
    #[inline(always)]
    fn is_name(&self, node: &Node, word: u64) -> bool {
        if word & node.mask != node.word {
            return false;
        }
        node.length <= WORD || {
            let part = |from: usize| self.bytes.get(from + WORD..from + node.length);
            matches!((part(self.at), part(node.from)), (Some(a), Some(b)) if text::is_same(a, b))
        }
    }

    /// Goes from a node to the one of the name that begins here, and moves behind its colon. None if there is no
    /// node for it, and cannot be; then nothing is passed over.
    #[inline(always)]
    pub fn step(&mut self, from: u32) -> Parsed<Option<u32>> {
        let child = self.nodes[from as usize].child;
        if let Some(word) = self.eight(self.at)
            && let Some(node) = self.nodes.get(child as usize)
            && self.is_name(node, word)
        {
            self.at += node.length;
            return Ok(Some(child));
        }
        self.step_slow(from)
    }

    /// The same for a name that did not come last.
    #[inline(never)]
    fn step_slow(&mut self, from: u32) -> Parsed<Option<u32>> {
        self.space();
        let Some(word) = self.eight(self.at) else {
            return Ok(None);
        };
        let (mut at, mut before, mut others) = (self.nodes[from as usize].child, NOTHING, 0);
        while let Some(node) = self.nodes.get(at as usize) {
            if self.is_name(node, word) {
                let (length, sibling) = (node.length, node.sibling);
                if let Some(before) = self.nodes.get_mut(before as usize) {
                    before.sibling = sibling;
                    let first = std::mem::replace(&mut self.nodes[from as usize].child, at);
                    self.nodes[at as usize].sibling = first;
                }
                self.at += length;
                return Ok(Some(at));
            }
            (before, at, others) = (at, node.sibling, others + 1);
        }
        let members = self.nodes[from as usize].members + 1;
        if members > MEMBERS
            || others >= NEXT
            || self.nodes.len() >= NODES
            || self.peek() != Some(b'"')
        {
            return Ok(None);
        }
        let run = text::plain(&self.bytes[self.at + 1..]);
        let end = self.at + 1 + run;
        if self.bytes.get(end..end + 2) != Some(b"\":") {
            return Ok(None);
        }
        let start = self.at;
        let atom = self.name()?;
        self.at += 1;
        let length = self.at - start;
        let mask = u64::MAX >> (WORD.saturating_sub(length) * 8);
        let node = Node {
            from: start,
            length,
            word: word & mask,
            mask,
            atom,
            parent: from,
            members,
            sibling: self.nodes[from as usize].child,
            is_double: self.nodes[from as usize].is_double
                || self.way(from).any(|name| name == atom),
            ..Node::root()
        };
        let next = self.nodes.len() as u32;
        self.nodes.push(node);
        self.nodes[from as usize].child = next;
        Ok(Some(next))
    }

    /// The names on the way to a node, the last one first.
    pub fn way(&self, to: u32) -> impl Iterator<Item = qjs::JSAtom> {
        let mut at = to;
        std::iter::from_fn(move || {
            let node = &self.nodes[at as usize];
            at = node.parent;
            (node.members > 0).then_some(node.atom)
        })
    }

    /// An object that has the names on the way to a node, and the last of the values.
    #[inline(always)]
    pub fn finish(&mut self, node: u32) -> Parsed {
        let first = self.values.len() - self.nodes[node as usize].members as usize;
        if let Some((model, _)) = &self.nodes[node as usize].model
            && let Some(slab) = &mut self.slab
            // SAFETY: the model's object is kept; the values are the copy's from here on.
            && let Some(made) = unsafe { model.copy(slab, &self.values[first..]) }
        {
            // SAFETY: not longer than it was.
            unsafe { self.values.set_len(first) };
            return Ok(made);
        }
        let made = self.by_name(node)?;
        let model = &mut self.nodes[node as usize];
        model.seen += u8::from(model.seen < 2);
        if model.seen == 2 && model.model.is_none() && !model.is_double {
            self.learn(node)?;
        }
        Ok(made)
    }

    /// The same, member by member.
    pub fn by_name(&mut self, node: u32) -> Parsed {
        // SAFETY: a new object, which is owned.
        let object = self.made(unsafe { qjs::JS_NewObject(self.context) })?;
        let first = self.values.len() - self.nodes[node as usize].members as usize;
        let mut names: Vec<qjs::JSAtom> = self.way(node).collect();
        names.reverse();
        let values: Vec<qjs::JSValue> = self.values.drain(first..).collect();
        let mut members = names.into_iter().zip(values);
        while let Some((name, value)) = members.next() {
            if let Err(stop) = self.define(object, name, value) {
                members.for_each(|(_, value)| self.free(value));
                self.free(object);
                return Err(stop);
            }
        }
        Ok(object)
    }

    /// Makes the model of the objects that end at a node: one without other references.
    #[inline(never)]
    fn learn(&mut self, node: u32) -> Parsed<()> {
        let members = self.nodes[node as usize].members as usize;
        // By these it is seen whether each stands in its place.
        let marks = (0..members).map(|at| qjs::JS_MKVAL(qjs::JS_TAG_INT, at as i32));
        self.values.extend(marks);
        let object = self.by_name(node)?;
        // SAFETY: an object that lives, has so many members, and has no other reference.
        let (model, is_in_order) = unsafe {
            let first = (*crate::raw::object(object)).members;
            let is_in_order = (0..members).all(|at| {
                let value = *first.add(at);
                tag(value) == qjs::JS_TAG_INT && qjs::JS_VALUE_GET_INT(value) == at as i32
            });
            (Model::of(self.context, object), is_in_order)
        };
        if is_in_order {
            self.nodes[node as usize].model = Some((model, object));
        } else {
            self.nodes[node as usize].is_double = true;
            self.free(object);
        }
        Ok(())
    }

    /// An array of the values from a place on.
    #[inline(always)]
    pub fn row(&mut self, first: usize) -> Parsed {
        /// Longer ones are made by the engine: they would fill the slab.
        const SHORT: usize = 64;
        let elements = &self.values[first..];
        let count = elements.len();
        let made = match (&self.empty_array, &mut self.slab) {
            // SAFETY: the model's object is kept; the values are the copy's from here on.
            (Some((model, _)), Some(slab)) if count <= SHORT => unsafe {
                model.array(slab, elements)
            },
            _ => None,
        };
        let made = match made {
            Some(made) => made,
            None => {
                let count = i32::try_from(count).map_err(|_| Stop::Text)?;
                // SAFETY: so many values, which the engine owns from here on, also if it fails.
                unsafe { qjs::JS_NewArrayFrom(self.context, count, elements.as_ptr()) }
            }
        };
        // SAFETY: not longer than it was.
        unsafe { self.values.set_len(first) };
        self.made(made)
    }

    /// The small integer that begins here, if one does.
    #[inline(always)]
    pub fn small(&mut self) -> Option<qjs::JSValue> {
        let (value, end) = match self.bytes.get(self.at..self.at + 2) {
            Some([digit @ b'0'..=b'9', b',' | b'}' | b']']) => {
                (i32::from(digit - b'0'), self.at + 1)
            }
            _ => number::small(self.bytes, self.at)?,
        };
        self.at = end;
        Some(qjs::JS_MKVAL(qjs::JS_TAG_INT, value))
    }
}
