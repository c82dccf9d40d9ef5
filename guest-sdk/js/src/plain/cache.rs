//! Short texts of a document, with what was made of them: the same ones come again and again.

use super::text::is_same;

/// Places for what was made of a text, and of one that is short: there is little in it that could come again.
const PLACES: usize = 256;
const FEW: usize = 16;
/// Bytes of a text that is not short.
const LONG: usize = 4096;
/// Texts that are looked for in any case.
const TRIED: u32 = 256;

/// What was just made of short texts. Each place has the text's start and length in the document.
pub struct Cache<T> {
    places: Vec<Option<(usize, usize, T)>>,
    /// How many there are once something is put in; a power of two.
    most: usize,
    /// How many texts were looked for, and were there or not.
    found: u32,
    missed: u32,
}

impl<T: Copy> Cache<T> {
    /// For a document, or a part of one, of so many bytes.
    pub fn new(bytes: usize) -> Self {
        Self {
            places: Vec::new(),
            most: if bytes < LONG { FEW } else { PLACES },
            found: 0,
            missed: 0,
        }
    }

    fn place(&self, text: &[u8]) -> usize {
        let (first, last) = (
            text.first().copied().unwrap_or(0),
            text.last().copied().unwrap_or(0),
        );
        let middle = text.get(text.len() / 2).copied().unwrap_or(0);
        let sum =
            usize::from(first) * 31 + usize::from(last) * 7 + usize::from(middle) * 3 + text.len();
        sum & (self.most - 1)
    }

    /// Whether texts come again often enough to look for them.
    #[inline(always)]
    pub fn is_of_use(&self) -> bool {
        self.missed < TRIED || self.missed / 4 < self.found
    }

    pub fn find(&mut self, bytes: &[u8], text: &[u8]) -> Option<T> {
        let found = self.places.get(self.place(text)).copied().flatten();
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
            self.places.resize(self.most, None);
        }
        let place = self.place(text);
        let place = self.places.get_mut(place)?;
        place.replace((at, text.len(), made)).map(|(_, _, old)| old)
    }

    pub fn all(&self) -> impl Iterator<Item = T> {
        self.places.iter().flatten().map(|(_, _, made)| *made)
    }
}
