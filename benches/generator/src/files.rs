//! Messages as files, one per topic, for runs without a broker.
//!
//! `jsonl`: one object per line, `{"key","timestamp_ms","payload"}`, the payload as text or, where
//! it is not UTF-8, as `payload_hex`. `frames`: per message, little-endian, the timestamp (i64), the
//! length of the key (u32), the key, the length of the payload (u32), the payload.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::message::{Message, Topic};

/// How messages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object per line.
    Jsonl,
    /// Length-prefixed binary.
    Frames,
}

#[derive(Serialize)]
struct Line<'a> {
    key: &'a str,
    timestamp_ms: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_hex: Option<String>,
}

/// Writes messages into `{dir}/{topic}.jsonl` or `{dir}/{topic}.frames`.
#[derive(Debug)]
pub struct Files {
    dir: PathBuf,
    format: Format,
    open: BTreeMap<Topic, BufWriter<File>>,
}

impl Files {
    /// Files in a directory, which is created.
    ///
    /// # Errors
    /// What the file system says.
    pub fn create(dir: &Path, format: Format) -> std::io::Result<Self> {
        std::fs::create_dir_all(dir)?;
        Ok(Self {
            dir: dir.to_owned(),
            format,
            open: BTreeMap::new(),
        })
    }

    /// Appends one message to the file of its topic.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write(&mut self, message: &Message) -> std::io::Result<()> {
        let file = match self.open.entry(message.topic) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(entry) => {
                let extension = match self.format {
                    Format::Jsonl => "jsonl",
                    Format::Frames => "frames",
                };
                let path = self
                    .dir
                    .join(format!("{}.{extension}", message.topic.as_str()));
                entry.insert(BufWriter::with_capacity(1 << 20, File::create(path)?))
            }
        };
        match self.format {
            Format::Jsonl => {
                let text = std::str::from_utf8(&message.payload).ok();
                let hex = || {
                    message
                        .payload
                        .iter()
                        .map(|byte| format!("{byte:02x}"))
                        .collect()
                };
                let line = Line {
                    key: std::str::from_utf8(&message.key).unwrap_or_default(),
                    timestamp_ms: message.timestamp_ms,
                    payload: text,
                    payload_hex: text.is_none().then(hex),
                };
                serde_json::to_writer(&mut *file, &line)?;
                file.write_all(b"\n")
            }
            Format::Frames => {
                file.write_all(&message.timestamp_ms.to_le_bytes())?;
                for part in [&message.key, &message.payload] {
                    file.write_all(&(part.len() as u32).to_le_bytes())?;
                    file.write_all(part)?;
                }
                Ok(())
            }
        }
    }

    /// Writes out what is buffered.
    ///
    /// # Errors
    /// What the file system says.
    pub fn finish(mut self) -> std::io::Result<()> {
        self.open.values_mut().try_for_each(Write::flush)
    }
}
