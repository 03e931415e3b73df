//! What people tell the program about themselves: the roster of officers, special supervision, samplings of
//! case files, evaluations. As typed, and as the targets count it for the year.

use nonsite_analytics::targets::Target;

use crate::harness::sandbox::Sandbox;

/// The roster as the personnel office keeps it: on 31 December 2025 there are six, and four of them hold a
/// certificate.
const ROSTER: &str = "\
officer_id,name,org_code,certificate_no,valid_from,valid_to,left_on
p-1,甲,370502F,37-0001,2023-01-01,2028-12-31,
p-2,乙,370502F,37-0002,2023-01-01,2025-12-31,
p-3,丙,370503F,37-0003,2020-01-01,2025-12-30,
p-4,丁,370503F,,,,
p-5,戊,370505F,37-0005,,,
p-6,己,370500Z,37-0006,2025-12-31,,
p-7,庚,370500Z,,,,2025-06-01
";

/// One piece of supervision: kind, body, case files and those with faults, the day it ended.
type Told<'t> = (&'t str, &'t str, Option<(u32, u32)>, &'t str);

/// Tells everything. `bureaus` are the city's sub-bureaus.
pub(super) fn tell(sandbox: &Sandbox, bureaus: &[&str]) {
    sandbox.write("roster.csv", ROSTER);
    let import = [
        "inspection",
        "roster",
        "import",
        "roster.csv",
        "--by",
        "人事科",
        "--format",
        "json",
    ];
    for fresh in [7, 0] {
        let told = sandbox.run(&import).done().json();
        assert_eq!(told, serde_json::json!({"officers": 7, "fresh": fresh}));
    }
    let mut told: Vec<Told<'_>> = vec![
        ("special_action", "370500Z", None, "2025-06-30"),
        // Of the year before, and one that goes on.
        ("special_action", "370500Z", None, "2024-12-31"),
        ("special_action", "370500Z", None, ""),
        ("case_files", bureaus[0], Some((12, 3)), "2025-04-01"),
        ("case_files", bureaus[1], Some((8, 0)), "2025-12-31"),
        ("case_files", bureaus[2], Some((5, 1)), ""),
        // Late by a day.
        ("self_evaluation", bureaus[0], None, "2025-09-21"),
        ("city_evaluation", "370500Z", None, "2025-10-10"),
    ];
    for bureau in &bureaus[1..] {
        told.push(("self_evaluation", bureau, None, "2025-09-20"));
    }
    for (kind, org, files, ended) in &told {
        let mut words: Vec<String> = [
            "inspection",
            "supervision",
            "add",
            "--kind",
            *kind,
            "--org",
            *org,
            "--title",
            &format!("{kind} {ended}"),
            "--by",
            "督查科",
        ]
        .map(str::to_owned)
        .to_vec();
        if let Some((files, faulty)) = files {
            words.extend(["--files".to_owned(), files.to_string()]);
            words.extend(["--faulty".to_owned(), faulty.to_string()]);
        }
        if !ended.is_empty() {
            words.extend(["--completed-on".to_owned(), (*ended).to_owned()]);
        }
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        sandbox.run(&words).done();
    }
    let list = ["inspection", "supervision", "list", "--format", "json"];
    let listed = sandbox.run(&list).done().json();
    assert_eq!(listed.as_array().unwrap().len(), told.len());
    let files = [&list[..], &["--kind", "case_files"]].concat();
    let listed = sandbox.run(&files).done().json();
    assert_eq!(listed.as_array().unwrap().len(), 3);
    sandbox
        .run(&[
            "inspection",
            "supervision",
            "add",
            "--kind",
            "special_action",
            "--org",
            "370500Z",
            "--title",
            "x",
            "--files",
            "3",
            "--by",
            "督查科",
        ])
        .exits(2)
        .complains(&["case_files"]);
}

/// What the targets make of it for 2025, seen from later.
pub(super) fn counted<'t>(of: &impl Fn(&str) -> &'t Target) {
    let bureaus = of("bureaus_audited").of;
    for (code, hits, all, reached) in [
        ("certificates_held", 4.0, 6.0, Some(false)),
        ("special_supervision", 1.0, 3.0, Some(true)),
        ("case_files_sampled", 20.0, 20.0, None),
        ("self_evaluations", bureaus - 1.0, bureaus, Some(false)),
        ("city_evaluation", 1.0, 1.0, Some(true)),
        ("year_evaluation", 0.0, 1.0, Some(false)),
    ] {
        let target = of(code);
        assert_eq!((target.hits, target.of), (hits, all), "{code}");
        assert_eq!(target.reached, reached, "{code}");
    }
    let late = of("self_evaluations");
    let late = late.rows.iter().find(|row| row[3] == "false").unwrap();
    assert_eq!(late[2], "2025-09-21");
    let special = of("special_supervision");
    assert_eq!(
        (special.at_least, special.percent.as_deref()),
        (Some(1), None)
    );
}
