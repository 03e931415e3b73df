//! A queue with cases behind the API, for tests, asked without a network.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use deltalake::kernel::StructType;
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake::operations::create::CreateBuilder;
use deltalake::writer::{DeltaWriter, RecordBatchWriter};
use futures::FutureExt;
use futures::future::BoxFuture;
use nonsite_analytics::ratio::{RatioPolicies, parse_as_of};
use nonsite_analytics::review::{self, Case, Finding, Role, Service, Severity};
use nonsite_analytics::{detect, inspection, session};
use nonsite_schemas::tables;
use nonsite_schemas::time::{Clock, ManualClock};
use nonsite_schemas::wire::Origin;
use nonsite_schemas::wire::inspection::{InspectionRows, decode};
use parking_lot::Mutex;
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;

use super::{Config, Parts, Records, User, new_token, router};

/// The API on a queue of its own, with a clock that stands still.
pub(super) struct Bench {
    router: Router,
    pub(super) service: Service,
    pub(super) clock: Arc<ManualClock>,
    pub(super) sent: Sent,
    tokens: Vec<(String, String)>,
    folder: TempDir,
}

/// A record of an act with its key.
pub(super) type Keyed = (String, Vec<u8>);

/// Records of acts that were sent.
#[derive(Debug, Clone, Default)]
pub(super) struct Sent(pub(super) Arc<Mutex<Vec<Keyed>>>);

impl Records for Sent {
    fn send<'a>(
        &'a self,
        act_id: &'a str,
        record: Vec<u8>,
    ) -> BoxFuture<'a, Result<String, String>> {
        self.0.lock().push((act_id.to_owned(), record));
        std::future::ready(Ok("inspections".to_owned())).boxed()
    }
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) bytes: Vec<u8>,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.bytes)))
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    /// A problem of this kind; its body.
    pub(super) fn problem(&self, status: u16, code: &str) -> Value {
        let body = self.json();
        assert_eq!(self.status.as_u16(), status, "{body}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(body["code"], code, "{body}");
        assert_eq!(body["type"], format!("urn:nonsite:problem:{code}"));
        assert_eq!(body["status"], status);
        for told in ["title", "detail", "remedy", "instance"] {
            assert!(
                body[told].as_str().is_some_and(|text| !text.is_empty()),
                "{told}: {body}"
            );
        }
        body
    }

    pub(super) fn done(&self, status: u16) -> Value {
        assert_eq!(
            self.status.as_u16(),
            status,
            "{}",
            String::from_utf8_lossy(&self.bytes)
        );
        self.json()
    }
}

/// Who may call in tests: name, role, body, permits.
const CALLERS: [(&str, Role, Option<&str>, &[&str]); 11] = [
    ("ana", Role::Analyst, None, &[]),
    ("ben", Role::Analyst, None, &[]),
    ("sub", Role::Analyst, Some("370522"), &[]),
    ("o-1", Role::Officer, Some("370500"), &[]),
    ("plant", Role::Enterprise, None, &["permit-1"]),
    ("far", Role::Officer, Some("110000"), &[]),
    ("law", Role::Legal, Some("370500"), &[]),
    ("rev", Role::Reviewer, None, &[]),
    ("arch", Role::Archivist, None, &[]),
    ("sup", Role::Supervisor, None, &[]),
    ("city-sup", Role::Supervisor, Some("370500"), &[]),
];

/// Monday, 2 March 2026, 09:00 in Beijing.
pub(super) fn monday() -> i64 {
    parse_as_of("2026-03-02 09:00:00").unwrap()
}

pub(super) fn finding(number: usize) -> Finding {
    let severity = [Severity::S3, Severity::S2, Severity::S1][number % 3];
    Finding {
        anomaly_id: format!("anomaly-{number}"),
        rule_id: "E01".to_owned(),
        rule_version: 1,
        rule_group: "exceedance".to_owned(),
        severity,
        confirmed: true,
        withdrawn: None,
        exempt_code: None,
        permit_no: Some(format!("permit-{number}")),
        unit_name: Some(format!("某厂{number}")),
        org_code: Some(["370502", "370522"][number % 2].to_owned()),
        outlet_uid: Some(format!("outlet-{number}")),
        mn: Some(format!("mn-{number}")),
        factor: Some("a21026".to_owned()),
        window_start: monday() - 90_000_000_000,
        window_end: monday() - 86_400_000_000,
        observed: Some(52.5),
        limit_value: Some(35.0),
        unit: Some("mg/m3".to_owned()),
        reason: "二氧化硫小时均值超标 / hourly SO2 above the limit".to_owned(),
        evidence_sha256: "00".repeat(32),
    }
}

/// The id of the case of a finding.
pub(super) fn case(number: usize) -> String {
    Case::id_of(&format!("anomaly-{number}"))
}

