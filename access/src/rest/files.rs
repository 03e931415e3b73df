//! Files of a case: handed in as they are, looked at, taken out.

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use chrono::{DateTime, Utc};
use futures::{Stream, StreamExt, stream};
use nonsite_analytics::review::{CaseFile, EvidenceKind, Incoming, Kept, SeenBefore};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;
use utoipa::{IntoParams, ToSchema};

use super::answers::{Everyone, OnVersion, Once, Reading, Writing, tagged};
use super::app::App;
use super::cases::{RowsWanted, id};
use super::extract::{Asked, Named, key, plain, queue, request_of, text, version};
use super::fault::internal;
use super::identity::Principal;
use super::problem::{BAD_JSON, BAD_QUERY, FILE_GONE, NOT_FOUND, Problem, Told, UNSUPPORTED_MEDIA};
use super::view::{Page, time};

/// Media types that are taken; what a file is, its first bytes decide.
const MEDIA: [&str; 8] = [
    "image/jpeg",
    "image/png",
    "image/heif",
    "application/pdf",
    "video/mp4",
    "video/quicktime",
    "video/x-matroska",
    "application/octet-stream",
];
/// Bytes of a file that are read at once.
const PIECE: usize = 1 << 16;

/// An earlier file that is the same or looks the same.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SeenBefore)]
pub(super) struct SeenView {
    /// Its case.
    case_id: String,
    /// Its name.
    name: String,
    /// When it was handed in.
    at: DateTime<Utc>,
    /// The content is the same to the byte.
    identical: bool,
    /// In how many of 128 bits the pictures differ.
    differing_bits: u32,
}

impl From<SeenBefore> for SeenView {
    fn from(seen: SeenBefore) -> Self {
        Self {
            case_id: seen.case_id,
            name: seen.name,
            at: time(seen.at),
            identical: seen.identical,
            differing_bits: seen.differing_bits,
        }
    }
}

/// What a file shows.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = EvidenceKind)]
pub(super) enum Shows {
    /// 整改前
    Before,
    /// 整改后
    After,
    /// 设备铭牌
    DeviceLabel,
    /// 维修单
    RepairTicket,
    /// 校准比对报告
    CalibrationReport,
    /// 监测报告
    LabReport,
    /// 许可或备案变更
    PermitChange,
    /// 其他
    Other,
}

impl From<EvidenceKind> for Shows {
    fn from(kind: EvidenceKind) -> Self {
        match kind {
            EvidenceKind::Before => Self::Before,
            EvidenceKind::After => Self::After,
            EvidenceKind::DeviceLabel => Self::DeviceLabel,
            EvidenceKind::RepairTicket => Self::RepairTicket,
            EvidenceKind::CalibrationReport => Self::CalibrationReport,
            EvidenceKind::LabReport => Self::LabReport,
            EvidenceKind::PermitChange => Self::PermitChange,
            EvidenceKind::Other => Self::Other,
        }
    }
}

impl From<Shows> for EvidenceKind {
    fn from(kind: Shows) -> Self {
        match kind {
            Shows::Before => Self::Before,
            Shows::After => Self::After,
            Shows::DeviceLabel => Self::DeviceLabel,
            Shows::RepairTicket => Self::RepairTicket,
            Shows::CalibrationReport => Self::CalibrationReport,
            Shows::LabReport => Self::LabReport,
            Shows::PermitChange => Self::PermitChange,
            Shows::Other => Self::Other,
        }
    }
}

/// A file of a case.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CaseFile)]
pub(super) struct FileView {
    /// Audit row that brought it.
    seq: i64,
    /// Action of that row.
    action: String,
    /// Who handed it in.
    by: String,
    /// In which role.
    role: String,
    /// When.
    at: DateTime<Utc>,
    /// File name.
    name: String,
    /// SHA-256 of the content, hex.
    sha256: String,
    /// What it shows, as whoever handed it in said; null when nobody said.
    kind: Option<Shows>,
    /// Media type, by the file's first bytes.
    media: Option<String>,
    /// Size in bytes.
    bytes: Option<u64>,
    /// When the camera says it was taken.
    taken_at: Option<DateTime<Utc>>,
    /// Latitude by the camera (WGS 84), degrees.
    latitude: Option<f64>,
    /// Longitude by the camera (WGS 84), degrees.
    longitude: Option<f64>,
    /// Maker and model of the camera.
    device: Option<String>,
    /// `sound`, `missing`, `altered` or `not_kept`.
    kept: String,
    /// Earlier files that are the same or look the same; an enterprise is told of those of its own permits.
    seen_before: Vec<SeenView>,
}

