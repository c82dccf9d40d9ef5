//! What a run did to an array.

use rquickjs::{Array, Value};

use super::{Change, Walk, Walked, is_long};
use crate::json;
use crate::plain::Key;

impl<'a, 'js> Walk<'a, 'js> {
    pub(super) fn compare_array(
        &mut self,
        value: &Value<'js>,
        was: &'a str,
        same: usize,
    ) -> Walked {
        self.enter(value)?;
        let Some(array) = value.as_array() else {
            return Ok(());
        };
        let noted = self.changes.len();
        if self.in_order(array, was, same)? {
            self.open.pop();
            return Ok(());
        }
        self.changes.truncate(noted);
        let before = json::elements(was);
        let gone = if array.len() < before.len() {
            self.gone(array, &before, same)?
        } else {
            None
        };
        let gone = match gone {
            Some(gone) => gone,
            None => {
                let ends = |part: &&str| self.document.offset(part) + part.len();
                let mut index = before.partition_point(|part| ends(part) <= same);
                while index < array.len() {
                    index += self.same_elements(array, index, &before, index)?;
                    if index < array.len() {
                        self.element(array, index, before.get(index).copied(), same)?;
                        index += 1;
                    }
                }
                (array.len()..before.len()).collect()
            }
        };
        for index in gone.into_iter().rev() {
            let pointer = format!("{}/{index}", self.pointer);
            self.changes.push(Change::Remove { pointer });
        }
        self.open.pop();
        Ok(())
    }

    /// Compares each element with the one that stood in its place; false if there were more of them.
    fn in_order(&mut self, array: &Array<'js>, was: &'a str, same: usize) -> Walked<bool> {
        let mut before = json::Elements::of(was);
        let mut index = 0;
        loop {
            if let Some(at) = before.place() {
                let rest = self.document.same_rest(
                    self.ctx,
                    self.shapes,
                    array.as_value(),
                    index,
                    (was, at),
                );
                let (ran, at) = rest.map_err(|error| self.threw(error))?;
                index += ran;
                before.go(at);
            }
            if index >= array.len() {
                return Ok(before.place().is_none());
            }
            let element = before.next();
            self.element(array, index, element, same)?;
            index += 1;
        }
    }

    /// The elements that are missing from a shorter array, if those that are left are the same as
    /// before: what `shift`, `pop`, `splice` and `filter` do.
    fn gone(
        &mut self,
        array: &Array<'js>,
        before: &[&'a str],
        same: usize,
    ) -> Walked<Option<Vec<usize>>> {
        let mut gone = Vec::new();
        let (mut index, mut at) = (0, 0);
        loop {
            let same_ones = self.same_elements(array, index, before, at)?;
            (index, at) = (index + same_ones, at + same_ones);
            let Some(was) = before.get(at) else {
                return Ok(Some(gone));
            };
            let noted = self.changes.len();
            let is_same = index < array.len() && {
                // What is known of elements is known of those that stayed in their place.
                let same = if index == at { same } else { 0 };
                self.element(array, index, Some(was), same)?;
                self.changes.len() == noted
            };
            self.changes.truncate(noted);
            if is_same {
                index += 1;
            } else if before.len() - array.len() == gone.len() {
                return Ok(None);
            } else {
                gone.push(at);
            }
            at += 1;
        }
    }

    /// How many elements from one on are those that were there from another one on.
    fn same_elements(
        &self,
        array: &Array<'js>,
        index: usize,
        before: &[&'a str],
        at: usize,
    ) -> Walked<usize> {
        let before = before.get(at..).unwrap_or_default();
        if before.is_empty() || index >= array.len() {
            return Ok(0);
        }
        let same =
            self.document
                .same_elements(self.ctx, self.shapes, array.as_value(), index, before);
        same.map_err(|error| self.threw(error))
    }

    fn element(
        &mut self,
        array: &Array<'js>,
        index: usize,
        was: Option<&'a str>,
        same: usize,
    ) -> Walked {
        if let Some(was) = was {
            if self.document.offset(was) + was.len() <= same {
                return Ok(());
            }
            if was.starts_with('[') && self.is_deferred(array.as_object(), index, was)? {
                return Ok(());
            }
        }
        let outer = self.pointer.len();
        json::push_token(&mut self.pointer, &index.to_string());
        let value = self.array_member(array, index)?;
        self.place = value
            .is_number()
            .then(|| (array.as_value().clone(), Key::Index(index as u32)));
        match was {
            // Numbers that JavaScript cannot tell apart are told apart by the array.
            Some(was) if value.is_number() && is_long(was) => {
                if self.same_elements(array, index, &[was], 0)? == 0 {
                    self.set(&value)?;
                }
            }
            Some(was) => self.compare(&value, was, same)?,
            None => self.set(&value)?,
        }
        self.pointer.truncate(outer);
        Ok(())
    }
}
