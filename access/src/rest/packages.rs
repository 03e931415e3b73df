//! Hand-over packages: made, listed and taken out; and the first draft of an inspection record.
//!
//! A package is one ZIP that its receiver checks without this program. It is kept under its SHA-256
//! beside the evidence, and an audit row says to whom it went before anybody can take it out.

use std::path::{Path, PathBuf};

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use chrono::{DateTime, Utc};
use nonsite_analytics::review::{Case, Event, Service};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answers::{Everyone, Freely, OnVersion, Once, Reading, Writing, tagged};
use super::app::App;
use super::bundles::known;
use super::cases::{RowsWanted, id};
use super::documents::CaseRecord;
use super::extract::{Asked, Carried, Named, Write, is_plain};
use super::fault::internal;
use super::files::streamed;
use super::identity::Principal;
use super::problem::{BAD_BODY, FILE_GONE, NOT_FOUND, Problem, Told};
use super::view::{Page, time};

/// The action of audit rows about packages.
const PACKAGE: &str = "package";

/// A package that was made.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Package)]
pub(super) struct PackageView {
    /// Audit row that names it.
    seq: i64,
    /// The case.
    case_id: String,
    /// Its kind.
    kind: String,
    /// Version of its documents.
    bundle_version: String,
    /// Whom it is for.
    receiver: String,
    /// SHA-256 of the ZIP, hex.
    sha256: String,
    /// Size, bytes.
    bytes: u64,
    /// Who made it.
    by: String,
    /// When.
    at: DateTime<Utc>,
    /// The ZIP is here; one made on the command line lies where it was wanted.
    kept: bool,
}

impl PackageView {
    fn of(event: &Event, folder: &Path) -> Option<Self> {
        if event.action != PACKAGE {
            return None;
        }
        let field = |name: &str| event.fields.get(name).cloned().unwrap_or_default();
        let sha256 = field("sha256");
        Some(Self {
            seq: event.seq,
            case_id: event.case_id.clone(),
            kind: field(PACKAGE),
            bundle_version: field("bundle_version"),
            receiver: field("receiver"),
            bytes: field("bytes").parse().unwrap_or_default(),
            by: event.actor.clone(),
            at: time(event.at),
            kept: place(folder, &sha256).is_file(),
            sha256,
        })
    }
}

/// Where a package lies.
fn place(folder: &Path, sha256: &str) -> PathBuf {
    folder.join(format!("{sha256}.zip"))
}

/// What is to be handed over, and to whom.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HandOver {
    /// Name of a bundle that is a package: `transfer` (to police or another authority), `filing` ...
    #[schema(example = "filing")]
    kind: String,
    /// Whom it goes to.
    #[schema(min_length = 1, max_length = 200)]
    receiver: String,
}

impl Carried for HandOver {}

/// The package that the version of the case is about, with the version.
async fn made(app: &App, queue: &Service, case: &Case) -> Result<Response, Problem> {
    let events = queue.show(&case.case_id).await?.events;
    let row = events
        .iter()
        .find(|event| event.case_version == case.version);
    let view = row
        .and_then(|event| PackageView::of(event, app.packages()))
        .ok_or_else(|| internal(&"a package that was just made has no audit row"))?;
    Ok(tagged(StatusCode::CREATED, case.version, &view))
}

/// Makes a hand-over package: one ZIP with documents, evidence, audit rows and data (CSV, Parquet),
/// with a manifest and hashes. An audit row says to whom it goes. The same state of a case and the same
/// receiver give the same bytes.
#[utoipa::path(
    post, path = "/cases/{case_id}/packages", tag = "documents", operation_id = "make_package",
    params(("case_id" = String, Path, description = "id of the case"), OnVersion, Once, Everyone),
    security(("token" = [])),
    request_body(content = HandOver, example = json!({"kind": "filing", "receiver": "法制科"})),
    responses(
        (status = 201, description = "made and named in an audit row", body = PackageView,
         headers(("ETag" = String, description = "new version of the case"))),
        Writing,
    )
)]
pub(super) async fn make(
    State(app): State<App>,
    Named(case_id): Named<String>,
    write: Write<HandOver>,
) -> Result<Response, Problem> {
    let queue = write.on_case(&app)?;
    let HandOver { kind, receiver } = &write.body;
    if !is_plain(receiver) {
        let why = "receiver: 1 to 200 characters, none of them a control character";
        return Err(Problem::new(&BAD_BODY, why).at("/receiver"));
    }
    let bundle = match queue.bundles().get(kind) {
        Ok(bundle) if bundle.package => bundle,
        Ok(_) => {
            let why = format!("kind: `{kind}` is no hand-over package");
            return Err(Problem::new(&BAD_BODY, why).at("/kind"));
        }
        Err(error) => {
            return Err(Problem::new(&BAD_BODY, format!("kind: {error}")).at("/kind"));
        }
    };
    write.who.one_of(&bundle.roles, "hand over")?;
    let case_id = id(case_id)?;
    queue.show(&case_id).await?;
    // The service keeps the case as the answer, in the transaction of the audit row.
    let begun = queue.begin_request().await?;
    if let Some(answer) = &begun.answer {
        let case: Case = serde_json::from_str(answer).map_err(|error| internal(&error))?;
        return made(&app, &queue, &case).await;
    }
    let _place = app.heavy().await?;
    let tables = app.tables().await?;
    let folder = app.packages();
    let part = folder.join(format!("{}.part", uuid::Uuid::new_v4().simple()));
    let actor = write.who.actor();
    let package = queue
        .package(&case_id, kind, receiver, &actor, &tables.session, &part)
        .await?;
    let named = tokio::fs::rename(&part, place(folder, &package.sha256)).await;
    named.map_err(|error| internal(&error))?;
    let events = queue.show(&case_id).await?.events;
    let row = events.iter().rfind(|event| {
        event.action == PACKAGE && event.fields.get("sha256") == Some(&package.sha256)
    });
    let (version, view) = row
        .and_then(|event| Some((event.case_version, PackageView::of(event, folder)?)))
        .ok_or_else(|| internal(&"a package that was just made has no audit row"))?;
    Ok(tagged(StatusCode::CREATED, version, &view))
}