impl From<CaseFile> for FileView {
    fn from(file: CaseFile) -> Self {
        let facts = file.file.facts.map(|facts| *facts);
        let degrees = |e6: i32| f64::from(e6) / 1e6;
        let kept = match file.kept {
            Kept::Sound => "sound",
            Kept::Missing => "missing",
            Kept::Altered => "altered",
            Kept::NotKept => "not_kept",
        };
        Self {
            seq: file.seq,
            action: file.action,
            by: file.by,
            role: file.role,
            at: time(file.at),
            name: file.file.name,
            sha256: file.file.sha256,
            kind: file.file.kind.map(Shows::from),
            taken_at: facts.as_ref().and_then(|facts| facts.taken_at).map(time),
            latitude: facts
                .as_ref()
                .and_then(|facts| facts.latitude_e6)
                .map(degrees),
            longitude: facts
                .as_ref()
                .and_then(|facts| facts.longitude_e6)
                .map(degrees),
            device: facts.as_ref().and_then(|facts| facts.device.clone()),
            bytes: facts.as_ref().map(|facts| facts.bytes),
            media: facts.map(|facts| facts.media),
            kept: kept.to_owned(),
            seen_before: file.seen_before.into_iter().map(SeenView::from).collect(),
        }
    }
}

/// The files of a case, in order.
#[utoipa::path(
    get, path = "/cases/{case_id}/files", tag = "files", operation_id = "list_files",
    params(("case_id" = String, Path, description = "id of the case"), RowsWanted, Everyone),
    security(("token" = [])),
    responses((status = 200, description = "one page", body = Page<FileView>), Reading)
)]
pub(super) async fn list(
    who: Principal,
    State(app): State<App>,
    Named(case_id): Named<String>,
    Asked(wanted): Asked<RowsWanted>,
) -> Result<Json<Page<FileView>>, Problem> {
    let case_id = id(case_id)?;
    let files = app.queue_of(&who).files(&case_id).await?;
    let views = files.into_iter().map(FileView::from).collect();
    Ok(Json(wanted.whole(&format!("files of {case_id}"), views)?))
}

/// How the file is called.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct Name {
    /// File name.
    #[serde(deserialize_with = "plain")]
    #[param(
        required = true,
        min_length = 1,
        max_length = 200,
        example = "pump.jpg"
    )]
    name: Option<String>,
    /// What it shows; only photos and videos show the state before or after, or a label.
    #[param(inline)]
    kind: Option<Shows>,
    /// Free text for the audit row.
    #[serde(deserialize_with = "plain")]
    note: Option<String>,
}

/// Hands a file in: the body is its content, up to the configured size. The file is kept under its
/// SHA-256, and an audit row names it. Its case has to be open.
#[utoipa::path(
    post, path = "/cases/{case_id}/files", tag = "files", operation_id = "add_file",
    params(("case_id" = String, Path, description = "id of the case"), Name, OnVersion, Once, Everyone),
    security(("token" = [])),
    request_body(description = "the file", content(
        ("image/jpeg"), ("image/png"), ("image/heif"), ("application/pdf"), ("video/mp4"),
        ("video/quicktime"), ("video/x-matroska"), ("application/octet-stream"),
    )),
    responses(
        (status = 201, description = "kept and named in an audit row", body = FileView,
         headers(("ETag" = String, description = "new version of the case"))),
        Writing,
    )
)]
pub(super) async fn add(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let who = Principal::from_request_parts(&mut parts, &app).await?;
    let Named(case_id) = Named::<String>::from_request_parts(&mut parts, &app).await?;
    let Asked(named) = Asked::<Name>::from_request_parts(&mut parts, &app).await?;
    let case_id = id(case_id)?;
    let name = named
        .name
        .ok_or_else(|| Problem::new(&BAD_QUERY, "name: the file needs one").at("name"))?;
    let if_match = text(&parts.headers, header::IF_MATCH.as_str())?;
    let expects = version(if_match)?;
    let key = key(&parts.headers)?;
    check_media(text(&parts.headers, header::CONTENT_TYPE.as_str())?)?;
    // Who may not see the case does not get to fill the disk.
    app.queue_of(&who).show(&case_id).await?;
    let (incoming, content) = receive(app.queue().incoming(&name)?, body).await?;
    let asked = format!(
        "{} {} {} {}",
        parts.method,
        parts.uri,
        who.role,
        if_match.unwrap_or_default()
    );
    let request = key.map(|key| request_of(&who, key, &asked, &content));
    let queue = queue(&app, &who, expects, request);
    let file = queue.keep_incoming(incoming).await?;
    let file = file.showing(named.kind.map(EvidenceKind::from));
    let sha256 = file.sha256.clone();
    let after = queue
        .attach(&case_id, &who.actor(), &[file], named.note.as_deref())
        .await?;
    let files = queue.files(&case_id).await?;
    let added = files
        .into_iter()
        .rfind(|file| file.file.sha256 == sha256)
        .ok_or_else(|| internal(&"a file that was just added is not there"))?;
    Ok(tagged(
        StatusCode::CREATED,
        after.version,
        &FileView::from(added),
    ))
}

