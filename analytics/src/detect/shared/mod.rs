//! Views that several rules share, so that one condition is written once.
//!
//! They are views of a run and not tables: a rule that needs none of them pays nothing. They read
//! `daily_masses` and `production_hours`, so they are registered once a run has both.
//!
//! `normal_hours` and `normal_days` say what normal production is (no mark of a stop, a start or a
//! fault, and production on where a power or process value tells): rules that judge the source and not
//! the instrument read them in place of `hourly` and `daily`.

use crate::session::{Error, Session};

/// Name and query, each after the ones it reads.
const VIEWS: [(&str, &str); 7] = [
    ("normal_hours", include_str!("normal_hours.sql")),
    ("normal_days", include_str!("normal_days.sql")),
    ("hours_judged", include_str!("hours_judged.sql")),
    ("days_judged", include_str!("days_judged.sql")),
    ("incinerator_days", include_str!("incinerator_days.sql")),
    ("permit_masses", include_str!("permit_masses.sql")),
    ("permitted_masses", include_str!("permitted_masses.sql")),
];

/// The two views about normal production in a run that saw no production at rest: the same rows
/// without a join.
const ALL_NORMAL: [(&str, &str); 2] = [
    (
        "normal_hours",
        "SELECT *, false AS at_rest, valid AS normal FROM hourly",
    ),
    (
        "normal_days",
        "SELECT mn, factor, date, CAST(0 AS BIGINT) AS n_at_rest, n_used, value, converted
         FROM daily WHERE false",
    ),
];

/// Registers them in a prepared session.
pub(super) async fn register(run: &Session) -> Result<(), Error> {
    let at_rest = "SELECT mn FROM production_hours WHERE at_rest LIMIT 1";
    let at_rest = run.rows("production at rest", at_rest).await?;
    let all_normal = at_rest.iter().all(|batch| batch.num_rows() == 0);
    for (name, sql) in VIEWS {
        let simple = ALL_NORMAL.iter().find(|(known, _)| *known == name);
        let sql = simple
            .filter(|_| all_normal)
            .map_or(sql, |(_, simple)| *simple);
        let what = format!("view `{name}`");
        let frame = run.ctx().sql(sql).await.map_err(Error::query(&what))?;
        run.ctx()
            .deregister_table(name)
            .and_then(|_| run.ctx().register_table(name, frame.into_view()))
            .map_err(Error::query(&what))?;
    }
    Ok(())
}
