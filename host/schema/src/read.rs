//! Reads the values of keywords: subschemas, alone and several, and what is counted, named or matched.

use serde_json::{Map, Value};
use stepwell_condition::shared::Regex;

use crate::compiler::{Compiled, Compiler, Place};
use crate::node::{NodeId, escape};
use crate::{PATTERN_BYTES, PATTERNS};

type Members = Map<String, Value>;

impl<'v> Compiler<'v> {
    pub(crate) fn below(
        &mut self,
        value: &'v Value,
        token: String,
        place: Place,
    ) -> Compiled<NodeId> {
        self.visit(
            value,
            Some(place.node),
            token,
            place.resource,
            place.depth + 1,
        )
    }

    pub(crate) fn child(
        &mut self,
        members: &'v Members,
        keyword: &str,
        place: Place,
    ) -> Compiled<Option<NodeId>> {
        let value = members.get(keyword);
        let child = value.map(|value| self.below(value, keyword.to_owned(), place));
        child.transpose()
    }

    pub(crate) fn list(
        &mut self,
        members: &'v Members,
        keyword: &str,
        place: Place,
    ) -> Compiled<Vec<NodeId>> {
        let values = match members.get(keyword) {
            None => return Ok(Vec::new()),
            Some(Value::Array(values)) => values.iter().enumerate(),
            Some(_) => {
                return self.wrong(place.node, keyword, "must be an array of schemas".into());
            }
        };
        values
            .map(|(number, value)| self.below(value, format!("{keyword}/{number}"), place))
            .collect()
    }

    /// The subschemas of an object, by name.
    pub(crate) fn table(
        &mut self,
        members: &'v Members,
        keyword: &str,
        place: Place,
    ) -> Compiled<Vec<(&'v str, NodeId)>> {
        let values = match members.get(keyword) {
            None => return Ok(Vec::new()),
            Some(Value::Object(values)) => values.iter(),
            Some(_) => {
                return self.wrong(place.node, keyword, "must be an object of schemas".into());
            }
        };
        values
            .map(|(name, value)| {
                let token = format!("{keyword}/{}", escape(name));
                Ok((name.as_str(), self.below(value, token, place)?))
            })
            .collect()
    }

    pub(crate) fn count(
        &self,
        members: &Members,
        keyword: &str,
        id: NodeId,
    ) -> Compiled<Option<u64>> {
        let Some(value) = members.get(keyword) else {
            return Ok(None);
        };
        let whole = |number: f64| (number.fract() == 0.0 && number >= 0.0).then_some(number as u64);
        let count = value.as_u64().or_else(|| value.as_f64().and_then(whole));
        match count {
            Some(count) => Ok(Some(count)),
            None => self.wrong(id, keyword, "must be a whole number, 0 or more".into()),
        }
    }

    pub(crate) fn texts(
        &self,
        value: &Value,
        id: NodeId,
        keyword: &str,
    ) -> Compiled<Vec<Box<str>>> {
        let texts = value.as_array().and_then(|values| {
            let texts = values.iter().map(|value| value.as_str().map(Box::from));
            texts.collect::<Option<Vec<_>>>()
        });
        match texts {
            Some(texts) => Ok(texts),
            None => self.wrong(id, keyword, "must be an array of names".into()),
        }
    }

    pub(crate) fn regex(&mut self, source: &str, id: NodeId, keyword: &str) -> Compiled<Regex> {
        self.patterns += 1;
        if self.patterns > PATTERNS {
            return self.wrong(id, keyword, format!("it has more than {PATTERNS} patterns"));
        }
        let regex = Regex::compile(source).or_else(|message| self.wrong(id, keyword, message))?;
        self.pattern_bytes += regex.bytes();
        if self.pattern_bytes > PATTERN_BYTES {
            let message = "its patterns are too large when compiled; use smaller repeats, or classes such as `[A-Za-z]` for `\\p{…}`, which stands for all of Unicode";
            return self.wrong(id, keyword, message.into());
        }
        Ok(regex)
    }
}
