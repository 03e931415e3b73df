//! Completion of commands, tables, columns, functions and words of SQL.

use rustyline::completion::Completer;
use rustyline::{Context, Helper, Highlighter, Hinter, Validator};

/// Words of SQL an analyst types.
const WORDS: &[&str] = &[
    "AND",
    "AS",
    "ASC",
    "BETWEEN",
    "BY",
    "CASE",
    "COUNT",
    "CROSS JOIN",
    "DATE",
    "DESC",
    "DISTINCT",
    "ELSE",
    "END",
    "EXISTS",
    "EXPLAIN",
    "FROM",
    "FULL JOIN",
    "GROUP BY",
    "HAVING",
    "IN",
    "INTERVAL",
    "IS NULL",
    "IS NOT NULL",
    "JOIN",
    "LEFT JOIN",
    "LIKE",
    "LIMIT",
    "NOT",
    "NULL",
    "ON",
    "OR",
    "ORDER BY",
    "OVER",
    "PARTITION BY",
    "SELECT",
    "SHOW TABLES",
    "THEN",
    "TIMESTAMP",
    "UNION ALL",
    "USING",
    "VALUES",
    "WHEN",
    "WHERE",
    "WITH",
];

/// Commands of the shell.
pub(super) const COMMANDS: &[&str] = &[
    "\\?", "\\d", "\\format", "\\o", "\\pager", "\\q", "\\timing",
];

/// What can be completed; names are those of the catalogue.
#[derive(Helper, Hinter, Highlighter, Validator)]
pub(super) struct Names(pub(super) Vec<String>);

impl Names {
    /// Where the word at `pos` begins, and what it could become.
    fn candidates(&self, line: &str, pos: usize) -> (usize, Vec<String>) {
        let before = &line[..pos];
        let begins = before
            .rfind(|c: char| !(c.is_alphanumeric() || c == '_' || c == '\\' || c == '?'))
            .map_or(0, |at| {
                at + before[at..].chars().next().map_or(1, char::len_utf8)
            });
        let word = &before[begins..];
        if word.is_empty() {
            return (pos, Vec::new());
        }
        if word.starts_with('\\') {
            let commands = COMMANDS.iter().filter(|command| command.starts_with(word));
            return (
                begins,
                commands.map(|command| (*command).to_owned()).collect(),
            );
        }
        let lower = word.to_lowercase();
        let names = self
            .0
            .iter()
            .filter(|name| name.to_lowercase().starts_with(&lower));
        let words = WORDS
            .iter()
            .filter(|known| known.to_lowercase().starts_with(&lower));
        // Small letters stay small.
        let shaped = words.map(|known| {
            if word.chars().any(char::is_lowercase) {
                known.to_lowercase()
            } else {
                (*known).to_owned()
            }
        });
        let mut found: Vec<String> = names.cloned().chain(shaped).collect();
        found.sort();
        found.dedup();
        (begins, found)
    }
}

impl Completer for Names {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(self.candidates(line, pos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_at_the_cursor_is_completed() {
        let names = Names(vec!["readings".to_owned(), "readings_raw".to_owned()]);
        let line = "select * from read";
        assert_eq!(
            names.candidates(line, line.len()),
            (14, vec!["readings".to_owned(), "readings_raw".to_owned()])
        );
        assert_eq!(names.candidates("sel", 3), (0, vec!["select".to_owned()]));
        assert_eq!(names.candidates("SEL", 3), (0, vec!["SELECT".to_owned()]));
        assert_eq!(
            names.candidates("\\ti", 3),
            (0, vec!["\\timing".to_owned()])
        );
        let chinese = "WHERE name = '烟尘' AND rea";
        assert_eq!(names.candidates(chinese, chinese.len()).1.len(), 2);
        assert!(names.candidates("select ", 7).1.is_empty());
    }
}
