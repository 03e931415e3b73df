//! The targets that are counted from the tables: what `nonsite stats` prints follows from the city's
//! year, and every figure is the sum of its rows.

use std::collections::{BTreeMap, BTreeSet};

use nonsite_analytics::inspection::{Config, EmissionBasis};
use nonsite_analytics::ratio::{Period, RatioPolicy};
use nonsite_analytics::review::Case;
use nonsite_analytics::session;
use nonsite_analytics::targets::{Asked as Wanted, Target, targets};
use nonsite_generator::city_year::{Asked, CityYear, Fate, Stage, sub_bureaus};
use nonsite_schemas::time::{Clock, SystemClock};
use serde_json::Value as Json;

use super::YEAR;
use crate::harness::sandbox::Sandbox;

/// What no topic carries.
fn stated(bureaus: &[&str]) -> String {
    let audit = |bureau: &str, day: &str| {
        format!(
            "[[audit]]\norg_code = \"{bureau}\"\nteam = \"稽查一组\"\ncompleted_on = \"{day}\"\n"
        )
    };
    let statistic = |industry: &str, pollutant: &str, mass: u32| {
        format!(
            "[[statistic]]\nindustry = \"{industry}\"\npollutant = \"{pollutant}\"\nmass_t = {mass}\n"
        )
    };
    [
        // The third was audited in another year.
        audit(bureaus[0], "2025-05-20"),
        audit(bureaus[1], "2025-12-31"),
        audit(bureaus[2], "2024-12-31"),
        statistic("4411", "SO2", 95),
        statistic("1713", "SO2", 5),
        statistic("4411", "COD", 40),
        statistic("1713", "COD", 60),
    ]
    .concat()
}

