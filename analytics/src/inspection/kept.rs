//! Drawings in table `inspection_draws`, each once, none ever changed.

use std::path::Path;

use deltalake::kernel::Transaction;
use nonsite_schemas::tables;
use serde_json::{Map, Value, json};

use super::Error;
use super::draw::{Draw, Kind};
use crate::session::{self, Session, append, ensure, rows, transaction};

/// Marker: number of drawings kept.
const MARKER: &str = "nonsite-inspection/draws";
/// How often it is tried again when another drawing was faster.
const ATTEMPTS: u32 = 10;

/// A drawing as it was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its id.
    pub draw_id: String,
    /// When it was drawn, microseconds UTC.
    pub drawn_at: i64,
    /// The drawing.
    pub draw: Draw,
}

/// Keeps a drawing; `false` when the very same one was kept before.
///
/// # Errors
/// [`Error::Tables`] when the table cannot be read or written.
pub async fn keep(store: &Path, draw: &Draw, drawn_at: i64) -> Result<bool, Error> {
    let def = tables::inspection_draws();
    let draw_id = draw.id();
    let mut attempt = 1;
    loop {
        // The marker is read before the ids: whatever is kept after it refuses the commit.
        let table = ensure(store, &def).await?;
        let count = transaction(&table, MARKER).await?.unwrap_or(0);
        let session = session::open_tables(store, &session::Config::default()).await?;
        let all = load(&session).await?;
        if all.iter().any(|kept| kept.draw_id == draw_id) {
            return Ok(false);
        }
        let batch = rows::batch(&def.schema, &lines(draw, &draw_id, drawn_at))
            .map_err(Error::rows("rows of `inspection_draws`"))?;
        let marker = vec![Transaction::new(MARKER, count + 1)];
        match append(&table, &def, batch, marker).await {
            Ok(()) => return Ok(true),
            // Refused, or landed although its answer was lost: the next look tells.
            Err(_) if attempt < ATTEMPTS => attempt += 1,
            Err(error) => return Err(error.into()),
        }
    }
}

/// Every drawing, by the time it was drawn.
///
/// # Errors
/// [`Error::Tables`] when the table cannot be read; [`Error::Asked`] when a row of it is no drawing.
pub async fn load(session: &Session) -> Result<Vec<Kept>, Error> {
    let what = "drawings";
    let sql = "SELECT draw_id, arrow_cast(drawn_at, 'Int64') AS drawn_at, document \
               FROM inspection_draws WHERE place = 0 ORDER BY drawn_at, draw_id";
    let found = session.rows(what, sql).await?;
    let found = rows::objects(&found).map_err(Error::rows(what))?;
    found
        .iter()
        .map(|row| {
            let draw_id = rows::text(row, "draw_id").unwrap_or_default();
            let document = rows::text(row, "document").unwrap_or_default();
            let draw = serde_json::from_str(&document).map_err(|error| {
                Error::Asked(format!(
                    "table `inspection_draws`, drawing `{draw_id}`: {error}"
                ))
            })?;
            Ok(Kept {
                draw_id,
                drawn_at: row
                    .get("drawn_at")
                    .and_then(Value::as_i64)
                    .unwrap_or_default(),
                draw,
            })
        })
        .collect()
}

fn lines(draw: &Draw, draw_id: &str, drawn_at: i64) -> Vec<Map<String, Value>> {
    let list_sha256 = draw.list_sha256();
    let common = json!({
        "draw_id": draw_id, "kind": draw.kind.code(), "drawn_at": drawn_at,
        "algorithm": draw.algorithm, "seed": draw.seed, "basis": draw.basis,
        "listed": draw.list.len(), "list_sha256": list_sha256, "place": 0,
        "document": draw.document(),
    });
    let Value::Object(whole) = common else {
        // The macro above was given braces.
        return Vec::new();
    };
    let mut rows = vec![whole.clone()];
    for chosen in &draw.chosen {
        let mut row = whole.clone();
        row.remove("document");
        row.insert("place".to_owned(), json!(chosen.place));
        row.insert("chosen_id".to_owned(), json!(chosen.id));
        row.insert("chosen_name".to_owned(), json!(chosen.name));
        if draw.kind == Kind::Draw {
            row.insert("officers".to_owned(), json!(chosen.officers.join(",")));
        }
        rows.push(row);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::super::draw::{Listed, Request, draw};
    use super::*;

    #[tokio::test]
    async fn a_drawing_is_kept_once_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let drawn = |seed: &str| {
            draw(Request {
                kind: Kind::Draw,
                basis: "test".to_owned(),
                seed: seed.to_owned(),
                count: 2,
                unweighted: 0,
                list: ["a", "b", "c"]
                    .map(|id| Listed {
                        id: id.to_owned(),
                        name: id.to_uppercase(),
                        weight: 1,
                        why: Vec::new(),
                    })
                    .to_vec(),
                officers: Vec::new(),
                officers_each: 0,
            })
            .unwrap()
        };
        let (one, two) = (drawn("1"), drawn("2"));
        let (first, second, third) = tokio::join!(
            keep(folder.path(), &one, 10),
            keep(folder.path(), &one, 11),
            keep(folder.path(), &two, 12),
        );
        assert!(
            first.unwrap() != second.unwrap(),
            "one of the two was first"
        );
        assert!(third.unwrap());
        let session = session::open(folder.path(), &session::Config::default())
            .await
            .unwrap();
        let kept = load(&session).await.unwrap();
        assert_eq!(kept.len(), 2);
        assert!(
            kept.iter()
                .all(|kept| kept.draw.verify().unwrap().is_empty())
        );
        assert!(
            kept.iter()
                .any(|kept| kept.draw == two && kept.drawn_at == 12)
        );
        let sql = "SELECT chosen_id FROM inspection_draws WHERE place > 0";
        let chosen = session.read(sql).await.unwrap();
        assert_eq!(rows::objects(&chosen).unwrap().len(), 4);
    }
}
