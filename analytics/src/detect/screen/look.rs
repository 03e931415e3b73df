//! What a pass is asked, and how its answer is come by: screens compiled, documents read, files walked.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Instant;

use datafusion::error::DataFusionError;
use nonsite_history::files::{Factors, Loggers};

use super::super::anomaly::Anomaly;
use super::super::catalogue::Catalogue;
use super::super::evaluate::millis;
use super::super::inputs;
use super::super::means;
use super::super::params::Layers;
use super::super::stage::Stage;
use super::super::touched::LoggerDay;
use super::compile::Screens;
use super::facts::load;
use super::looked::Looked;
use super::pass::Pass;
use super::{bit, bits, sources};
use crate::session::{Error, Session};

/// What is asked of a pass.
pub(in crate::detect) struct Asked<'a> {
    pub(in crate::detect) session: &'a Session,
    pub(in crate::detect) catalogue: &'a Catalogue,
    pub(in crate::detect) layers: &'a Layers,
    /// Anomalies that stand.
    pub(in crate::detect) open: Vec<&'a Anomaly>,
    pub(in crate::detect) as_of: i64,
    /// Rules whose windows are settled by this pass, one bit each.
    pub(in crate::detect) rules: u128,
}

/// Looks at logger-days for all rules that have a screen. Nothing where the pass cannot be made.
pub(in crate::detect) async fn look(
    asked: &Asked<'_>,
    days: &BTreeSet<LoggerDay>,
) -> Result<Option<Looked>, Error> {
    let began = Instant::now();
    // Units that stations state change what numbers mean; the pass knows the standard's only.
    let stated = !asked.session.units().stated().is_empty();
    if !asked.catalogue.screens()
        || days.is_empty()
        || stated
        || asked.catalogue.rules().len() > 128
    {
        return Ok(None);
    }
    let Some(files) = sources::by_day(asked.session).await? else {
        return Ok(None);
    };
    let documents = inputs::documents(asked.session).await?;
    let mut screens = Screens::default();
    // Rules that are their own screens, once it is known which series reported when.
    let mut presence = 0;
    // Rules with values of their own for a cadence, which judge loggers that state one themselves.
    let mut by_pace = 0;
    for (rule, configured) in asked.catalogue.rules().iter().enumerate() {
        let Some(screen) = &configured.rule.screen else {
            continue;
        };
        let paced = Layers::paced(configured);
        if bit(rule) & asked.rules == 0
            || asked.layers.any(configured)
            || paced && screen.of_presence
        {
            continue;
        }
        if paced {
            by_pace |= bit(rule);
        }
        if screen.of_presence {
            presence |= bit(rule);
        } else {
            screens.add(documents.ctx(), rule, configured, screen, asked.as_of)?;
        }
    }
    let by_day = bits(asked.catalogue.rules(), |configured| {
        configured.rule.stage == Stage::Rows && !configured.rule.long()
    });
    let rules = screens
        .rules
        .iter()
        .fold(0, |bits, one| bits | bit(one.rule));
    if rules | presence == 0 {
        return Ok(None);
    }
    let loggers = Loggers::new(days.iter().map(|(mn, _)| mn.clone()));
    let factors = Factors::default();
    let (context, facts) = load(
        &documents,
        asked.catalogue.sheets(),
        &loggers,
        &factors,
        asked.as_of,
    )
    .await?;
    let mut wanted: BTreeMap<i32, Vec<u32>> = BTreeMap::new();
    for (mn, date) in days {
        if let Some(logger) = loggers.number(mn) {
            wanted.entry(*date).or_default().push(logger);
        }
    }
    let pass = Pass {
        standing: standing(asked, &loggers),
        screens,
        rules,
        presence,
        by_pace,
        // Days are left out of a run only when every rule of the day was asked about them.
        all_asked: by_day & !rules == 0,
        means: means::wanted(asked.catalogue),
        by_day,
        session: asked.session.clone(),
        loggers,
        factors,
        context,
        facts,
        files,
        wanted,
        threads: asked.session.partitions(),
        as_of: asked.as_of,
    };
    let walked = tokio::task::spawn_blocking(move || pass.run())
        .await
        .map_err(|error| Error::query("screens")(DataFusionError::External(error.into())))?;
    match walked {
        Ok(mut looked) => {
            looked.ms = millis(began);
            Ok(Some(looked))
        }
        // Without the pass every rule looks at everything: slower and the same result.
        Err(error) => {
            tracing::warn!(%error, "screens are not used in this run");
            Ok(Some(Looked {
                fault: Some(error.to_string()),
                ..Looked::default()
            }))
        }
    }
}

/// Days next to standing findings, with the rules that made them.
fn standing(asked: &Asked<'_>, loggers: &Loggers) -> HashMap<(u32, i32), u128> {
    let index: BTreeMap<&str, usize> = asked
        .catalogue
        .rules()
        .iter()
        .enumerate()
        .map(|(rule, configured)| (configured.rule.id.as_str(), rule))
        .collect();
    let mut found: HashMap<(u32, i32), u128> = HashMap::new();
    for anomaly in &asked.open {
        let (Some(logger), Some(rule)) = (
            anomaly.mn.as_deref().and_then(|mn| loggers.number(mn)),
            index.get(anomaly.rule_id.as_str()),
        ) else {
            continue;
        };
        let (first, last) = anomaly.days();
        for date in first - 1..=last + 1 {
            *found.entry((logger, date)).or_default() |= bit(*rule);
        }
    }
    found
}
