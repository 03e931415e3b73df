//! The front matter, key by key: everything that is wrong with it at once.

use std::collections::BTreeMap;

use super::text::Source;
use super::{Fault, Level};
use crate::detect::rule::{CLOSE, EVIDENCE, LONGEST_LOOKBACK_H, OPEN, OUTLETS, Rule};
use crate::detect::stage::Stage;
use crate::detect::whole::AGGREGATE;

/// Groups of rules; findings of different groups are evidence of different kinds.
const GROUPS: [&str; 6] = [
    "exceedance",
    "quality",
    "transmission",
    "permit",
    "condition",
    "aggregate",
];
/// What one window of a rule can be.
const GRANULARITIES: [&str; 4] = ["realtime", "minute", "hour", "day"];
/// Exemption codes.
const EXEMPTIONS: [&str; 7] = ["M1", "M2", "M3", "M4", "M5", "M6", "M7"];
/// Keys that every rule has.
const REQUIRED: [&str; 12] = [
    "id",
    "version",
    "name_zh",
    "name_en",
    "group",
    "severity",
    "basis",
    "effective_from",
    "scope",
    "owner",
    "granularity",
    "reason_zh",
];

/// The id that a file states, whether or not the rest can be read.
pub(super) fn id(source: &Source<'_>) -> Option<String> {
    let table: toml::Table = toml::from_str(source.head()).ok()?;
    table.get("id")?.as_str().map(str::to_owned)
}

/// Reads the front matter; a rule comes back when nothing is wrong with it.
pub(super) fn check(source: &Source<'_>) -> (Option<Rule>, Vec<Fault>) {
    let mut faults = Vec::new();
    if !source.text.trim_start().starts_with(OPEN) {
        let what = format!("a rule file begins with `{OPEN}` and TOML front matter");
        return (None, vec![source.error((1, 1), what)]);
    }
    if source.head.is_none() {
        let at = source.place(source.text.find(OPEN).unwrap_or(0));
        let what = format!("the front matter that begins here has no end; close it with `{CLOSE}`");
        return (None, vec![source.error(at, what)]);
    }
    let table: toml::Table = match toml::from_str(source.head()) {
        Ok(table) => table,
        Err(error) => {
            let at = error.span().map_or(0, |span| span.start);
            let what = format!("front matter: {}", error.message());
            return (None, vec![source.error(source.in_head(at), what)]);
        }
    };
    let top = source.in_head(0);
    for key in REQUIRED.iter().chain(&["reason_en"]) {
        if !table.contains_key(*key) {
            faults.push(source.error(top, format!("the key `{key}` is missing")));
        }
    }
    if source.query().is_empty() {
        let at = source.place(source.head.as_ref().map_or(0, |head| head.end));
        faults.push(source.error(at, "there is no query after the front matter"));
    }
    if !faults.is_empty() {
        return (None, faults);
    }
    let rule: Rule = match toml::from_str(source.head()) {
        Ok(rule) => rule,
        Err(error) => {
            let at = error.span().map_or(0, |span| span.start);
            let what = format!("front matter: {}", error.message());
            return (None, vec![source.error(source.in_head(at), what)]);
        }
    };
    of_file(source, &rule, &mut faults);
    of_words(source, &rule, &mut faults);
    of_scope(source, &rule, &mut faults);
    of_params(source, &rule, &mut faults);
    if faults.iter().any(|fault| fault.level == Level::Error) {
        return (None, faults);
    }
    let name = source.file.file_stem().and_then(|stem| stem.to_str());
    match Rule::parse(name.unwrap_or_default(), source.text) {
        Ok(rule) => (Some(rule), faults),
        // Whatever is left: the sentences.
        Err(error) => {
            let what = error.to_string();
            let key = ["reason_zh", "reason_en"]
                .into_iter()
                .find(|key| what.contains(&format!("{key}:")))
                .map(str::to_owned)
                .or_else(|| {
                    rule.reason
                        .keys()
                        .map(|name| format!("reason.{name}"))
                        .find(|table| what.contains(table.as_str()))
                });
            let at = key.and_then(|key| source.key(&key)).unwrap_or(top);
            faults.push(source.error(at, what));
            (None, faults)
        }
    }
}

