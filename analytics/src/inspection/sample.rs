//! Closed cases to look into again (稽查): some at random, some by risk.
//!
//! Risk is nothing but points for what has gone wrong before: approvals given faster than the
//! papers can be read, reviewers who never return anything, a photo that served another case, a
//! finding dismissed, a relapse. A point is a further lot ([`super::draw`]); nobody is certain to be
//! drawn and nobody is safe.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::casebook::{CaseFile, Step};
use super::draw::Listed;
use crate::review::near;

/// An approval faster than this was not a review, microseconds.
const HASTY: i64 = 3 * 60 * 1_000_000;
/// Decisions from which a reviewer who never returned anything is noticed.
const NEVER_RETURNS: u64 = 10;

/// How a reviewer decides.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reviewer {
    /// Id of the reviewer.
    pub reviewer: String,
    /// Decisions: approvals and returns.
    pub decisions: u64,
    /// Returns among them.
    pub returns: u64,
    /// Returns in percent, with two decimals.
    pub return_percent: String,
    /// Median time from taking it up (claim, else submission) to the decision, minutes.
    pub median_minutes: f64,
    /// The same of approvals alone; nothing when there was none.
    pub approval_minutes: Option<f64>,
    /// Decisions within three minutes.
    pub hasty: u64,
}

/// A file, or pictures that look the same, in more than one case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reuse {
    /// SHA-256 of the file; of pictures that look the same, of the one that came first.
    pub sha256: String,
    /// Not the same to the byte: pictures that look the same, such as one that was compressed again.
    pub near: bool,
    /// The cases.
    pub cases: Vec<String>,
}

/// What a sample is drawn from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Population {
    /// Closed cases with their lots.
    pub list: Vec<Listed>,
    /// Everybody who decided about submissions.
    pub reviewers: Vec<Reviewer>,
    /// Files that served more than one case, pictures that look the same included.
    pub reuse: Vec<Reuse>,
}

/// The closed cases among `cases` that `belongs` to what is audited, with their points; reviewers and
/// files are looked at over all cases.
pub fn population(cases: &[CaseFile], belongs: impl Fn(&CaseFile) -> bool) -> Population {
    let decisions: Vec<(&Step, i64)> = cases.iter().flat_map(decided).collect();
    let reviewers = reviewers(&decisions);
    let reuse = reuse(cases);
    let reused: BTreeSet<&str> = reuse
        .iter()
        .flat_map(|reuse| reuse.cases.iter().map(String::as_str))
        .collect();
    let lenient: BTreeSet<&str> = reviewers
        .iter()
        .filter(|reviewer| reviewer.returns == 0 && reviewer.decisions >= NEVER_RETURNS)
        .map(|reviewer| reviewer.reviewer.as_str())
        .collect();
    let list = cases
        .iter()
        .filter(|case| case.state() == "closed" && belongs(case) && !only_reminded(case))
        .map(|case| {
            let mut why = Vec::new();
            let mut point = |points: u32, holds: bool, what: &str| {
                if holds {
                    why.push(format!("{what} +{points}"));
                    points
                } else {
                    0
                }
            };
            let approvals: Vec<(&Step, i64)> = decided(case)
                .into_iter()
                .filter(|(step, _)| step.action == "approve")
                .collect();
            let serious = matches!(case.severity.as_str(), "S1" | "S2");
            let hasty = approvals.iter().any(|(_, took)| *took < HASTY);
            let approver_is_lenient = approvals
                .iter()
                .any(|(step, _)| lenient.contains(step.actor.as_str()));
            let weight = 1
                + point(3, serious, case.severity.as_str())
                + point(4, hasty, "approved within three minutes")
                + point(
                    4,
                    reused.contains(case.case_id.as_str()),
                    "file or look-alike used in another case",
                )
                + point(3, case.last("relapse").is_some(), "relapsed")
                + point(2, case.last("dismiss").is_some(), "dismissed")
                + point(2, approver_is_lenient, "reviewer never returned anything");
            Listed {
                id: case.case_id.clone(),
                name: case.unit_name.clone(),
                weight,
                why,
            }
        })
        .collect();
    Population {
        list,
        reviewers,
        reuse,
    }
}

/// A reminder that ended: nobody decided anything that could be looked at again.
fn only_reminded(case: &CaseFile) -> bool {
    let last = case.steps.last();
    last.is_some_and(|step| step.from.as_deref() == Some("reminded"))
}

