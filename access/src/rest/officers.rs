//! The roster of officers with their certificates: listed, and told anew.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, NaiveDate, Utc};
use nonsite_analytics::inspection::roster::{self, RosterOfficer, Told, standing};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::answers::{Everyone, Looked, Once, Reading, Writing, kept as answered, looked_up};
use super::app::App;
use super::cases::{RowsWanted, instant};
use super::draws::written;
use super::extract::{Asked, Carried, Write, plain};
use super::fault::asked;
use super::identity::Principal;
use super::problem::{OUT_OF_SCOPE, Problem};
use super::samples::AUDITORS;
use super::view::{Page, time};

/// Which officers, and where to go on.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct OfficersWanted {
    /// Body, exactly.
    #[serde(deserialize_with = "plain")]
    org: Option<String>,
    /// How it stood then: an instant, a Beijing time, or a Beijing day (its end); now when left out.
    #[serde(deserialize_with = "plain")]
    #[param(example = "2026-06-30")]
    as_of: Option<String>,
    /// Entries of a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// Where to go on: `next` of the page before.
    cursor: Option<String>,
}

/// An officer of the roster as it stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RosterOfficer)]
pub(super) struct OfficerView {
    /// Id of the officer.
    officer_id: String,
    /// Name.
    name: Option<String>,
    /// Body the officer works for.
    org_code: String,
    /// Number of the enforcement certificate; null without one.
    certificate_no: Option<String>,
    /// First day of the certificate.
    valid_from: Option<NaiveDate>,
    /// Last day of the certificate.
    valid_to: Option<NaiveDate>,
    /// Day from which the officer is on the roster no more.
    left_on: Option<NaiveDate>,
    /// Who recorded it last.
    by: String,
    /// When.
    recorded_at: DateTime<Utc>,
}

impl From<RosterOfficer> for OfficerView {
    fn from(officer: RosterOfficer) -> Self {
        Self {
            officer_id: officer.officer_id,
            name: officer.name,
            org_code: officer.org_code,
            certificate_no: officer.certificate_no,
            valid_from: officer.valid_from,
            valid_to: officer.valid_to,
            left_on: officer.left_on,
            by: officer.by,
            recorded_at: time(officer.recorded_at),
        }
    }
}

/// An officer in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OfficerLine {
    /// Its place on the whole roster, from 1.
    row: i64,
    /// The officer.
    officer: OfficerView,
}

/// Officers of your body and those below it, as the roster stands, in the order of first recording.
#[utoipa::path(
    get, path = "/officers", tag = "inspection", operation_id = "list_officers",
    params(OfficersWanted, Everyone), security(("token" = [])),
    responses((status = 200, description = "one page", body = Page<OfficerLine>), Reading)
)]
pub(super) async fn list(
    who: Principal,
    State(app): State<App>,
    Asked(wanted): Asked<OfficersWanted>,
) -> Result<Json<Page<OfficerLine>>, Problem> {
    who.of_a_body("see the roster")?;
    let as_of = instant("as_of", wanted.as_of.as_deref())?.unwrap_or_else(|| app.now());
    let page = RowsWanted::new(wanted.limit, wanted.cursor);
    let tables = app.tables().await?;
    let officers = standing(&roster::load(&tables.session).await?, as_of);
    let scope = who.scope();
    let lines = (1_i64..)
        .zip(officers)
        .filter(|(_, officer)| scope.covers(Some(&officer.org_code), None))
        .filter(|(_, officer)| {
            wanted
                .org
                .as_ref()
                .is_none_or(|org| *org == officer.org_code)
        })
        .map(|(row, officer)| OfficerLine {
            row,
            officer: officer.into(),
        });
    Ok(Json(page.page("officers", lines, |line| line.row)?))
}

/// The roster as it stands; nobody is on it where nothing was ever recorded.
async fn on_roster(app: &App) -> Result<Vec<RosterOfficer>, Problem> {
    if !app.store().is_dir() {
        return Ok(Vec::new());
    }
    let tables = app.tables().await?;
    Ok(standing(&roster::load(&tables.session).await?, i64::MAX))
}

