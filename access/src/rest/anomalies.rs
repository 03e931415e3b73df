//! Findings: list, one with its evidence, and what people found out about it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::NaiveDate;
use nonsite_analytics::detect::anomaly::Anomaly;
use nonsite_analytics::detect::bundle::{Bundle, Extraction};
use nonsite_analytics::detect::evidence::seal::Artefact;
use nonsite_analytics::detect::listed::{self, Place, Status};
use nonsite_analytics::detect::replay::find;
use nonsite_analytics::feedback::{Feedback, Verdict, record};
use nonsite_analytics::review::{Role, Severity};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::answers::{Everyone, Once, Reading, Writing};
use super::app::App;
use super::cases::{cursor, limit, place};
use super::documents::{AnomalyRow, Evidence};
use super::extract::{Asked, Carried, Named, Write, is_plain, listed as comma_list, plain};
use super::fault::internal;
use super::identity::Principal;
use super::papers::{Cause, RuleMatch, code};
use super::problem::{BAD_BODY, BAD_QUERY, NOT_FOUND, Problem};
use super::view::Page;

/// Whether a finding stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Standing {
    /// It stands.
    #[default]
    Open,
    /// Later data disproved it.
    Withdrawn,
    /// Either.
    All,
}

impl From<Standing> for Status {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::Open => Self::Open,
            Standing::Withdrawn => Self::Withdrawn,
            Standing::All => Self::All,
        }
    }
}

/// Which findings to list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct FindingsWanted {
    /// Rules, comma list.
    #[serde(deserialize_with = "comma_list")]
    #[param(style = Form, explode = false, example = json!(["E01"]))]
    rule: Vec<String>,
    /// Data logger.
    #[serde(deserialize_with = "plain")]
    mn: Option<String>,
    /// Factor.
    #[serde(deserialize_with = "plain")]
    factor: Option<String>,
    /// Body, exactly.
    #[serde(deserialize_with = "plain")]
    org: Option<String>,
    /// This severity and worse: `S1` to `S4`.
    #[serde(deserialize_with = "plain")]
    #[param(pattern = "^S[1-4]$", example = "S2")]
    severity: Option<String>,
    /// Whether they stand.
    #[param(required = false, inline)]
    status: Standing,
    /// First Beijing day of the window.
    from: Option<NaiveDate>,
    /// Last Beijing day of the window.
    to: Option<NaiveDate>,
    /// Entries of a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// Where to go on: `next` of the page before.
    cursor: Option<String>,
}

/// The place of a row in the list.
fn place_of(row: &AnomalyRow) -> Place {
    let text = |name: &str| row.0.get(name).and_then(Value::as_str).unwrap_or_default();
    let start = row.0.get("window_start").and_then(Value::as_i64);
    Place {
        severity: text("severity").to_owned(),
        window_start: start.unwrap_or_default(),
        anomaly_id: text("anomaly_id").to_owned(),
    }
}

/// Findings within your scope, the worst and latest first.
#[utoipa::path(
    get, path = "/anomalies", tag = "anomalies", operation_id = "list_anomalies",
    params(FindingsWanted, Everyone), security(("token" = [])),
    responses((status = 200, description = "one page", body = Page<AnomalyRow>), Reading)
)]
pub(super) async fn list(
    who: Principal,
    State(app): State<App>,
    Asked(wanted): Asked<FindingsWanted>,
) -> Result<Json<Page<AnomalyRow>>, Problem> {
    let of = "findings";
    let most = limit(wanted.limit)?;
    if let Some(severity) = wanted
        .severity
        .as_deref()
        .filter(|code| Severity::from_code(code).is_none())
    {
        let why = format!("severity: `{severity}` is none of S1, S2, S3, S4");
        return Err(Problem::new(&BAD_QUERY, why).at("severity"));
    }
    let scope = who.scope();
    let wanted = listed::Wanted {
        rules: wanted.rule,
        mn: wanted.mn,
        factor: wanted.factor,
        org: wanted.org,
        severity: wanted.severity,
        status: wanted.status.into(),
        from: wanted.from,
        to: wanted.to,
        org_prefix: scope.org_prefix().map(str::to_owned),
        permits: scope.permits.clone(),
        after: place(of, wanted.cursor.as_deref())?,
        limit: most + 1,
    };
    let tables = app.tables().await?;
    let rows = listed::list(&tables.session, &wanted).await?;
    let mut items: Vec<AnomalyRow> = rows.into_iter().map(AnomalyRow).collect();
    let more = items.len() > most as usize;
    items.truncate(most as usize);
    let next = items
        .last()
        .filter(|_| more)
        .map(|last| cursor(of, place_of(last)));
    Ok(Json(Page { items, next }))
}

/// The finding with this id, if it lies within the caller's scope.
async fn found(app: &App, who: &Principal, id: &str) -> Result<Anomaly, Problem> {
    let tables = app.tables().await?;
    let anomaly = find(&tables.session, id).await?;
    match who
        .scope()
        .covers(anomaly.org_code.as_deref(), anomaly.permit_no.as_deref())
    {
        true => Ok(anomaly),
        false => Err(Problem::new(
            &NOT_FOUND,
            format!("there is no anomaly `{id}`"),
        )),
    }
}

/// A file of the evidence.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EvidenceFile)]
pub(super) struct ArtefactView {
    /// File name.
    name: String,
    /// SHA-256 of `text`, hex.
    sha256: String,
    /// The bytes, which are UTF-8.
    text: String,
}