/// Decisions about submissions, each with the time since it was taken up.
fn decided(case: &CaseFile) -> Vec<(&Step, i64)> {
    let mut taken_up = None;
    let mut found = Vec::new();
    for step in &case.steps {
        match step.action.as_str() {
            "submit" | "resume_review" => taken_up = Some(step.at),
            "claim" if step.to == "submitted" => taken_up = Some(step.at),
            // The second of two signatures decides; the first leaves the state as it is.
            "approve" | "return" if step.from.as_deref() == Some("submitted") => {
                let took = taken_up.map_or(0, |at| step.at - at);
                if step.to != "submitted" {
                    found.push((step, took));
                }
            }
            _ => {}
        }
    }
    found
}

fn reviewers(decisions: &[(&Step, i64)]) -> Vec<Reviewer> {
    let mut by_actor: BTreeMap<&str, Vec<(bool, i64)>> = BTreeMap::new();
    for (step, took) in decisions {
        let own = by_actor.entry(&step.actor).or_default();
        own.push((step.action == "return", *took));
    }
    by_actor
        .into_iter()
        .map(|(reviewer, own)| {
            let decisions = own.len() as u64;
            let returns = own.iter().filter(|(returned, _)| *returned).count() as u64;
            let approvals = own.iter().filter(|(returned, _)| !returned);
            let hundredths = (returns * 20_000 + decisions) / (decisions * 2);
            Reviewer {
                reviewer: reviewer.to_owned(),
                decisions,
                returns,
                return_percent: format!("{}.{:02}", hundredths / 100, hundredths % 100),
                median_minutes: median(own.iter().map(|(_, took)| *took)).unwrap_or_default(),
                approval_minutes: median(approvals.map(|(_, took)| *took)),
                hasty: own.iter().filter(|(_, took)| *took < HASTY).count() as u64,
            }
        })
        .collect()
}

/// The middle of some times (microseconds), in minutes; nothing of none.
fn median(times: impl Iterator<Item = i64>) -> Option<f64> {
    let mut times: Vec<i64> = times.collect();
    times.sort_unstable();
    let upper = *times.get(times.len() / 2)?;
    let lower = times[(times.len() - 1) / 2];
    Some((lower + upper) as f64 / 2.0 / 60e6)
}

fn reuse(cases: &[CaseFile]) -> Vec<Reuse> {
    let mut by_file: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut pictures: Vec<Picture<'_>> = Vec::new();
    for case in cases {
        for step in &case.steps {
            for file in &step.files {
                by_file
                    .entry(&file.sha256)
                    .or_default()
                    .insert(&case.case_id);
                if let Some(looks) = &file.picture {
                    pictures.push(Picture {
                        seq: step.seq,
                        sha256: &file.sha256,
                        looks,
                        case_id: &case.case_id,
                    });
                }
            }
        }
    }
    let same = by_file
        .into_iter()
        .filter(|(_, cases)| cases.len() > 1)
        .map(|(sha256, cases)| Reuse {
            sha256: sha256.to_owned(),
            near: false,
            cases: cases.into_iter().map(str::to_owned).collect(),
        });
    same.chain(alike(pictures)).collect()
}

/// A picture as an audit row names it.
#[derive(Clone, Copy)]
struct Picture<'c> {
    seq: i64,
    sha256: &'c str,
    looks: &'c str,
    case_id: &'c str,
}

