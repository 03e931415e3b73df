//! Documents that go together (四项告知, 五书同达): what there is, pages for print, and the proof of service.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use nonsite_analytics::review::{Bundle, Printed, Service, Serving};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::answers::{Everyone, OnVersion, Once, Reading, Writing, tagged};
use super::app::App;
use super::cases::{RowsWanted, id, instant};
use super::extract::{Asked, Carried, Named, Write, is_plain, plain};
use super::identity::Principal;
use super::problem::{BAD_BODY, NOT_FOUND, Problem, Told};
use super::view::{CaseView, Page};

/// A document of a bundle.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BundleDocument)]
pub(super) struct DocumentView {
    /// Name of its file.
    name: String,
    /// Title.
    zh: String,
    /// The bureau has confirmed its contents.
    confirmed: bool,
}

/// Documents that are served or handed over together.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Bundle)]
pub(super) struct BundleView {
    /// Its name.
    kind: String,
    /// Chinese name.
    zh: String,
    /// Version of its contents; it stands in audit rows.
    version: String,
    /// Actions after which it is due on the same day.
    when: Vec<String>,
    /// States in which it may be printed; none named means any.
    states: Vec<String>,
    /// Who may serve it, or hand it over.
    roles: Vec<String>,
    /// It is the documents of a hand-over package.
    package: bool,
    /// The documents in order.
    documents: Vec<DocumentView>,
}

impl From<&Bundle> for BundleView {
    fn from(bundle: &Bundle) -> Self {
        Self {
            kind: bundle.kind.clone(),
            zh: bundle.zh.clone(),
            version: bundle.version.clone(),
            when: bundle.when.clone(),
            states: bundle.states.clone(),
            roles: bundle
                .roles
                .iter()
                .map(|role| role.code().to_owned())
                .collect(),
            package: bundle.package,
            documents: bundle
                .documents
                .iter()
                .map(|document| DocumentView {
                    name: document.name.clone(),
                    zh: document.zh.clone(),
                    confirmed: document.confirmed,
                })
                .collect(),
        }
    }
}

/// The bundle of this kind; one that does not exist is not there, whatever state a case is in.
pub(super) fn known<'s>(queue: &'s Service, kind: &str) -> Result<&'s Bundle, Problem> {
    queue
        .bundles()
        .get(kind)
        .map_err(|error| Problem::new(&NOT_FOUND, error.to_string()))
}

/// Every configured bundle of documents.
#[utoipa::path(
    get, path = "/bundles", tag = "documents", operation_id = "list_bundles",
    params(RowsWanted, Everyone), security(("token" = [])),
    responses((status = 200, description = "one page", body = Page<BundleView>), Reading)
)]
pub(super) async fn list(
    _: Principal,
    State(app): State<App>,
    Asked(wanted): Asked<RowsWanted>,
) -> Result<Json<Page<BundleView>>, Problem> {
    let bundles = app.queue().bundles().all();
    let views = bundles.iter().map(BundleView::from).collect();
    Ok(Json(wanted.whole("bundles", views)?))
}

/// Whom the documents go to.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct Addressed {
    /// Whom they go to, where that is not the unit.
    #[serde(deserialize_with = "plain")]
    receiver: Option<String>,
    /// Documents of a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// Where to go on: `next` of the page before.
    cursor: Option<String>,
}

/// A printed document.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PrintedPage)]
pub(super) struct PageView {
    /// Name of its file.
    name: String,
    /// Title.
    title: String,
    /// The page: HTML for A4, with everything it needs inside.
    html: String,
}

impl From<Printed> for PageView {
    fn from(page: Printed) -> Self {
        Self {
            name: page.name,
            title: page.title,
            html: page.html,
        }
    }
}

/// Prints a bundle with the data of a case. Nothing is recorded; serving it is.
#[utoipa::path(
    get, path = "/cases/{case_id}/bundles/{kind}", tag = "documents", operation_id = "print_bundle",
    params(
        ("case_id" = String, Path, description = "id of the case"),
        ("kind" = String, Path, description = "name of the bundle", example = "four_notices"),
        Addressed, Everyone,
    ),
    security(("token" = [])),
    responses(
        (status = 200, description = "its documents in order, one page of the list", body = Page<PageView>),
        (status = 409, description = "`refused` the case is in a state the bundle does not belong to",
         body = Told, content_type = "application/problem+json"),
        Reading,
    )
)]
pub(super) async fn print(
    who: Principal,
    State(app): State<App>,
    Named((case_id, kind)): Named<(String, String)>,
    Asked(addressed): Asked<Addressed>,
) -> Result<Json<Page<PageView>>, Problem> {
    let queue = app.queue_of(&who);
    known(&queue, &kind)?;
    let wanted = RowsWanted::new(addressed.limit, addressed.cursor);
    let (case_id, receiver) = (id(case_id)?, addressed.receiver.as_deref());
    let pages = queue.print_bundle(&case_id, &kind, receiver).await?;
    let views = pages.into_iter().map(PageView::from).collect();
    Ok(Json(wanted.whole(&format!("{kind} of {case_id}"), views)?))
}

/// How a bundle was served.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Served {
    /// By what means: in person, client, post ...
    #[schema(min_length = 1, max_length = 200)]
    channel: String,
    /// Proof of service.
    #[schema(min_length = 1, max_length = 200)]
    receipt: String,
    /// When it was served, if before it is recorded: an instant or a Beijing time.
    #[schema(example = "2026-03-02 10:00:00")]
    served_at: Option<String>,
}

impl Carried for Served {}

impl Served {
    fn read(&self) -> Result<Serving, Problem> {
        for (name, text) in [("channel", &self.channel), ("receipt", &self.receipt)] {
            if !is_plain(text) {
                let why = format!("{name}: 1 to 200 characters, none of them a control character");
                return Err(Problem::new(&BAD_BODY, why).at(format!("/{name}")));
            }
        }
        let served_at =
            instant("served_at", self.served_at.as_deref()).map_err(Problem::of_body)?;
        Ok(Serving {
            channel: self.channel.clone(),
            receipt: self.receipt.clone(),
            served_at,
        })
    }
}

/// Records that a bundle was served: an audit row with its version, channel, receipt and the hash of
/// what is printed now.
#[utoipa::path(
    post, path = "/cases/{case_id}/bundles/{kind}/services", tag = "documents",
    operation_id = "serve_bundle",
    params(
        ("case_id" = String, Path, description = "id of the case"),
        ("kind" = String, Path, description = "name of the bundle", example = "four_notices"),
        OnVersion, Once, Everyone,
    ),
    security(("token" = [])),
    request_body(content = Served, example = json!({"channel": "in person", "receipt": "signed"})),
    responses(
        (status = 200, description = "the case after it", body = CaseView,
         headers(("ETag" = String, description = "its new version"))),
        Writing,
    )
)]
pub(super) async fn serve(
    State(app): State<App>,
    Named((case_id, kind)): Named<(String, String)>,
    write: Write<Served>,
) -> Result<Response, Problem> {
    let queue = write.on_case(&app)?;
    let bundle = known(&queue, &kind)?;
    write.who.one_of(&bundle.roles, "serve this bundle")?;
    let serving = write.body.read()?;
    let actor = write.who.actor();
    let case = queue
        .serve_bundle(&id(case_id)?, &kind, &actor, &serving)
        .await?;
    let version = case.version;
    let view = CaseView::of(case, queue.machine(), app.now());
    Ok(tagged(StatusCode::OK, version, &view))
}
