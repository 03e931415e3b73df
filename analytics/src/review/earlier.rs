//! Databases of earlier programs, for tests: the first steps of the schema, the version set as that program
//! set it, and a case with its rows as that program wrote them. What a document held, and how a row was
//! hashed, came with time ([`Era`]).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use tempfile::TempDir;

use super::by_hand::{in_file, in_schema};
use super::calendar::HOUR;
use super::case::{Case, sha256_of};
use super::event::{Event, GENESIS};
use super::settings::Config;
use super::sqlite::SqliteStore;
use super::step::Attachment;
use super::store::{Store, StoreError};
use super::testing::{Bench, monday};
use super::testing_postgres;

/// Where a queue is going to be.
pub(super) struct Home {
    folder: TempDir,
    pub(super) schema: Option<String>,
}

impl Home {
    pub(super) fn sqlite() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
            schema: None,
        }
    }

    pub(super) async fn postgres() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
            schema: Some(testing_postgres::schema().await),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("queue").join("review.sqlite")
    }

    pub(super) fn steps(&self) -> &'static [&'static str] {
        match self.schema {
            Some(_) => super::postgres::steps(),
            None => super::sqlite::steps(),
        }
    }

    /// The schema of the last programs that kept no versions.
    pub(super) fn before_versions(&self) -> usize {
        match self.schema {
            Some(_) => 4,
            None => 6,
        }
    }

    pub(super) async fn run(&self, sql: &str) {
        let done = match &self.schema {
            Some(schema) => in_schema(schema, sql).await,
            None => {
                std::fs::create_dir_all(self.folder.path().join("queue")).unwrap();
                in_file(&self.path(), sql).await
            }
        };
        done.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// The version the database says it has.
    pub(super) async fn version(&self) -> i64 {
        let postgres = "SELECT max(version) FROM review_schema";
        match &self.schema {
            Some(schema) => {
                let address: PgConnectOptions = testing_postgres::address().parse().unwrap();
                let options = address.options([("search_path", schema.as_str())]);
                let mut connection = options.connect().await.unwrap();
                sqlx::query_scalar(postgres)
                    .fetch_one(&mut connection)
                    .await
                    .unwrap()
            }
            None => {
                let options = SqliteConnectOptions::new().filename(self.path());
                let mut connection = options.connect().await.unwrap();
                sqlx::query_scalar("PRAGMA user_version")
                    .fetch_one(&mut connection)
                    .await
                    .unwrap()
            }
        }
    }

    /// Opens it as a program does.
    pub(super) async fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
        let store: Arc<dyn Store> = match &self.schema {
            Some(schema) => {
                let address = testing_postgres::address();
                Arc::new(testing_postgres::try_open(address, schema).await?)
            }
            None => Arc::new(SqliteStore::open(&self.path(), Duration::from_secs(120)).await?),
        };
        Ok(store)
    }

    pub(super) async fn bench(self) -> Bench {
        let store = self.open().await.unwrap();
        Bench {
            schema: self.schema,
            ..Bench::on(store, &Config::default(), Some(self.folder))
        }
    }

    /// Applies the first steps by hand and says so as that program did.
    pub(super) async fn as_of(&self, steps: usize) {
        for (version, step) in (1..=steps).zip(self.steps()) {
            self.run(step).await;
            let note = match self.schema {
                Some(_) => format!(
                    "CREATE TABLE IF NOT EXISTS review_schema (version BIGINT NOT NULL); \
                     INSERT INTO review_schema (version) VALUES ({version})"
                ),
                None => format!("PRAGMA user_version = {version}"),
            };
            self.run(&note).await;
        }
    }
}

/// What a program of some schema version wrote.
pub(super) struct Era {
    /// Documents say when the look-back ends, if only that there is none.
    pub(super) look_back: bool,
    /// Clocks run side by side, and hashes cover what was read from files.
    clocks: bool,
    /// Every version of a case is kept, and hashes say so.
    pub(super) versions: bool,
}

