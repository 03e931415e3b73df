//! Lots that anybody can draw again (双随机): units with their officers, from a published seed.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use nonsite_analytics::inspection::draw::{self, Draw, Kind, Listed, MAX_WEIGHT, Officer, Request};
use nonsite_analytics::inspection::kept;
use nonsite_analytics::inspection::permit::in_force;
use nonsite_analytics::review::Role;
use nonsite_schemas::wire::permit::PermitStatus;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answers::{Everyone, Freely, Looked, Once, Writing, kept as answered, looked_up};
use super::app::App;
use super::cases::instant;
use super::extract::{Carried, Write, is_plain};
use super::fault::asked;
use super::identity::Principal;
use super::kept::DrawingDocument;
use super::problem::{BAD_BODY, OUT_OF_SCOPE, Problem};

/// Who draws.
const DRAWERS: [Role; 2] = [Role::Analyst, Role::Supervisor];
/// Officers for each unit unless asked otherwise: the law wants two.
const USUAL_OFFICERS: u32 = 2;

/// A unit on a list.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UnitGiven {
    /// Its id, such as the permit code; the ticket is made of it.
    #[schema(min_length = 1, max_length = 200)]
    id: String,
    /// Its name.
    #[serde(default)]
    #[schema(required = false)]
    name: String,
    /// Tickets it holds.
    #[schema(minimum = 1, maximum = 100, default = 1)]
    weight: Option<u32>,
}

/// Who takes part: a list, or the units with a permit in force.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct DrawnFrom {
    /// A list of one's own; it excludes the rest.
    #[schema(required = false)]
    list: Vec<UnitGiven>,
    /// Units of these industries; the first digits of a code are enough.
    #[schema(required = false)]
    industry: Vec<String>,
    /// Units in the area of this body.
    org: Option<String>,
    /// Tickets of a key pollutant-discharging unit; others have one.
    #[schema(minimum = 1, maximum = 100, default = 1)]
    key_weight: Option<u32>,
    /// Permits in force then; now when left out.
    #[schema(example = "2026-06-30")]
    as_of: Option<String>,
}

/// An officer who can be drawn.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OfficerGiven {
    /// Id of the officer.
    #[schema(min_length = 1, max_length = 200)]
    officer_id: String,
    /// Number of the enforcement certificate.
    #[schema(min_length = 1, max_length = 200)]
    certificate_no: String,
    /// Units the officer has to avoid (回避).
    #[serde(default)]
    #[schema(required = false)]
    avoids: Vec<String>,
}

/// A list to be fixed before the seed is known.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ListWanted {
    /// Who takes part.
    #[schema(required = false)]
    from: DrawnFrom,
    /// Officers who can be drawn.
    #[schema(required = false)]
    officers: Vec<OfficerGiven>,
}

impl Carried for ListWanted {}

/// A drawing that is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DrawWanted {
    /// The published seed, such as the numbers of a public lottery drawn after the list was fixed.
    #[schema(min_length = 1, max_length = 200)]
    seed: String,
    /// How many units to draw.
    #[schema(minimum = 1)]
    count: u32,
    /// Who takes part.
    #[serde(default)]
    #[schema(required = false)]
    from: DrawnFrom,
    /// Officers to be drawn for the units.
    #[serde(default)]
    #[schema(required = false)]
    officers: Vec<OfficerGiven>,
    /// Officers for each unit, where officers are given.
    #[schema(minimum = 1, maximum = 20, default = 2)]
    officers_each: Option<u32>,
    /// What the list is and where the seed comes from; kept with the drawing.
    #[serde(default)]
    #[schema(required = false)]
    basis: String,
    /// Show the drawing, keep nothing.
    #[serde(default)]
    #[schema(required = false)]
    dry_run: bool,
}

impl Carried for DrawWanted {}

/// Refuses texts that no ticket and no table can hold.
pub(super) fn written(pointer: &str, text: &str, may_be_empty: bool) -> Result<(), Problem> {
    if is_plain(text) || (may_be_empty && text.is_empty()) {
        return Ok(());
    }
    let why = format!("{pointer}: 1 to 200 characters, none of them a control character");
    Err(Problem::new(&BAD_BODY, why).at(pointer))
}

fn weight(pointer: &str, given: Option<u32>) -> Result<u32, Problem> {
    match given.unwrap_or(1) {
        weight @ 1..=MAX_WEIGHT => Ok(weight),
        other => {
            let why = format!("{pointer}: {other} is not 1 to {MAX_WEIGHT}");
            Err(Problem::new(&BAD_BODY, why).at(pointer))
        }
    }
}