/// `sample` is the one drawn of the closed cases, `visits` how many the workflow wrote, by body. What
/// `nonsite stats` printed.
pub(super) fn lead_to_their_rows(
    sandbox: &mut Sandbox,
    city: &CityYear,
    sample: &Json,
    visits: BTreeMap<String, u64>,
) -> Vec<Json> {
    let bureaus = sub_bureaus();
    super::supervised::tell(sandbox, &bureaus);
    let file = sandbox.write("targets.toml", stated(&bureaus));
    sandbox.set("inspection.targets", "targets.toml");
    sandbox.set("inspection.emission_basis", "statistics");
    let year = YEAR.to_string();
    let words = ["stats", "--year", &year, "--format", "json"];
    let printed = sandbox.run(&words).done().json();
    let printed = printed.as_array().unwrap();

    let period = Period::year(YEAR).unwrap();
    let config = Config {
        targets: Some(file),
        emission_basis: EmissionBasis::Statistics,
        ..Config::default()
    };
    let now = SystemClock.now_micros();
    let wanted = Wanted {
        period: &period,
        as_of: now,
        policy: &RatioPolicy::built_in(),
        config: &config,
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let found = runtime.block_on(async {
        let store = sandbox.file("data/tables");
        let session = session::open(&store, &session::Config::default())
            .await
            .unwrap();
        targets(&session, wanted).await.unwrap()
    });
    for target in &found {
        let shown = printed.iter().find(|shown| shown["code"] == target.code);
        let shown = shown.unwrap_or_else(|| panic!("no {}", target.code));
        assert_eq!(shown["hits"].as_f64(), Some(target.hits), "{shown}");
        assert_eq!(shown["of"].as_f64(), Some(target.of), "{shown}");
        assert_eq!(shown["percent"].as_str(), target.percent.as_deref());
        assert_eq!(shown["reached"].as_bool(), target.reached, "{shown}");
        rows_add_up(target);
    }
    let of = |code: &str| found.iter().find(|target| target.code == code).unwrap();
    emissions(&of);
    let audited = of("bureaus_audited");
    assert_eq!((audited.hits, audited.of), (2.0, bureaus.len() as f64));
    let listed: BTreeSet<&str> = audited.rows.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(listed, bureaus.into_iter().collect());

    let asked = Asked::at(now, now);
    let acts: Vec<(&Stage, Fate)> = city
        .truth
        .fates(&asked)
        .map(|(_, stage, fate)| (stage, fate))
        .collect();
    let workflow: u64 = visits.values().sum();
    entered(&of, &acts, workflow);
    coded(&of, &acts, workflow);
    super::supervised::counted(&of);
    let orgs: BTreeMap<String, &str> = city
        .clues
        .iter()
        .map(|clue| (Case::id_of(&clue.anomaly_id), clue.org_code.as_str()))
        .collect();
    let looked_into: BTreeSet<&str> = sample["chosen"]
        .as_array()
        .unwrap()
        .iter()
        .map(|chosen| orgs[chosen["id"].as_str().unwrap()])
        .collect();
    online(of("stages_online"), &acts, workflow, &looked_into);
    // As printed, too.
    let rows = sandbox.run(&[&words[..], &["--rows", "visits_per_unit"]].concat());
    let rows = rows.done().json();
    assert_eq!(
        rows.as_array().unwrap().len() as f64,
        of("visits_per_unit").of
    );
    printed.clone()
}

/// A figure is the sum of its rows.
fn rows_add_up(target: &Target) {
    let column = |name: &str| target.columns.iter().position(|column| *column == name);
    let said = |name: &str, yes: &str| {
        let column = column(name).unwrap();
        let rows = target.rows.iter().filter(|row| row[column] == yes);
        (rows.count() as f64, target.rows.len() as f64)
    };
    let sum = match target.code {
        "checklist_units" | "checklist_industries" => {
            assert_eq!(
                (target.hits, target.of),
                (0.0, 0.0),
                "no permits, no drawings"
            );
            assert_eq!(target.percent, None);
            return;
        }
        // The sum over all pollutants says nothing; the headline is one of the others.
        "checklist_emission" => return,
        code if code.starts_with("checklist_emission_") => {
            let (mass, list) = (column("mass t").unwrap(), column("checklist").unwrap());
            let total = |listed: bool| -> f64 {
                let rows = target
                    .rows
                    .iter()
                    .filter(|row| !listed || row[list] == "yes");
                rows.map(|row| row[mass].parse::<f64>().unwrap()).sum()
            };
            (total(true), total(false))
        }
        "bureaus_audited" => said("audited", "true"),
        "code_shown" | "acts_coded" => said("coded", "true"),
        "certificates_held" => said("holds", "true"),
        "special_supervision" => said("counts", "true"),
        "self_evaluations" | "city_evaluation" | "year_evaluation" => said("in time", "true"),
        "case_files_sampled" => {
            let (files, counts) = (column("files").unwrap(), column("counts").unwrap());
            let rows = target.rows.iter().filter(|row| row[counts] == "true");
            let sum: f64 = rows.map(|row| row[files].parse::<f64>().unwrap()).sum();
            (sum, sum)
        }
        "joint_inspections" => said("joint", "true"),
        "visits_per_unit" => said("within", "true"),
        "stages_online" => said("all", "true"),
        "chain_complete" => said("all four", "true"),
        chain => {
            let name = format!("{} d", chain.strip_prefix("chain_").unwrap());
            let column = column(&name).unwrap();
            let rows = target.rows.iter().filter(|row| !row[column].is_empty());
            (rows.count() as f64, target.rows.len() as f64)
        }
    };
    assert_eq!((target.hits, target.of), sum, "{}", target.code);
}

fn emissions<'t>(of: &impl Fn(&str) -> &'t Target) {
    for (code, hits, total, percent) in [
        ("checklist_emission", 40.0, 100.0, Some("40.00")),
        ("checklist_emission_so2", 95.0, 100.0, Some("95.00")),
        ("checklist_emission_cod", 40.0, 100.0, Some("40.00")),
        ("checklist_emission_nox", 0.0, 0.0, None),
    ] {
        let target = of(code);
        assert_eq!((target.hits, target.of), (hits, total), "{code}");
        assert_eq!(target.percent.as_deref(), percent, "{code}");
    }
    let note = &of("checklist_emission").note;
    assert!(
        note.starts_with("COD decides; add industry 1713 next"),
        "{note}"
    );
}

