//! The routes, and what surrounds all of them.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, Uri, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::sync::Semaphore;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::app::{App, Parts};
use super::config::{Config, ConfigError};
use super::described::Operations;
use super::extract::MOST_JSON;
use super::problem::{METHOD_NOT_ALLOWED, NOT_FOUND, Problem};
use super::surround::{Desk, surround};
use super::{
    access_log, anomalies, answered, audits, bundles, cases, checklists, clues, dossier, drawings,
    draws, figures, files, inspections, layer, messages, officers, openapi, packages, publication,
    ratio, records, reviewers, samples, snapshots, supervision, targets, work, workflow,
};

/// Where the API lies.
pub(super) const BASE: &str = "/api/v1";
/// How often old answers are looked for.
const FORGET_EVERY: Duration = Duration::from_secs(3_600);
/// Microseconds per day.
const DAY: i64 = 86_400_000_000;

/// Every operation, with its description.
pub(super) fn operations() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(openapi::frame())
        .routes(routes!(cases::list))
        .routes(routes!(cases::show))
        .routes(routes!(cases::events))
        .routes(routes!(cases::counts))
        .routes(routes!(messages::list))
        .routes(routes!(dossier::show))
        .routes(routes!(files::list, files::add))
        .routes(routes!(files::get))
        .routes(routes!(bundles::list))
        .routes(routes!(bundles::print))
        .routes(routes!(bundles::serve))
        .routes(routes!(packages::list, packages::make))
        .routes(routes!(packages::get))
        .routes(routes!(packages::draft))
        .routes(routes!(work::claim))
        .routes(routes!(work::release))
        .routes(routes!(work::claim_next))
        .routes(routes!(work::act))
        .routes(routes!(clues::report))
        .routes(routes!(figures::stats))
        .routes(routes!(figures::rows))
        .routes(routes!(targets::rows))
        .routes(routes!(figures::audit))
        .routes(routes!(access_log::list))
        .routes(routes!(ratio::figure))
        .routes(routes!(ratio::acts_behind))
        .routes(routes!(snapshots::policies))
        .routes(routes!(snapshots::list, publication::add))
        .routes(routes!(snapshots::show))
        .routes(routes!(publication::reproduce))
        .routes(routes!(anomalies::list))
        .routes(routes!(anomalies::show))
        .routes(routes!(anomalies::feedback))
        .routes(routes!(checklists::list))
        .routes(routes!(checklists::items))
        .routes(routes!(checklists::of_permit))
        .routes(routes!(checklists::draft))
        .routes(routes!(inspections::list, records::add))
        .routes(routes!(inspections::show))
        .routes(routes!(answered::list))
        .routes(routes!(answered::items))
        .routes(routes!(drawings::list, draws::add))
        .routes(routes!(draws::fix))
        .routes(routes!(drawings::show))
        .routes(routes!(drawings::verify))
        .routes(routes!(samples::add))
        .routes(routes!(reviewers::list))
        .routes(routes!(reviewers::reused))
        .routes(routes!(audits::list, audits::add))
        .routes(routes!(officers::list, officers::add))
        .routes(routes!(supervision::list, supervision::add))
        .routes(routes!(workflow::show))
        .routes(routes!(workflow::me))
}

/// The API under `/api/v1`, for a server that listens on `address`.
///
/// # Errors
/// [`ConfigError`], naming the key.
pub fn router(
    config: &Config,
    parts: Parts,
    address: &str,
    tls: bool,
) -> Result<Router, ConfigError> {
    config.validate(address, tls)?;
    let places = Arc::new(Semaphore::new(config.concurrency as usize));
    let (routes, api) = operations().split_for_parts();
    let desk = Desk {
        app: App::new(config, parts),
        operations: Arc::new(Operations::of(&api)),
    };
    let text: Arc<str> = openapi::document().into();
    let described = get(move || {
        let text = Arc::clone(&text);
        async move {
            (
                [(header::CONTENT_TYPE, "application/json")],
                text.to_string(),
            )
                .into_response()
        }
    });
    let api = routes
        .route("/openapi.json", described)
        .fallback(nowhere)
        .method_not_allowed_fallback(no_method)
        .with_state(desk.app.clone())
        .layer(from_fn_with_state(desk, surround))
        .layer(DefaultBodyLimit::max(MOST_JSON))
        .layer(from_fn_with_state(places, layer::take_turns))
        .layer(from_fn(layer::dress));
    Ok(Router::new().nest(BASE, api))
}

async fn nowhere(uri: Uri) -> Problem {
    Problem::new(
        &NOT_FOUND,
        format!("there is nothing at {BASE}{}", uri.path()),
    )
}

async fn no_method(method: Method) -> Problem {
    Problem::new(&METHOD_NOT_ALLOWED, format!("{method} is not allowed here"))
}

/// Forgets the answers to requests with a key that are older than configured, every hour, until
/// dropped. What fails is tried again an hour later.
pub async fn forget_old_answers(config: &Config, parts: &Parts) {
    let keep = i64::from(config.keep_answers_days) * DAY;
    let mut ticks = tokio::time::interval(FORGET_EVERY);
    loop {
        ticks.tick().await;
        match parts
            .review
            .forget_requests(parts.clock.now_micros() - keep)
            .await
        {
            Ok(0) => {}
            Ok(forgotten) => tracing::info!(forgotten, "old answers of the API"),
            Err(error) => tracing::warn!(%error, "old answers of the API stay for now"),
        }
    }
}
