//! Short texts of a document, with what was made of them: the same ones come again and again.

/// Places for what was made.
const PLACES: usize = 256;

/// What was just made of short texts. Each place has the text's start and length in the document.
pub struct Cache<T> {
    places: Vec<Option<(usize, usize, T)>>,
}

impl<T: Copy> Cache<T> {
    pub fn new() -> Self {
        Self { places: Vec::new() }
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

    pub fn find(&self, bytes: &[u8], text: &[u8]) -> Option<T> {
        let (at, length, made) = (*self.places.get(Self::place(text))?)?;
        (length == text.len() && bytes.get(at..at + length) == Some(text)).then_some(made)
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