/// What is said of an officer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OfficerTold {
    /// Id of the officer.
    #[schema(min_length = 1, max_length = 200)]
    officer_id: String,
    /// Name.
    name: Option<String>,
    /// Body the officer works for.
    #[schema(min_length = 1, max_length = 200)]
    org_code: String,
    /// Number of the enforcement certificate; left out by who has none.
    certificate_no: Option<String>,
    /// First day of the certificate.
    valid_from: Option<NaiveDate>,
    /// Last day of the certificate.
    valid_to: Option<NaiveDate>,
    /// Day from which the officer is on the roster no more.
    left_on: Option<NaiveDate>,
}

/// What holds of these officers. Who is not named stays on the roster.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RosterTold {
    /// The officers, each once.
    #[schema(min_items = 1, max_items = 10_000)]
    officers: Vec<OfficerTold>,
}

impl Carried for RosterTold {}

/// What became of it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RosterRecorded {
    /// Officers that were told.
    officers: u64,
    /// Of these new or changed.
    fresh: u64,
}

/// Records what holds of officers, all of them or none; what held before adds nothing. This is for those who
/// see a whole city; officers of other cities stay theirs.
#[utoipa::path(
    post, path = "/officers", tag = "inspection", operation_id = "record_officers",
    params(Once, Everyone), security(("token" = [])), request_body = RosterTold,
    responses((status = 201, description = "recorded", body = RosterRecorded), Writing)
)]
pub(super) async fn add(
    State(app): State<App>,
    write: Write<RosterTold>,
) -> Result<Response, Problem> {
    write.who.one_of(&AUDITORS, "record officers")?;
    write.who.of_the_city("the roster is the city's")?;
    let scope = write.who.scope();
    for (at, officer) in write.body.officers.iter().enumerate() {
        for (name, text) in [
            ("officer_id", Some(&officer.officer_id)),
            ("org_code", Some(&officer.org_code)),
            ("name", officer.name.as_ref()),
            ("certificate_no", officer.certificate_no.as_ref()),
        ] {
            let pointer = format!("/officers/{at}/{name}");
            text.map_or(Ok(()), |text| written(&pointer, text, false))?;
        }
        if !scope.covers(Some(&officer.org_code), None) {
            let why = format!("`{}` is no body of yours", officer.org_code);
            return Err(Problem::new(&OUT_OF_SCOPE, why));
        }
    }
    let queue = write.on_queue(&app);
    let begun = match looked_up(&queue, StatusCode::CREATED).await? {
        Looked::Answered(answer) => return Ok(answer),
        Looked::Begun(begun) => begun,
    };
    // Nor is an officer of somebody else's taken over by being told anew.
    let named: BTreeSet<&str> = write
        .body
        .officers
        .iter()
        .map(|officer| officer.officer_id.as_str())
        .collect();
    for officer in on_roster(&app).await? {
        let is_named = named.contains(officer.officer_id.as_str());
        if is_named && !scope.covers(Some(&officer.org_code), None) {
            let why = format!(
                "officer `{}` belongs to a body that is none of yours",
                officer.officer_id
            );
            return Err(Problem::new(&OUT_OF_SCOPE, why));
        }
    }
    let told: Vec<Told> = write
        .body
        .officers
        .iter()
        .map(|officer| Told {
            officer_id: officer.officer_id.clone(),
            name: officer.name.clone(),
            org_code: officer.org_code.clone(),
            certificate_no: officer.certificate_no.clone(),
            valid_from: officer.valid_from,
            valid_to: officer.valid_to,
            left_on: officer.left_on,
        })
        .collect();
    let said = roster::add(app.store(), &told, &write.who.name, begun.at)
        .await
        .map_err(asked)?;
    app.forget_tables().await;
    let recorded = RosterRecorded {
        officers: said.len() as u64,
        fresh: said.iter().filter(|said| said.fresh).count() as u64,
    };
    answered(&queue, &begun, StatusCode::CREATED, &recorded).await
}
