use nonsite_schemas::wire::Day;

use super::*;

fn masses(given: &[(usize, &str, f64)]) -> Masses {
    let mut masses = Masses::default();
    for (pollutant, industry, mass) in given {
        masses.add(*pollutant, industry, *mass);
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
        so2.rows[0][1..7],
        ["4411", "1", "95.000", "95.00", "95.00", "yes"].map(str::to_owned)
    );
    // Nothing of it is emitted: no share, not 0 % and not 100 %.
    assert_eq!(
        (found[8].percent.as_deref(), found[8].reached),
        (None, None)
    );
    let nothing = figures(&Masses::default(), &lists, "test");
    assert_eq!(nothing[0].percent, None);
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
