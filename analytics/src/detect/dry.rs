//! All rules over everything, with nothing written: what they would find.

use super::anomaly::Anomaly;
use super::catalogue::{Catalogue, Config};
use super::evaluate::evaluate;
use super::state::State;
use super::touched::{Touched, days};
use crate::session::{Error, Session};

/// Standing findings over all readings of a session at `as_of` (microseconds UTC).
///
/// # Errors
/// What tables and rules say.
pub(crate) async fn findings(
    session: &Session,
    config: &Config,
    catalogue: &Catalogue,
    as_of: i64,
) -> Result<Vec<Anomaly>, Error> {
    let days = days(session, "SELECT DISTINCT mn, date FROM readings_raw").await?;
    let all = Touched::everything(days);
    let evaluation = evaluate(session, catalogue, config, &all, State::default(), as_of).await?;
    Ok(evaluation.state.open().cloned().collect())
}
