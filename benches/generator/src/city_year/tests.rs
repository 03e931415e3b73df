use super::*;

fn after(reading: Reading) -> Asked {
    Asked::at(i64::MAX, i64::MAX).read(reading)
}

#[test]
fn the_promised_numbers_come_out_and_repeat() {
    let city = CityYear::new(2025, 7);
    assert_eq!(city.units.len(), UNITS);
    assert_eq!(city.truth.modes(), (OFFSITE, ONSITE));
    assert_eq!(city, CityYear::new(2025, 7));
    assert_ne!(city.messages, CityYear::new(2025, 8).messages);
    let codes: std::collections::BTreeSet<&str> = city
        .units
        .iter()
        .map(|unit| unit.permit_no.as_str())
        .collect();
    assert_eq!(codes.len(), UNITS);
}

#[test]
fn every_reason_and_both_ends_of_the_band_occur() {
    let truth = CityYear::new(2025, 7).truth;
    let figures = truth.figures(&after(Reading::default()));
    let reasons: Vec<&str> = figures.reasons.keys().map(String::as_str).collect();
    assert_eq!(
        reasons,
        [
            "declared_not_counted",
            "document_faults",
            "escalated",
            "escalation_open",
            "higher_level",
            "late_edit",
            "merged",
            "method_not_counted",
            "minimum_record",
            "not_closed",
            "outside_period",
            "rectification_review",
            "same_task",
            "same_window",
            "withdrawn",
        ]
    );
    let sum = |groups: &std::collections::BTreeMap<String, (u64, u64)>| {
        groups
            .values()
            .fold((0, 0), |sum, share| (sum.0 + share.0, sum.1 + share.1))
    };
    for groups in [
        &figures.by_org,
        &figures.by_month,
        &figures.by_quarter,
        &figures.by_method,
        &figures.by_class,
    ] {
        assert_eq!(sum(groups), figures.share);
    }
    let (min, max) = truth.band(&after(Reading::default()));
    assert!(min != max, "the readings differ");
    assert!(figures.by_method.contains_key("remote_sensing"));
    assert!(!figures.by_org.contains_key(IDLE_BODY));
}

/// A switch that changes no figure would prove nothing.
#[test]
fn every_switch_matters() {
    let truth = CityYear::new(2025, 7).truth;
    let by = |switches: Switches| {
        let asked = after(Reading::default()).switched(switches);
        let figures = truth.figures(&asked);
        (figures.share, figures.by_org)
    };
    let usual = by(Switches::default());
    let own = Switches::default();
    for switches in [
        Switches {
            window_days: 0,
            ..own
        },
        Switches {
            window_days: 2,
            ..own
        },
        Switches {
            ignores_method: true,
            ..own
        },
        Switches {
            once: Once::Task,
            ..own
        },
        Switches {
            once: Once::Case,
            ..own
        },
        Switches {
            once: Once::Firm,
            ..own
        },
        Switches {
            split_joint: true,
            ..own
        },
        Switches {
            credited: Credited::Dispatching,
            ..own
        },
        Switches {
            credited: Credited::Territorial,
            ..own
        },
        Switches {
            higher_level: true,
            ..own
        },
        Switches {
            positive_list: false,
            ..own
        },
        Switches {
            excludes_withdrawn: false,
            ..own
        },
        Switches {
            min_evidence: false,
            ..own
        },
        Switches {
            freezes: false,
            ..own
        },
        Switches {
            methods: &["auto_monitor"],
            ..own
        },
    ] {
        assert_ne!(by(switches), usual, "{switches:?}");
    }
}

/// The visit of an escalated pair may lie in the next year.
#[test]
fn an_escalation_goes_across_the_turn_of_the_year() {
    let truth = CityYear::new(2025, 7).truth;
    let eve = beijing_day_start(day_of_year(2026)) - 1;
    let asked = Asked::at(eve, eve);
    let across = |asked: &Asked| -> Vec<Fate> {
        let acts: Vec<&str> = truth
            .acts
            .iter()
            .filter(|act| {
                let last = act.stages.last();
                last.is_some_and(|stage| {
                    stage.day.is_some_and(|day| day == day_of_year(2026) + 1)
                        && stage.class == "case"
                })
            })
            .map(|act| act.act_id.as_str())
            .collect();
        truth
            .fates(asked)
            .filter(|(act, _, _)| acts.contains(&act.act_id.as_str()))
            .map(|(_, _, fate)| fate)
            .collect()
    };
    assert!(across(&asked).is_empty(), "the visit is not on record yet");
    let later = after(Reading::default());
    assert_eq!(across(&later), [Fate::Not("outside_period")]);
    let next = Asked {
        days: Some((day_of_year(2026), day_of_year(2027))),
        ..later
    };
    assert_eq!(across(&next), [Fate::On]);
    let open = |asked: &Asked| truth.figures(asked).reasons["escalation_open"];
    assert_eq!(open(&asked), open(&later) + 1);
}
