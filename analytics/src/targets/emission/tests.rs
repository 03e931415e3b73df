use nonsite_schemas::wire::Day;
use nonsite_schemas::wire::permit::{MassLevel, MassLimit, Permit, YearBasis};

use super::bases::annual_masses;
use super::masses::Part;
use super::*;
use crate::inspection::facts::day_number;

fn masses(given: &[(usize, &str, f64)]) -> Masses {
    let mut masses = Masses::default();
    for (pollutant, industry, mass_t) in given {
        let part = Part {
            permit_no: format!("{industry}-P"),
            unit_name: format!("plant {industry}"),
            level: "plant_total",
            mass_t: *mass_t,
        };
        masses.add(*pollutant, industry, part);
    }
    masses
}

#[test]
fn the_smallest_share_decides_and_the_next_industry_raises_it() {
    let lists = Checklists::load(None).unwrap();
    // Power and cement have checklists; brewing (1513) and textiles (1713) do not.
    let masses = masses(&[
        (0, "4411", 95.0),
        (0, "1713", 5.0),
        (4, "4411", 10.0),
        (4, "1513", 30.0),
        (4, "1713", 60.0),
    ]);
    let found = figures(&masses, &lists, "test");
    assert_eq!(found.len(), 9);
    let headline = &found[0];
    assert_eq!(headline.percent.as_deref(), Some("10.00"));
    assert_eq!(headline.reached, Some(false));
    assert!(
        headline
            .note
            .starts_with("COD decides; add industry 1713 next"),
        "{}",
        headline.note
    );
    assert_eq!(headline.rows.len(), 5);
    let so2 = &found[1];
    assert_eq!(
        (so2.percent.as_deref(), so2.reached),
        (Some("95.00"), Some(true))
    );
    assert_eq!(
        so2.rows[0],
        [
            "SO2",
            "4411",
            "yes",
            "",
            "95.000",
            "95.00",
            "95.00",
            "4411-P",
            "plant 4411",
            "plant_total",
            "95.000"
        ]
        .map(str::to_owned)
    );
    assert_eq!(so2.rows[1][1..4], ["1713", "no", "next"].map(str::to_owned));
    // Nothing of it is emitted: no share, not 0 % and not 100 %.
    assert_eq!(
        (found[8].percent.as_deref(), found[8].reached),
        (None, None)
    );
    let nothing = figures(&Masses::default(), &lists, "test");
    assert_eq!(nothing[0].percent, None);
}

/// Down to the permits: every mass a figure is the sum of has its row.
#[test]
fn rows_lead_to_permits_and_levels() {
    let lists = Checklists::load(None).unwrap();
    let limit = |level, mass: f64| MassLimit {
        level: Some(level),
        factor: "a21026".to_owned(),
        year_1: Some(mass),
        ..MassLimit::default()
    };
    let permit = |number: &str, industry: &str, mass_limits: Vec<MassLimit>| InForce {
        permit: Permit {
            permit_no: number.to_owned(),
            unit_name: format!("plant {number}"),
            industry_codes: vec![industry.to_owned()],
            mass_limits,
            ..Permit::default()
        },
        origin: (0, 0),
    };
    let permits = [
        permit("P1", "4411", vec![limit(MassLevel::PlantTotal, 20.0)]),
        permit(
            "P2",
            "4411",
            vec![
                limit(MassLevel::MainTotal, 30.0),
                limit(MassLevel::Fugitive, 5.0),
                limit(MassLevel::Outlet, 7.0),
            ],
        ),
        permit("P3", "1713", vec![limit(MassLevel::Outlet, 45.0)]),
        permit("P4", "1713", Vec::new()),
    ];
    let live: Vec<&InForce> = permits.iter().collect();
    let (masses, note) = permitted(&live, 0);
    assert!(note.contains("1 of them permit none"), "{note}");
    let so2 = &figures(&masses, &lists, &note)[1];
    assert_eq!((so2.hits, so2.of), (55.0, 100.0));
    let shown: Vec<[&str; 5]> = so2
        .rows
        .iter()
        .map(|row| [1, 2, 7, 9, 10].map(|column| row[column].as_str()))
        .collect();
    assert_eq!(
        shown,
        [
            ["4411", "yes", "P2", "main_total", "30.000"],
            ["4411", "yes", "P1", "plant_total", "20.000"],
            ["4411", "yes", "P2", "fugitive", "5.000"],
            ["1713", "no", "P3", "outlet", "45.000"],
        ]
    );
    let sum = |listed: bool| -> f64 {
        let counted = so2.rows.iter().filter(|row| !listed || row[2] == "yes");
        counted.map(|row| row[10].parse::<f64>().unwrap()).sum()
    };
    assert_eq!((sum(true), sum(false)), (so2.hits, so2.of));
}

#[test]
fn the_widest_level_of_the_right_year_counts() {
    let mass = |level, year_1: f64, year_2: Option<f64>| MassLimit {
        level: Some(level),
        factor: "a21026".to_owned(),
        year_1: Some(year_1),
        year_2,
        ..MassLimit::default()
    };
    let first = day_number("2025-03-01".parse().unwrap());
    let mut permit = Permit {
        valid_from: Some(Day(first)),
        year_basis: YearBasis::Anniversary,
        mass_limits: vec![
            mass(MassLevel::Outlet, 1.0, None),
            mass(MassLevel::Outlet, 2.0, None),
            mass(MassLevel::Fugitive, 0.5, None),
        ],
        ..Permit::default()
    };
    let annual_mass = |permit: &Permit, factor: &str, day: i32| {
        let masses = annual_masses(permit, factor, day);
        (!masses.is_empty()).then(|| masses.iter().map(|(_, mass)| mass).sum::<f64>())
    };
    assert_eq!(annual_mass(&permit, "a21026", first), Some(3.5));
    permit
        .mass_limits
        .push(mass(MassLevel::MainTotal, 4.0, None));
    permit
        .mass_limits
        .push(mass(MassLevel::GeneralTotal, 5.0, None));
    assert_eq!(annual_mass(&permit, "a21026", first), Some(9.5));
    permit
        .mass_limits
        .push(mass(MassLevel::PlantTotal, 20.0, Some(18.0)));
    assert_eq!(annual_mass(&permit, "a21026", first), Some(20.0));
    assert_eq!(annual_mass(&permit, "a21026", first + 364), Some(20.0));
    assert_eq!(annual_mass(&permit, "a21026", first + 365), Some(18.0));
    assert_eq!(annual_mass(&permit, "a21026", first + 3_000), Some(18.0));
    permit.year_basis = YearBasis::Calendar;
    assert_eq!(annual_mass(&permit, "a21026", first + 306), Some(18.0));
    assert_eq!(annual_mass(&permit, "w01018", first), None);
}