fn check_media(given: Option<&str>) -> Result<(), Problem> {
    let media = given
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default();
    let media = media.trim().to_ascii_lowercase();
    match MEDIA.contains(&media.as_str()) {
        true => Ok(()),
        false => Err(Problem::new(
            &UNSUPPORTED_MEDIA,
            format!("Content-Type `{media}`: this takes {}", MEDIA.join(", ")),
        )),
    }
}

/// Writes the body down as it comes; the hash of it.
async fn receive(mut incoming: Incoming, body: Body) -> Result<(Incoming, Vec<u8>), Problem> {
    let mut hash = Sha256::new();
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece
            .map_err(|error| Problem::new(&BAD_JSON, format!("the body broke off: {error}")))?;
        hash.update(&piece);
        // A piece is some kilobytes: writing it takes no longer than passing it to another thread.
        incoming.write(&piece)?;
    }
    Ok((incoming, hash.finalize().to_vec()))
}

/// The content of a file of a case.
#[utoipa::path(
    get, path = "/cases/{case_id}/files/{sha256}", tag = "files", operation_id = "get_file",
    params(
        ("case_id" = String, Path, description = "id of the case"),
        ("sha256" = String, Path, description = "SHA-256 of the file, hex", pattern = "^[0-9a-f]{64}$"),
        Everyone,
    ),
    security(("token" = [])),
    responses(
        (status = 200, description = "the file, of the media type that its audit row has", content(
            ("image/jpeg"), ("image/png"), ("image/heif"), ("application/pdf"), ("video/mp4"),
            ("video/quicktime"), ("video/x-matroska"), ("application/octet-stream"),
        )),
        (status = 410, description = "`file-gone` named in an audit row, but not in the evidence folder",
         body = Told, content_type = "application/problem+json"),
        Reading,
    )
)]
pub(super) async fn get(
    who: Principal,
    State(app): State<App>,
    Named((case_id, sha256)): Named<(String, String)>,
) -> Result<Response, Problem> {
    let queue = app.queue_of(&who);
    let shown = queue.show(&id(case_id)?).await?;
    let file = shown
        .events
        .into_iter()
        .flat_map(|event| event.attachments)
        .find(|file| file.sha256 == sha256)
        .ok_or_else(|| Problem::new(&NOT_FOUND, "the case has no file with this hash"))?;
    let path = queue.file_path(&file);
    let opened = tokio::fs::File::open(&path).await.map_err(|error| {
        tracing::error!(path = %path.display(), %error, "evidence cannot be read");
        Problem::new(&FILE_GONE, "the audit row is there, its file is not")
    })?;
    let bytes = opened
        .metadata()
        .await
        .map_err(|error| internal(&error))?
        .len();
    let facts = file.facts.as_deref();
    let media = facts.map_or("application/octet-stream", |facts| facts.media.as_str());
    let mut response = Response::new(Body::from_stream(streamed(opened)));
    let headers = response.headers_mut();
    let disposition = format!(
        "attachment; filename*=UTF-8''{}",
        percent_encoded(&file.name)
    );
    for (name, value) in [
        (header::CONTENT_TYPE, media.to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
        (header::ETAG, format!("\"{}\"", file.sha256)),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::CONTENT_SECURITY_POLICY, "sandbox".to_owned()),
    ] {
        // Media types, hashes and percent-encoded names are header values.
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    headers.insert(header::CONTENT_LENGTH, bytes.into());
    Ok(response)
}

/// The content of a file, piece by piece.
pub(super) fn streamed(
    file: tokio::fs::File,
) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static {
    stream::try_unfold(file, |mut file| async move {
        let mut piece = vec![0; PIECE];
        let read = file.read(&mut piece).await?;
        piece.truncate(read);
        Ok::<_, std::io::Error>((read > 0).then(|| (Bytes::from(piece), file)))
    })
}

/// A name for `filename*` (RFC 8187).
fn percent_encoded(name: &str) -> String {
    let mut text = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => {
                text.push(char::from(byte));
            }
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}
