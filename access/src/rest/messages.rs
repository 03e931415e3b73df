//! What people and enterprises are to be told: an outbox that whoever sends the messages reads on.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use nonsite_analytics::review::Message;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::answers::{Everyone, Reading};
use super::app::App;
use super::cases::{cursor, limit, place};
use super::extract::Asked;
use super::identity::Principal;
use super::problem::{BAD_QUERY, Problem};
use super::view::{Page, time};

/// The name of the list in its cursors.
const OF: &str = "messages";

/// A message. It follows from one audit row, which gives no other.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Message)]
pub(super) struct MessageView {
    /// The audit row.
    seq: i64,
    /// `order`, `reminder`, `overdue`, `credit_repair` or `credit_repair_revoked`.
    kind: String,
    /// The case.
    case_id: String,
    /// The role that is told.
    addressee: String,
    /// Who had claimed the case then.
    person: Option<String>,
    /// Body in charge.
    org_code: Option<String>,
    /// Permit of the unit.
    permit_no: Option<String>,
    /// Name of the unit.
    unit_name: Option<String>,
    /// State of the case after the row.
    state: String,
    /// What was done.
    action: String,
    /// When it took effect.
    at: DateTime<Utc>,
    /// By when, a Beijing time or day; null when no time runs for whoever is told.
    due: Option<String>,
    /// What is ordered, or what was done.
    measures: Option<String>,
    /// The message it takes back, by its row.
    revokes: Option<i64>,
    /// What it is about, in Chinese and English.
    text: String,
    /// The version of that text.
    text_template_version: String,
    /// Hash of the audit row.
    hash: String,
}

impl From<Message> for MessageView {
    fn from(message: Message) -> Self {
        Self {
            seq: message.seq,
            kind: message.kind.code().to_owned(),
            case_id: message.case_id,
            addressee: message.addressee.code().to_owned(),
            person: message.person,
            org_code: message.org_code,
            permit_no: message.permit_no,
            unit_name: message.unit_name,
            state: message.state,
            action: message.action,
            at: time(message.at),
            due: message.due,
            measures: message.measures,
            revokes: message.revokes,
            text: message.text,
            text_template_version: message.text_template_version,
            hash: message.hash,
        }
    }
}

/// Which messages to list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct MessagesWanted {
    /// Only those of audit rows after this position: the `seq` of the last one that was sent.
    #[param(minimum = 0)]
    since: Option<i64>,
    /// Entries of a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// Where to go on: `next` of the page before.
    cursor: Option<String>,
}

/// Messages about cases within your scope, in the order of the audit chain: orders, reminders, overdue
/// notices, credit repairs and their revocations. An enterprise sees those addressed to it.
#[utoipa::path(
    get, path = "/messages", tag = "cases", operation_id = "list_messages",
    params(MessagesWanted, Everyone), security(("token" = [])),
    responses((status = 200, description = "one page", body = Page<MessageView>), Reading)
)]
pub(super) async fn list(
    who: Principal,
    State(app): State<App>,
    Asked(wanted): Asked<MessagesWanted>,
) -> Result<Json<Page<MessageView>>, Problem> {
    let most = limit(wanted.limit)? as usize;
    let after = wanted.since.unwrap_or_default();
    if after < 0 {
        let what = format!("since: {after} is below 0, where no audit row is");
        return Err(Problem::new(&BAD_QUERY, what).at("since"));
    }
    let since = place::<i64>(OF, wanted.cursor.as_deref())?.unwrap_or(after);
    let mut messages = app.queue_of(&who).messages(since, most + 1).await?;
    let more = messages.len() > most;
    messages.truncate(most);
    let next = messages
        .last()
        .filter(|_| more)
        .map(|last| cursor(OF, last.seq));
    Ok(Json(Page {
        items: messages.into_iter().map(MessageView::from).collect(),
        next,
    }))
}
