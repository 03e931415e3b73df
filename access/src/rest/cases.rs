//! Cases: list, one with its future, its audit rows, counts.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use nonsite_analytics::ratio::parse_as_of;
use nonsite_analytics::review::{Filter, Machine, Order, Place, Role, Severity};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::answers::{Everyone, Reading, tagged};
use super::app::App;
use super::extract::{Asked, Named, listed, plain};
use super::identity::Principal;
use super::problem::{BAD_QUERY, NOT_FOUND, Problem};
use super::view::{CaseDetail, CaseView, EventView, Page};

/// Entries of a page unless asked otherwise.
const USUAL: u32 = 50;
/// Most entries of a page.
const MOST: u32 = 200;

/// The order of a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Sort {
    /// The worst and most urgent first. A case that changes meanwhile may change its place.
    #[default]
    Urgency,
    /// The oldest first. Every case is listed exactly once, whatever changes meanwhile.
    Opened,
}

/// Which cases to list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// States, comma list.
    #[serde(deserialize_with = "listed")]
    #[param(style = Form, explode = false, example = json!(["triage"]))]
    state: Vec<String>,
    /// Severities, comma list of `S1` to `S4`.
    #[serde(deserialize_with = "listed")]
    #[param(style = Form, explode = false, example = json!(["S1", "S2"]))]
    severity: Vec<String>,
    /// Body in charge, exactly.
    #[serde(deserialize_with = "plain")]
    org: Option<String>,
    /// Who claimed it.
    #[serde(deserialize_with = "plain")]
    assignee: Option<String>,
    /// Permit of the unit.
    #[serde(deserialize_with = "plain")]
    permit_no: Option<String>,
    /// Outlet, logger or permit the case is about.
    #[serde(deserialize_with = "plain")]
    subject: Option<String>,
    /// The rule that fired.
    #[serde(deserialize_with = "plain")]
    rule: Option<String>,
    /// Only cases that are not finished.
    #[param(required = false)]
    open: bool,
    /// Only cases with a deadline before this time: an instant, a Beijing time, or a Beijing day (its
    /// end).
    #[serde(deserialize_with = "plain")]
    #[param(example = "2026-03-02")]
    due_before: Option<String>,
    /// The order.
    #[param(required = false, inline)]
    sort: Sort,
    /// Entries of a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// Where to go on: `next` of the page before.
    #[serde(deserialize_with = "cursor_text")]
    cursor: Option<String>,
}

/// A cursor may be longer than other texts.
fn cursor_text<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    String::deserialize(from).map(Some)
}

/// Where a list goes on.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cursor<P> {
    /// What was listed: a cursor of another list is refused.
    of: String,
    at: P,
}

/// A place in a list as a cursor.
pub(super) fn cursor<P: Serialize>(of: &str, at: P) -> String {
    let cursor = Cursor {
        of: of.to_owned(),
        at,
    };
    // Texts and numbers into memory: this cannot fail.
    hex::encode(serde_json::to_vec(&cursor).unwrap_or_default())
}

/// The place a cursor stands for.
pub(super) fn place<P: serde::de::DeserializeOwned>(
    of: &str,
    cursor: Option<&str>,
) -> Result<Option<P>, Problem> {
    let Some(text) = cursor else { return Ok(None) };
    let read = || -> Option<Cursor<P>> { serde_json::from_slice(&hex::decode(text).ok()?).ok() };
    match read() {
        Some(cursor) if cursor.of == of => Ok(Some(cursor.at)),
        _ => {
            let why = "cursor: this is not the `next` of a page of this list in this order";
            Err(Problem::new(&BAD_QUERY, why).at("cursor"))
        }
    }
}

/// The size of a page.
pub(super) fn limit(asked: Option<u32>) -> Result<u32, Problem> {
    match asked.unwrap_or(USUAL) {
        limit @ 1..=MOST => Ok(limit),
        other => {
            Err(Problem::new(&BAD_QUERY, format!("limit: {other} is not 1 to {MOST}")).at("limit"))
        }
    }
}

