//! A reported figure with everything that gives it again, and what came out differently.
//!
//! Figures are kept for years and the program goes on: what a figure holds can only grow. A part that
//! was added later is left out of the text of a figure that was kept before it, so that the text, and
//! with it the figure's id, stays what it was; such a part is not compared.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::period::Period;
use super::policy::RatioPolicy;
use super::quality::Quality;
use super::share::Share;
use super::versions::Cutoff;

/// A reported figure with what it was made from. Computing again with its policy, period and
/// `as_of` must give the same; [`Snapshot::differences`] names what does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// The whole policy row.
    pub policy: RatioPolicy,
    /// Its fingerprint.
    pub policy_fingerprint: String,
    /// The two instants of the figure.
    pub cutoff: Cutoff,
    /// Days covered.
    pub period: Period,
    /// The counts.
    pub share: Share,
    /// The printed percentage.
    pub percent: Option<String>,
    /// Lower end of the band.
    pub band_min: Option<Share>,
    /// Upper end of the band.
    pub band_max: Option<Share>,
    /// Counts by body.
    pub by_org: BTreeMap<String, Share>,
    /// Counts by month, quarter, method and class; empty in figures kept before these were.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<String, BTreeMap<String, Share>>,
    /// Digest of the acts.
    pub acts_digest: String,
    /// The quality floor; nothing in figures kept before it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<Quality>,
    /// Acts of bodies above the city; nothing in figures kept before they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub higher_level: Option<Share>,
    /// Acts on units of the positive list; nothing in figures kept before they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub positive_list: Option<Share>,
    /// What acts were found to leave open of their checklists, by the origin of the record:
    /// checklists and permits change, what was found then does not.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub open_items: BTreeMap<String, String>,
}

/// One thing that came out differently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SnapshotDifference {
    /// What differs.
    pub what: &'static str,
    /// As it was reported.
    pub reported: String,
    /// As it comes out now.
    pub now: String,
}

impl Snapshot {
    /// `r` and 16 hex digits of the SHA-256 of the figure with everything it was made from.
    pub fn id(&self) -> String {
        id_of(&self.document())
    }

    /// The figure as JSON text.
    pub fn document(&self) -> String {
        // Texts, numbers and maps into memory: nothing here can fail to serialise.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Compares a reported figure with one computed again; empty means reproduced.
    pub fn differences(&self, now: &Self) -> Vec<SnapshotDifference> {
        let mut found = Vec::new();
        let mut compare = |what, reported: String, now: String| {
            if reported != now {
                found.push(SnapshotDifference {
                    what,
                    reported,
                    now,
                });
            }
        };
        let none = || "none".to_owned();
        let counts = |share: &Share| format!("{} of {}", share.off, share.total());
        let maybe = |share: &Option<Share>| share.as_ref().map_or_else(none, counts);
        let percent = |percent: &Option<String>| percent.clone().unwrap_or_else(none);
        compare(
            "policy",
            self.policy_fingerprint.clone(),
            now.policy_fingerprint.clone(),
        );
        compare("acts", self.acts_digest.clone(), now.acts_digest.clone());
        compare("counts", counts(&self.share), counts(&now.share));
        compare("percent", percent(&self.percent), percent(&now.percent));
        compare("band minimum", maybe(&self.band_min), maybe(&now.band_min));
        compare("band maximum", maybe(&self.band_max), maybe(&now.band_max));
        for (what, reported, now) in [
            ("higher level", &self.higher_level, &now.higher_level),
            ("positive list", &self.positive_list, &now.positive_list),
        ] {
            if reported.is_some() {
                compare(what, maybe(reported), maybe(now));
            }
        }
        if let Some(quality) = &self.quality {
            let computed = now.quality.map_or_else(none, |quality| quality.sentence());
            compare("quality", quality.sentence(), computed);
        }
        compare_groups(&mut compare, "body", "", &self.by_org, &now.by_org);
        for (dimension, reported) in &self.groups {
            let nothing = BTreeMap::new();
            let computed = now.groups.get(dimension).unwrap_or(&nothing);
            compare_groups(
                &mut compare,
                "group",
                &format!("{dimension} "),
                reported,
                computed,
            );
        }
        found
    }
}

fn compare_groups(
    compare: &mut impl FnMut(&'static str, String, String),
    what: &'static str,
    dimension: &str,
    reported: &BTreeMap<String, Share>,
    computed: &BTreeMap<String, Share>,
) {
    let keys: BTreeSet<&String> = reported.keys().chain(computed.keys()).collect();
    for key in keys {
        let shown = |group: Option<&Share>| match group {
            Some(share) => format!("{dimension}{key}: {} of {}", share.off, share.total()),
            None => format!("{dimension}{key}: none"),
        };
        compare(what, shown(reported.get(key)), shown(computed.get(key)));
    }
}

/// The id that a figure with this document has.
pub(super) fn id_of(document: &str) -> String {
    let digest = Sha256::digest(document.as_bytes());
    format!("r{}", hex::encode(&digest[..8]))
}
