use arrow::array::{Array, AsArray};
use arrow::datatypes::{Date32Type, Float64Type, TimestampMicrosecondType};
use arrow::record_batch::RecordBatch;
use proptest::prelude::*;

use super::*;
use crate::wire::{Origin, code};

const ORIGIN: Origin<'_> = Origin {
    topic: "nonsite.permits",
    partition: 2,
    offset: 40,
    received_at: 1_800_000_000_000_000,
};

fn day(text: &str) -> Day {
    Day(crate::wire::moment::parse_day(text.as_bytes()).unwrap())
}

fn at(text: &str) -> Instant {
    Instant(crate::wire::moment::parse_instant(text.as_bytes()).unwrap())
}

fn limit(factor: &str, value: f64) -> Limit {
    Limit {
        factor: factor.to_owned(),
        conc_limit: Some(value),
        unit: Some("mg/m3".to_owned()),
        basis: Some(Basis::Converted),
        ref_o2: Some(6.0),
        averaging: Some(Averaging::Hour),
        ..Limit::default()
    }
}

/// A good permit: one stack, one water outlet, a heavy-pollution window, masses, bindings.
fn permit() -> Permit {
    Permit {
        permit_no: "91130200699229617X001P".to_owned(),
        version: 2,
        issued_at: at("2026-01-05 09:00:00"),
        uscc: "91130200699229617X".to_owned(),
        unit_name: "Example Cement Works".to_owned(),
        industry_codes: vec!["3011".to_owned()],
        mgmt_class: Some(MgmtClass::Key),
        valid_from: Some(day("2024-07-01")),
        valid_to: Some(day("2029-06-30")),
        status: Some(PermitStatus::Valid),
        is_key_unit: true,
        key_elements: vec![KeyElement::Air, KeyElement::Water],
        outlets: vec![
            Outlet {
                code: "DA001".to_owned(),
                kind: Some(OutletKind::Main),
                required_auto: vec!["a21026".to_owned(), "a21002".to_owned()],
                limits: vec![
                    limit("a21026", 35.0),
                    Limit {
                        period_id: Some("w1".to_owned()),
                        ..limit("a21026", 20.0)
                    },
                ],
                ..Outlet::default()
            },
            Outlet {
                code: "DW001".to_owned(),
                kind: Some(OutletKind::General),
                limits: vec![Limit {
                    factor: "w01001".to_owned(),
                    conc_limit: Some(9.0),
                    low_limit: Some(6.0),
                    unit: Some("1".to_owned()),
                    ..Limit::default()
                }],
                ..Outlet::default()
            },
        ],
        mass_limits: vec![MassLimit {
            level: Some(MassLevel::Outlet),
            outlet: Some("DA001".to_owned()),
            factor: "a21026".to_owned(),
            year_1: Some(120.5),
            year_2: Some(110.0),
            period_id: Some("w1".to_owned()),
            daily: Some(0.2),
            ..MassLimit::default()
        }],
        special_periods: vec![SpecialPeriod {
            period_id: "w1".to_owned(),
            kind: Some(PeriodKind::HeavyPollution),
            level: Some(WarningLevel::Orange),
            starts_at: Some(at("2026-01-10 00:00:00")),
            ends_at: Some(at("2026-01-13 00:00:00")),
            measures: None,
        }],
        bindings: vec![Binding {
            mn: "010000A8900016F000169DC0".to_owned(),
            outlet: "DA001".to_owned(),
            factors: vec!["a21026".to_owned()],
            valid_from: Some(at("2025-01-01 00:00:00")),
            ..Binding::default()
        }],
        ..Permit::default()
    }
}

fn faults_of(change: impl FnOnce(&mut Permit)) -> Vec<String> {
    let mut permit = permit();
    change(&mut permit);
    permit.validate().iter().map(ToString::to_string).collect()
}

fn batches(permit: &Permit) -> Vec<(&'static str, RecordBatch)> {
    let document = decode(&serde_json::to_vec(permit).unwrap()).unwrap();
    let mut rows = PermitRows::new().unwrap();
    rows.push(&document, &ORIGIN);
    rows.finish().unwrap()
}

