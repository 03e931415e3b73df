//! What the audit row of a review holds beside the checklist: what the rule says by now, the conflicts
//! that stood, how each was resolved, and how long the reviewer had the case.
//!
//! All of it but the answers is written by the program, from what is there when the decision is made;
//! a case that changes while it is looked into is looked into again. An approval needs an answer to
//! every conflict (`resolved`); a return holds them as they stood.
//!
//! Failure mode: tables that cannot be read keep an approval waiting, unless its `override` says why it
//! does not wait. Then, and for a return, the conflicts are those that the queue alone shows.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::case::Case;
use super::dossier::{CODES, Conflict};
use super::error::Error;
use super::guard::Guard;
use super::parts::Transition;
use super::recheck::Rechecked;
use super::service::Service;
use super::step::{Actor, Input};

/// Field with the conflicts that stood.
pub(super) const CONFLICTS: &str = "conflicts";
/// Field with the answers to them.
const RESOLVED: &str = "resolved";
/// Field with the seconds between claim and decision.
pub(super) const SECONDS: &str = "review_seconds";
/// Field that names the first signature a change has voided.
pub(super) const SIGNATURE_VOID: &str = "signature_void";
/// What whoever judges may read and an enterprise may not: it is about the cases of others as well.
const FOR_THOSE_WHO_JUDGE: [&str; 2] = [CONFLICTS, RESOLVED];

/// Conflicts whose reason is the one that `override` gives.
const OVERRIDDEN: [&str; 2] = ["still_failing", "nothing_judged"];

/// What was looked into before a review is decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Reviewed {
    /// The rule over the data since the measures.
    pub rechecked: Rechecked,
    /// What does not fit together.
    pub conflicts: Vec<Conflict>,
}

/// A conflict as an audit row has it.
#[derive(Deserialize)]
struct Stood {
    code: String,
    text: String,
}

/// The conflicts as the field has them.
fn written(conflicts: &[Conflict]) -> String {
    // Texts into memory: nothing here can fail to serialise.
    serde_json::to_string(conflicts).unwrap_or_default()
}

/// Reads `CODE=REASON; CODE=REASON` (or one per line).
fn resolutions(text: &str) -> Result<Vec<&str>, String> {
    let mut codes = Vec::new();
    let entries = text.split([';', '；', '\n']).map(str::trim);
    for entry in entries.filter(|entry| !entry.is_empty()) {
        let (code, reason) = entry
            .split_once('=')
            .map_or((entry, ""), |(code, reason)| (code.trim(), reason.trim()));
        if !CODES.contains(&code) {
            return Err(format!(
                "field `{RESOLVED}`: 没有这种矛盾 / there is no conflict `{code}`; there are: {}",
                CODES.join(", ")
            ));
        }
        if reason.is_empty() {
            return Err(format!(
                "field `{RESOLVED}`: `{code}`: 请在等号后写明理由 / write the reason after the equals sign"
            ));
        }
        codes.push(code);
    }
    Ok(codes)
}

/// `Err` unless every conflict that stands is answered.
pub(super) fn answered(input: &Input) -> Result<(), String> {
    let stood: Vec<Stood> = input
        .get(CONFLICTS)
        .and_then(|text| serde_json::from_str(text).ok())
        .ok_or("未核查矛盾 / nobody looked for conflicts")?;
    let resolved = resolutions(input.get(RESOLVED).unwrap_or_default())?;
    let overridden = input.get("override").is_some();
    let open: Vec<String> = stood
        .iter()
        .filter(|conflict| {
            let code = conflict.code.as_str();
            !(resolved.contains(&code) || overridden && OVERRIDDEN.contains(&code))
        })
        .map(|conflict| format!("{} ({})", conflict.code, conflict.text))
        .collect();
    match open.is_empty() {
        true => Ok(()),
        false => Err(format!(
            "系统发现的矛盾尚未说明 / conflicts are not answered: {}; say how each was resolved in \
             `{RESOLVED}` as CODE=REASON, or return it",
            open.join("; ")
        )),
    }
}

/// Whether a way is a review: it takes a checklist.
fn reviews(way: &Transition) -> bool {
    way.requires.iter().any(|field| field == "items")
}