/// A real PostgreSQL of this test program alone, until it ends.
pub(super) fn postgres() -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/dev/postgres/postgres.sh");
    let own = std::process::id();
    let output = Command::new(&script)
        .args(["start", "--while", &own.to_string(), "--dir"])
        .arg(std::env::temp_dir().join(format!("nonsite-rest-pg-{own}")))
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{} start failed; deploy/dev/setup.sh test installs PostgreSQL",
        script.display()
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

impl Bench {
    /// On SQLite, with cases 0 to 6 in triage.
    pub(super) async fn new() -> Self {
        Self::on(None).await
    }

    /// On a database of one's own.
    pub(super) async fn on(database: Option<&str>) -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path();
        std::fs::create_dir(path.join("tables")).unwrap();
        let clock = Arc::new(ManualClock::at(monday()));
        let config = review::Config {
            database: database.map_or_else(|| path.join("review.sqlite"), Into::into),
            evidence_dir: path.join("evidence"),
            evidence_max_mb: 1,
            // Nobody else works on a file of a test for long, but where that is the test.
            busy_timeout_s: if database.is_some() { 30 } else { 3 },
            ..review::Config::default()
        };
        let own_clock: Arc<ManualClock> = Arc::clone(&clock);
        let service = Service::open(&config, own_clock).await.unwrap();
        for number in 0..7 {
            clock.advance(1_000_000);
            service.take_anomalies(&[finding(number)]).await.unwrap();
        }
        let mut tokens = Vec::new();
        let callers = CALLERS.iter().map(|(name, role, org, permits)| {
            let (token, token_sha256) = new_token();
            tokens.push(((*name).to_owned(), token));
            User {
                name: (*name).to_owned(),
                roles: vec![*role],
                org: org.map(str::to_owned),
                permits: permits
                    .iter()
                    .map(|&permit| permit.to_owned())
                    .collect::<BTreeSet<_>>(),
                certificate: None,
                token_sha256,
                expires: None,
            }
        });
        let rest = Config {
            callers: callers.collect(),
            ..Config::default()
        };
        let sent = Sent::default();
        let records: Arc<dyn Records> = Arc::new(sent.clone());
        let parts = Parts {
            review: service.clone(),
            clock: Arc::<ManualClock>::clone(&clock),
            store: path.join("tables"),
            session: session::Config::default(),
            detect: detect::Config::default(),
            policies: RatioPolicies::default(),
            inspection: inspection::Config::default(),
            packages: path.join("packages"),
            records: Some(records),
        };
        Self {
            router: router(&rest, parts, "127.0.0.1:0", false).unwrap(),
            service,
            clock,
            sent,
            tokens,
            folder,
        }
    }

    /// Records of acts, as ingestion would have stored them; once for a bench.
    pub(super) async fn ingested(&self, records: &[Value]) {
        let mut rows = InspectionRows::new().unwrap();
        for (offset, record) in (0..).zip(records) {
            let origin = Origin {
                topic: "inspections",
                partition: 0,
                offset,
                received_at: self.clock.now_micros(),
            };
            rows.push(&decode(record.to_string().as_bytes()).unwrap(), &origin);
        }
        let (_, batch) = rows.finish().unwrap().remove(0);
        let def = tables::inspections();
        let schema: StructType = def.schema.as_ref().try_into_kernel().unwrap();
        let place = self.folder().join("tables").join(def.name);
        std::fs::create_dir_all(&place).unwrap();
        let mut table = CreateBuilder::new()
            .with_location(format!("file://{}/", place.display()))
            .with_table_name(def.name)
            .with_columns(schema.fields().cloned())
            .await
            .unwrap();
        let mut writer = RecordBatchWriter::for_table(&table).unwrap();
        writer.write(batch).await.unwrap();
        writer.flush_and_commit(&mut table).await.unwrap();
    }

    /// The folder of everything.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Any request, as it is.
    pub(super) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            bytes: to_bytes(body, usize::MAX).await.unwrap().to_vec(),
        }
    }

    /// A request of somebody, with headers and a body.
    pub(super) async fn ask(
        &self,
        who: &str,
        line: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let (method, path) = line.split_once(' ').unwrap();
        let token = &self.tokens.iter().find(|(name, _)| name == who).unwrap().1;
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header("authorization", format!("Bearer {token}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(body.into()).unwrap()).await
    }

    pub(super) async fn get(&self, who: &str, path: &str) -> Answer {
        self.ask(who, &format!("GET {path}"), &[], "").await
    }

    /// A JSON body, on a version of a case when there is one.
    pub(super) async fn post(
        &self,
        who: &str,
        path: &str,
        on: Option<&str>,
        key: Option<&str>,
        body: &Value,
    ) -> Answer {
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(on.map(|tag| ("if-match", tag)));
        headers.extend(key.map(|key| ("idempotency-key", key)));
        self.ask(who, &format!("POST {path}"), &headers, body.to_string())
            .await
    }
}