impl Era {
    pub(super) fn of(home: &Home, steps: usize) -> Self {
        Self {
            look_back: home.schema.is_some() || steps > 1,
            clocks: steps >= home.before_versions(),
            versions: steps > home.before_versions(),
        }
    }
}

/// A row of the chain and the case after it.
pub(super) struct Row {
    pub(super) event: Event,
    pub(super) document: String,
}

/// From the finding to the filing decision: state before and after, action, who, role.
const WAY: [(Option<&str>, &str, &str, &str, &str); 4] = [
    (None, "detected", "open", "engine", "engine"),
    (Some("detected"), "triage", "accept", "engine", "engine"),
    (Some("triage"), "verify_off", "verify", "ana", "analyst"),
    (Some("verify_off"), "filing", "file", "o-1", "officer"),
];
/// What comes on top when a package was made.
const PACKAGED: (Option<&str>, &str, &str, &str, &str) =
    (Some("filing"), "filing", "package", "law", "legal");

/// The text of a case, its members in the order in which they were written.
fn document(era: &Era, version: i64, state: &str, at: i64) -> String {
    let opened = monday() - HOUR;
    let filed = state == "filing";
    let due = match filed {
        true => (monday() + 15 * 24 * HOUR).to_string(),
        false => "null".to_owned(),
    };
    let entered = if filed { opened + 3 } else { at };
    let clocks = match filed && era.clocks {
        true => format!(r#""clocks":[{{"name":"filing","from":{entered},"due_at":{due}}}],"#),
        false => String::new(),
    };
    let look_back = match era.look_back {
        true => r#""measured_from":null,"look_back_until":null,"#,
        false => "",
    };
    let (handlers, matched) = match filed {
        true => (r#"["o-1","o-2"]"#, r#""match""#),
        false => ("[]", "null"),
    };
    let case_id = Case::id_of("anomaly-old");
    let (from, to) = (monday() - 24 * HOUR, monday() - 23 * HOUR);
    format!(r#"{{"case_id":"{case_id}","version":{version},"state":"{state}","parent_id":null,"#)
        + r#""anomaly_id":"anomaly-old","rule_id":"E01","rule_version":1,"#
        + r#""rule_group":"exceedance","severity":"S2","confirmed":true,"subject":"outlet-old","#
        + r#""permit_no":"91370500MA3C000000001P","unit_name":"Plant","unit_kind":"general","#
        + r#""org_code":"370522","outlet_uid":"outlet-old","mn":"mn-old","factor":"a21026","#
        + &format!(r#""window_start":{from},"window_end":{to},"observed":52.5,"#)
        + r#""limit_value":35.0,"unit":"mg/m3","#
        + r#""reason":"小时均值超标, \"version\":1, / hourly mean","#
        + r#""evidence_sha256":"00","fire_count":1,"withdrawn":null,"assignee":null,"#
        + &format!(r#""claimed_until":null,"entered_at":{entered},"clock_from":{entered},"#)
        + &format!(r#""due_at":{due},"timer_at":{due},"overdue":false,{clocks}"#)
        + &format!(r#""order_length":null,{look_back}"return_count":0,"extension_count":0,"#)
        + &format!(r#""handlers":{handlers},"signature":null,"rule_match":{matched},"#)
        + &format!(r#""true_cause":null,"opened_at":{opened},"updated_at":{at},"closed_at":null}}"#)
}

/// The rows of the case, each with the hash it had then.
fn history(era: &Era, packaged: bool) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let way = WAY.iter().chain(packaged.then_some(&PACKAGED));
    for (seq, (from, to, action, actor, role)) in (1..).zip(way) {
        let at = monday() - HOUR + seq - 1;
        let document = document(era, seq, to, at);
        let mut event = Event {
            seq,
            case_id: Case::id_of("anomaly-old"),
            from_state: from.map(str::to_owned),
            to_state: (*to).to_owned(),
            case_version: seq,
            action: (*action).to_owned(),
            actor: (*actor).to_owned(),
            actor_certificate: None,
            role: (*role).to_owned(),
            org_code: Some("370522".to_owned()),
            at,
            effective_at: at,
            reason_code: None,
            note: None,
            fields: match *action {
                "file" => [("facts", "limit exceeded"), ("officers", "o-1, o-2")]
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .into(),
                _ => Default::default(),
            },
            attachments: match *action {
                "file" => vec![Attachment {
                    name: "pump.jpg".to_owned(),
                    sha256: "ab".repeat(32),
                    kind: None,
                    facts: None,
                }],
                _ => Vec::new(),
            },
            client: "cli".to_owned(),
            rule_version: 1,
            policy_version: "1".to_owned(),
            case_sha256: sha256_of(&document),
            prev_hash: rows
                .last()
                .map_or(GENESIS.to_owned(), |before| before.event.hash.clone()),
            hash: String::new(),
        };
        event.hash = match (era.versions, era.clocks) {
            (true, _) => event.expected_hash(),
            (false, true) => event.second_hash(),
            (false, false) => event.first_hash(),
        };
        rows.push(Row { event, document });
    }
    rows
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn or_null(text: Option<&str>) -> String {
    text.map_or("NULL".to_owned(), quoted)
}

/// The same as statements: its versions where they were kept, the case as its last row left it, and the
/// rows.
fn inserted(era: &Era, rows: &[Row]) -> String {
    let last = rows.last().unwrap();
    let case: Case = serde_json::from_str(&last.document).unwrap();
    // A version and the row that tells of it are there at once or not at all.
    let mut sql = "BEGIN;".to_owned();
    for Row { event, document } in rows.iter().filter(|_| era.versions) {
        sql += &format!(
            "INSERT INTO review_case_versions (case_id, version, seq, document, sha256) \
             VALUES ('{}', {}, {}, {}, '{}');",
            event.case_id,
            event.case_version,
            event.seq,
            quoted(document),
            event.case_sha256,
        );
    }
    sql += &format!(
        "INSERT INTO review_cases (case_id, anomaly_id, version, state, is_open, severity, subject, \
         rule_group, org_code, due_at, timer_at, opened_at, document) \
         VALUES ('{}', 'anomaly-old', {}, '{}', TRUE, 'S2', 'outlet-old', 'exceedance', '370522', \
                 {due}, {due}, {}, {});",
        case.case_id,
        case.version,
        case.state,
        case.opened_at,
        quoted(&last.document),
        due = case.due_at.unwrap(),
    );
    for Row { event, .. } in rows {
        sql += &format!(
            "INSERT INTO review_events (seq, case_id, from_state, to_state, case_version, action, \
             actor, role, org_code, at, effective_at, fields, attachments, client, rule_version, \
             policy_version, case_sha256, prev_hash, hash) \
             VALUES ({seq}, '{}', {}, '{}', {}, '{}', '{}', '{}', '370522', {at}, {at}, {}, {}, \
                     'cli', 1, '1', '{}', '{}', '{}');",
            event.case_id,
            or_null(event.from_state.as_deref()),
            event.to_state,
            event.case_version,
            event.action,
            event.actor,
            event.role,
            quoted(&serde_json::to_string(&event.fields).unwrap()),
            quoted(&serde_json::to_string(&event.attachments).unwrap()),
            event.case_sha256,
            event.prev_hash,
            event.hash,
            seq = event.seq,
            at = event.at,
        );
    }
    sql + "COMMIT;"
}

/// A database of an earlier program, opened by today's.
pub(super) async fn upgraded(home: Home, steps: usize, packaged: bool) -> (Bench, Vec<Row>) {
    let era = Era::of(&home, steps);
    let rows = history(&era, packaged);
    home.as_of(steps).await;
    home.run(&inserted(&era, &rows)).await;
    assert_eq!(home.version().await, steps as i64);
    let known = home.steps().len() as i64;
    let store = home.open().await.unwrap();
    assert_eq!(home.version().await, known, "from version {steps}");
    drop(store);
    (home.bench().await, rows)
}
