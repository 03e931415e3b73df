//! Views that several rules share, so that one condition is written once.
//!
//! They are views of a run and not tables: a rule that needs none of them pays nothing. They read
//! `daily_masses`, so they are registered once a run has it.

use crate::session::{Error, Session};

/// Name and query, each after the ones it reads.
const VIEWS: [(&str, &str); 5] = [
    ("hours_judged", include_str!("hours_judged.sql")),
    ("days_judged", include_str!("days_judged.sql")),
    ("incinerator_days", include_str!("incinerator_days.sql")),
    ("permit_masses", include_str!("permit_masses.sql")),
    ("permitted_masses", include_str!("permitted_masses.sql")),
];

/// Registers them in a prepared session.
pub(super) async fn register(run: &Session) -> Result<(), Error> {
    for (name, sql) in VIEWS {
        let what = format!("view `{name}`");
        let frame = run.ctx().sql(sql).await.map_err(Error::query(&what))?;
        run.ctx()
            .deregister_table(name)
            .and_then(|_| run.ctx().register_table(name, frame.into_view()))
            .map_err(Error::query(&what))?;
    }
    Ok(())
}