fn table<'a>(batches: &'a [(&'static str, RecordBatch)], name: &str) -> &'a RecordBatch {
    &batches.iter().find(|(table, _)| *table == name).unwrap().1
}

#[test]
fn a_good_permit_has_no_fault() {
    assert_eq!(permit().validate(), Vec::new());
}

#[test]
fn every_fault_names_its_field_and_what_is_expected() {
    type Change = fn(&mut Permit);
    let cases: [(Change, &str); 22] = [
        (
            |p| p.outlets[0].limits[0].conc_limit = Some(0.0),
            "outlets[0].limits[0].conc_limit: must be > 0",
        ),
        (
            |p| p.outlets[0].limits[0].conc_limit = Some(f64::NAN),
            "outlets[0].limits[0].conc_limit: must be > 0",
        ),
        (
            |p| p.outlets[1].limits[0].low_limit = Some(9.0),
            "outlets[1].limits[0].low_limit: must be >= 0 and below conc_limit",
        ),
        (
            |p| p.outlets[0].limits[0].basis = None,
            "outlets[0].limits[0].basis: is missing",
        ),
        (
            |p| p.outlets[0].limits[0].ref_o2 = None,
            "outlets[0].limits[0].ref_o2: is missing",
        ),
        (
            |p| p.outlets[0].limits[0].ref_o2 = Some(21.0),
            "outlets[0].limits[0].ref_o2: must be > 0 and < 21 percent",
        ),
        (
            |p| p.outlets[0].limits[0].unit = None,
            "outlets[0].limits[0].unit: is missing",
        ),
        (
            |p| p.outlets[0].limits[0].factor = "w01018".into(),
            "outlets[0].limits[0].factor: `w01018` is not a factor of an outlet into air",
        ),
        (
            |p| p.outlets[0].limits[1].period_id = None,
            "outlets[0].limits[1]: is for the same case as limits[0]",
        ),
        (
            |p| p.outlets[0].limits[1].period_id = Some("w9".into()),
            "outlets[0].limits[1].period_id: `w9` is not among special_periods",
        ),
        (
            |p| p.outlets[1].code = "DA001".into(),
            "outlets[1].code: `DA001` is given twice",
        ),
        (
            |p| p.outlets[1].code = "DX001".into(),
            "outlets[1].code: `DX001` must be DA or DW with three digits (HJ 608)",
        ),
        (
            |p| p.outlets[1].medium = Some(Medium::Air),
            "outlets[1].medium: is air but DW001 discharges into water",
        ),
        (
            |p| p.outlets.clear(),
            "outlets: must name at least one outlet",
        ),
        (
            |p| p.uscc = "91130200699229617Y".into(),
            "uscc: check character is `Y` but must be `X` (GB 32100)",
        ),
        (
            |p| p.permit_no = "91130200699229617X001Q".into(),
            "permit_no: must end in the mark P (or W, X, Y, Z), ends in `Q`",
        ),
        (|p| p.version = 0, "version: must be >= 1"),
        (
            |p| p.valid_to = Some(Day(0)),
            "valid_to: must not be before valid_from",
        ),
        (
            |p| p.mass_limits[0].year_2 = Some(-1.0),
            "mass_limits[0].year_2: must be >= 0",
        ),
        (
            |p| p.mass_limits[0].outlet = Some("DA009".into()),
            "mass_limits[0].outlet: `DA009` is not among outlets",
        ),
        (
            |p| p.bindings[0].mn = "A B".into(),
            "bindings[0].mn: must be the logger's MN, without blanks",
        ),
        (
            |p| p.special_periods[0].ends_at = Some(Instant(0)),
            "special_periods[0].ends_at: must be after starts_at",
        ),
    ];
    for (change, expected) in cases {
        let faults = faults_of(change);
        assert!(
            faults.iter().any(|fault| fault == expected),
            "{expected}: {faults:?}"
        );
    }
}

#[test]
fn the_rows_say_what_the_document_says() {
    let batches = batches(&permit());
    let counts: Vec<(&str, usize)> = batches
        .iter()
        .map(|(name, batch)| (*name, batch.num_rows()))
        .collect();
    assert_eq!(
        counts,
        [
            ("permits", 1),
            ("permit_outlets", 2),
            ("permit_limits", 3),
            ("permit_mass_limits", 3),
            ("permit_bindings", 1),
            ("permit_periods", 1),
        ]
    );
    let limits = table(&batches, "permit_limits");
    let text = |name: &str, row: usize| {
        limits
            .column_by_name(name)
            .unwrap()
            .as_string::<i32>()
            .value(row)
            .to_owned()
    };
    assert_eq!(text("outlet_uid", 0), "91130200699229617X001PDA001");
    assert_eq!(text("basis", 0), "converted");
    assert_eq!(text("basis", 2), "raw");
    let low = limits
        .column_by_name("limit_low")
        .unwrap()
        .as_primitive::<Float64Type>();
    assert!(low.is_null(0));
    assert_eq!(low.value(2), 6.0);
    let from = limits
        .column_by_name("valid_from")
        .unwrap()
        .as_primitive::<TimestampMicrosecondType>();
    let to = limits
        .column_by_name("valid_to")
        .unwrap()
        .as_primitive::<TimestampMicrosecondType>();
    // Version 2 was issued long after the permit's first day: it holds from its issue on.
    assert_eq!(from.value(0), at("2026-01-05 09:00:00").0);
    assert_eq!(to.value(0), at("2029-07-01 00:00:00").0);
    // The limit of the special period holds exactly in it.
    assert_eq!(from.value(1), at("2026-01-10 00:00:00").0);
    assert_eq!(to.value(1), at("2026-01-13 00:00:00").0);
}

#[test]
fn permit_years_are_calendar_years_unless_the_document_says_otherwise() {
    let mut permit = permit();
    assert_eq!(
        permit.year_span(1),
        Some((day("2024-01-01"), day("2024-12-31")))
    );
    assert_eq!(
        permit.year_span(2),
        Some((day("2025-01-01"), day("2025-12-31")))
    );
    permit.year_basis = YearBasis::Anniversary;
    assert_eq!(
        permit.year_span(1),
        Some((day("2024-07-01"), day("2025-06-30")))
    );
    assert_eq!(
        permit.year_span(5),
        Some((day("2028-07-01"), day("2029-06-30")))
    );
    permit.valid_from = None;
    assert_eq!(permit.year_span(1), None);
}

#[test]
fn masses_carry_their_days() {
    let batches = batches(&permit());
    let masses = table(&batches, "permit_mass_limits");
    let period = masses.column_by_name("period").unwrap().as_string::<i32>();
    let names: Vec<&str> = (0..3).map(|row| period.value(row)).collect();
    assert_eq!(names, ["year", "year", "special_day"]);
    let ends = masses
        .column_by_name("ends_on")
        .unwrap()
        .as_primitive::<Date32Type>();
    assert_eq!(Day(ends.value(1)), day("2025-12-31"));
    assert_eq!(Day(ends.value(2)), day("2026-01-12"));
}

#[test]
fn a_faulty_permit_is_stored_and_marked() {
    let mut json = serde_json::to_value(permit()).unwrap();
    json["outlets"][0]["limits"][0]["conc_limit"] = "35".into();
    json["valid_to"] = "2029-06-31".into();
    let document = decode(json.to_string().as_bytes()).unwrap();
    let faults: Vec<String> = document.faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        faults,
        [
            "outlets[0].limits[0].conc_limit: invalid type: string \"35\", expected f64",
            "valid_to: `2029-06-31` is not a day; write it as 2026-01-05",
        ]
    );
    let mut rows = PermitRows::new().unwrap();
    rows.push(&document, &ORIGIN);
    let batches = rows.finish().unwrap();
    for (name, batch) in &batches {
        let valid = batch.column_by_name("doc_valid").unwrap().as_boolean();
        assert_eq!(valid.true_count(), 0, "{name}");
    }
    let stored = table(&batches, "permits")
        .column_by_name("document")
        .unwrap();
    assert_eq!(stored.as_string::<i32>().value(0), json.to_string());
}

#[test]
fn without_number_or_time_of_issue_it_is_refused() {
    for field in ["permit_no", "issued_at"] {
        let mut json = serde_json::to_value(permit()).unwrap();
        json.as_object_mut().unwrap().remove(field);
        let refused = decode(json.to_string().as_bytes()).unwrap_err();
        assert_eq!(refused.reason, crate::reason::Reason::PermitFault);
        assert!(refused.detail.starts_with(field), "{}", refused.detail);
    }
    // One good field does not make a permit.
    assert!(decode(br#"{"unit_name":"x"}"#).is_err());
}

fn any_permit() -> impl Strategy<Value = Permit> {
    let number = prop::option::of(0.001f64..1e6);
    let limits = prop::collection::vec((number.clone(), number, 0i64..4_000_000_000), 0..4);
    (
        "[0-9A-HJ-NPQRTUWXY]{17}",
        0u32..1000,
        limits,
        ".{0,20}",
        0i32..30_000,
    )
        .prop_map(|(base, sequence, limits, name, first)| {
            let check = code::uscc_check_character(&base).unwrap();
            let mut permit = permit();
            permit.uscc = format!("{base}{check}");
            permit.permit_no = format!("{base}{check}{sequence:03}P");
            permit.unit_name = format!("x{name}");
            permit.valid_from = Some(Day(first));
            permit.valid_to = Some(Day(first + 1_826));
            permit.outlets[0].limits = limits
                .into_iter()
                .enumerate()
                .map(|(i, (high, rate, from))| Limit {
                    factor: format!("a2{i:04}"),
                    conc_limit: high,
                    rate_limit_kg_h: rate.or(Some(1.0)),
                    valid_from: Some(Instant(from * 1_000_000)),
                    ..limit("a21026", 1.0)
                })
                .collect();
            permit
        })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back_without_fault(permit in any_permit()) {
        let document = decode(&serde_json::to_vec(&permit).unwrap()).unwrap();
        prop_assert_eq!(&document.faults, &Vec::new());
        // Numbers of arbitrary length may differ in the last bit: serde_json reads them fast.
        let again = serde_json::to_string(&document.value).unwrap();
        let twice: Permit = serde_json::from_str(&again).unwrap();
        prop_assert_eq!(twice, document.value);
    }

    #[test]
    fn no_bytes_and_no_mangled_document_are_a_reason_to_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..64),
        at in 0usize..4_000,
    ) {
        let mut message = serde_json::to_vec(&permit()).unwrap();
        let at = at % message.len();
        message.splice(at..at, bytes.iter().copied());
        let mut rows = PermitRows::new().unwrap();
        for message in [&bytes, &message] {
            if let Ok(document) = decode(message) {
                rows.push(&document, &ORIGIN);
            }
        }
        prop_assert!(rows.finish().is_ok());
    }
}

#[test]
fn a_duty_to_monitor_names_an_outlet_and_how_often() {
    let duty = |outlet: &str, method, interval_days| MonitoringDuty {
        outlet: outlet.to_owned(),
        factor: "a21026".to_owned(),
        method,
        interval_days,
        standard: None,
    };
    let code = permit().outlets[0].code.clone();
    let manual = Some(MonitoringMethod::Manual);
    let good = [
        duty(&code, manual, Some(90)),
        duty(&code, Some(MonitoringMethod::Auto), None),
    ];
    assert_eq!(
        faults_of(|p| p.monitoring = good.to_vec()),
        Vec::<String>::new()
    );
    let bad = vec![
        duty("DA999", manual, Some(0)),
        duty(&code, manual, None),
        duty(&code, None, None),
    ];
    assert_eq!(
        faults_of(|p| p.monitoring = bad),
        [
            "monitoring[0].outlet: `DA999` is not among outlets",
            "monitoring[0].interval_days: must be >= 1",
            "monitoring[1].interval_days: is missing: how often must be sampled?",
            "monitoring[2].method: is missing",
        ]
    );
}
