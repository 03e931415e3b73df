//! What the description says of each operation, for what is the same for all of them: which query
//! parameters it takes, and as what reading it is noted.
//!
//! Both are looked up by method and path before a handler runs, so that no handler can forget them. A
//! test walks the description: every reading operation is noted or says why it need not be.

use std::collections::BTreeSet;

use axum::extract::Query;
use axum::http::{Method, Uri};
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::{OpenApi, RefOr};

use super::problem::{BAD_QUERY, Problem};

/// A reading operation that tells of cases, units or people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Noted {
    /// Its `operationId`.
    pub(super) operation: &'static str,
    /// What kind of thing it shows.
    pub(super) kind: &'static str,
    /// The path parameter that names it; a list has none.
    pub(super) subject: Option<&'static str>,
    /// The path parameter that names a part of it.
    pub(super) part: Option<&'static str>,
}

macro_rules! noted {
    ($($operation:literal $kind:literal $([$subject:literal $(/ $part:literal)?])?;)*) => {
        &[$(Noted {
            operation: $operation,
            kind: $kind,
            subject: noted!(@some $($subject)?),
            part: noted!(@some $($($part)?)?),
        }),*]
    };
    (@some) => { None };
    (@some $name:literal) => { Some($name) };
}

/// What is noted.
pub(super) const NOTED: &[Noted] = noted! {
    "list_cases" "cases";
    "show_case" "case" ["case_id"];
    "case_events" "case" ["case_id"];
    "case_dossier" "case" ["case_id"];
    "draft_record" "case" ["case_id"];
    "list_files" "case" ["case_id"];
    "get_file" "file" ["case_id" / "sha256"];
    "print_bundle" "document" ["case_id" / "kind"];
    "list_packages" "case" ["case_id"];
    "get_package" "package" ["case_id" / "sha256"];
    "list_messages" "messages";
    "list_anomalies" "anomalies";
    "show_anomaly" "anomaly" ["anomaly_id"];
    "list_inspections" "inspections";
    "show_inspection" "inspection" ["act_id"];
    "ratio_acts" "inspections";
    "permit_checklist" "permit" ["permit_no"];
    "draft_inspection" "permit" ["permit_no"];
    "stat_rows" "figure" ["code"];
    "target_rows" "figure" ["code"];
    "list_draws" "drawings";
    "show_draw" "drawing" ["draw_id"];
    "list_checklist_answers" "inspections";
    "list_officers" "officers";
    "list_supervision_records" "supervision";
    "list_reviewers" "reviewers";
    "list_reused_files" "files";
    "access_log" "access_log";
};

/// What is not noted: it shows nobody's case, unit or work.
#[cfg(test)]
pub(super) const NOT_NOTED: [(&str, &str); 16] = [
    ("count_cases", "numbers"),
    ("sum_checklist_answers", "numbers"),
    ("stats", "numbers"),
    ("ratio", "numbers"),
    ("ratio_policies", "published rules"),
    ("list_published_ratios", "published numbers"),
    ("show_published_ratio", "published numbers"),
    ("reproduce_ratio", "published numbers"),
    ("verify_audit", "positions and hashes"),
    ("verify_draw", "whether a published drawing holds"),
    ("list_bureau_audits", "bodies"),
    ("list_bundles", "forms"),
    ("list_checklists", "forms"),
    ("checklist_items", "forms"),
    ("workflow", "published rules"),
    ("me", "the reader"),
];

/// A part of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Same(String),
    Any,
}

/// One operation.
#[derive(Debug, Clone)]
pub(super) struct Described {
    method: Method,
    segments: Vec<Segment>,
    query: BTreeSet<String>,
    pub(super) noted: Option<Noted>,
}

/// Every operation.
#[derive(Debug, Clone, Default)]
pub(super) struct Operations(Vec<Described>);

impl Operations {
    pub(super) fn of(api: &OpenApi) -> Self {
        let mut all = Vec::new();
        for (path, item) in &api.paths.paths {
            for (method, operation) in [(Method::GET, &item.get), (Method::POST, &item.post)] {
                all.extend(operation.as_ref().map(|operation| {
                    Described {
                        method,
                        segments: segments(path)
                            .map(|part| match part.starts_with('{') {
                                true => Segment::Any,
                                false => Segment::Same(part.to_owned()),
                            })
                            .collect(),
                        query: queried(operation),
                        noted: noted(operation),
                    }
                }));
            }
        }
        Self(all)
    }

    /// The operation at a path below the API's. Reading the head of an answer is reading.
    pub(super) fn find(&self, method: &Method, path: &str) -> Option<&Described> {
        let method = match *method == Method::HEAD {
            true => Method::GET,
            false => method.clone(),
        };
        let asked: Vec<&str> = segments(path).collect();
        // As the router has it: a written segment goes before a parameter.
        self.0
            .iter()
            .filter(|one| one.method == method && one.fits(&asked))
            .max_by_key(|one| {
                let same = one
                    .segments
                    .iter()
                    .filter(|part| matches!(part, Segment::Same(_)));
                same.count()
            })
    }
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.trim_start_matches('/').split('/')
}