impl Service {
    /// The input of a person, with what a review has to know; and the version of the case that was
    /// looked into. Done before the transaction, which it would otherwise hold up.
    pub(super) async fn looked_into(
        &self,
        case_id: &str,
        action: &str,
        actor: &Actor,
        input: &Input,
    ) -> Result<(Input, Option<i64>), Error> {
        let machine = self.machine();
        let review = |case: &Case| {
            machine
                .way(&case.state, action)
                .filter(|way| reviews(way) && way.roles.contains(&actor.role))
        };
        let case = self.visible(self.store.case(case_id).await?, case_id)?;
        if review(&case).is_none() {
            return Ok((input.clone(), None));
        }
        // What passed before the decision is part of what is looked into.
        self.catch_up(case_id).await?;
        let case = self.visible(self.store.case(case_id).await?, case_id)?;
        let Some(way) = review(&case) else {
            return Ok((input.clone(), None));
        };
        let approves = way.guards.contains(&Guard::RuleSilent);
        let waits = approves && input.get("override").is_none();
        let now = self.clock.now_micros();
        let found = match self.recheck.review(self, &case, now).await {
            Err(error) if !waits => Reviewed {
                rechecked: Rechecked::not_run(&error.to_string()),
                conflicts: self.conflicts_in_queue(case_id).await?,
            },
            found => found?,
        };
        let mut input = input.clone().with(CONFLICTS, &written(&found.conflicts));
        if approves {
            input = found.rechecked.written(input);
        }
        Ok((input, Some(case.version)))
    }

    /// A review with the time its reviewer had the case, if it was claimed.
    pub(super) fn timed(case: &Case, actor: &Actor, input: &Input, now: i64) -> Input {
        let since = case
            .claimed_at
            .filter(|_| case.held_by(now) == Some(actor.name.as_str()));
        match since {
            Some(since) => {
                let seconds = (now - since) / 1_000_000;
                input.clone().with(SECONDS, &seconds.to_string())
            }
            None => input.clone(),
        }
    }
}

/// Takes out of a row's fields what an enterprise is not told.
pub(super) fn redact(fields: &mut BTreeMap<String, String>) {
    fields.retain(|name, _| !FOR_THOSE_WHO_JUDGE.contains(&name.as_str()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stood(codes: &[&'static str]) -> Input {
        let conflicts: Vec<Conflict> = codes
            .iter()
            .map(|&code| Conflict {
                code,
                item: "photos",
                text: format!("文字 / text; of {code}"),
            })
            .collect();
        Input::default().with(CONFLICTS, &written(&conflicts))
    }

    #[test]
    fn every_conflict_wants_an_answer() {
        let said = |input: Input| answered(&input).unwrap_err();
        assert!(said(Input::default()).contains("nobody looked"));
        assert_eq!(answered(&stood(&[])), Ok(()));
        let two = || stood(&["photo_reused", "still_failing"]);
        let open = said(two());
        for text in [
            "photo_reused (文字 / text; of",
            "still_failing",
            "`resolved`",
        ] {
            assert!(open.contains(text), "{open}");
        }
        let one = said(two().with(RESOLVED, "photo_reused = 同一台设备"));
        assert!(!one.contains("photo_reused") && one.contains("still_failing"));
        let both = "photo_reused=同一台设备；still_failing=measured by hand";
        assert_eq!(answered(&two().with(RESOLVED, both)), Ok(()));
        // The reason for an approval in spite of the rule is the answer to what the rule says.
        let overridden = two()
            .with(RESOLVED, "photo_reused=same device")
            .with("override", "report 7");
        assert_eq!(answered(&overridden), Ok(()));
        assert!(
            said(stood(&["photo_reused"]).with("override", "report 7")).contains("photo_reused")
        );
        for (text, said_of_it) in [
            ("photo_reused", "write the reason"),
            ("photo_reused=", "write the reason"),
            (
                "photos=new",
                "there is no conflict `photos`; there are: still_failing",
            ),
        ] {
            let said = said(two().with(RESOLVED, text));
            assert!(said.contains(said_of_it), "{said}");
        }
    }
}
