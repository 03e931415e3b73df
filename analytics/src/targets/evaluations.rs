//! Evaluations of the year by their days: sub-bureaus themselves, the city, the whole year.

use chrono::{Datelike, NaiveDate};
use nonsite_schemas::time::beijing_day;

use super::audits::Bureaus;
use super::config::{TargetsFile, day_of};
use super::{Asked, Target};
use crate::inspection::facts::{date, day_number};
use crate::inspection::supervision::{Supervision, SupervisionKind};

const COLUMNS: &[&str] = &["body", "due", "completed", "in time", "report", "record"];

/// The three evaluations. `told` is what was told by the instant asked for.
pub(super) fn evaluated(
    asked: Asked<'_>,
    file: &TargetsFile,
    told: &[Supervision],
    bureaus: &Bureaus<'_>,
) -> [Target; 3] {
    let days = &file.evaluations;
    let own: Vec<&str> = bureaus.codes.iter().copied().collect();
    let of = |kind: SupervisionKind, by: &str| Evaluations::of(asked, kind, by, told);
    let by_themselves = of(SupervisionKind::SelfEvaluation, &days.self_by);
    let by_city = of(SupervisionKind::CityEvaluation, &days.city_by);
    let of_year = of(SupervisionKind::YearEvaluation, &days.year_by);
    [
        by_themselves.figure(
            "self_evaluations",
            "分局自评按时完成率",
            "sub-bureaus that evaluated themselves in time",
            Some((own.as_slice(), bureaus.source)),
        ),
        by_city.figure(
            "city_evaluation",
            "市级评估按时完成",
            "the city's evaluation, in time",
            None,
        ),
        of_year.figure(
            "year_evaluation",
            "年度总评按时完成",
            "the evaluation of the year, in time",
            None,
        ),
    ]
}

/// The evaluations of one kind that had ended by the instant asked for, the first one first.
struct Evaluations<'a> {
    due: NaiveDate,
    /// The due day is over.
    over: bool,
    done: Vec<(NaiveDate, &'a Supervision)>,
}

impl<'a> Evaluations<'a> {
    fn of(asked: Asked<'_>, kind: SupervisionKind, by: &str, told: &'a [Supervision]) -> Self {
        let today = beijing_day(asked.as_of);
        // The file was checked; the last day of the period stands in for a day that is none.
        let last = date(day_number(asked.period.until).saturating_sub(1));
        let due = day_of(asked.period.from.year(), by).unwrap_or(last);
        let mut done: Vec<(NaiveDate, &Supervision)> = told
            .iter()
            .filter(|record| record.kind == kind)
            .filter_map(|record| Some((record.completed_on?, record)))
            .filter(|(day, _)| {
                let day = day_number(*day);
                day <= today && asked.period.contains(day)
            })
            .collect();
        done.sort_by_key(|(day, _)| *day);
        Self {
            due,
            over: today > day_number(due),
            done,
        }
    }

    /// The figure over these bodies, else over whichever body did it: then one is enough.
    fn figure(
        &self,
        code: &'static str,
        zh: &'static str,
        text: &'static str,
        bodies: Option<(&[&str], &'static str)>,
    ) -> Target {
        let row = |body: &str, done: Option<&(NaiveDate, &Supervision)>| {
            let in_time = done.is_some_and(|(day, _)| *day <= self.due);
            let record = done.map(|(_, record)| *record);
            vec![
                body.to_owned(),
                self.due.to_string(),
                done.map(|(day, _)| day.to_string()).unwrap_or_default(),
                in_time.to_string(),
                record
                    .and_then(|record| record.record.clone())
                    .unwrap_or_default(),
                record
                    .map(|record| record.supervision_id.clone())
                    .unwrap_or_default(),
            ]
        };
        let rows: Vec<Vec<String>> = match bodies {
            Some((bodies, _)) => bodies
                .iter()
                .map(|body| {
                    let own = |done: &&(NaiveDate, &Supervision)| done.1.org_code == *body;
                    row(body, self.done.iter().find(own))
                })
                .collect(),
            None => {
                let first = self.done.first();
                let body = first.map_or("", |(_, record)| record.org_code.as_str());
                vec![row(body, first)]
            }
        };
        let hits = rows.iter().filter(|row| row[3] == "true").count();
        let source = bodies.map_or(String::new(), |(_, source)| format!("{source}; "));
        let mut target = Target::counted(
            code,
            zh,
            text,
            "bodies",
            Some(100.0),
            (hits as f64, rows.len() as f64),
            format!(
                "{source}due on {}, as evaluations were recorded by then",
                self.due
            ),
            COLUMNS,
            rows,
        );
        // Nobody is late before the day is over.
        target.reached = target.reached.filter(|reached| *reached || self.over);
        target
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspection::Config;
    use crate::ratio::{Period, RatioPolicy, parse_as_of};

    fn done(id: &str, kind: SupervisionKind, org: &str, day: &str) -> Supervision {
        Supervision {
            supervision_id: id.to_owned(),
            kind,
            org_code: org.to_owned(),
            title: "评估".to_owned(),
            draw_id: None,
            files: None,
            faulty: None,
            completed_on: day.parse().ok(),
            record: None,
            by: "sup".to_owned(),
            recorded_at: 0,
        }
    }

    #[test]
    fn nobody_is_late_before_the_day() {
        use SupervisionKind::{CityEvaluation, SelfEvaluation, YearEvaluation};
        let told = [
            done("s1", SelfEvaluation, "B1", "2026-09-20"),
            // Late, and once more: the first one counts.
            done("s2", SelfEvaluation, "B2", "2026-09-21"),
            done("s3", SelfEvaluation, "B1", "2026-09-25"),
            done("s4", SelfEvaluation, "B3", ""),
            done("s5", SelfEvaluation, "B3", "2025-09-01"),
            done("s6", CityEvaluation, "370500", "2026-10-10"),
            done("s7", YearEvaluation, "370500", ""),
        ];
        let file = TargetsFile {
            sub_bureaus: ["B1", "B2", "B3"].map(str::to_owned).to_vec(),
            ..TargetsFile::default()
        };
        let bureaus = Bureaus::of(&file, &[], &[]);
        let period = Period::year(2026).unwrap();
        let (policy, config) = (RatioPolicy::built_in(), Config::default());
        let at = |as_of: &str| {
            let asked = Asked {
                period: &period,
                as_of: parse_as_of(as_of).unwrap(),
                policy: &policy,
                config: &config,
            };
            evaluated(asked, &file, &told, &bureaus)
        };
        let stands = |target: &Target| (target.hits, target.of, target.reached);
        let [own, city, year] = at("2026-09-20");
        assert_eq!(stands(&own), (1.0, 3.0, None), "the day is not over");
        assert_eq!(stands(&city), (0.0, 1.0, None));
        assert_eq!(stands(&year), (0.0, 1.0, None));
        let [own, city, year] = at("2026-10-10");
        assert_eq!(stands(&own), (1.0, 3.0, Some(false)));
        assert_eq!(stands(&city), (1.0, 1.0, Some(true)), "done on the day");
        assert_eq!(stands(&year), (0.0, 1.0, None));
        assert_eq!(
            own.rows[1],
            ["B2", "2026-09-20", "2026-09-21", "false", "", "s2"].map(str::to_owned)
        );
        assert_eq!(own.rows[0][5], "s1");
        assert_eq!(own.rows[2][2], "", "another year's is none of this year");
        let [_, _, year] = at("2027-01-01");
        assert_eq!(stands(&year), (0.0, 1.0, Some(false)));
    }
}
