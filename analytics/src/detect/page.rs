//! The page of all rules, written from their front matter so that it cannot say anything else.

use std::fmt::Write as _;

use super::catalogue::{Catalogue, Configured};
use super::golden;
use super::rule::Rule;
use super::stage::Stage;

/// The catalogue as Markdown: one section per rule, those that are off by default included.
pub fn page(catalogue: &Catalogue) -> String {
    let mut out = String::from(
        "# Rule catalogue\n\nGenerated from the rule files (`NONSITE_BLESS=1 cargo test --workspace \
         --lib rule_catalogue`); what the words mean is in [../rules.md](../rules.md).\n\n\
         | id | name | 名称 | group | severity | judged |\n|---|---|---|---|---|---|\n",
    );
    let mut all: Vec<&Configured> = catalogue.rules().iter().chain(catalogue.off()).collect();
    all.sort_by(|a, b| a.rule.id.cmp(&b.rule.id));
    for configured in &all {
        let rule = &configured.rule;
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(
            out,
            "| [{id}](#{anchor}) | {} | {} | {} | {} | {} |",
            rule.name_en,
            rule.name_zh,
            rule.group,
            rule.severity.code(),
            judged(configured),
            id = rule.id,
            anchor = rule.id.to_lowercase(),
        );
    }
    for configured in all {
        section(&mut out, catalogue, configured);
    }
    out
}

fn judged(configured: &Configured) -> &'static str {
    let rule = &configured.rule;
    match (rule.enabled, rule.stage) {
        (false, _) => "off by default",
        (true, Stage::Rows) if rule.long() => "days that are over",
        (true, Stage::Rows) => "at once",
        (true, Stage::Tables) => "whole",
        (true, Stage::Floods | Stage::Findings) => "whole, over findings",
    }
}

/// What becomes of a rule's findings when the time for marking and back-filling is over.
fn second_phase(rule: &Rule) -> &'static str {
    match rule.stage {
        Stage::Rows if rule.clock => {
            "told as it lasts; provisional until 12:00 of the next day, and judged again then and after \
             12:00 of the eighth"
        }
        Stage::Rows => {
            "provisional until 12:00 of the next day; judged again then with the marks that were set, \
             and after 12:00 of the eighth day with what was back-filled"
        }
        Stage::Tables => "judged whole in every run; what no longer holds is withdrawn",
        Stage::Floods | Stage::Findings => {
            "judged whole in every run; follows the findings it rests on, and falls with them"
        }
    }
}

fn section(out: &mut String, catalogue: &Catalogue, configured: &Configured) {
    let rule = &configured.rule;
    let _ = write!(
        out,
        "\n## {}\n\n**{} / {}**, version {}, {}.\n\n- {}\n- {}\n\nBasis: {}.\n",
        rule.id,
        rule.name_en,
        rule.name_zh,
        rule.version,
        rule.severity.code(),
        rule.reason_en,
        rule.reason_zh,
        rule.basis.trim_end_matches('.')
    );
    if let Some(scope) = &rule.scope {
        let _ = write!(
            out,
            "\nScope: industry {}; outlet {}; factor {}.\n",
            scope.industry, scope.outlet, scope.factor
        );
    }
    if let Some(day) = rule.effective_from {
        let _ = write!(out, "\nIn use since {day}; owner: {}.\n", rule.owner);
    }
    for (name, sentence) in &rule.reason {
        let _ = write!(out, "\nAs `{name}`: {} {}\n", sentence.en, sentence.zh);
    }
    let note: Vec<&str> = rule
        .sql
        .lines()
        .take_while(|line| line.starts_with("--"))
        .map(|line| line.trim_start_matches('-').trim())
        .collect();
    if !note.is_empty() {
        let _ = write!(out, "\n{}\n", note.join("\n"));
    }
    let mut facts = vec![format!("window: {}", rule.granularity)];
    if rule.long() {
        facts.push(format!(
            "judged when the day is over, by up to {} days before it",
            rule.lookback_days()
        ));
    } else if rule.lookback_h > 0 {
        facts.push(format!("looks back {} h", rule.lookback_h));
    }
    if let Some(gap) = rule.episode.quiet_gap_h {
        facts.push(format!("windows up to {gap} h apart are one finding"));
    }
    if let (Some(count), Some(severity)) = (rule.episode.consecutive, rule.episode.severity) {
        facts.push(format!("{} from {count} windows in a row", severity.code()));
    }
    if !rule.exempts.is_empty() {
        facts.push(format!(
            "exemptions considered: {}",
            rule.exempts.join(", ")
        ));
    }
    let why = catalogue
        .golden()
        .get(&rule.id)
        .map(|text| golden::reasons(text))
        .unwrap_or_default();
    facts.push(format!("second phase: {}", second_phase(rule)));
    if !why.is_empty() {
        let why: Vec<String> = why.iter().map(|why| format!("`{why}`")).collect();
        facts.push(format!("not evaluated, among others: {}", why.join(", ")));
    }
    let _ = write!(out, "\n{}.\n", facts.join("; "));
    if rule.params.is_empty() {
        return;
    }
    out.push_str("\n| parameter | default | bounds | unit | meaning |\n|---|---|---|---|---|\n");
    for (name, param) in &rule.params {
        let mut default = param.default.real().to_string();
        for (seconds, value) in &param.by_cadence {
            let _ = write!(default, "; {} at one value in {seconds} s", value.real());
        }
        let _ = writeln!(
            out,
            "| `{name}` | {default} | {} to {} | {} | {} |",
            param.min.real(),
            param.max.real(),
            param.unit,
            param.doc
        );
    }
}
