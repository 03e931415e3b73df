//! What placeholders in a document's text stand for.

use std::collections::BTreeMap;

use super::super::act::outlet_code;
use super::super::calendar::beijing_text;
use super::super::service::{Service, Shown};

/// What is printed where the case knows nothing: a line to fill in by hand.
const BLANK: &str = "＿＿＿＿＿＿";

/// Every placeholder; `blank` is always a line to fill in.
const NAMES: [&str; 25] = [
    "blank",
    "case_id",
    "unit_name",
    "permit_no",
    "outlet",
    "mn",
    "factor",
    "org_code",
    "org_name",
    "finding",
    "rule",
    "severity",
    "window",
    "observed",
    "limit",
    "officers",
    "approval",
    "measures",
    "due",
    "facts",
    "case_no",
    "decision",
    "fine",
    "receiver",
    "date",
];

/// Fields whose latest value is printed under the same name.
const FIELDS: [&str; 8] = [
    "officers", "approval", "measures", "due", "facts", "case_no", "decision", "fine",
];

/// The values of one case.
#[derive(Debug)]
pub(super) struct Values(BTreeMap<&'static str, String>);

impl Values {
    pub(super) fn of(service: &Service, shown: &Shown, receiver: Option<&str>) -> Self {
        let case = &shown.case;
        let mut known: BTreeMap<&'static str, String> = BTreeMap::new();
        let mut put = |name: &'static str, value: Option<String>| {
            if let Some(value) = value.filter(|value| !value.trim().is_empty()) {
                known.insert(name, value);
            }
        };
        let quantity = |value: Option<f64>| {
            let unit = case.unit.as_deref().unwrap_or_default();
            value.map(|value| format!("{value} {unit}").trim_end().to_owned())
        };
        let org = case.org_code.clone();
        put("case_id", Some(case.case_id.clone()));
        put("unit_name", case.unit_name.clone());
        put("permit_no", case.permit_no.clone());
        put("outlet", outlet_code(case));
        put("mn", case.mn.clone());
        put("factor", case.factor.clone());
        put(
            "org_name",
            org.as_ref()
                .and_then(|code| service.config.bodies.get(code)?.name.clone())
                .or_else(|| org.clone()),
        );
        put("org_code", org);
        put("finding", Some(case.reason.clone()));
        put("rule", Some(case.rule_id.clone()));
        put("severity", Some(case.severity.code().to_owned()));
        let window = [case.window_start, case.window_end].map(beijing_text);
        put("window", Some(window.join(" — ")));
        put("observed", quantity(case.observed));
        put("limit", quantity(case.limit_value));
        put("receiver", receiver.map(str::to_owned));
        // The day of the last change, not of printing: the same case prints the same page.
        let last = shown.events.last().map(|event| event.effective_at);
        put("date", last.map(|at| beijing_text(at)[..10].to_owned()));
        for name in FIELDS {
            let latest = shown
                .events
                .iter()
                .rev()
                .find_map(|event| event.fields.get(name));
            put(name, latest.cloned());
        }
        Self(known)
    }

    /// A paragraph with its placeholders replaced.
    pub(super) fn fill(&self, paragraph: &str) -> String {
        let mut text = String::new();
        let mut rest = paragraph;
        while let Some((before, after)) = rest.split_once('{') {
            text.push_str(before);
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            text.push_str(self.0.get(name).map_or(BLANK, String::as_str));
            rest = after;
        }
        text.push_str(rest);
        text
    }
}

/// `Err` when a paragraph holds a placeholder that does not exist, or a brace alone.
pub(super) fn check(paragraph: &str) -> Result<(), String> {
    let mut rest = paragraph;
    while let Some((_, after)) = rest.split_once('{') {
        let (name, after) = after
            .split_once('}')
            .ok_or_else(|| "a brace is not closed".to_owned())?;
        if !NAMES.contains(&name) {
            return Err(format!(
                "there is no placeholder {{{name}}}; there are: {}",
                NAMES.join(", ")
            ));
        }
        rest = after;
    }
    Ok(())
}
