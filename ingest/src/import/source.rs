//! Opening an export and walking its rows, whatever it is stored as.
//!
//! CSV (plain or gzip) and Parquet look the same from here on: headings once, then rows of
//! [`Cell`]s with a line number for messages. What a file is, is decided by its first bytes and
//! not by its name, because exports get renamed. Rows are visited one at a time, so that a file
//! of any size passes through bounded memory.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::error::ImportError;
use super::mapping::CsvShape;

/// One value of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Cell<'a> {
    /// Nothing is there (Parquet null; CSV cells are always text).
    Missing,
    /// A text as written.
    Text(&'a str),
    /// A typed number.
    Number(f64),
    /// A typed instant with a zone: microseconds UTC.
    Instant(i64),
    /// A typed time without a zone: microseconds of local wall-clock time.
    LocalTime(i64),
}

/// One row as the source hands it out.
#[derive(Debug)]
pub(super) enum Row<'a> {
    /// As many cells as there are headings.
    Cells { line: u64, cells: &'a [Cell<'a>] },
    /// A row that cannot be cut into its cells: its text and why.
    Malformed {
        line: u64,
        text: &'a str,
        why: &'a str,
    },
}

/// How far the reading has come, in the file's bytes (compressed, if it is).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes read.
    pub done: u64,
    /// Bytes of the file.
    pub total: u64,
}

/// An opened export.
pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) headings: Vec<String>,
    reader: Reader,
    read: Arc<AtomicU64>,
    total: u64,
}

enum Reader {
    Csv {
        reader: Box<csv::Reader<Box<dyn Read + Send>>>,
        skipped: u64,
    },
    Parquet(super::parquet::Table),
}

/// What a visit of a row may end with.
pub(super) type Visit<'v> = dyn FnMut(Row<'_>, Progress) -> Result<(), ImportError> + 'v;

impl Source {
    /// Opens the file and reads its headings.
    pub(super) fn open(path: &Path, shape: &CsvShape) -> Result<Self, ImportError> {
        let failed = |source| ImportError::File {
            path: path.to_owned(),
            action: "open",
            source,
        };
        let mut file = File::open(path).map_err(failed)?;
        let total = file.metadata().map_err(failed)?.len();
        let mut magic = [0_u8; 4];
        let known = read_up_to(&mut file, &mut magic).map_err(failed)?;
        let file = File::open(path).map_err(failed)?;
        let read = Arc::new(AtomicU64::new(0));
        let (reader, headings) = if &magic[..known] == b"PAR1" {
            let table = super::parquet::Table::open(path, file)?;
            let headings = table.headings();
            (Reader::Parquet(table), headings)
        } else {
            let counted = Counted {
                inner: file,
                read: Arc::clone(&read),
            };
            let plain: Box<dyn Read + Send> = if magic.starts_with(&[0x1f, 0x8b]) {
                Box::new(flate2::read::MultiGzDecoder::new(counted))
            } else {
                Box::new(counted)
            };
            open_csv(path, plain, shape)?
        };
        Ok(Self {
            path: path.to_owned(),
            headings,
            reader,
            read,
            total,
        })
    }

    /// Visits every row in file order.
    pub(super) fn visit(&mut self, visit: &mut Visit<'_>) -> Result<(), ImportError> {
        match &mut self.reader {
            Reader::Parquet(table) => table.visit(self.total, visit),
            Reader::Csv { reader, skipped } => {
                let progress = || Progress {
                    done: self.read.load(Ordering::Relaxed),
                    total: self.total,
                };
                visit_csv(
                    &self.path,
                    reader,
                    *skipped,
                    self.headings.len(),
                    &progress,
                    visit,
                )
            }
        }
    }
}

fn open_csv(
    path: &Path,
    plain: Box<dyn Read + Send>,
    shape: &CsvShape,
) -> Result<(Reader, Vec<String>), ImportError> {
    let damaged = |line, what: String| ImportError::Damaged {
        path: path.to_owned(),
        line,
        what,
    };
    let layout = |what: String| ImportError::Layout {
        path: path.to_owned(),
        what,
    };
    let mut text = BufReader::with_capacity(256 * 1024, plain);
    for line in 0..shape.skip_lines {
        let mut title = Vec::new();
        text.read_until(b'\n', &mut title)
            .map_err(|error| damaged(line, error.to_string()))?;
    }
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(shape.delimiter.bytes().next().unwrap_or(b','))
        .flexible(true)
        .from_reader(Box::new(text) as Box<dyn Read + Send>);
    let headings = match reader.headers() {
        Ok(headings) => headings
            .iter()
            .map(|heading| heading.trim().to_owned())
            .collect(),
        Err(error) if matches!(error.kind(), csv::ErrorKind::Utf8 { .. }) => {
            return Err(layout(
                "the header line is not UTF-8; convert the file first, e.g. \
                 `iconv -f GB18030 -t UTF-8 old.csv > new.csv`"
                    .to_owned(),
            ));
        }
        Err(error) => return Err(damaged(shape.skip_lines, error.to_string())),
    };
    let headings: Vec<String> = headings;
    if headings.iter().all(String::is_empty) {
        return Err(layout(
            "there is no header line; the file is empty or starts blank".into(),
        ));
    }
    Ok((
        Reader::Csv {
            reader: Box::new(reader),
            skipped: shape.skip_lines,
        },
        headings,
    ))
}

fn visit_csv(
    path: &Path,
    reader: &mut csv::Reader<Box<dyn Read + Send>>,
    skipped: u64,
    width: usize,
    progress: &dyn Fn() -> Progress,
    visit: &mut Visit<'_>,
) -> Result<(), ImportError> {
    let mut record = csv::ByteRecord::new();
    let mut line = skipped + 1;
    loop {
        let more = reader
            .read_byte_record(&mut record)
            .map_err(|error| ImportError::Damaged {
                path: path.to_owned(),
                line,
                what: error.to_string(),
            })?;
        if !more {
            return Ok(());
        }
        line = record
            .position()
            .map_or(line + 1, |position| position.line() + skipped);
        visit_record(line, &record, width, progress(), visit)?;
    }
}

fn visit_record(
    line: u64,
    record: &csv::ByteRecord,
    width: usize,
    progress: Progress,
    visit: &mut Visit<'_>,
) -> Result<(), ImportError> {
    let texts: Result<Vec<Cell<'_>>, _> = record
        .iter()
        .map(|cell| std::str::from_utf8(cell).map(Cell::Text))
        .collect();
    let why = match &texts {
        Ok(cells) if cells.len() == width => {
            return visit(Row::Cells { line, cells }, progress);
        }
        Ok(cells) => format!("the row has {} cells, the header has {width}", cells.len()),
        Err(_) => "the row is not UTF-8".to_owned(),
    };
    let cells: Vec<_> = record.iter().map(String::from_utf8_lossy).collect();
    visit(
        Row::Malformed {
            line,
            text: &cells.join(","),
            why: &why,
        },
        progress,
    )
}

fn read_up_to(file: &mut File, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..])? {
            0 => break,
            more => filled += more,
        }
    }
    Ok(filled)
}

/// Counts what is read from the file itself, below the decompression, for the progress bar.
struct Counted {
    inner: File,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let more = self.inner.read(buffer)?;
        self.read.fetch_add(more as u64, Ordering::Relaxed);
        Ok(more)
    }
}
