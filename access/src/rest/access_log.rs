//! The log of reads: who read which case, file, finding or record, when, and in which role.
//!
//! Every row is written before the answer it tells of leaves (see `surround`), and is never changed or
//! removed. It is for those who supervise; asking for it is noted as well.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use nonsite_analytics::review::{Read, ReadsWanted, Role};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::answers::{Everyone, Reading};
use super::app::App;
use super::cases::{cursor, instant, limit, place};
use super::extract::{Asked, plain};
use super::identity::Principal;
use super::problem::Problem;
use super::view::{Page, time};

/// Name of the list in its cursors.
const OF: &str = "access log";

/// Which reads, and where to go on.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct LogWanted {
    /// Who read.
    #[serde(deserialize_with = "plain")]
    actor: Option<String>,
    /// What kind of thing: `case`, `file`, `document`, `package`, `anomaly`, `inspection`, `permit` ...
    #[serde(deserialize_with = "plain")]
    #[param(example = "case")]
    kind: Option<String>,
    /// Which one, by its id.
    #[serde(deserialize_with = "plain")]
    subject: Option<String>,
    /// Not before this: an instant, a Beijing time, or a Beijing day (its end).
    #[serde(deserialize_with = "plain")]
    #[param(example = "2026-03-01")]
    since: Option<String>,
    /// Before this.
    #[serde(deserialize_with = "plain")]
    until: Option<String>,
    /// Entries of a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// Where to go on: `next` of the page before.
    cursor: Option<String>,
}

/// A reading request.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Read)]
pub(super) struct ReadView {
    /// Position in the log.
    seq: i64,
    /// When it was answered.
    at: DateTime<Utc>,
    /// Who read.
    actor: String,
    /// In which role.
    role: String,
    /// Their body.
    org_code: Option<String>,
    /// What they read through.
    client: String,
    /// What was asked for: `operationId` of this description.
    operation: String,
    /// What kind of thing it is.
    kind: String,
    /// Which one, by its id as it was asked for; null for a list.
    subject: Option<String>,
    /// Which part of it: the hash of a file, the name of a bundle.
    part: Option<String>,
    /// The query of the request.
    query: Option<String>,
    /// HTTP status of the answer: below 400 it was given.
    status: i64,
}

impl From<Read> for ReadView {
    fn from(read: Read) -> Self {
        Self {
            seq: read.seq,
            at: time(read.at),
            actor: read.actor,
            role: read.role,
            org_code: read.org_code,
            client: read.client,
            operation: read.operation,
            kind: read.kind,
            subject: read.subject,
            part: read.part,
            query: read.query,
            status: read.status,
        }
    }
}

/// Who read what, the latest first: people of your body and those below. Refused requests are in it, too.
#[utoipa::path(
    get, path = "/access-log", tag = "figures", operation_id = "access_log",
    params(LogWanted, Everyone), security(("token" = [])),
    responses((status = 200, description = "one page", body = Page<ReadView>), Reading)
)]
pub(super) async fn list(
    who: Principal,
    State(app): State<App>,
    Asked(wanted): Asked<LogWanted>,
) -> Result<Json<Page<ReadView>>, Problem> {
    who.one_of(&[Role::Supervisor], "see who read what")?;
    let most = limit(wanted.limit)?;
    let asked = ReadsWanted {
        since: instant("since", wanted.since.as_deref())?,
        until: instant("until", wanted.until.as_deref())?,
        before: place(OF, wanted.cursor.as_deref())?,
        actor: wanted.actor,
        kind: wanted.kind,
        subject: wanted.subject,
        org_prefix: None,
        limit: most + 1,
    };
    let mut reads = app.queue_of(&who).reads(&asked).await?;
    let more = reads.len() > most as usize;
    reads.truncate(most as usize);
    let next = reads
        .last()
        .filter(|_| more)
        .map(|last| cursor(OF, last.seq));
    Ok(Json(Page {
        items: reads.into_iter().map(ReadView::from).collect(),
        next,
    }))
}
