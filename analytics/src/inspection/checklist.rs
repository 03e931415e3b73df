//! Permit checklists as data: what an inspector of an industry asks, on which basis, and how to
//! find out without entering.
//!
//! One TOML file per industry; `common` holds what every permit is asked and is included by the
//! others. An item is asked once per unit, or once per outlet, limit, automatic or manual
//! monitoring duty, permitted mass or report due, as the permit states them ([`Per`]). Where data
//! can answer, the item names the check ([`Check`]).
//!
//! Failure modes: a file that contradicts itself is refused with its name and the item.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Error;

/// The files that come with the program.
const BUILT_IN: [(&str, &str); 12] = [
    ("common.toml", include_str!("../../checklists/common.toml")),
    (
        "thermal_power.toml",
        include_str!("../../checklists/thermal_power.toml"),
    ),
    ("cement.toml", include_str!("../../checklists/cement.toml")),
    (
        "incineration.toml",
        include_str!("../../checklists/incineration.toml"),
    ),
    ("sewage.toml", include_str!("../../checklists/sewage.toml")),
    ("paper.toml", include_str!("../../checklists/paper.toml")),
    (
        "chemicals.toml",
        include_str!("../../checklists/chemicals.toml"),
    ),
    ("steel.toml", include_str!("../../checklists/steel.toml")),
    (
        "nonferrous.toml",
        include_str!("../../checklists/nonferrous.toml"),
    ),
    (
        "flat_glass.toml",
        include_str!("../../checklists/flat_glass.toml"),
    ),
    (
        "ceramics.toml",
        include_str!("../../checklists/ceramics.toml"),
    ),
    (
        "petrochemical.toml",
        include_str!("../../checklists/petrochemical.toml"),
    ),
];

/// What an item is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// Once.
    Unit,
    /// Each outlet.
    Outlet,
    /// Each concentration limit.
    Limit,
    /// Each pollutant that has to be monitored automatically.
    Auto,
    /// Each duty to sample.
    Manual,
    /// Each permitted annual mass.
    Mass,
    /// Each execution report that has fallen due.
    Report,
}

/// How data can answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// The permit is in force.
    PermitValid,
    /// Valid means over the limit.
    Limit,
    /// A logger is bound and its data come in.
    Connected,
    /// Share of due hours that came in.
    Transmission,
    /// The latest sampling is recent enough.
    Sampled,
    /// Mass of the permit year so far.
    Mass,
    /// Handed in, and in time.
    Report,
    /// Open findings of the rules.
    Findings,
}

impl Check {
    fn fits(self, per: Per) -> bool {
        match self {
            Self::PermitValid | Self::Findings => per == Per::Unit,
            Self::Limit => per == Per::Limit,
            Self::Connected | Self::Transmission => per == Per::Auto,
            Self::Sampled => per == Per::Manual,
            Self::Mass => per == Per::Mass,
            Self::Report => per == Per::Report,
        }
    }
}

/// One item of a checklist.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Id within the checklist: lower-case letters, digits and hyphens.
    pub id: String,
    /// What is asked, Chinese.
    pub zh: String,
    /// What is asked, English.
    pub en: String,
    /// Legal or technical basis.
    pub basis: String,
    /// How to find out without entering, Chinese.
    pub how: String,
    /// What it is asked for.
    pub per: Per,
    /// How data can answer, where they can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<Check>,
    /// For `transmission`: share of the due hours from which it passes, percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_percent: Option<f64>,
}

/// The checklist of one industry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checklist {
    /// Id: lower-case letters, digits and hyphens.
    pub checklist_id: String,
    /// Version, from 1; changes with every change of an item.
    pub version: i32,
    /// Name, Chinese.
    pub name_zh: String,
    /// Name, English.
    pub name_en: String,
    /// Industries it is for: codes of GB/T 4754 or their first two or three digits.
    #[serde(default)]
    pub industries: Vec<String>,
    /// Checklists whose items come first.
    #[serde(default)]
    pub include: Vec<String>,
    /// The items.
    #[serde(default, rename = "item")]
    pub items: Vec<Item>,
}