/// Name and look-back.
fn of_file(source: &Source<'_>, rule: &Rule, faults: &mut Vec<Fault>) {
    let at = |key: &str| source.key(key).unwrap_or((1, 1));
    let name = source.file.file_stem().and_then(|stem| stem.to_str());
    if name != Some(rule.id.as_str()) {
        let what = format!(
            "id is `{}`, so the file has to be named `{0}.sql`; it is named `{}`",
            rule.id,
            source
                .file
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
        );
        faults.push(source.error(at("id"), what));
    }
    if rule.version < 1 {
        faults.push(source.error(at("version"), "versions count from 1"));
    }
    if rule.lookback_h > LONGEST_LOOKBACK_H {
        let what = format!(
            "lookback_h is {}, at most {LONGEST_LOOKBACK_H} (31 days)",
            rule.lookback_h
        );
        faults.push(source.error(at("lookback_h"), what));
    }
}

/// Words of closed lists.
fn of_words(source: &Source<'_>, rule: &Rule, faults: &mut Vec<Fault>) {
    let mut refuse = |key: &str, given: &str, known: &[&str]| {
        if !known.contains(&given) {
            let at = source.key(key).unwrap_or((1, 1));
            let what = format!("{key}: there is no `{given}`; known: {}", known.join(", "));
            faults.push(source.error(at, what));
        }
    };
    refuse("group", &rule.group, &GROUPS);
    refuse("granularity", &rule.granularity, &GRANULARITIES);
    if rule.stage > Stage::Tables {
        // Or else rules over findings would feed on each other.
        refuse("group", &rule.group, &[AGGREGATE]);
    }
    for part in &rule.evidence {
        refuse("evidence", part, &EVIDENCE);
    }
    for code in &rule.exempts {
        refuse("exempts", code, &EXEMPTIONS);
    }
}

/// What the rule is about, and who answers for it.
fn of_scope(source: &Source<'_>, rule: &Rule, faults: &mut Vec<Fault>) {
    if rule.owner.trim().is_empty() {
        let at = source.key("owner").unwrap_or((1, 1));
        faults.push(source.error(at, "owner: say who answers for the rule"));
    }
    let Some(scope) = &rule.scope else {
        return;
    };
    let at = |key: &str| source.key_of("scope", key).unwrap_or((1, 1));
    for (key, given) in [("industry", &scope.industry), ("factor", &scope.factor)] {
        if given.trim().is_empty() {
            let what = format!("scope: say of which {key} the rule is, or `any`");
            faults.push(source.error(at(key), what));
        }
    }
    if !OUTLETS.contains(&scope.outlet.as_str()) {
        let what = format!(
            "scope: there is no outlet `{}`; known: {}",
            scope.outlet,
            OUTLETS.join(", ")
        );
        faults.push(source.error(at("outlet"), what));
    }
}

/// Parameters: their bounds, that the query uses them, and that it uses no other.
fn of_params(source: &Source<'_>, rule: &Rule, faults: &mut Vec<Fault>) {
    let used = used(source);
    for (name, param) in &rule.params {
        let table = format!("params.{name}");
        let at = |key: &str| source.key_of(&table, key).unwrap_or((1, 1));
        let (min, max) = (param.min.real(), param.max.real());
        if min > max {
            let what = format!("parameter `{name}`: min {min} is above max {max}");
            faults.push(source.error(at("min"), what));
        } else if !(min..=max).contains(&param.default.real()) {
            let what = format!(
                "parameter `{name}`: default {} is outside {min}..={max}",
                param.default.real()
            );
            faults.push(source.error(at("default"), what));
        }
        for (seconds, value) in &param.by_cadence {
            if seconds.parse::<u32>().is_ok_and(|s| s > 0) && (min..=max).contains(&value.real()) {
                continue;
            }
            let what = format!(
                "parameter `{name}`: by_cadence: `{seconds}` = {} has to be seconds and a value in {min}..={max}",
                value.real()
            );
            faults.push(source.error(at("by_cadence"), what));
        }
        if !used.contains_key(name.as_str()) {
            let what = format!("parameter `{name}` is never used: the query has no `${name}`");
            faults.push(source.error(source.key(&table).unwrap_or((1, 1)), what));
        }
    }
    for (name, byte) in used {
        if name != "as_of" && !rule.params.contains_key(name) {
            let known: Vec<&str> = rule.params.keys().map(String::as_str).collect();
            let what = format!(
                "`${name}` is no parameter; there are: as_of, {}",
                known.join(", ")
            );
            faults.push(source.error(source.in_query(byte), what));
        }
    }
}

/// Names after `$` in the query, with the byte at which each first stands.
fn used<'a>(source: &Source<'a>) -> BTreeMap<&'a str, usize> {
    let query = source.query();
    let mut used = BTreeMap::new();
    for (at, _) in query.match_indices('$') {
        let rest = &query[at + 1..];
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        used.entry(&rest[..end]).or_insert(at);
    }
    used
}