/// An instant as people write it.
pub(super) fn instant(name: &str, text: Option<&str>) -> Result<Option<i64>, Problem> {
    let bad = |error: &dyn std::fmt::Display| {
        Problem::new(&BAD_QUERY, format!("{name}: {error}")).at(name)
    };
    text.map(|text| parse_as_of(text).map_err(|error| bad(&error)))
        .transpose()
}

/// A typing mistake in a state would otherwise look like an empty queue.
pub(super) fn known_states(machine: &Machine, states: &[String]) -> Result<(), Problem> {
    match states.iter().find(|state| machine.state(state).is_none()) {
        None => Ok(()),
        Some(unknown) => {
            let names: Vec<&str> = machine.states().iter().map(|s| s.name.as_str()).collect();
            let why = format!("state: `{unknown}` is none of {}", names.join(", "));
            Err(Problem::new(&BAD_QUERY, why).at("state"))
        }
    }
}

/// A cursor comes back from outside.
fn is_place(place: &Place) -> bool {
    Severity::from_code(&place.severity).is_some() && super::extract::is_plain(&place.case_id)
}

impl Wanted {
    fn filter(self, machine: &Machine) -> Result<Filter, Problem> {
        known_states(machine, &self.state)?;
        let severity = |code: &String| {
            Severity::from_code(code).ok_or_else(|| {
                let why = format!("severity: `{code}` is none of S1, S2, S3, S4");
                Problem::new(&BAD_QUERY, why).at("severity")
            })
        };
        let severities = self
            .severity
            .iter()
            .map(severity)
            .collect::<Result<_, _>>()?;
        Ok(Filter {
            severities,
            due_before: instant("due_before", self.due_before.as_deref())?,
            after: place(self.list(), self.cursor.as_deref())?.filter(is_place),
            limit: limit(self.limit)? + 1,
            order: match self.sort {
                Sort::Urgency => Order::Urgency,
                Sort::Opened => Order::Opened,
            },
            states: self.state,
            org_code: self.org,
            assignee: self.assignee,
            permit_no: self.permit_no,
            subject: self.subject,
            rule_id: self.rule,
            open_only: self.open,
            ..Filter::default()
        })
    }

    fn list(&self) -> &'static str {
        match self.sort {
            Sort::Urgency => "cases by urgency",
            Sort::Opened => "cases by opening",
        }
    }
}

/// Cases within your scope.
#[utoipa::path(
    get, path = "/cases", tag = "cases", operation_id = "list_cases",
    params(Wanted, Everyone), security(("token" = [])),
    responses((status = 200, description = "one page", body = Page<CaseView>), Reading)
)]
pub(super) async fn list(
    who: Principal,
    State(app): State<App>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Json<Page<CaseView>>, Problem> {
    let queue = app.queue_of(&who);
    let of = wanted.list();
    let filter = wanted.filter(queue.machine())?;
    let most = filter.limit as usize - 1;
    let mut cases = queue.list(&filter).await?;
    let more = cases.len() > most;
    cases.truncate(most);
    let next = cases
        .last()
        .filter(|_| more)
        .map(|last| cursor(of, Place::of(last)));
    let (machine, now) = (queue.machine(), app.now());
    Ok(Json(Page {
        items: cases
            .into_iter()
            .map(|case| CaseView::of(case, machine, now))
            .collect(),
        next,
    }))
}

/// A case with what can be done next. Its ETag goes into `If-Match` of a change.
#[utoipa::path(
    get, path = "/cases/{case_id}", tag = "cases", operation_id = "show_case",
    params(("case_id" = String, Path, description = "id of the case"), Everyone),
    security(("token" = [])),
    responses(
        (status = 200, description = "the case", body = CaseDetail,
         headers(("ETag" = String, description = "its version, a dot, and a hash of what is told"))),
        Reading,
    )
)]
pub(super) async fn show(
    who: Principal,
    State(app): State<App>,
    Named(case_id): Named<String>,
) -> Result<Response, Problem> {
    let queue = app.queue_of(&who);
    let case_id = id(case_id)?;
    let shown = queue.show(&case_id).await?;
    // Whoever decides has to see it first; what other bodies did is no business of an enterprise.
    let checked = match who.role {
        Role::Enterprise => Vec::new(),
        _ => {
            let tables = app.tables().await?;
            let session = Some(tables.session.as_ref());
            queue.already_checked(&case_id, session).await?
        }
    };
    let version = shown.case.version;
    let detail = CaseDetail::of(shown, checked, queue.machine(), app.now());
    Ok(tagged(StatusCode::OK, version, &detail))
}