/// All checklists, with what they include put in.
#[derive(Debug, Clone, PartialEq)]
pub struct Checklists(BTreeMap<String, Checklist>);

impl Checklists {
    /// Those that come with the program, and those of a folder; a file with the id of a built-in one
    /// replaces it.
    ///
    /// # Errors
    /// [`Error::Asked`], naming the file and what is wrong with it.
    pub fn load(folder: Option<&Path>) -> Result<Self, Error> {
        let mut files: Vec<(String, String)> = BUILT_IN
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect();
        if let Some(folder) = folder {
            let fault = |what: std::io::Error| {
                Error::Asked(format!("checklists in `{}`: {what}", folder.display()))
            };
            let mut names = Vec::new();
            for entry in std::fs::read_dir(folder).map_err(fault)? {
                let path = entry.map_err(fault)?.path();
                if path
                    .extension()
                    .is_some_and(|extension| extension == "toml")
                {
                    names.push(path);
                }
            }
            names.sort();
            for path in names {
                let text = std::fs::read_to_string(&path).map_err(fault)?;
                files.push((path.display().to_string(), text));
            }
        }
        let mut lists: BTreeMap<String, Checklist> = BTreeMap::new();
        for (name, text) in &files {
            let list = parse(name, text)?;
            lists.insert(list.checklist_id.clone(), list);
        }
        let known = lists.clone();
        for list in lists.values_mut() {
            include(list, &known)?;
        }
        let all = Self(lists);
        all.check_industries()?;
        Ok(all)
    }

    /// One code must lead to one checklist.
    fn check_industries(&self) -> Result<(), Error> {
        let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
        for list in self.0.values() {
            for code in &list.industries {
                if let Some(other) = seen.insert(code, &list.checklist_id) {
                    return Err(Error::Asked(format!(
                        "industry {code} is in checklists `{other}` and `{}`",
                        list.checklist_id
                    )));
                }
            }
        }
        Ok(())
    }

    /// Every checklist, by id.
    pub fn all(&self) -> impl Iterator<Item = &Checklist> {
        self.0.values()
    }

    /// A checklist by its id.
    pub fn get(&self, checklist_id: &str) -> Option<&Checklist> {
        self.0.get(checklist_id)
    }

    /// The checklist of an industry (four digits): the one that names most of its digits.
    pub fn of_industry(&self, code: &str) -> Option<&Checklist> {
        let matching = |list: &&Checklist| {
            let longest = list
                .industries
                .iter()
                .filter(|prefix| code.starts_with(prefix.as_str()));
            longest.map(String::len).max()
        };
        self.0
            .values()
            .filter_map(|list| matching(&list).map(|digits| (digits, list)))
            .max_by_key(|(digits, _)| *digits)
            .map(|(_, list)| list)
    }
}

