//! Drawing lots so that everybody can draw them again (双随机).
//!
//! A unit's ticket is a SHA-256 of the seed and the unit's id. The smallest tickets win. Nothing
//! else goes in: not the order of the list, not the machine, not the time; `sha256sum` is enough to
//! check a single ticket. A unit of weight w holds w tickets and takes part with the best of them,
//! so that it is w times as likely to come first.
//!
//! ```text
//! ticket = SHA-256( "nonsite-draw-1" LF seed LF kind LF id LF number )     number = 1 .. weight
//! ```
//!
//! Officers are drawn for each chosen unit in turn: those who must avoid it are left out, then the
//! ones with the fewest units so far come first, then the smallest ticket (kind `officer`, id
//! `UNIT LF OFFICER`, number 1).
//!
//! The seed has to be published by somebody who cannot choose it, after the list is fixed:
//! [`Draw::list_sha256`] can be published before.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Error;

/// Name of the algorithm.
pub const ALGORITHM: &str = "nonsite-draw-1";
/// The largest weight: more tickets would make a lottery of one.
pub const MAX_WEIGHT: u32 = 100;

/// What is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Units to inspect, with officers.
    Draw,
    /// Closed cases to look into.
    Sample,
}

impl Kind {
    /// The kind as it is written in tables and tickets.
    pub fn code(self) -> &'static str {
        match self {
            Self::Draw => "draw",
            Self::Sample => "sample",
        }
    }
}

/// A unit or case on the list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Listed {
    /// Its id; what the ticket is made of.
    pub id: String,
    /// Its name, for people.
    pub name: String,
    /// Tickets it holds, 1 to [`MAX_WEIGHT`].
    pub weight: u32,
    /// Why it holds more than one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub why: Vec<String>,
}

/// An officer who can be drawn.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Officer {
    /// Id of the officer.
    pub officer_id: String,
    /// Number of the enforcement certificate.
    pub certificate_no: String,
    /// Units the officer has to avoid (回避): ids on the list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub avoids: Vec<String>,
}

/// One that was drawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chosen {
    /// Place, from 1.
    pub place: u32,
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The ticket it was drawn with, hex.
    pub ticket: String,
    /// Officers drawn for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub officers: Vec<String>,
}

/// A drawing: the list, the rules, the seed, and what follows from them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draw {
    /// Always [`ALGORITHM`].
    pub algorithm: String,
    /// What is drawn.
    pub kind: Kind,
    /// What the list is, and where the seed comes from.
    pub basis: String,
    /// The published seed.
    pub seed: String,
    /// How many are drawn.
    pub count: u32,
    /// How many of them are drawn with one ticket each, before weights come in.
    pub unweighted: u32,
    /// Officers to a unit; 0 when none are drawn.
    pub officers_each: u32,
    /// The list, by id.
    pub list: Vec<Listed>,
    /// The officers, by id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub officers: Vec<Officer>,
    /// What was drawn, by place.
    pub chosen: Vec<Chosen>,
}

/// What a drawing is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What is drawn.
    pub kind: Kind,
    /// What the list is, and where the seed comes from.
    pub basis: String,
    /// The published seed.
    pub seed: String,
    /// How many to draw.
    pub count: u32,
    /// How many of them without regard to weights.
    pub unweighted: u32,
    /// The list, in any order.
    pub list: Vec<Listed>,
    /// Officers, in any order.
    pub officers: Vec<Officer>,
    /// Officers to a unit; 0 draws none.
    pub officers_each: u32,
}

/// Draws.
///
/// # Errors
/// [`Error::Asked`] when the list is empty or names one twice, a weight is out of range, more are
/// asked for than there are, or too few officers may inspect a unit.
pub fn draw(request: Request) -> Result<Draw, Error> {
    let Request {
        kind,
        basis,
        seed,
        count,
        unweighted,
        mut list,
        mut officers,
        officers_each,
    } = request;
    list.sort();
    officers.sort();
    check(&seed, count, unweighted, &list, &officers)?;
    let mut chosen = Vec::with_capacity(count as usize);
    let mut taken = BTreeSet::new();
    let mut pick = |many: u32, weighted: bool| {
        let mut tickets: Vec<(String, &Listed)> = list
            .iter()
            .filter(|listed| !taken.contains(&listed.id))
            .map(|listed| (best_ticket(&seed, kind, listed, weighted), listed))
            .collect();
        tickets.sort();
        for (ticket, listed) in tickets.into_iter().take(many as usize) {
            taken.insert(listed.id.clone());
            chosen.push(Chosen {
                place: chosen.len() as u32 + 1,
                id: listed.id.clone(),
                name: listed.name.clone(),
                ticket,
                officers: Vec::new(),
            });
        }
    };
    pick(unweighted, false);
    pick(count - unweighted, true);
    if officers_each > 0 {
        assign(&seed, officers_each, &officers, &mut chosen)?;
    }
    Ok(Draw {
        algorithm: ALGORITHM.to_owned(),
        kind,
        basis,
        seed,
        count,
        unweighted,
        officers_each,
        list,
        officers,
        chosen,
    })
}

