//! Rows of either database as cases and audit rows.

use sqlx::{ColumnIndex, Decode, Row, Type};

use super::case::Case;
use super::event::Event;
use super::reads::Read;
use super::store::{ActRow, Answered, FileRow, SendIntent, StoreError, VersionRow};

/// Id and document of a case's row.
pub(super) fn case_document<R>(row: &R) -> Result<(String, String), sqlx::Error>
where
    R: Row,
    for<'r> String: Decode<'r, R::Database> + Type<R::Database>,
    for<'i> &'i str: ColumnIndex<R>,
{
    Ok((row.try_get("case_id")?, row.try_get("document")?))
}

/// A case from its document.
pub(super) fn case(database: &str, id: String, document: &str) -> Result<Case, StoreError> {
    serde_json::from_str(document).map_err(|error| StoreError::Row {
        database: database.to_owned(),
        what: "case",
        id,
        problem: error.to_string(),
    })
}

/// Whether the columns a case is searched and sorted by say what the case says.
pub(super) fn columns_agree<R>(row: &R, case: &Case, is_open: bool) -> Result<bool, sqlx::Error>
where
    R: Row,
    for<'r> String: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> i64: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> bool: Decode<'r, R::Database> + Type<R::Database>,
    for<'i> &'i str: ColumnIndex<R>,
{
    let text = |column: &str| -> Result<Option<String>, sqlx::Error> { row.try_get(column) };
    let number = |column: &str| -> Result<Option<i64>, sqlx::Error> { row.try_get(column) };
    let texts = [
        ("case_id", Some(&case.case_id)),
        ("anomaly_id", Some(&case.anomaly_id)),
        ("state", Some(&case.state)),
        ("subject", Some(&case.subject)),
        ("rule_group", Some(&case.rule_group)),
        ("org_code", case.org_code.as_ref()),
        ("assignee", case.assignee.as_ref()),
    ];
    let numbers = [
        ("version", Some(case.version)),
        ("claimed_until", case.claimed_until),
        ("due_at", case.due_at),
        ("timer_at", case.timer_at),
        ("opened_at", Some(case.opened_at)),
        ("look_back_until", case.look_back_until),
    ];
    for (column, said) in texts {
        if text(column)?.as_ref() != said {
            return Ok(false);
        }
    }
    for (column, said) in numbers {
        if number(column)? != said {
            return Ok(false);
        }
    }
    let open: bool = row.try_get("is_open")?;
    Ok(open == is_open && text("severity")?.as_deref() == Some(case.severity.code()))
}

/// A version of a case.
pub(super) fn version<R>(row: &R) -> Result<VersionRow, sqlx::Error>
where
    R: Row,
    for<'r> String: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> i64: Decode<'r, R::Database> + Type<R::Database>,
    for<'i> &'i str: ColumnIndex<R>,
{
    Ok(VersionRow {
        case_id: row.try_get("case_id")?,
        version: row.try_get("version")?,
        seq: row.try_get("seq")?,
        document: row.try_get("document")?,
        sha256: row.try_get("sha256")?,
    })
}

/// An audit row.
pub(super) fn event<R>(row: &R) -> Result<Event, sqlx::Error>
where
    R: Row,
    for<'r> String: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> i64: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> i32: Decode<'r, R::Database> + Type<R::Database>,
    for<'i> &'i str: ColumnIndex<R>,
{
    let json = |column: &str| -> Result<String, sqlx::Error> { row.try_get(column) };
    let text = |column: &str| -> Result<Option<String>, sqlx::Error> { row.try_get(column) };
    let decode = |error: serde_json::Error| sqlx::Error::Decode(Box::new(error));
    Ok(Event {
        seq: row.try_get("seq")?,
        case_id: row.try_get("case_id")?,
        from_state: text("from_state")?,
        to_state: row.try_get("to_state")?,
        case_version: row.try_get("case_version")?,
        action: row.try_get("action")?,
        actor: row.try_get("actor")?,
        actor_certificate: text("actor_certificate")?,
        role: row.try_get("role")?,
        org_code: text("org_code")?,
        at: row.try_get("at")?,
        effective_at: row.try_get("effective_at")?,
        reason_code: text("reason_code")?,
        note: text("note")?,
        fields: serde_json::from_str(&json("fields")?).map_err(decode)?,
        attachments: serde_json::from_str(&json("attachments")?).map_err(decode)?,
        client: row.try_get("client")?,
        rule_version: row.try_get("rule_version")?,
        policy_version: row.try_get("policy_version")?,
        case_sha256: row.try_get("case_sha256")?,
        prev_hash: row.try_get("prev_hash")?,
        hash: row.try_get("hash")?,
    })
}