fn queried(operation: &Operation) -> BTreeSet<String> {
    let parameters = operation.parameters.iter().flatten();
    parameters
        .filter_map(|parameter| match parameter {
            RefOr::T(Parameter {
                parameter_in: ParameterIn::Query,
                name,
                ..
            }) => Some(name.clone()),
            _ => None,
        })
        .collect()
}

fn noted(operation: &Operation) -> Option<Noted> {
    let id = operation.operation_id.as_deref()?;
    NOTED.iter().find(|noted| noted.operation == id).copied()
}

impl Described {
    fn fits(&self, asked: &[&str]) -> bool {
        self.segments.len() == asked.len()
            && self
                .segments
                .iter()
                .zip(asked)
                .all(|(part, asked)| match part {
                    Segment::Any => !asked.is_empty(),
                    Segment::Same(text) => text == asked,
                })
    }

    /// Refuses a query parameter that the description does not name: a typing mistake would otherwise
    /// look like an answer to what was meant.
    pub(super) fn check_query(&self, uri: &Uri) -> Result<(), Problem> {
        // What cannot be read at all the handler refuses.
        let Ok(Query(given)) = Query::<Vec<(String, String)>>::try_from_uri(uri) else {
            return Ok(());
        };
        let Some((unknown, _)) = given.iter().find(|(name, _)| !self.query.contains(name)) else {
            return Ok(());
        };
        let known: Vec<&str> = self.query.iter().map(String::as_str).collect();
        let known = match known.as_slice() {
            [] => "it takes none".to_owned(),
            some => format!("there are: {}", some.join(", ")),
        };
        let why = format!("`{unknown}` is no query parameter of this operation; {known}");
        Err(Problem::new(&BAD_QUERY, why).at(unknown.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::routes::operations;
    use super::*;

    fn all() -> OpenApi {
        operations().into_openapi()
    }

    #[test]
    fn every_reading_operation_is_noted_or_shows_nobodys_data() {
        let mut seen = BTreeSet::new();
        for (path, item) in &all().paths.paths {
            let Some(operation) = &item.get else { continue };
            let id = operation.operation_id.clone().unwrap();
            let free = NOT_NOTED.iter().any(|(name, _)| *name == id);
            assert!(noted(operation).is_some() != free, "{id}");
            if let Some(noted) = noted(operation) {
                for name in noted.subject.into_iter().chain(noted.part) {
                    assert!(path.contains(&format!("{{{name}}}")), "{id}: {name}");
                }
            }
            seen.insert(id);
        }
        let listed = NOTED.iter().map(|noted| noted.operation);
        for name in listed.chain(NOT_NOTED.map(|(name, _)| name)) {
            assert!(seen.contains(name), "there is no operation `{name}`");
        }
    }

    #[test]
    fn an_operation_is_found_by_its_path() {
        let operations = Operations::of(&all());
        let kind = |method: &Method, path: &str| {
            operations
                .find(method, path)
                .map(|one| one.noted.map(|noted| noted.kind))
        };
        assert_eq!(kind(&Method::GET, "/cases"), Some(Some("cases")));
        assert_eq!(kind(&Method::HEAD, "/cases/c1"), Some(Some("case")));
        assert_eq!(kind(&Method::GET, "/cases/c1/files/ab"), Some(Some("file")));
        assert_eq!(kind(&Method::GET, "/stats/x/rows"), Some(Some("figure")));
        assert_eq!(kind(&Method::POST, "/draws/lists"), Some(None));
        assert_eq!(kind(&Method::GET, "/ratio/snapshots"), Some(None));
        assert_eq!(kind(&Method::DELETE, "/cases"), None);
        assert_eq!(kind(&Method::GET, "/cases/"), None);
        assert_eq!(kind(&Method::GET, "/nowhere"), None);
    }

    #[test]
    fn unknown_query_parameters_are_named() {
        let operations = Operations::of(&all());
        let check = |path: &str| {
            let uri: Uri = path.parse().unwrap();
            let found = operations.find(&Method::GET, uri.path()).unwrap();
            found.check_query(&uri)
        };
        check("/cases?limit=1&state=triage").unwrap();
        check("/me").unwrap();
        let refused = serde_json::to_value(check("/me?name=x").unwrap_err()).unwrap();
        assert_eq!(refused["code"], "bad-query");
        assert!(
            refused["detail"]
                .as_str()
                .unwrap()
                .contains("it takes none")
        );
        let refused = serde_json::to_value(check("/draws?lmit=1").unwrap_err()).unwrap();
        assert_eq!(refused["errors"][0]["pointer"], "lmit");
        let detail = refused["detail"].as_str().unwrap();
        assert!(detail.contains("there are: cursor, limit"), "{detail}");
    }
}
