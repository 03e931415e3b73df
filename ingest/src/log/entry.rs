//! One entry of a Delta log: what this writer puts into it and the little it reads back.
//!
//! Writing goes through the library's action types, so that paths are escaped and fields named as
//! the protocol wants. Reading takes only what decides a conflict (commit id, `txn`, `protocol`,
//! `metaData`); the file lists of other writers are skipped without being built.

use std::collections::HashMap;

use deltalake::kernel::{Action, Add, CommitInfo, Transaction};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// Key of this commit's id in `commitInfo`; the same that other engines use.
pub(super) const COMMIT_ID: &str = "txnId";

/// The parts of an entry that matter to a writer.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    /// `commitInfo.txnId`.
    pub(super) commit_id: Option<String>,
    /// Application ids and their new versions.
    pub(super) txns: Vec<(String, i64)>,
    /// Whether the table's protocol or schema changed.
    pub(super) changes_table: bool,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(rename = "commitInfo", borrow, default)]
    commit_info: Option<InfoLine<'a>>,
    #[serde(default)]
    txn: Option<TxnLine>,
    #[serde(rename = "metaData", default)]
    metadata: Option<IgnoredAny>,
    #[serde(default)]
    protocol: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct InfoLine<'a> {
    #[serde(rename = "txnId", borrow, default)]
    commit_id: Option<std::borrow::Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TxnLine {
    app_id: String,
    version: i64,
}

impl Entry {
    /// Reads an entry's bytes; the error says which line is broken.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let mut entry = Self::default();
        for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let line: Line<'_> = serde_json::from_slice(line)
                .map_err(|error| format!("line {}: {error}", number + 1))?;
            if let Some(info) = line.commit_info {
                entry.commit_id = info.commit_id.map(std::borrow::Cow::into_owned);
            }
            if let Some(txn) = line.txn {
                entry.txns.push((txn.app_id, txn.version));
            }
            entry.changes_table |= line.metadata.is_some() || line.protocol.is_some();
        }
        Ok(entry)
    }
}

/// Writes an append: who and why first, then the offsets, then the files.
pub(super) fn render(
    commit_id: &str,
    operation: &str,
    now_millis: i64,
    info: serde_json::Map<String, serde_json::Value>,
    txns: &[(String, i64)],
    adds: Vec<Add>,
) -> Result<Vec<u8>, serde_json::Error> {
    let mut extra: HashMap<String, serde_json::Value> = info.into_iter().collect();
    extra.insert(COMMIT_ID.to_owned(), commit_id.into());
    let info = CommitInfo {
        timestamp: Some(now_millis),
        operation: Some(operation.to_owned()),
        operation_parameters: Some(HashMap::from([("mode".to_owned(), "Append".into())])),
        is_blind_append: Some(true),
        engine_info: Some(concat!("nonsite/", env!("CARGO_PKG_VERSION")).to_owned()),
        info: extra,
        ..CommitInfo::default()
    };
    let mut bytes = Vec::with_capacity(1024 + adds.len() * 2048);
    let actions = std::iter::once(Action::CommitInfo(info))
        .chain(txns.iter().map(|(app_id, version)| {
            Action::Txn(Transaction::new_with_last_update(
                app_id,
                *version,
                Some(now_millis),
            ))
        }))
        .chain(adds.into_iter().map(Action::Add));
    for action in actions {
        serde_json::to_writer(&mut bytes, &action)?;
        bytes.push(b'\n');
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_reads_back_what_was_rendered() {
        let add = Add {
            path: "date=2026-01-01/a b.parquet".into(),
            size: 3,
            ..Add::default()
        };
        let txns = vec![("nonsite/t/0".to_owned(), 7), ("nonsite/t/1".to_owned(), 9)];
        let bytes = render("id-1", "WRITE", 5, serde_json::Map::new(), &txns, vec![add]).unwrap();
        let text = String::from_utf8(bytes.clone()).unwrap();
        assert_eq!(text.lines().count(), 4);
        assert!(text.contains("a%20b.parquet"), "{text}");
        let entry = Entry::parse(&bytes).unwrap();
        assert_eq!(entry.commit_id.as_deref(), Some("id-1"));
        assert_eq!(entry.txns, txns);
        assert!(!entry.changes_table);
    }

    #[test]
    fn foreign_entries_are_read_too() {
        let entry = Entry::parse(
            b"{\"commitInfo\":{\"operation\":\"OPTIMIZE\",\"x\":{\"y\":[1]}}}\n\
              {\"remove\":{\"path\":\"p\",\"dataChange\":false}}\n\
              {\"metaData\":{\"id\":\"1\"}}\n",
        )
        .unwrap();
        assert_eq!(entry.commit_id, None);
        assert!(entry.changes_table);
        assert!(
            Entry::parse(b"{\"txn\":")
                .unwrap_err()
                .starts_with("line 1")
        );
    }
}
