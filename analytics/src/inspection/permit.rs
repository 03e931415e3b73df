//! The permits in force, from the documents as received.

use nonsite_schemas::wire::permit::{self, Permit};
use serde_json::Value;

use super::Error;
use crate::session::{Session, rows};

/// A permit as it stood at an instant.
#[derive(Debug, Clone, PartialEq)]
pub struct InForce {
    /// The document.
    pub permit: Permit,
    /// Where it was read from: partition and offset.
    pub origin: (i64, i64),
}

impl InForce {
    /// The main industry: the first one the permit names, four digits.
    pub fn industry(&self) -> &str {
        let code = self
            .permit
            .industry_codes
            .first()
            .map_or("", String::as_str);
        code.trim_start_matches(|letter: char| letter.is_ascii_uppercase())
    }
}

/// The newest good document of every permit issued by `as_of` (microseconds UTC), by permit code;
/// of one permit only when `permit_no` is given.
///
/// # Errors
/// [`Error::Tables`] when the table cannot be read; [`Error::Asked`] when a stored document is none.
pub async fn in_force(
    session: &Session,
    as_of: i64,
    permit_no: Option<&str>,
) -> Result<Vec<InForce>, Error> {
    let what = "permits in force";
    let only = permit_no.map_or_else(String::new, |permit_no| {
        format!("AND permit_no = '{}'", quoted(permit_no))
    });
    let sql = format!(
        "SELECT permit_no, document, kafka_partition, kafka_offset FROM (
           SELECT permit_no, document, kafka_partition, kafka_offset,
                  row_number() OVER (PARTITION BY permit_no
                    ORDER BY issued_at DESC, version DESC, received_at DESC, kafka_partition DESC,
                             kafka_offset DESC) AS place
           FROM permits
           WHERE doc_valid AND arrow_cast(issued_at, 'Int64') <= {as_of} {only}
         ) WHERE place = 1 ORDER BY permit_no"
    );
    let found = session.rows(what, &sql).await?;
    let found = rows::objects(&found).map_err(Error::rows(what))?;
    found
        .iter()
        .map(|row| {
            let text = rows::text(row, "document").unwrap_or_default();
            let document = permit::decode(text.as_bytes()).map_err(|refused| {
                let permit_no = rows::text(row, "permit_no").unwrap_or_default();
                Error::Asked(format!("table `permits`, permit {permit_no}: {refused}"))
            })?;
            let number = |column: &str| row.get(column).and_then(Value::as_i64).unwrap_or(-1);
            Ok(InForce {
                permit: document.value,
                origin: (number("kafka_partition"), number("kafka_offset")),
            })
        })
        .collect()
}

/// A text for the inside of an SQL literal.
pub(super) fn quoted(text: &str) -> String {
    text.replace('\'', "''")
}
