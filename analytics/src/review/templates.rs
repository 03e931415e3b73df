//! The texts that people and enterprises are told, by version.
//!
//! A row of the audit chain that tells somebody something names the version of the text
//! (`text_template_version`), so that what was said reads the same after the texts were changed. A text is
//! therefore never changed: another version of it is added. Rows from before they named one told the first.

use std::collections::BTreeMap;

use super::desk::Moved;
use super::machine::Machine;
use super::messages::MessageKind;

/// Field with the version of the text.
pub(super) const VERSION: &str = "text_template_version";
/// The version that rows told before they named one.
const FIRST: &str = "1";

/// One text.
struct Template {
    kind: MessageKind,
    version: &'static str,
    /// The action it is for; any when there is none.
    action: Option<&'static str>,
    text: &'static str,
}

const fn any(kind: MessageKind, version: &'static str, text: &'static str) -> Template {
    Template {
        kind,
        version,
        action: None,
        text,
    }
}

const fn order(version: &'static str, action: &'static str, text: &'static str) -> Template {
    Template {
        kind: MessageKind::Order,
        version,
        action: Some(action),
        text,
    }
}

/// Every version of every text; the last ones of a kind are told by now.
static TEMPLATES: [Template; 10] = [
    any(
        MessageKind::Order,
        FIRST,
        "请按要求办理 / something has to be done",
    ),
    order(
        "2",
        "dispatch",
        "请核实线索，按时反馈原因 / look into the clue and answer in time",
    ),
    order(
        "2",
        "rectify",
        "请按要求限期整改 / put it right within the time that was ordered",
    ),
    order(
        "2",
        "return",
        "整改材料退回，请补正后重新提交 / the rectification was returned: complete it and hand it in again",
    ),
    order(
        "2",
        "grant_extension",
        "同意延期，请在新期限内完成整改 / more time was granted: put it right within it",
    ),
    any(
        MessageKind::Order,
        "2",
        "请按要求办理 / something has to be done",
    ),
    any(MessageKind::Reminder, FIRST, "提醒 / a reminder"),
    any(
        MessageKind::Overdue,
        FIRST,
        "已逾期 / a deadline has passed",
    ),
    any(
        MessageKind::CreditRepair,
        FIRST,
        "整改审核通过，同步修复信用记录 / the rectification was approved: the credit record is repaired",
    ),
    any(
        MessageKind::CreditRepairRevoked,
        FIRST,
        "案件重启，撤回信用修复 / the case was reopened: the repair of the credit record is taken back",
    ),
];

/// The version of a kind's texts that is told by now.
fn latest(kind: MessageKind) -> &'static str {
    let last = TEMPLATES.iter().rfind(|template| template.kind == kind);
    last.map_or(FIRST, |template| template.version)
}

/// The version that a row told, and its text. Of a version that only a later program knows, the latest
/// text known here.
pub(super) fn told(
    kind: MessageKind,
    action: &str,
    fields: &BTreeMap<String, String>,
) -> (String, &'static str) {
    let version = fields.get(VERSION).map_or(FIRST, String::as_str);
    let fits = |template: &&Template, version: &str| {
        let one = template.kind == kind && template.version == version;
        one && template.action.is_none_or(|named| named == action)
    };
    let find = |version: &str| TEMPLATES.iter().find(|template| fits(template, version));
    let found = find(version).or_else(|| find(latest(kind)));
    (
        version.to_owned(),
        found.map_or("", |template| template.text),
    )
}

/// What a row tells, by the state it leaves and its action.
pub(super) fn kind_of(machine: &Machine, from: Option<&str>, action: &str) -> Option<MessageKind> {
    match action.split(':').next() {
        Some("reminder") => Some(MessageKind::Reminder),
        Some("overdue") => Some(MessageKind::Overdue),
        _ => machine.way(from?, action)?.tells,
    }
}

/// Adds to a row that tells something the version of the text.
pub(super) fn write(machine: &Machine, moved: &mut Moved) {
    if let Some(kind) = kind_of(machine, moved.from.as_deref(), &moved.action) {
        let version = latest(kind).to_owned();
        moved.input.fields.insert(VERSION.to_owned(), version);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every kind, with the actions it may follow.
    fn all() -> Vec<(MessageKind, Vec<String>)> {
        let machine = Machine::built_in();
        let of = |kind| {
            let ways = machine.transitions().iter();
            let told = ways.filter(|way| way.tells == Some(kind));
            (kind, told.map(|way| way.action.clone()).collect())
        };
        [
            MessageKind::Order,
            MessageKind::Reminder,
            MessageKind::Overdue,
            MessageKind::CreditRepair,
            MessageKind::CreditRepairRevoked,
        ]
        .map(of)
        .to_vec()
    }

    #[test]
    fn what_was_told_stays_as_it_was() {
        let first = told(MessageKind::Order, "return", &BTreeMap::new());
        assert_eq!(
            first,
            ("1".to_owned(), "请按要求办理 / something has to be done")
        );
        let second = BTreeMap::from([(VERSION.to_owned(), "2".to_owned())]);
        let (version, text) = told(MessageKind::Order, "return", &second);
        assert_eq!(version, "2");
        assert!(text.starts_with("整改材料退回"), "{text}");
        // A later program's version keeps its number.
        let later = BTreeMap::from([(VERSION.to_owned(), "99".to_owned())]);
        assert_eq!(
            told(MessageKind::Order, "return", &later),
            ("99".to_owned(), text)
        );
    }

    #[test]
    fn every_order_has_a_text_of_its_own() {
        for (kind, actions) in all() {
            let fields = BTreeMap::from([(VERSION.to_owned(), latest(kind).to_owned())]);
            for action in actions {
                let (_, text) = told(kind, &action, &fields);
                assert!(text.contains(" / "), "{kind:?} {action}: `{text}`");
                if kind == MessageKind::Order {
                    let own = TEMPLATES.iter().any(|template| {
                        template.version == latest(kind) && template.action == Some(action.as_str())
                    });
                    assert!(own, "{action} is told as any order");
                }
            }
        }
    }
}