/// How often premises were entered. The visits of the workflow are triggered, and one body's each.
fn entered<'t>(of: &impl Fn(&str) -> &'t Target, acts: &[(&Stage, Fate)], workflow: u64) {
    let visits: Vec<&Stage> = acts
        .iter()
        .filter(|(_, fate)| *fate == Fate::On)
        .map(|(stage, _)| *stage)
        .collect();
    let joint = of("joint_inspections");
    let together = visits.iter().filter(|stage| stage.leads).count();
    assert_eq!(together, 2);
    assert_eq!(
        (joint.hits, joint.of),
        (together as f64, visits.len() as f64 + workflow as f64)
    );
    let mut by_unit: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for stage in visits.iter().filter(|stage| stage.class != "case") {
        let unit = (stage.org.as_str(), stage.unit.as_str());
        *by_unit.entry(unit).or_default() += 1;
    }
    let within = by_unit.values().filter(|&&visits| visits <= 2).count();
    assert_eq!(
        within + 1,
        by_unit.len(),
        "one unit was visited three times"
    );
    let per_unit = of("visits_per_unit");
    assert_eq!(
        (per_unit.hits, per_unit.of),
        (within as f64, by_unit.len() as f64)
    );
}

/// Acts that are closed, whatever else became of them.
fn closed<'a>(acts: &[(&'a Stage, Fate)]) -> Vec<&'a Stage> {
    acts.iter()
        .filter(|(_, fate)| {
            !matches!(
                fate,
                Fate::Not(
                    "withdrawn"
                        | "not_closed"
                        | "outside_period"
                        | "late_edit"
                        | "merged"
                        | "same_task"
                )
            )
        })
        .map(|(stage, _)| *stage)
        .collect()
}

/// Acts with a code of their own. Nobody gave the workflow's visits one.
fn coded<'t>(of: &impl Fn(&str) -> &'t Target, acts: &[(&Stage, Fate)], workflow: u64) {
    let visits = acts.iter().filter(|(_, fate)| *fate == Fate::On);
    let visits: Vec<&Stage> = visits.map(|(stage, _)| *stage).collect();
    for (code, acts) in [("code_shown", visits), ("acts_coded", closed(acts))] {
        let with = acts.iter().filter(|stage| stage.coded).count();
        assert!(with > 0 && with < acts.len(), "{code} proves nothing");
        let target = of(code);
        let all = acts.len() as f64 + workflow as f64;
        assert_eq!((target.hits, target.of), (with as f64, all), "{code}");
    }
}

/// Which acts have their whole way in the system. `looked_into`: bodies of which the sample chose a case.
fn online(target: &Target, acts: &[(&Stage, Fate)], workflow: u64, looked_into: &BTreeSet<&str>) {
    let closed = closed(acts);
    let said = |column: &str, answer: &str| {
        let column = target.columns.iter().position(|name| *name == column);
        let rows = target
            .rows
            .iter()
            .filter(|row| row[column.unwrap()] == answer);
        rows.count()
    };
    assert_eq!(target.of, closed.len() as f64 + workflow as f64);
    // Nobody wrote a record of the workflow's visits.
    let complete = |stage: &&&Stage| stage.complete;
    assert_eq!(
        said("inspection", "yes"),
        closed.iter().filter(complete).count()
    );
    assert_eq!(said("penalty", "not asked for") as f64, target.of);
    let problems = closed.iter().filter(|stage| stage.problem).count();
    assert!(problems > 0);
    assert_eq!(said("rectification", "no"), problems);
    assert_eq!(said("rectification", "yes") as u64, workflow);
    assert_eq!(said("statistics", "yes") as f64, target.of);
    let whole = closed.iter().filter(|stage| {
        stage.complete && !stage.problem && looked_into.contains(stage.org.as_str())
    });
    assert_eq!(target.hits, whole.count() as f64);
}