/// Pictures of other cases that look like an earlier one and are not it to the byte. Each is compared
/// with the first of every group; a picture that resembles two of them belongs to the earlier.
fn alike(mut pictures: Vec<Picture<'_>>) -> Vec<Reuse> {
    pictures.sort_by_key(|picture| (picture.seq, picture.sha256));
    let mut groups: Vec<(Picture<'_>, BTreeSet<&str>, bool)> = Vec::new();
    for picture in pictures {
        let group = groups
            .iter_mut()
            .find(|(first, _, _)| near(first.looks, picture.looks).is_some());
        match group {
            Some((first, cases, differ)) => {
                cases.insert(picture.case_id);
                *differ |= first.sha256 != picture.sha256;
            }
            None => groups.push((picture, BTreeSet::from([picture.case_id]), false)),
        }
    }
    groups
        .into_iter()
        .filter(|(_, cases, differ)| *differ && cases.len() > 1)
        .map(|(first, cases, _)| Reuse {
            sha256: first.sha256.to_owned(),
            near: true,
            cases: cases.into_iter().map(str::to_owned).collect(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::casebook::Attached;
    use super::*;

    fn step(action: &str, from: &str, to: &str, actor: &str, minute: i64) -> Step {
        Step {
            seq: minute,
            from: Some(from.to_owned()),
            to: to.to_owned(),
            action: action.to_owned(),
            actor: actor.to_owned(),
            role: "reviewer".to_owned(),
            at: minute * 60_000_000,
            fields: BTreeMap::new(),
            files: Vec::new(),
        }
    }

    fn case(id: &str, severity: &str, reviewer: &str, minutes: i64) -> CaseFile {
        CaseFile {
            case_id: id.to_owned(),
            severity: severity.to_owned(),
            steps: vec![
                step("submit", "rectify", "submitted", "plant", 0),
                step("approve", "submitted", "approved", reviewer, minutes),
                step("close", "look_back", "closed", "engine", 10_000),
            ],
            ..CaseFile::default()
        }
    }

    #[test]
    fn risk_is_points_with_their_reasons() {
        let mut cases: Vec<CaseFile> = (0..10)
            .map(|at| case(&format!("c{at}"), "S3", "lenient", 30))
            .collect();
        cases.push(case("fast", "S2", "rev", 1));
        cases.push(case("slow", "S3", "rev", 60));
        let mut returned = case("returned", "S3", "rev", 90);
        returned
            .steps
            .insert(1, step("return", "submitted", "returned", "rev", 20));
        returned
            .steps
            .insert(2, step("submit", "returned", "submitted", "plant", 40));
        cases.push(returned);
        let mut open = case("open", "S3", "rev", 5);
        open.steps.pop();
        cases.push(open);
        for at in [10, 11] {
            cases[at].steps[0].files = vec![Attached {
                sha256: "ab".repeat(32),
                picture: None,
            }];
        }
        let found = population(&cases, |_| true);
        let weight = |id: &str| {
            found
                .list
                .iter()
                .find(|listed| listed.id == id)
                .map(|one| one.weight)
        };
        assert_eq!(
            weight("c3"),
            Some(3),
            "the reviewer never returned anything"
        );
        assert_eq!(weight("fast"), Some(1 + 3 + 4 + 4));
        assert_eq!(weight("slow"), Some(1 + 4));
        assert_eq!(weight("returned"), Some(1));
        assert_eq!(weight("open"), None, "not closed");
        assert_eq!(found.reuse.len(), 1);
        assert_eq!(found.reuse[0].cases, ["fast", "slow"]);
        let rev = found
            .reviewers
            .iter()
            .find(|one| one.reviewer == "rev")
            .unwrap();
        assert_eq!((rev.decisions, rev.returns, rev.hasty), (5, 1, 1));
        assert_eq!(rev.return_percent, "20.00");
        // 1, 5, 20, 50 and 60 minutes.
        assert!((rev.median_minutes - 20.0).abs() < 1e-9);
        // Without the return after 20.
        assert_eq!(rev.approval_minutes, Some((5.0 + 50.0) / 2.0));
        assert!(population(&cases, |case| case.case_id == "fast").list.len() == 1);
    }

    #[test]
    fn a_picture_compressed_again_is_the_same_picture() {
        let photo = |sha256: &str, looks: u128| Attached {
            sha256: sha256.repeat(32),
            picture: Some(format!("{looks:032x}")),
        };
        let mut cases: Vec<CaseFile> = ["first", "again", "other"]
            .map(|id| case(id, "S3", "rev", 30))
            .into();
        let looks = 0x0123_4567_89ab_cdef_u128;
        cases[0].steps[0].files = vec![photo("aa", looks)];
        // Three of 128 bits differ; the third picture has nothing of it.
        cases[1].steps[0].files = vec![photo("bb", looks ^ 0b111)];
        cases[2].steps[0].files = vec![photo("cc", !looks)];
        let found = population(&cases, |_| true);
        assert_eq!(
            found.reuse,
            [Reuse {
                sha256: "aa".repeat(32),
                near: true,
                cases: vec!["again".to_owned(), "first".to_owned()],
            }]
        );
        let weight = |id: &str| found.list.iter().find(|one| one.id == id).unwrap().weight;
        assert_eq!(
            [weight("first"), weight("again"), weight("other")],
            [5, 5, 1]
        );
        // Twice in one case is no reuse.
        cases[1].steps[0].files = Vec::new();
        cases[0].steps[0].files.push(photo("bb", looks ^ 0b111));
        assert!(population(&cases, |_| true).reuse.is_empty());
    }
}