/// An id that no database is asked for in vain.
pub(super) fn id(text: String) -> Result<String, Problem> {
    match super::extract::is_plain(&text) {
        true => Ok(text),
        false => Err(Problem::new(&NOT_FOUND, "no id looks like that")),
    }
}

/// Which part of a list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct RowsWanted {
    /// Entries of a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// Where to go on: `next` of the page before.
    #[serde(deserialize_with = "cursor_text")]
    cursor: Option<String>,
}

impl RowsWanted {
    pub(super) fn new(limit: Option<u32>, cursor: Option<String>) -> Self {
        Self { limit, cursor }
    }

    /// The page of rows with a growing position that comes after the cursor.
    pub(super) fn page<T>(
        &self,
        of: &str,
        rows: impl Iterator<Item = T>,
        position: impl Fn(&T) -> i64,
    ) -> Result<Page<T>, Problem> {
        let after = place::<i64>(of, self.cursor.as_deref())?.unwrap_or(0);
        let most = limit(self.limit)? as usize;
        let mut items: Vec<T> = rows
            .filter(|row| position(row) > after)
            .take(most + 1)
            .collect();
        let more = items.len() > most;
        items.truncate(most);
        let next = items
            .last()
            .filter(|_| more)
            .map(|last| cursor(of, position(last)));
        Ok(Page { items, next })
    }

    /// The page of a list that is at hand as a whole and grows at its end, if at all.
    pub(super) fn whole<T>(&self, of: &str, list: Vec<T>) -> Result<Page<T>, Problem> {
        let page = self.page(of, (1_i64..).zip(list), |(place, _)| *place)?;
        Ok(Page {
            items: page.items.into_iter().map(|(_, item)| item).collect(),
            next: page.next,
        })
    }
}

/// The audit rows of a case, in order.
#[utoipa::path(
    get, path = "/cases/{case_id}/events", tag = "cases", operation_id = "case_events",
    params(("case_id" = String, Path, description = "id of the case"), RowsWanted, Everyone),
    security(("token" = [])),
    responses((status = 200, description = "one page", body = Page<EventView>), Reading)
)]
pub(super) async fn events(
    who: Principal,
    State(app): State<App>,
    Named(case_id): Named<String>,
    Asked(wanted): Asked<RowsWanted>,
) -> Result<Json<Page<EventView>>, Problem> {
    let shown = app.queue_of(&who).show(&id(case_id)?).await?;
    let of = format!("events of {}", shown.case.case_id);
    let rows = shown.events.into_iter().map(EventView::from);
    Ok(Json(wanted.page(&of, rows, |row| row.seq)?))
}

/// Cases in a state.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Count {
    /// The state.
    state: String,
    /// How many.
    cases: i64,
}

/// Number of cases per state within your scope.
#[utoipa::path(
    get, path = "/counts", tag = "cases", operation_id = "count_cases",
    params(RowsWanted, Everyone), security(("token" = [])),
    responses((status = 200, description = "states with cases", body = Page<Count>), Reading)
)]
pub(super) async fn counts(
    who: Principal,
    State(app): State<App>,
    Asked(wanted): Asked<RowsWanted>,
) -> Result<Json<Page<Count>>, Problem> {
    let counts = app.queue_of(&who).counts().await?;
    let counts = counts
        .into_iter()
        .map(|(state, cases)| Count { state, cases });
    Ok(Json(wanted.whole("counts", counts.collect())?))
}