fn parse(name: &str, text: &str) -> Result<Checklist, Error> {
    let fault = |what: String| Error::Asked(format!("checklist `{name}`: {what}"));
    let list: Checklist = toml::from_str(text).map_err(|error| fault(error.to_string()))?;
    let plain = |id: &str| {
        !id.is_empty()
            && id
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    if !plain(&list.checklist_id) {
        return Err(fault(format!("`{}` is no checklist_id", list.checklist_id)));
    }
    if list.version < 1 {
        return Err(fault(format!("version {} is not from 1", list.version)));
    }
    for code in &list.industries {
        let digits = code.bytes().all(|byte| byte.is_ascii_digit());
        if !digits || !(2..=4).contains(&code.len()) {
            return Err(fault(format!(
                "industry `{code}` is not two to four digits of GB/T 4754"
            )));
        }
    }
    let mut ids = BTreeSet::new();
    for item in &list.items {
        if !plain(&item.id) || !ids.insert(&item.id) {
            return Err(fault(format!("`{}` is no id, or is there twice", item.id)));
        }
        if item.zh.trim().is_empty() || item.basis.trim().is_empty() || item.how.trim().is_empty() {
            return Err(fault(format!("item `{}` lacks zh, basis or how", item.id)));
        }
        if let Some(check) = item.check
            && !check.fits(item.per)
        {
            return Err(fault(format!(
                "item `{}`: the check does not fit what it is asked per",
                item.id
            )));
        }
        if item
            .min_percent
            .is_some_and(|percent| !(0.0..=100.0).contains(&percent))
        {
            return Err(fault(format!(
                "item `{}`: min_percent is not 0 to 100",
                item.id
            )));
        }
    }
    Ok(list)
}

fn include(list: &mut Checklist, known: &BTreeMap<String, Checklist>) -> Result<(), Error> {
    let fault = |what: String| Error::Asked(format!("checklist `{}`: {what}", list.checklist_id));
    let mut items = Vec::new();
    for id in &list.include {
        let included = known
            .get(id)
            .ok_or_else(|| fault(format!("includes `{id}`, which is not there")))?;
        if !included.include.is_empty() {
            return Err(fault(format!(
                "includes `{id}`, which includes others itself"
            )));
        }
        items.extend(included.items.iter().cloned());
    }
    items.append(&mut list.items);
    let mut ids = BTreeSet::new();
    if let Some(twice) = items.iter().find(|item| !ids.insert(item.id.clone())) {
        return Err(fault(format!("item `{}` is there twice", twice.id)));
    }
    list.items = items;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_ones_cover_their_industries() {
        let lists = Checklists::load(None).unwrap();
        for (code, id) in [
            ("4411", Some("thermal-power")),
            ("4412", Some("thermal-power")),
            ("4417", Some("incineration")),
            ("3011", Some("cement")),
            ("4620", Some("sewage")),
            ("2221", Some("paper")),
            ("2614", Some("chemicals")),
            ("3120", Some("steel")),
            ("3140", None),
            ("3212", Some("nonferrous")),
            ("3041", Some("flat-glass")),
            ("3042", None),
            ("3031", Some("ceramics")),
            ("3071", Some("ceramics")),
            ("2511", Some("petrochemical")),
            ("2521", None),
            ("1310", None),
        ] {
            let found = lists
                .of_industry(code)
                .map(|list| list.checklist_id.as_str());
            assert_eq!(found, id, "{code}");
        }
        for list in lists.all() {
            let own = list.checklist_id == "common";
            assert_eq!(list.industries.is_empty(), own, "{}", list.checklist_id);
            assert!(list.items.len() >= 8, "{}", list.checklist_id);
            let common = lists.get("common").unwrap().items.len();
            assert!(
                own || list.items.len() > common,
                "{} has items of its own",
                list.checklist_id
            );
        }
    }

    #[test]
    fn files_of_a_folder_replace_and_faults_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("own.toml");
        let item = "[[item]]\nid = \"a\"\nzh = \"问\"\nen = \"ask\"\nbasis = \"b\"\nhow = \"h\"\nper = \"unit\"\n";
        let head =
            "checklist_id = \"cement\"\nversion = 7\nname_zh = \"水泥\"\nname_en = \"cement\"\n";
        let with = |text: &str| {
            std::fs::write(&file, text).unwrap();
            Checklists::load(Some(folder.path()))
        };
        let lists = with(&format!("{head}industries = [\"3011\"]\n{item}")).unwrap();
        let cement = lists.of_industry("3011").unwrap();
        assert_eq!((cement.version, cement.items.len()), (7, 1));

        let wrong = |text: &str| with(text).unwrap_err().to_string();
        assert!(wrong(&format!("{head}industries = [\"30110\"]\n")).contains("30110"));
        assert!(wrong(&format!("{head}industries = [\"4411\"]\n")).contains("thermal-power"));
        assert!(wrong(&format!("{head}include = [\"none\"]\n")).contains("`none`"));
        assert!(wrong(&format!("{head}{item}{item}")).contains("twice"));
        assert!(wrong(&format!("{head}{item}check = \"mass\"\n")).contains("does not fit"));
        assert!(wrong(&format!("{head}{item}chek = \"mass\"\n")).contains("own.toml"));
    }
}
