//! Tables of words: rows that are only ever added, of which the last one about a thing holds.
//!
//! What is said of a thing later completes or corrects what was said before, and how things stood at an
//! instant follows from the rows recorded until then. Saying the same once more adds nothing, so a
//! request can be repeated.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::NaiveDate;
use deltalake::kernel::Transaction;
use nonsite_schemas::tables::TableDef;
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::Error;
use super::facts::date;
use super::kept::{self, Kept};
use crate::session::{self, Session, append, ensure, rows, transaction};

/// How often it is tried again when somebody else was faster.
const ATTEMPTS: u32 = 10;
/// Longest text, characters.
const MOST: usize = 200;

/// A row of such a table.
pub(super) trait Word: Clone + PartialEq {
    /// Marker: number of commits of rows.
    const MARKER: &'static str;

    /// The table.
    fn table() -> TableDef;
    /// Column with the id of the thing.
    fn id_column() -> &'static str;
    /// Id of the thing.
    fn id(&self) -> &str;
    /// When it was recorded, microseconds UTC.
    fn recorded_at(&self) -> i64;
    /// The same word, recorded then.
    fn recorded(&self, at: i64) -> Self;
    /// As a row.
    fn row(&self) -> Map<String, Value>;
    /// From a row.
    fn read(row: &Map<String, Value>) -> Self;
}

/// What became of a word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Said<W> {
    /// The thing as it stands now.
    #[serde(flatten)]
    pub word: W,
    /// `false` when it stood so before.
    pub fresh: bool,
}

/// Adds words, all of them or none; what says nothing new is left out. `make` sees the kept drawings and how
/// things stand, and says what is to be said.
///
/// # Errors
/// What `make` refuses; [`Error::Tables`] when the table cannot be read or written.
pub(super) async fn add<W: Word>(
    store: &Path,
    make: impl Fn(&[Kept], &[W]) -> Result<Vec<W>, Error>,
) -> Result<Vec<Said<W>>, Error> {
    let def = W::table();
    let mut attempt = 1;
    loop {
        // The marker is read before the rows: whatever is added after it refuses the commit.
        let table = ensure(store, &def).await?;
        let count = transaction(&table, W::MARKER).await?.unwrap_or(0);
        let session = session::open_tables(store, &session::Config::default()).await?;
        let draws = kept::load(&session).await?;
        let before = standing(&load::<W>(&session).await?, i64::MAX);
        let said = fresh(make(&draws, &before)?, &before);
        let lines: Vec<_> = said
            .iter()
            .filter(|said| said.fresh)
            .map(|said| said.word.row())
            .collect();
        if lines.is_empty() {
            return Ok(said);
        }
        let batch = rows::batch(&def.schema, &lines).map_err(Error::rows(def.name))?;
        let marker = vec![Transaction::new(W::MARKER, count + 1)];
        match append(&table, &def, batch, marker).await {
            Ok(()) => return Ok(said),
            // Refused, or landed although its answer was lost: the next look tells.
            Err(_) if attempt < ATTEMPTS => attempt += 1,
            Err(error) => return Err(error.into()),
        }
    }
}

/// The one word that was told.
pub(super) fn only<W>(said: Vec<Said<W>>) -> Result<Said<W>, Error> {
    said.into_iter()
        .next()
        .ok_or_else(|| Error::Asked("nothing was told".to_owned()))
}

/// Which of the words are new. The last word holds, also when the clock went back.
fn fresh<W: Word>(words: Vec<W>, before: &[W]) -> Vec<Said<W>> {
    let known: BTreeMap<&str, &W> = before.iter().map(|word| (word.id(), word)).collect();
    words
        .into_iter()
        .map(|word| match known.get(word.id()) {
            Some(old) if old.recorded(word.recorded_at()) == word => Said {
                word: (*old).clone(),
                fresh: false,
            },
            Some(old) => Said {
                word: word.recorded(word.recorded_at().max(old.recorded_at().saturating_add(1))),
                fresh: true,
            },
            None => Said { word, fresh: true },
        })
        .collect()
}

/// Every row, in the order they were recorded.
///
/// # Errors
/// [`Error::Tables`] when the table cannot be read.
pub(super) async fn load<W: Word>(session: &Session) -> Result<Vec<W>, Error> {
    let name = W::table().name;
    let sql = format!(
        "SELECT * FROM {name} ORDER BY recorded_at, {}",
        W::id_column()
    );
    let found = session.rows(name, &sql).await?;
    let found = rows::objects(&found).map_err(Error::rows(name))?;
    Ok(found.iter().map(W::read).collect())
}

/// How things stood at an instant (microseconds UTC), in the order they were first recorded.
pub(super) fn standing<W: Word>(rows: &[W], as_of: i64) -> Vec<W> {
    let mut things: Vec<W> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.recorded_at() <= as_of) {
        match places.get(row.id()) {
            Some(&place) => things[place].clone_from(row),
            None => {
                places.insert(row.id().to_owned(), things.len());
                things.push(row.clone());
            }
        }
    }
    things
}

/// An id made of what is said first: a letter and 16 hexadecimal digits. The same request gives the same.
pub(super) fn new_id(letter: char, row: Map<String, Value>) -> String {
    let digest = Sha256::digest(Value::Object(row).to_string().as_bytes());
    format!("{letter}{}", hex::encode(&digest[..8]))
}

/// Refuses a text that is empty, too long, or holds control characters.
pub(super) fn text(name: &str, text: &str) -> Result<(), Error> {
    let good = !text.trim().is_empty()
        && text.chars().count() <= MOST
        && !text.chars().any(char::is_control);
    match good {
        true => Ok(()),
        false => Err(Error::Asked(format!(
            "{name}: 1 to {MOST} characters, none of them a control character"
        ))),
    }
}

/// A day of a row.
pub(super) fn day(row: &Map<String, Value>, column: &str) -> Option<NaiveDate> {
    let day = row.get(column).and_then(Value::as_i64)?;
    i32::try_from(day).ok().map(date)
}

/// An instant of a row, microseconds UTC.
pub(super) fn instant(row: &Map<String, Value>, column: &str) -> i64 {
    row.get(column).and_then(Value::as_i64).unwrap_or_default()
}

/// The columns of an object literal.
pub(super) fn columns(row: Value) -> Map<String, Value> {
    match row {
        Value::Object(row) => row,
        // The macro was given braces.
        _ => Map::new(),
    }
}