fn officers(given: &[OfficerGiven]) -> Result<Vec<Officer>, Problem> {
    for officer in given {
        written("/officers", &officer.officer_id, false)?;
        written("/officers", &officer.certificate_no, false)?;
        for unit in &officer.avoids {
            written("/officers", unit, false)?;
        }
    }
    let officer = |officer: &OfficerGiven| Officer {
        officer_id: officer.officer_id.clone(),
        certificate_no: officer.certificate_no.clone(),
        avoids: officer.avoids.clone(),
    };
    Ok(given.iter().map(officer).collect())
}

/// The list that lots are drawn from, within the caller's scope.
async fn listed(
    app: &App,
    who: &Principal,
    from: &DrawnFrom,
    now: i64,
) -> Result<Vec<Listed>, Problem> {
    let as_of = instant("from/as_of", from.as_of.as_deref()).map_err(Problem::of_body)?;
    if !from.list.is_empty() {
        return from
            .list
            .iter()
            .map(|unit| {
                written("/from/list", &unit.id, false)?;
                written("/from/list", &unit.name, true)?;
                let weight = weight("/from/list", unit.weight)?;
                let why = (weight > 1).then(|| "listed".to_owned());
                Ok(Listed {
                    id: unit.id.clone(),
                    name: unit.name.clone(),
                    weight,
                    why: why.into_iter().collect(),
                })
            })
            .collect();
    }
    if from.industry.is_empty() && from.org.is_none() {
        let why = "from: draw from what? Give list, industry or org";
        return Err(Problem::new(&BAD_BODY, why).at("/from"));
    }
    let scope = who.scope();
    if let Some(org) = from.org.as_deref()
        && !scope.covers(Some(org), None)
    {
        let why = format!("`{org}` is no body of yours");
        return Err(Problem::new(&OUT_OF_SCOPE, why));
    }
    let key_weight = weight("/from/key_weight", from.key_weight)?;
    let tables = app.tables().await?;
    let permits = in_force(&tables.session, as_of.unwrap_or(now), None).await?;
    let of_industry = |industry: &str| {
        from.industry.is_empty() || from.industry.iter().any(|code| industry.starts_with(code))
    };
    Ok(permits
        .into_iter()
        .filter(|one| {
            let status = one.permit.status;
            matches!(status, Some(PermitStatus::Valid | PermitStatus::Changing))
        })
        .filter(|one| of_industry(one.industry()))
        .filter(|one| from.org.is_none() || one.permit.org_code == from.org)
        .filter(|one| scope.covers(one.permit.org_code.as_deref(), None))
        .map(|one| {
            let key = one.permit.is_key_unit && key_weight > 1;
            Listed {
                id: one.permit.permit_no,
                name: one.permit.unit_name,
                weight: if key { key_weight } else { 1 },
                why: key.then(|| "key unit".to_owned()).into_iter().collect(),
            }
        })
        .collect())
}

/// The hash of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FixedList {
    /// SHA-256 of the list; to be published before the seed is known.
    list_sha256: String,
    /// Units on it.
    units: usize,
    /// Officers on it.
    officers: usize,
}

/// Fixes a list: its hash is published before the seed is known, so that nobody can choose the list to
/// fit the seed. Draws nothing and keeps nothing.
#[utoipa::path(
    post, path = "/draws/lists", tag = "inspection", operation_id = "fix_list",
    params(Once, Everyone), security(("token" = [])),
    request_body(content = ListWanted, example = json!({"from": {"list": [{"id": "unit-1"}]}})),
    responses((status = 200, description = "its hash", body = FixedList), Writing)
)]
pub(super) async fn fix(
    State(app): State<App>,
    write: Write<ListWanted>,
) -> Result<Json<FixedList>, Problem> {
    write.who.one_of(&DRAWERS, "fix a list")?;
    let wanted = &write.body;
    let drawn = draw::draw(Request {
        kind: Kind::Draw,
        basis: String::new(),
        // The hash of the list does not depend on seed and count.
        seed: "none yet".to_owned(),
        count: 1,
        unweighted: 0,
        list: listed(&app, &write.who, &wanted.from, app.now()).await?,
        officers: officers(&wanted.officers)?,
        officers_each: 0,
    })
    .map_err(asked)?;
    Ok(Json(FixedList {
        list_sha256: drawn.list_sha256(),
        units: drawn.list.len(),
        officers: drawn.officers.len(),
    }))
}

