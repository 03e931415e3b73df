//! The reviewer's checklist: every item is answered for, a failure or an exception with its reason.
//!
//! The items are data (`machine.toml`); the answers are the field `items` of `approve` and `return`,
//! so they stand in the audit row as the reviewer gave them. When two persons sign, each answers.

use serde::Serialize;

use super::machine::Machine;

/// What a reviewer says of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is so.
    Pass,
    /// It is not so.
    Fail,
    /// It does not apply to this case.
    Na,
}

/// The answer to one item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// The item.
    pub item: String,
    /// What the reviewer says of it.
    pub verdict: Verdict,
    /// Why; always there unless it passes.
    pub reason: Option<String>,
}

/// Reads `ITEM=pass; ITEM=fail:REASON; ITEM=na:REASON` (or one per line).
pub(super) fn answers(text: &str) -> Result<Vec<Answer>, String> {
    let machine = Machine::built_in();
    let mut answers: Vec<Answer> = Vec::new();
    let entries = text.split([';', '；', '\n']).map(str::trim);
    for entry in entries.filter(|entry| !entry.is_empty()) {
        let (item, said) = entry
            .split_once('=')
            .ok_or_else(|| format!("checklist: `{entry}`: write ITEM=pass or ITEM=fail:REASON"))?;
        let item = item.trim();
        if !machine.items().iter().any(|known| known.name == item) {
            let names: Vec<&str> = machine
                .items()
                .iter()
                .map(|known| known.name.as_str())
                .collect();
            return Err(format!(
                "checklist: there is no item `{item}`; there are: {}",
                names.join(", ")
            ));
        }
        if answers.iter().any(|before| before.item == item) {
            return Err(format!("checklist: item `{item}` is answered twice"));
        }
        let (verdict, reason) = said.split_once([':', '：']).unwrap_or((said, ""));
        let verdict = match verdict.trim() {
            "pass" => Verdict::Pass,
            "fail" => Verdict::Fail,
            "na" => Verdict::Na,
            other => {
                return Err(format!(
                    "checklist: item `{item}`: `{other}` is not one of pass, fail, na"
                ));
            }
        };
        let reason = Some(reason.trim()).filter(|reason| !reason.is_empty());
        if verdict != Verdict::Pass && reason.is_none() {
            return Err(format!(
                "checklist: item `{item}`: give the reason after a colon"
            ));
        }
        answers.push(Answer {
            item: item.to_owned(),
            verdict,
            reason: reason.map(str::to_owned),
        });
    }
    Ok(answers)
}

/// `Err` unless every item is answered and none fails.
pub(super) fn complete(text: &str) -> Result<(), String> {
    let answers = answers(text)?;
    if let Some(failed) = answers
        .iter()
        .find(|answer| answer.verdict == Verdict::Fail)
    {
        return Err(format!("checklist: item `{}` fails", failed.item));
    }
    let open: Vec<&str> = Machine::built_in()
        .items()
        .iter()
        .map(|item| item.name.as_str())
        .filter(|name| !answers.iter().any(|answer| answer.item == *name))
        .collect();
    if open.is_empty() {
        Ok(())
    } else {
        Err(format!("checklist: not answered: {}", open.join(", ")))
    }
}

/// `Err` unless some item fails. What was not looked at any more needs no answer.
pub(super) fn failing(text: &str) -> Result<(), String> {
    if answers(text)?
        .iter()
        .any(|answer| answer.verdict == Verdict::Fail)
    {
        Ok(())
    } else {
        Err("checklist: no item fails: say which one does, as ITEM=fail:REASON".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &str = "order=pass; data=pass；statement = pass\nphotos=pass; repair=na: 无维修; \
                       lab=na：not monitored by hand; permit=na:unchanged; history=pass";

    #[test]
    fn every_item_is_answered_for() {
        assert_eq!(complete(ALL), Ok(()));
        let read = answers(ALL).unwrap();
        assert_eq!(read.len(), Machine::built_in().items().len());
        assert_eq!(read[4].reason.as_deref(), Some("无维修"));
        for (text, said) in [
            ("", "not answered: order, data"),
            ("order=pass", "not answered: data"),
            ("order=maybe", "`maybe` is not one of pass, fail, na"),
            ("order=na", "give the reason"),
            ("order=fail:", "give the reason"),
            ("order", "write ITEM=pass"),
            ("weather=pass", "no item `weather`; there are: order"),
            ("order=pass; order=pass", "answered twice"),
            (
                &ALL.replace("data=pass", "data=fail:still above"),
                "item `data` fails",
            ),
        ] {
            let error = complete(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    #[test]
    fn a_return_names_what_fails() {
        assert_eq!(failing("photos=fail: taken before the order"), Ok(()));
        assert!(failing(ALL).unwrap_err().contains("no item fails"));
        assert!(failing("photos=fail").is_err());
    }
}
