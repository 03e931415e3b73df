//! A text column as a dictionary: each distinct text once, an integer per row.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, DictionaryArray, Int32Array, StringArray};
use arrow::datatypes::Int32Type;

use super::{Runs, Sparse};

/// Distinct texts kept across batches; past this the dictionary starts anew, so that a stream of
/// ever new texts cannot fill the memory.
const MAX_KEPT: usize = 1 << 16;
/// Slots of the cache in front of the hash map; a power of two.
const CACHE: usize = 512;

/// A dictionary of texts.
#[derive(Debug)]
struct Interner {
    ids: HashMap<Arc<str>, i32>,
    texts: Vec<Arc<str>>,
    /// Last id seen per slot; a province has few factors and a packet one MN, so this nearly
    /// always hits and saves the hash.
    cache: Vec<i32>,
    bytes: usize,
}

impl Default for Interner {
    fn default() -> Self {
        Self {
            ids: HashMap::new(),
            texts: Vec::new(),
            cache: vec![-1; CACHE],
            bytes: 0,
        }
    }
}

impl Interner {
    fn id(&mut self, text: &str) -> i32 {
        let slot = slot(text.as_bytes());
        let cached = self.cache[slot];
        if let Some(known) = usize::try_from(cached)
            .ok()
            .and_then(|id| self.texts.get(id))
            && known.as_ref() == text
        {
            return cached;
        }
        let id = match self.ids.get(text) {
            Some(id) => *id,
            None => {
                let id = i32::try_from(self.texts.len()).unwrap_or(i32::MAX);
                let text: Arc<str> = Arc::from(text);
                self.bytes += text.len() * 2 + 64;
                self.texts.push(Arc::clone(&text));
                self.ids.insert(text, id);
                id
            }
        };
        self.cache[slot] = id;
        id
    }

    fn array(&self) -> ArrayRef {
        Arc::new(StringArray::from_iter_values(self.texts.iter()))
    }

    /// A column of keys that this interner handed out.
    fn column(&mut self, keys: Int32Array) -> ArrayRef {
        let values = self.array();
        self.trim();
        // Every key is a place in `values`, so this cannot fail; its check is one cheap pass.
        Arc::new(DictionaryArray::<Int32Type>::new(keys, values))
    }

    fn trim(&mut self) {
        if self.texts.len() > MAX_KEPT {
            *self = Self::default();
        }
    }
}

/// Codes differ at their ends: the length and the last eight bytes tell most apart.
fn slot(bytes: &[u8]) -> usize {
    let mut word = [0_u8; 8];
    let tail = &bytes[bytes.len().saturating_sub(8)..];
    word[..tail.len()].copy_from_slice(tail);
    let mixed = (u64::from_le_bytes(word) ^ bytes.len() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 48) as usize & (CACHE - 1)
}

/// A text column under construction.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    interner: Interner,
    keys: Sparse<i32>,
}

impl Texts {
    /// Sets the text of `row`; rows are set in rising order, and those left out are null.
    pub(crate) fn set(&mut self, row: usize, text: Option<&str>) {
        if let Some(text) = text {
            let id = self.interner.id(text);
            self.keys.set(row, Some(id));
        }
    }

    /// The column with `rows` rows; the dictionary is kept for the next batch.
    pub(crate) fn finish(&mut self, rows: usize) -> ArrayRef {
        let keys: Int32Array = self.keys.finish::<Int32Type>(rows);
        self.interner.column(keys)
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.keys.bytes() + self.interner.bytes
    }
}

/// A text column whose text seldom changes from row to row.
#[derive(Debug, Default)]
pub(crate) struct TextRuns {
    interner: Interner,
    keys: Runs<i32>,
}

impl TextRuns {
    /// Sets the text of `row`; every row is set, in rising order.
    pub(crate) fn set(&mut self, row: usize, text: Option<&str>) {
        let key = text.map(|text| {
            let last = self.keys.last().filter(|id| {
                let known = usize::try_from(*id)
                    .ok()
                    .and_then(|id| self.interner.texts.get(id));
                known.is_some_and(|known| known.as_ref() == text)
            });
            last.unwrap_or_else(|| self.interner.id(text))
        });
        self.keys.set(row, key);
    }

    /// The column with `rows` rows; the dictionary is kept for the next batch.
    pub(crate) fn finish(&mut self, rows: usize) -> ArrayRef {
        let keys: Int32Array = self.keys.finish::<Int32Type>(rows);
        self.interner.column(keys)
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.keys.bytes() + self.interner.bytes
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, AsArray};

    use super::*;

    #[test]
    fn repeated_texts_share_an_entry_and_gaps_are_null() {
        let mut texts = Texts::default();
        texts.set(0, Some("w01018"));
        texts.set(2, Some("w21003"));
        texts.set(3, Some("w01018"));
        let column = texts.finish(5);
        let column = column.as_dictionary::<Int32Type>();
        assert_eq!(column.values().len(), 2);
        let read: Vec<Option<&str>> = column
            .downcast_dict::<StringArray>()
            .unwrap()
            .into_iter()
            .collect();
        assert_eq!(
            read,
            [Some("w01018"), None, Some("w21003"), Some("w01018"), None]
        );
    }

    #[test]
    fn runs_of_a_text_read_back() {
        let mut texts = TextRuns::default();
        for (row, text) in [Some("a"), Some("a"), None, Some("b"), Some("a")]
            .iter()
            .enumerate()
        {
            texts.set(row, *text);
        }
        let column = texts.finish(5);
        let column = column.as_dictionary::<Int32Type>();
        let read: Vec<Option<&str>> = column
            .downcast_dict::<StringArray>()
            .unwrap()
            .into_iter()
            .collect();
        assert_eq!(read, [Some("a"), Some("a"), None, Some("b"), Some("a")]);
    }

    #[test]
    fn the_dictionary_does_not_grow_for_ever() {
        let mut texts = Texts::default();
        for row in 0..=MAX_KEPT {
            texts.set(row, Some(&row.to_string()));
        }
        texts.finish(MAX_KEPT + 1);
        texts.set(0, Some("a"));
        assert_eq!(
            texts.finish(1).as_dictionary::<Int32Type>().values().len(),
            1
        );
    }
}