/// A request with a key.
pub(super) fn answered<R>(row: &R) -> Result<Answered, sqlx::Error>
where
    R: Row,
    for<'r> String: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> Option<String>: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> i64: Decode<'r, R::Database> + Type<R::Database>,
    for<'i> &'i str: ColumnIndex<R>,
{
    Ok(Answered {
        user: row.try_get("owner")?,
        key: row.try_get("key")?,
        fingerprint: row.try_get("fingerprint")?,
        document: row.try_get("document")?,
        at: row.try_get("at")?,
    })
}

/// A row of the index of files.
pub(super) fn file<R>(row: &R) -> Result<FileRow, sqlx::Error>
where
    R: Row,
    for<'r> String: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> i64: Decode<'r, R::Database> + Type<R::Database>,
    for<'i> &'i str: ColumnIndex<R>,
{
    Ok(FileRow {
        seq: row.try_get("seq")?,
        position: row.try_get("position")?,
        case_id: row.try_get("case_id")?,
        name: row.try_get("name")?,
        sha256: row.try_get("sha256")?,
        picture: row.try_get("picture")?,
        kind: row.try_get("kind")?,
        at: row.try_get("at")?,
    })
}

/// A row of an act.
pub(super) fn act<R>(row: &R) -> Result<ActRow, sqlx::Error>
where
    R: Row,
    for<'r> String: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> i64: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> i32: Decode<'r, R::Database> + Type<R::Database>,
    for<'i> &'i str: ColumnIndex<R>,
{
    Ok(ActRow {
        seq: row.try_get("seq")?,
        act_id: row.try_get("act_id")?,
        act_version: row.try_get("act_version")?,
        case_id: row.try_get("case_id")?,
        document: row.try_get("document")?,
        sha256: row.try_get("sha256")?,
        at: row.try_get("at")?,
    })
}

/// A row of an intent to send.
pub(super) fn intent<R>(row: &R) -> Result<SendIntent, sqlx::Error>
where
    R: Row,
    for<'r> String: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> i64: Decode<'r, R::Database> + Type<R::Database>,
    for<'i> &'i str: ColumnIndex<R>,
{
    Ok(SendIntent {
        topic: row.try_get("topic")?,
        last_seq: row.try_get("last_seq")?,
        marks: row.try_get("marks")?,
        until: row.try_get("held_until")?,
        at: row.try_get("at")?,
    })
}

/// A row of the log of reads.
pub(super) fn read<R>(row: &R) -> Result<Read, sqlx::Error>
where
    R: Row,
    for<'r> String: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> Option<String>: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> i64: Decode<'r, R::Database> + Type<R::Database>,
    for<'i> &'i str: ColumnIndex<R>,
{
    Ok(Read {
        seq: row.try_get("seq")?,
        at: row.try_get("at")?,
        actor: row.try_get("actor")?,
        role: row.try_get("role")?,
        org_code: row.try_get("org_code")?,
        client: row.try_get("client")?,
        operation: row.try_get("operation")?,
        kind: row.try_get("kind")?,
        subject: row.try_get("subject")?,
        part: row.try_get("part")?,
        query: row.try_get("query")?,
        status: row.try_get("status")?,
    })
}

/// The error of an audit row that cannot be read, with its position.
pub(super) fn bad_event<R>(database: &str, row: &R, error: &sqlx::Error) -> StoreError
where
    R: Row,
    for<'r> i64: Decode<'r, R::Database> + Type<R::Database>,
    for<'i> &'i str: ColumnIndex<R>,
{
    StoreError::Row {
        database: database.to_owned(),
        what: "audit row",
        id: row
            .try_get::<i64, _>("seq")
            .map_or_else(|_| "?".to_owned(), |seq| seq.to_string()),
        problem: error.to_string(),
    }
}