/// One that was drawn.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Chosen)]
pub(super) struct ChosenView {
    /// Place, from 1.
    place: u32,
    /// Its id.
    id: String,
    /// Its name.
    name: String,
    /// The ticket it was drawn with: a SHA-256 anybody can compute.
    ticket: String,
    /// Officers drawn for it.
    officers: Vec<String>,
    /// Why it held more than one ticket.
    why: Vec<String>,
}

/// A drawing with everything it takes to draw it again.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Drawing)]
pub(super) struct DrawView {
    /// Its id, made of its content.
    draw_id: String,
    /// `draw` (units) or `sample` (closed cases).
    kind: String,
    /// The published seed.
    seed: String,
    /// What the list is and where the seed comes from.
    basis: String,
    /// SHA-256 of the list.
    list_sha256: String,
    /// Units or cases on the list.
    listed: usize,
    /// What was drawn, by place.
    chosen: Vec<ChosenView>,
    /// It was kept by this request, and not before; null when it was only shown.
    fresh: Option<bool>,
    /// The whole drawing with its list, as `nonsite inspection draw --verify FILE` reads it.
    #[schema(value_type = DrawingDocument)]
    document: Freely,
}

impl DrawView {
    pub(super) fn of(drawn: &Draw, fresh: Option<bool>) -> Result<Self, Problem> {
        let why = |id: &str| {
            let listed = drawn.list.iter().find(|listed| listed.id == id);
            listed.map(|listed| listed.why.clone()).unwrap_or_default()
        };
        Ok(Self {
            draw_id: drawn.id(),
            kind: drawn.kind.code().to_owned(),
            seed: drawn.seed.clone(),
            basis: drawn.basis.clone(),
            list_sha256: drawn.list_sha256(),
            listed: drawn.list.len(),
            chosen: drawn
                .chosen
                .iter()
                .map(|chosen| ChosenView {
                    place: chosen.place,
                    id: chosen.id.clone(),
                    name: chosen.name.clone(),
                    ticket: chosen.ticket.clone(),
                    officers: chosen.officers.clone(),
                    why: why(&chosen.id),
                })
                .collect(),
            fresh,
            document: Freely::of(drawn)?,
        })
    }
}

/// Keeps a drawing unless it is only shown.
pub(super) async fn keep(
    app: &App,
    drawn: &Draw,
    only_shown: bool,
) -> Result<Option<bool>, Problem> {
    if only_shown {
        return Ok(None);
    }
    let fresh = kept::keep(app.store(), drawn, app.now()).await?;
    app.forget_tables().await;
    Ok(Some(fresh))
}

/// Draws units, and officers for them, by lot from a published seed. The same list and seed give the
/// same drawing, which is kept once.
#[utoipa::path(
    post, path = "/draws", tag = "inspection", operation_id = "draw",
    params(Once, Everyone), security(("token" = [])),
    request_body(content = DrawWanted, example = json!({
        "seed": "3 14 15", "count": 1, "from": {"list": [{"id": "unit-1"}, {"id": "unit-2"}]},
    })),
    responses((status = 201, description = "the drawing", body = DrawView), Writing)
)]
pub(super) async fn add(
    State(app): State<App>,
    write: Write<DrawWanted>,
) -> Result<Response, Problem> {
    write.who.one_of(&DRAWERS, "draw lots")?;
    let wanted = &write.body;
    written("/seed", &wanted.seed, false)?;
    written("/basis", &wanted.basis, true)?;
    let officers = officers(&wanted.officers)?;
    let queue = write.on_queue(&app);
    let begun = match looked_up(&queue, StatusCode::CREATED).await? {
        Looked::Answered(answer) => return Ok(answer),
        Looked::Begun(begun) => begun,
    };
    let drawn = draw::draw(Request {
        kind: Kind::Draw,
        basis: wanted.basis.clone(),
        seed: wanted.seed.clone(),
        count: wanted.count,
        unweighted: 0,
        list: listed(&app, &write.who, &wanted.from, begun.at).await?,
        officers_each: match officers.is_empty() {
            true => 0,
            false => wanted.officers_each.unwrap_or(USUAL_OFFICERS),
        },
        officers,
    })
    .map_err(asked)?;
    let fresh = keep(&app, &drawn, wanted.dry_run).await?;
    let view = DrawView::of(&drawn, fresh)?;
    answered(&queue, &begun, StatusCode::CREATED, &view).await
}
