//! Drawings that were kept: listed, shown, and drawn again.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use nonsite_analytics::inspection::draw::Kind;
use nonsite_analytics::inspection::kept::{self, Kept};
use nonsite_analytics::review::Role;
use serde::Serialize;
use utoipa::ToSchema;

use super::answers::{Everyone, Reading};
use super::app::App;
use super::cases::RowsWanted;
use super::draws::DrawView;
use super::extract::{Asked, Named};
use super::fault::internal;
use super::identity::Principal;
use super::problem::{NOT_FOUND, Problem};
use super::view::{Page, time};

/// A drawing in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DrawingLine {
    /// Its place in the list, from 1.
    row: i64,
    /// Its id.
    draw_id: String,
    /// `draw` (units) or `sample` (closed cases).
    kind: String,
    /// When it was drawn.
    drawn_at: DateTime<Utc>,
    /// The published seed.
    seed: String,
    /// What the list is and where the seed comes from.
    basis: String,
    /// SHA-256 of the list.
    list_sha256: String,
    /// Units or cases on the list.
    listed: usize,
    /// How many were drawn.
    chosen: usize,
}

/// Every drawing that the caller may see, in the order they were drawn. Who was drawn for an
/// inspection is every body's to know; which cases an audit looks at is the auditors'.
async fn seen(app: &App, who: &Principal) -> Result<Vec<Kept>, Problem> {
    who.of_a_body("see drawings")?;
    let auditors = [Role::Analyst, Role::Supervisor].contains(&who.role);
    let tables = app.tables().await?;
    let mut drawings = kept::load(&tables.session).await?;
    drawings.retain(|kept| auditors || kept.draw.kind == Kind::Draw);
    Ok(drawings)
}

async fn found(app: &App, who: &Principal, draw_id: &str) -> Result<Kept, Problem> {
    let drawings = seen(app, who).await?;
    drawings
        .into_iter()
        .find(|kept| kept.draw_id == draw_id)
        .ok_or_else(|| Problem::new(&NOT_FOUND, "no drawing with this id was kept"))
}

/// Every drawing that was kept, in the order they were drawn.
#[utoipa::path(
    get, path = "/draws", tag = "inspection", operation_id = "list_draws",
    params(RowsWanted, Everyone), security(("token" = [])),
    responses((status = 200, description = "one page", body = Page<DrawingLine>), Reading)
)]
pub(super) async fn list(
    who: Principal,
    State(app): State<App>,
    Asked(wanted): Asked<RowsWanted>,
) -> Result<Json<Page<DrawingLine>>, Problem> {
    let drawings = seen(&app, &who).await?;
    let lines = (1_i64..).zip(drawings).map(|(row, kept)| DrawingLine {
        row,
        kind: kept.draw.kind.code().to_owned(),
        drawn_at: time(kept.drawn_at),
        list_sha256: kept.draw.list_sha256(),
        listed: kept.draw.list.len(),
        chosen: kept.draw.chosen.len(),
        draw_id: kept.draw_id,
        seed: kept.draw.seed,
        basis: kept.draw.basis,
    });
    Ok(Json(wanted.page("drawings", lines, |line| line.row)?))
}

/// A drawing with everything it takes to draw it again.
#[utoipa::path(
    get, path = "/draws/{draw_id}", tag = "inspection", operation_id = "show_draw",
    params(("draw_id" = String, Path, description = "id of the drawing"), Everyone),
    security(("token" = [])),
    responses((status = 200, description = "the drawing", body = DrawView), Reading)
)]
pub(super) async fn show(
    who: Principal,
    State(app): State<App>,
    Named(draw_id): Named<String>,
) -> Result<Json<DrawView>, Problem> {
    let kept = found(&app, &who, &draw_id).await?;
    Ok(Json(DrawView::of(&kept.draw, None)?))
}

/// What came of drawing again.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DrawnAgain {
    /// The drawing.
    draw_id: String,
    /// It came out the same.
    same: bool,
    /// What came out differently.
    differences: Vec<String>,
}

/// Draws a kept drawing again from its list and seed, and compares.
#[utoipa::path(
    get, path = "/draws/{draw_id}/verification", tag = "inspection", operation_id = "verify_draw",
    params(("draw_id" = String, Path, description = "id of the drawing"), Everyone),
    security(("token" = [])),
    responses((status = 200, description = "what came of it", body = DrawnAgain), Reading)
)]
pub(super) async fn verify(
    who: Principal,
    State(app): State<App>,
    Named(draw_id): Named<String>,
) -> Result<Json<DrawnAgain>, Problem> {
    let kept = found(&app, &who, &draw_id).await?;
    let mut differences = kept.draw.verify().map_err(|error| internal(&error))?;
    let id = kept.draw.id();
    if id != draw_id {
        differences.push(format!("the drawing kept as {draw_id} is {id}"));
    }
    Ok(Json(DrawnAgain {
        draw_id,
        same: differences.is_empty(),
        differences,
    }))
}
