//! Short texts of a document, with what was made of them: the same ones come again and again.

use super::text::is_same;

/// Places for what was made.
const PLACES: usize = 256;
/// Texts that are looked for in any case.
const TRIED: u32 = 256;

/// What was just made of short texts. Each place has the text's start and length in the document.
pub struct Cache<T> {
    places: Vec<Option<(usize, usize, T)>>,
    /// How many texts were looked for, and were there or not.
    found: u32,
    missed: u32,
}

impl<T: Copy> Cache<T> {
    pub fn new() -> Self {
        Self {
            places: Vec::new(),
            found: 0,
            missed: 0,
        }
    }

    fn place(text: &[u8]) -> usize {
        let (first, last) = (
            text.first().copied().unwrap_or(0),
            text.last().copied().unwrap_or(0),
        );
        let middle = text.get(text.len() / 2).copied().unwrap_or(0);
        let sum =
            usize::from(first) * 31 + usize::from(last) * 7 + usize::from(middle) * 3 + text.len();
        sum % PLACES
    }

    /// Whether texts come again often enough to look for them.
    #[inline(always)]
    pub fn is_of_use(&self) -> bool {
        self.missed < TRIED || self.missed / 4 < self.found
    }

    pub fn find(&mut self, bytes: &[u8], text: &[u8]) -> Option<T> {
        let found = self.places.get(Self::place(text)).copied().flatten();
        let found = found.filter(|&(at, length, _)| {
            let known = bytes.get(at..at + length);
            length == text.len() && known.is_some_and(|known| is_same(known, text))
        });
        match found {
            Some(_) => self.found += 1,
            None => self.missed += 1,
        }
        found.map(|(_, _, made)| made)
    }

    /// Puts one in; gives back the one that was there.
    pub fn put(&mut self, at: usize, text: &[u8], made: T) -> Option<T> {
        if self.places.is_empty() {
            self.places.resize(PLACES, None);
        }
        let place = self.places.get_mut(Self::place(text))?;
        place.replace((at, text.len(), made)).map(|(_, _, old)| old)
    }

    pub fn all(&self) -> impl Iterator<Item = T> {
        self.places.iter().flatten().map(|(_, _, made)| *made)
    }
}