/// Files of the evidence.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EvidenceBundle)]
pub(super) struct BundleView {
    /// The files, in order of names.
    artefacts: Vec<ArtefactView>,
    /// Text of `SHA256SUMS`.
    sums: String,
    /// SHA-256 of `sums`: the one number that stands for the whole.
    sha256: String,
    /// What does not match its hash or is not on record; empty for a sound finding.
    faults: Vec<String>,
}

impl From<Bundle> for BundleView {
    fn from(bundle: Bundle) -> Self {
        let file = |file: Artefact| ArtefactView {
            name: file.name,
            sha256: file.sha256,
            text: file.text,
        };
        Self {
            artefacts: bundle.artefacts.into_iter().map(file).collect(),
            sums: bundle.sums,
            sha256: bundle.sha256,
            faults: bundle.faults,
        }
    }
}

/// A finding with what proves it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Proven {
    /// Its row.
    anomaly: AnomalyRow,
    /// The evidence: rows, limit row, marks, recomputation, origin.
    #[schema(value_type = Evidence)]
    evidence: Value,
    /// Files of the evidence with their hashes, and `SHA256SUMS`.
    bundle: BundleView,
    /// What does not match its hash; empty for a sound finding.
    faults: Vec<String>,
}

/// A finding with its evidence.
#[utoipa::path(
    get, path = "/anomalies/{anomaly_id}", tag = "anomalies", operation_id = "show_anomaly",
    params(("anomaly_id" = String, Path, description = "id of the finding; may be shortened"), Everyone),
    security(("token" = [])),
    responses(
        (status = 200, description = "the finding", body = Proven),
        (status = 422, description = "`cannot-compute` the tables of that time are gone",
         body = super::problem::Told, content_type = "application/problem+json"),
        Reading,
    )
)]
pub(super) async fn show(
    who: Principal,
    State(app): State<App>,
    Named(id): Named<String>,
) -> Result<Json<Proven>, Problem> {
    let anomaly = found(&app, &who, &id).await?;
    let extraction = Extraction {
        by: who.name.clone(),
        at: app.now(),
    };
    let _place = app.heavy().await?;
    let bundle = Bundle::load(
        app.store(),
        app.session_config(),
        &anomaly.anomaly_id,
        &extraction,
    )
    .await?;
    let mut row = bundle.anomaly.row();
    row.remove("evidence");
    Ok(Json(Proven {
        anomaly: AnomalyRow(row),
        evidence: serde_json::from_str(&bundle.anomaly.evidence).unwrap_or_default(),
        faults: bundle.faults.clone(),
        bundle: bundle.into(),
    }))
}

/// What was found out.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Told {
    /// Whether the finding was right.
    verdict: RuleMatch,
    /// The true cause.
    cause: Option<Cause>,
    /// What was found.
    note: Option<String>,
}

impl Carried for Told {}

/// What became of the feedback.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(super) struct Recorded {
    /// The finding.
    anomaly_id: String,
    /// `false` when the very same was recorded before.
    fresh: bool,
}

/// Says whether a finding was right, and what the true cause was.
#[utoipa::path(
    post, path = "/anomalies/{anomaly_id}/feedback", tag = "anomalies",
    operation_id = "anomaly_feedback",
    params(
        ("anomaly_id" = String, Path, description = "id of the finding; may be shortened"),
        Once, Everyone,
    ),
    security(("token" = [])),
    request_body(content = Told, example = json!({"verdict": "match", "cause": "abatement_fault"})),
    responses((status = 201, description = "recorded", body = Recorded), Writing)
)]
pub(super) async fn feedback(
    State(app): State<App>,
    Named(id): Named<String>,
    write: Write<Told>,
) -> Result<Response, Problem> {
    let may = [
        Role::Analyst,
        Role::Officer,
        Role::Reviewer,
        Role::Supervisor,
    ];
    write.who.one_of(&may, "judge a finding")?;
    let told = &write.body;
    if told
        .note
        .as_deref()
        .is_some_and(|note| !note.is_empty() && !is_plain(note))
    {
        let why = "note: at most 200 characters, none of them a control character";
        return Err(Problem::new(&BAD_BODY, why).at("/note"));
    }
    let anomaly = found(&app, &write.who, &id).await?;
    let queue = write.on_queue(&app);
    let begun = queue.begin_request().await?;
    if let Some(answer) = &begun.answer {
        let known: Recorded = serde_json::from_str(answer).map_err(|error| internal(&error))?;
        return Ok((StatusCode::CREATED, Json(known)).into_response());
    }
    let verdict = match told.verdict {
        RuleMatch::Match => Verdict::Match,
        RuleMatch::Partly => Verdict::Partly,
        RuleMatch::Mismatch => Verdict::Mismatch,
    };
    let mut feedback = Feedback::on(&anomaly, verdict, &write.who.name, begun.at);
    feedback.cause = told.cause.and_then(code);
    feedback.note.clone_from(&told.note);
    // What others recorded meanwhile has to be seen.
    app.forget_tables().await;
    let tables = app.tables().await?;
    let added = record(app.store(), &tables.session, &[feedback]).await?;
    app.forget_tables().await;
    let recorded = Recorded {
        anomaly_id: anomaly.anomaly_id,
        fresh: added == 1,
    };
    let answer = serde_json::to_string(&recorded).map_err(|error| internal(&error))?;
    queue.answer_request(&begun, &answer).await?;
    Ok((StatusCode::CREATED, Json(recorded)).into_response())
}
