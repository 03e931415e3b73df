//! Officers with a valid certificate, of those on the roster (持证上岗).

use chrono::NaiveDate;
use nonsite_schemas::time::beijing_day;

use super::{Asked, Target};
use crate::inspection::facts::{date, day_number};
use crate::inspection::roster::RosterOfficer;

const COLUMNS: &[&str] = &[
    "officer",
    "name",
    "body",
    "certificate",
    "valid from",
    "valid to",
    "holds",
];

/// The last day of the period that has come by the instant asked for; that instant's day before the period.
fn as_of_day(asked: Asked<'_>) -> NaiveDate {
    let last = day_number(asked.period.until).saturating_sub(1);
    date(beijing_day(asked.as_of).min(last))
}

/// Officers on the roster with a certificate that is valid on the day. `officers` is the roster as it was
/// told by the instant asked for.
pub(super) fn held(asked: Asked<'_>, officers: &[RosterOfficer]) -> Target {
    let day = as_of_day(asked);
    let text = |day: Option<NaiveDate>| day.map(|day| day.to_string()).unwrap_or_default();
    let serving: Vec<&RosterOfficer> = officers
        .iter()
        .filter(|officer| officer.serves_on(day))
        .collect();
    let holding = |officer: &&&RosterOfficer| officer.certified_on(day);
    let hits = serving.iter().filter(holding).count();
    let left = officers.len() - serving.len();
    let rows = serving
        .iter()
        .map(|officer| {
            vec![
                officer.officer_id.clone(),
                officer.name.clone().unwrap_or_default(),
                officer.org_code.clone(),
                officer.certificate_no.clone().unwrap_or_default(),
                text(officer.valid_from),
                text(officer.valid_to),
                officer.certified_on(day).to_string(),
            ]
        })
        .collect();
    Target::counted(
        "certificates_held",
        "执法人员持证率",
        "officers on the roster with a certificate that is valid on the day",
        "officers",
        Some(100.0),
        (hits as f64, serving.len() as f64),
        format!("roster as it was told by then, on {day}; {left} have left"),
        COLUMNS,
        rows,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspection::Config;
    use crate::ratio::{Period, RatioPolicy, parse_as_of};

    #[test]
    fn who_serves_needs_a_certificate_on_the_day() {
        let officer = |id: &str, certificate: Option<&str>, to: &str, left: &str| RosterOfficer {
            officer_id: id.to_owned(),
            name: None,
            org_code: "B1".to_owned(),
            certificate_no: certificate.map(str::to_owned),
            valid_from: None,
            valid_to: to.parse().ok(),
            left_on: left.parse().ok(),
            by: "office".to_owned(),
            recorded_at: 0,
        };
        let officers = [
            officer("a", Some("C1"), "", ""),
            officer("b", Some("C2"), "2026-06-30", ""),
            officer("c", None, "", ""),
            officer("d", None, "", "2026-05-01"),
        ];
        let config = Config::default();
        let policy = RatioPolicy::built_in();
        let figure = |year: i32, as_of: &str| {
            let period = Period::year(year).unwrap();
            let asked = Asked {
                period: &period,
                as_of: parse_as_of(as_of).unwrap(),
                policy: &policy,
                config: &config,
            };
            held(asked, &officers)
        };
        for (year, as_of, counts) in [
            (2026, "2026-04-30", (2.0, 4.0)),
            (2026, "2026-05-01", (2.0, 3.0)),
            (2026, "2026-06-30", (2.0, 3.0)),
            (2026, "2026-07-01", (1.0, 3.0)),
            // A year that is over stands as on its last day.
            (2025, "2026-07-01", (2.0, 4.0)),
        ] {
            let target = figure(year, as_of);
            assert_eq!((target.hits, target.of), counts, "{year} {as_of}");
            let holding = target.rows.iter().filter(|row| row[6] == "true").count();
            assert_eq!((holding as f64, target.rows.len() as f64), counts);
            assert_eq!(target.reached, Some(false));
        }
        let period = Period::year(2026).unwrap();
        let asked = Asked {
            period: &period,
            as_of: 0,
            policy: &policy,
            config: &config,
        };
        let none = held(asked, &[]);
        assert_eq!((none.percent, none.reached), (None, None));
    }
}
