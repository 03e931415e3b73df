//! A rule file as lines: where a key, a word or a byte of it stands.

use std::ops::Range;
use std::path::Path;

use super::{Fault, Level};
use crate::detect::rule::{CLOSE, OPEN};

/// Line and column, both from 1.
pub(super) type Place = (usize, usize);

/// The text of one rule file.
#[derive(Debug, Clone)]
pub(super) struct Source<'a> {
    pub(super) file: &'a Path,
    pub(super) text: &'a str,
    /// Bytes of the front matter, between the marks.
    pub(super) head: Option<Range<usize>>,
    /// Bytes of the query, without blanks around it.
    pub(super) query: Option<Range<usize>>,
}

impl<'a> Source<'a> {
    pub(super) fn new(file: &'a Path, text: &'a str) -> Self {
        let begin = text.len() - text.trim_start().len();
        let head = text[begin..]
            .starts_with(OPEN)
            .then(|| begin + OPEN.len())
            .and_then(|from| Some(from..from + text[from..].find(CLOSE)?));
        let query = head.as_ref().map(|head| {
            let from = head.end + CLOSE.len();
            let rest = &text[from..];
            let from = from + (rest.len() - rest.trim_start().len());
            from..from + rest.trim().len()
        });
        Self {
            file,
            text,
            head,
            query,
        }
    }

    pub(super) fn error(&self, place: Place, what: impl Into<String>) -> Fault {
        self.fault(Level::Error, place, what)
    }

    pub(super) fn warning(&self, place: Place, what: impl Into<String>) -> Fault {
        self.fault(Level::Warning, place, what)
    }

    fn fault(&self, level: Level, (line, column): Place, what: impl Into<String>) -> Fault {
        Fault {
            file: self.file.to_owned(),
            line,
            column,
            level,
            what: what.into(),
        }
    }

    /// The front matter.
    pub(super) fn head(&self) -> &'a str {
        self.head
            .as_ref()
            .map_or("", |range| &self.text[range.clone()])
    }

    /// The query.
    pub(super) fn query(&self) -> &'a str {
        self.query
            .as_ref()
            .map_or("", |range| &self.text[range.clone()])
    }

    /// Place of a byte of the file.
    pub(super) fn place(&self, byte: usize) -> Place {
        let before = self.text.get(..byte).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        (line, before[start..].chars().count() + 1)
    }

    /// Place of a byte of the front matter.
    pub(super) fn in_head(&self, byte: usize) -> Place {
        self.place(self.head.as_ref().map_or(0, |head| head.start) + byte)
    }

    /// Place of a byte of the query.
    pub(super) fn in_query(&self, byte: usize) -> Place {
        self.place(self.query.as_ref().map_or(0, |query| query.start) + byte)
    }

    /// Place that the parser calls line and column of the query it was given. Parameters are put in
    /// within their lines, so lines are those of the file; a column is only right before the first
    /// parameter of its line.
    pub(super) fn of_parser(&self, line: u64, column: u64) -> Place {
        let first = self.in_query(0);
        let number = usize::try_from(line).unwrap_or(1).max(1);
        let text = self.query().lines().nth(number - 1).unwrap_or_default();
        let column = usize::try_from(column).unwrap_or(1).max(1);
        let plain = text
            .find('$')
            .is_none_or(|at| text[..at].chars().count() >= column);
        let shift = if number == 1 { first.1 - 1 } else { 0 };
        (first.0 + number - 1, if plain { column + shift } else { 1 })
    }

    /// Place of the line of the front matter that sets a top-level key, or opens a table of that name.
    pub(super) fn key(&self, key: &str) -> Option<Place> {
        let mut at = 0;
        for line in self.head().split_inclusive('\n') {
            let trimmed = line.trim_start();
            let sets = trimmed
                .strip_prefix(key)
                .is_some_and(|rest| rest.trim_start().starts_with('='));
            let opens = trimmed
                .strip_prefix('[')
                .and_then(|rest| rest.split(']').next())
                .is_some_and(|name| name.trim() == key);
            if sets || opens {
                return Some(self.in_head(at + (line.len() - trimmed.len())));
            }
            at += line.len();
        }
        None
    }

    /// Place of a key within a table of the front matter, else of the table.
    pub(super) fn key_of(&self, table: &str, key: &str) -> Option<Place> {
        let (line, _) = self.key(table)?;
        let own = self
            .text
            .lines()
            .enumerate()
            .skip(line)
            .take_while(|(_, text)| !text.trim_start().starts_with('['))
            .find(|(_, text)| {
                text.trim_start()
                    .strip_prefix(key)
                    .is_some_and(|rest| rest.trim_start().starts_with('='))
            });
        Some(own.map_or((line, 1), |(at, text)| {
            (at + 1, text.len() - text.trim_start().len() + 1)
        }))
    }

    /// Place of the first occurrence of a word in the query.
    pub(super) fn word(&self, word: &str) -> Option<Place> {
        let query = self.query();
        let part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
        query
            .match_indices(word)
            .find(|(at, found)| {
                let before = query[..*at].chars().next_back();
                let after = query[at + found.len()..].chars().next();
                !before.is_some_and(part) && !after.is_some_and(part)
            })
            .map(|(at, _)| self.in_query(at))
    }
}
