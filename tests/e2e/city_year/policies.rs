//! The same acts by other policies, and over other days than the year's.

use nonsite_generator::city_year::{Asked, Credited, Once, Reading, Switches, Truth};

use super::{AFTER, answer, asked, counts, day, groups, percent, ratio, text, verdict};
use crate::harness::sandbox::Sandbox;

/// A policy file with these lines; its path.
fn policy(sandbox: &Sandbox, lines: &str) -> String {
    let text =
        format!("[[ratio_policy]]\npolicy_id = \"p\"\neffective_from = \"2024-01-01\"\n{lines}\n");
    let file = sandbox.write("policy.toml", text);
    file.to_str().unwrap().to_owned()
}

/// Every answer to the open questions as the policy's own.
pub(super) fn readings(sandbox: &Sandbox, truth: &Truth) {
    for (at, escalation) in ["collapse", "separate", "offsite_only"].iter().enumerate() {
        for rectification_review in [false, true] {
            let file = policy(
                sandbox,
                &format!(
                    "escalation = \"{escalation}\"\n\
                     count_rectification_review = {rectification_review}"
                ),
            );
            let answer = ratio(sandbox, AFTER, &["--policy", &file]);
            let reading = Reading {
                escalation: at,
                rectification_review,
                ..Reading::default()
            };
            let expected = truth.figures(&asked(AFTER).read(reading));
            assert_eq!(counts(&answer["share"]), expected.share, "{escalation}");
        }
    }
}

/// Every other switch of a policy, one at a time.
pub(super) fn switches(sandbox: &Sandbox, truth: &Truth) {
    let own = Switches::default();
    let credited = |credited| Switches { credited, ..own };
    let once = |once| Switches { once, ..own };
    for (line, switches) in [
        (
            "dedup_window_days = 0",
            Switches {
                window_days: 0,
                ..own
            },
        ),
        (
            "dedup_window_days = 2",
            Switches {
                window_days: 2,
                ..own
            },
        ),
        (
            "dedup_ignores_method = true",
            Switches {
                ignores_method: true,
                ..own
            },
        ),
        ("count_unit = \"task\"", once(Once::Task)),
        ("count_unit = \"case\"", once(Once::Case)),
        ("count_unit = \"firm\"", once(Once::Firm)),
        (
            "joint_inspection = \"split\"",
            Switches {
                split_joint: true,
                ..own
            },
        ),
        (
            "org_attribution = \"dispatching\"",
            credited(Credited::Dispatching),
        ),
        (
            "org_attribution = \"territorial\"",
            credited(Credited::Territorial),
        ),
        (
            "include_higher_level = true",
            Switches {
                higher_level: true,
                ..own
            },
        ),
        (
            "include_positive_list = false",
            Switches {
                positive_list: false,
                ..own
            },
        ),
        (
            "exclude_withdrawn = false",
            Switches {
                excludes_withdrawn: false,
                ..own
            },
        ),
        (
            "min_evidence = false",
            Switches {
                min_evidence: false,
                ..own
            },
        ),
        (
            "freeze_on = \"\"",
            Switches {
                freezes: false,
                ..own
            },
        ),
        (
            "offsite_methods = [\"auto_monitor\", \"video\"]",
            Switches {
                methods: &["auto_monitor", "video"],
                ..own
            },
        ),
    ] {
        let file = policy(sandbox, line);
        let answer = ratio(sandbox, AFTER, &["--policy", &file, "--by", "org"]);
        let expected = truth.figures(&asked(AFTER).switched(switches));
        assert_eq!(counts(&answer["share"]), expected.share, "{line}");
        assert_eq!(text(&answer["percent"]), percent(expected.share), "{line}");
        assert_eq!(answer["verdict"], verdict(expected.share), "{line}");
        // Which of several acts stands for all of them is the program's choice.
        if switches.once == Once::Act {
            assert_eq!(groups(&answer), expected.by_org, "{line}");
        }
    }
}

/// The periods a policy may have, and days that somebody names.
pub(super) fn periods(sandbox: &Sandbox, truth: &Truth) {
    let summer = "2025-08-20";
    let spring = ("2025-03-01", "2025-05-16");
    let custom = "period = { custom = { from = \"2025-03-01\", to = \"2025-05-15\" } }";
    for (line, as_of, (from, until)) in [
        ("period = \"month\"", summer, ("2025-08-01", "2025-09-01")),
        ("period = \"quarter\"", summer, ("2025-07-01", "2025-10-01")),
        (
            "period = \"rolling_12_months\"",
            summer,
            ("2024-08-21", "2025-08-21"),
        ),
        (
            "period = \"year_to_date\"",
            summer,
            ("2025-01-01", "2026-01-01"),
        ),
        (custom, summer, spring),
        // Nothing counts in the month after; the visits of New Year do in the quarter.
        ("period = \"month\"", AFTER, ("2026-02-01", "2026-03-01")),
        ("period = \"quarter\"", AFTER, ("2026-01-01", "2026-04-01")),
        (
            "period = \"rolling_12_months\"",
            AFTER,
            ("2025-03-01", "2026-03-01"),
        ),
    ] {
        let file = policy(sandbox, line);
        let words = [
            "--as-of",
            as_of,
            "--known-at",
            AFTER,
            "--policy",
            &file,
            "--by",
            "class",
        ];
        over(&answer(sandbox, &words), truth, as_of, (from, until));
    }
    let days = [
        "--from",
        "2025-03-01",
        "--to",
        "2025-05-15",
        "--by",
        "class",
    ];
    let words = [&["--as-of", AFTER, "--known-at", AFTER][..], &days].concat();
    over(&answer(sandbox, &words), truth, AFTER, spring);
    let next = [
        "--year",
        "2026",
        "--as-of",
        AFTER,
        "--known-at",
        AFTER,
        "--by",
        "class",
    ];
    over(
        &answer(sandbox, &next),
        truth,
        AFTER,
        ("2026-01-01", "2027-01-01"),
    );
}

fn over(answer: &serde_json::Value, truth: &Truth, as_of: &str, (from, until): (&str, &str)) {
    let what = format!("{from} to {until} as of {as_of}");
    assert_eq!(answer["period"]["from"], from, "{what}");
    assert_eq!(answer["period"]["until"], until, "{what}");
    let expected = truth.figures(&Asked {
        days: Some((day(from), day(until))),
        ..asked(as_of)
    });
    assert_eq!(counts(&answer["share"]), expected.share, "{what}");
    assert_eq!(text(&answer["percent"]), percent(expected.share), "{what}");
    assert_eq!(answer["verdict"], verdict(expected.share), "{what}");
    assert_eq!(groups(answer), expected.by_class, "{what}");
    let apart = |name: &str| counts(&answer[name]);
    assert_eq!(
        (apart("higher_level"), apart("positive_list")),
        (expected.higher_level, expected.positive_list),
        "{what}"
    );
}