/// The packages of a case, in order.
#[utoipa::path(
    get, path = "/cases/{case_id}/packages", tag = "documents", operation_id = "list_packages",
    params(("case_id" = String, Path, description = "id of the case"), RowsWanted, Everyone),
    security(("token" = [])),
    responses((status = 200, description = "one page", body = Page<PackageView>), Reading)
)]
pub(super) async fn list(
    who: Principal,
    State(app): State<App>,
    Named(case_id): Named<String>,
    Asked(wanted): Asked<RowsWanted>,
) -> Result<Json<Page<PackageView>>, Problem> {
    who.of_a_body("see hand-over packages")?;
    let case_id = id(case_id)?;
    let shown = app.queue_of(&who).show(&case_id).await?;
    let views = shown
        .events
        .iter()
        .filter_map(|event| PackageView::of(event, app.packages()));
    let of = format!("packages of {case_id}");
    Ok(Json(wanted.whole(&of, views.collect())?))
}

/// Takes a package out. Only who may hand it over may.
#[utoipa::path(
    get, path = "/cases/{case_id}/packages/{sha256}", tag = "documents", operation_id = "get_package",
    params(
        ("case_id" = String, Path, description = "id of the case"),
        ("sha256" = String, Path, description = "SHA-256 of the ZIP, hex", pattern = "^[0-9a-f]{64}$"),
        Everyone,
    ),
    security(("token" = [])),
    responses(
        (status = 200, description = "the ZIP", content(("application/zip"))),
        (status = 410, description = "`file-gone` named in an audit row, but not kept here",
         body = Told, content_type = "application/problem+json"),
        Reading,
    )
)]
pub(super) async fn get(
    who: Principal,
    State(app): State<App>,
    Named((case_id, sha256)): Named<(String, String)>,
) -> Result<Response, Problem> {
    who.of_a_body("take out hand-over packages")?;
    let queue = app.queue_of(&who);
    let shown = queue.show(&id(case_id)?).await?;
    let package = shown
        .events
        .iter()
        .filter_map(|event| PackageView::of(event, app.packages()))
        .find(|package| package.sha256 == sha256)
        .ok_or_else(|| Problem::new(&NOT_FOUND, "the case has no package with this hash"))?;
    who.one_of(
        &known(&queue, &package.kind)?.roles,
        "take out this package",
    )?;
    let path = place(app.packages(), &sha256);
    let opened = tokio::fs::File::open(&path).await.map_err(|error| {
        tracing::warn!(path = %path.display(), %error, "a package cannot be read");
        let why = "the audit row is there, the ZIP is not: make it again";
        Problem::new(&FILE_GONE, why)
    })?;
    let mut response = Response::new(Body::from_stream(streamed(opened)));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/zip"),
    );
    let name = format!(
        "attachment; filename=\"{}-{}.zip\"",
        package.case_id, sha256
    );
    for (header, value) in [
        (header::CONTENT_DISPOSITION, name),
        (header::ETAG, format!("\"{sha256}\"")),
        (header::CONTENT_LENGTH, package.bytes.to_string()),
    ] {
        // Ids, hashes and numbers are header values.
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(header, value);
        }
    }
    Ok(response)
}

/// A first inspection record: the data the clue rests on, really queried, each with its window, query,
/// number of rows and their hash. What a person has to say is left out.
#[utoipa::path(
    get, path = "/cases/{case_id}/record-draft", tag = "documents", operation_id = "draft_record",
    params(("case_id" = String, Path, description = "id of the case"), Everyone),
    security(("token" = [])),
    responses(
        (status = 200, description = "goes into `record` of an action, when it is complete",
         body = CaseRecord),
        Reading,
    )
)]
pub(super) async fn draft(
    who: Principal,
    State(app): State<App>,
    Named(case_id): Named<String>,
) -> Result<Json<Freely>, Problem> {
    let (queue, case_id) = (app.queue_of(&who), id(case_id)?);
    // What is refused is not worth a place in the queue for what takes long.
    queue.for_bodies("draft an inspection record")?;
    queue.show(&case_id).await?;
    let _place = app.heavy().await?;
    let tables = app.tables().await?;
    let record = queue.draft_record(&case_id, &tables.session).await?;
    Ok(Json(Freely::of(&record)?))
}