fn check(
    seed: &str,
    count: u32,
    unweighted: u32,
    list: &[Listed],
    officers: &[Officer],
) -> Result<(), Error> {
    let asked = |what: String| Err(Error::Asked(what));
    if seed.trim().is_empty() {
        return asked("the seed is empty: give the published one".to_owned());
    }
    if seed.contains('\n') {
        return asked("the seed has several lines: give it as one".to_owned());
    }
    if list.is_empty() {
        return asked("the list is empty: nothing can be drawn".to_owned());
    }
    if count == 0 || count as usize > list.len() || unweighted > count {
        return asked(format!(
            "{count} cannot be drawn from a list of {}",
            list.len()
        ));
    }
    for pair in list.windows(2) {
        if pair[0].id == pair[1].id {
            return asked(format!("`{}` is on the list twice", pair[0].id));
        }
    }
    for listed in list {
        if listed.id.trim().is_empty() || listed.id.contains('\n') {
            return asked(format!("`{}` is no id", listed.id));
        }
        if !(1..=MAX_WEIGHT).contains(&listed.weight) {
            return asked(format!(
                "`{}` has weight {}: use 1 to {MAX_WEIGHT}",
                listed.id, listed.weight
            ));
        }
    }
    for pair in officers.windows(2) {
        if pair[0].officer_id == pair[1].officer_id {
            return asked(format!("officer `{}` is listed twice", pair[0].officer_id));
        }
    }
    Ok(())
}

fn ticket(seed: &str, kind: &str, id: &str, number: u32) -> String {
    let text = format!("{ALGORITHM}\n{seed}\n{kind}\n{id}\n{number}");
    hex::encode(Sha256::digest(text.as_bytes()))
}

fn best_ticket(seed: &str, kind: Kind, listed: &Listed, weighted: bool) -> String {
    let tickets = if weighted { listed.weight } else { 1 };
    (1..=tickets)
        .map(|number| ticket(seed, kind.code(), &listed.id, number))
        .min()
        .unwrap_or_default()
}

fn assign(seed: &str, each: u32, officers: &[Officer], chosen: &mut [Chosen]) -> Result<(), Error> {
    let mut load: BTreeMap<&str, u32> = BTreeMap::new();
    for unit in chosen {
        let mut free: Vec<(u32, String, &str)> = officers
            .iter()
            .filter(|officer| !officer.avoids.contains(&unit.id))
            .map(|officer| {
                let id = officer.officer_id.as_str();
                let lot = ticket(seed, "officer", &format!("{}\n{id}", unit.id), 1);
                (load.get(id).copied().unwrap_or(0), lot, id)
            })
            .collect();
        free.sort();
        if free.len() < each as usize {
            return Err(Error::Asked(format!(
                "unit `{}` needs {each} officers and {} may inspect it: add officers or look at \
                 the conflicts of interest",
                unit.id,
                free.len()
            )));
        }
        for (_, _, id) in free.into_iter().take(each as usize) {
            *load.entry(id).or_default() += 1;
            unit.officers.push(id.to_owned());
        }
    }
    Ok(())
}

impl Draw {
    /// `d` and 16 hex digits of the SHA-256 of the whole drawing: the same list, seed and rules have
    /// the same id.
    pub fn id(&self) -> String {
        let digest = Sha256::digest(self.document().as_bytes());
        format!("d{}", hex::encode(&digest[..8]))
    }

    /// SHA-256 of the list and the officers, hex. It can be published before the seed is known.
    pub fn list_sha256(&self) -> String {
        // Texts and numbers: they always serialise.
        let text = serde_json::to_string(&(&self.list, &self.officers)).unwrap_or_default();
        hex::encode(Sha256::digest(text.as_bytes()))
    }

    /// The drawing as JSON text.
    pub fn document(&self) -> String {
        // Texts and numbers: they always serialise.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Draws again; what comes out differently, nothing when the drawing is right.
    ///
    /// # Errors
    /// As [`draw`]: a drawing that cannot have come about.
    pub fn verify(&self) -> Result<Vec<String>, Error> {
        if self.algorithm != ALGORITHM {
            return Ok(vec![format!(
                "algorithm `{}` is not known here; this is {ALGORITHM}",
                self.algorithm
            )]);
        }
        let again = draw(Request {
            kind: self.kind,
            basis: self.basis.clone(),
            seed: self.seed.clone(),
            count: self.count,
            unweighted: self.unweighted,
            list: self.list.clone(),
            officers: self.officers.clone(),
            officers_each: self.officers_each,
        })?;
        let mut found = Vec::new();
        if self.chosen.len() != again.chosen.len() {
            found.push(format!(
                "{} are said to be drawn, {} are",
                self.chosen.len(),
                again.chosen.len()
            ));
        }
        for (said, drawn) in self.chosen.iter().zip(&again.chosen) {
            if said != drawn {
                found.push(format!(
                    "place {}: `{}` with {} is said to be drawn, `{}` with {} is",
                    drawn.place,
                    said.id,
                    said.officers.join(","),
                    drawn.id,
                    drawn.officers.join(",")
                ));
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests;
