//! What documents say about the loggers of a pass, by number.
//!
//! Read through the same views as the rules read them, once per pass.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use nonsite_history::context::{Context, Limit, Reference};
use nonsite_history::files::{Factors, Loggers};
use serde_json::Value;

use super::super::compose::Row;
use super::super::plant::Sheets;
use crate::functions::units;
use crate::session::{Error, Session, rows};

/// Facts per logger, in the order of [`super::FACTS`].
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) incinerator: Vec<bool>,
    pub(super) process: Vec<bool>,
    pub(super) watched: Vec<bool>,
    pub(super) marked: Vec<bool>,
    pub(super) rated: Vec<bool>,
    pub(super) sewage: Vec<bool>,
    pub(super) ordered: Vec<bool>,
    pub(super) special: Vec<bool>,
    pub(super) sampled: Vec<bool>,
    pub(super) requires: Vec<bool>,
    pub(super) ranged: Vec<bool>,
    pub(super) slow: Vec<bool>,
    pub(super) ended: Vec<bool>,
    pub(super) paired: Vec<bool>,
    pub(super) ducted: Vec<bool>,
    /// Logger-days on which a parameter of an instrument took a value.
    pub(super) parameter_set: HashSet<(u32, i32)>,
    /// First instant of any permit of the logger, microseconds UTC.
    pub(super) permitted: Vec<Option<i64>>,
    /// Last day of validity of the binding permit.
    pub(super) expires: Vec<Option<i32>>,
    /// When an outlet is bound to the logger.
    pub(super) bound: Vec<Vec<(i64, i64)>>,
    /// Series that the permits of every outlet of the logger list.
    pub(super) listed: BTreeSet<(u32, u16)>,
}

impl Facts {
    /// The facts that hold all the time, in the order of [`super::FACTS`].
    pub(super) fn flags(&self) -> [&[bool]; 15] {
        [
            &self.incinerator,
            &self.process,
            &self.watched,
            &self.marked,
            &self.rated,
            &self.sewage,
            &self.ordered,
            &self.special,
            &self.sampled,
            &self.requires,
            &self.ranged,
            &self.slow,
            &self.ended,
            &self.paired,
            &self.ducted,
        ]
    }
}

async fn read(documents: &Session, what: &str, sql: &str) -> Result<Vec<Row>, Error> {
    let batches = documents.rows(what, sql).await?;
    rows::objects(&batches).map_err(|error| Error::query(what)(error.into()))
}

fn text<'a>(row: &'a Row, name: &str) -> Option<&'a str> {
    row.get(name).and_then(Value::as_str)
}

fn time(row: &Row, name: &str) -> Option<i64> {
    row.get(name).and_then(Value::as_i64)
}

fn number(row: &Row, name: &str) -> Option<f64> {
    row.get(name).and_then(Value::as_f64)
}

/// Loggers that a query names.
async fn named(
    documents: &Session,
    loggers: &Loggers,
    what: &str,
    sql: &str,
) -> Result<Vec<bool>, Error> {
    let mut flags = vec![false; loggers.names().len()];
    for row in read(documents, what, sql).await? {
        if let Some(logger) = text(&row, "mn").and_then(|mn| loggers.number(mn)) {
            flags[logger as usize] = true;
        }
    }
    Ok(flags)
}

/// More loggers than `production_points` has: levels and times of the points are not asked for. The
/// columns are computed because tables comment them differently, which a union refuses.
const WATCHED: &str = "WITH filed AS (
       SELECT mn, permit_no, unnest(outlets) AS outlet
       FROM (
         SELECT concat(mn, '') AS mn, concat(permit_no, '') AS permit_no,
                coalesce(string_to_array(nullif(outlets, ''), ','), make_array('*')) AS outlets
         FROM process_points
         WHERE role = 'production'
       )
     )
     SELECT mn FROM filed
     UNION
     SELECT concat(o.mn, '') AS mn
     FROM filed f
     JOIN mn_outlets o ON o.outlet_uid = CASE WHEN starts_with(f.outlet, f.permit_no) THEN f.outlet
                                              ELSE concat(f.permit_no, f.outlet) END";
const RATED: &str = "SELECT DISTINCT b.mn FROM mn_outlets b
     JOIN limits_in_force l ON l.outlet_uid = b.outlet_uid WHERE l.rate_limit_kg_h IS NOT NULL";
const ORDERED: &str = "SELECT DISTINCT o.mn FROM mn_outlets o
     JOIN unit_windows u ON u.permit_no = o.permit_no";
const REQUIRES: &str = "SELECT DISTINCT b.mn FROM mn_outlets b
     JOIN permit_outlets o ON o.outlet_uid = b.outlet_uid
     WHERE o.doc_valid AND coalesce(o.required_auto, '') <> ''";
const RANGED: &str = "SELECT mn FROM equipment_parameters WHERE parameter = 'i13001'
     UNION SELECT mn FROM filed_parameters WHERE parameter = 'i13001'";
const PAIRED: &str = "WITH outlets AS (
       SELECT mn, max(permit_no) AS permit_no, max(outlet_uid) AS outlet_uid FROM mn_outlets GROUP BY mn
     )
     SELECT DISTINCT a.mn FROM outlets a
     JOIN outlets b ON b.permit_no = a.permit_no AND b.outlet_uid <> a.outlet_uid";
const DUCTED: &str = "SELECT DISTINCT mn FROM filed_parameters
     WHERE parameter IN ('a01016', 'cross_section')";
const SET: &str = "SELECT DISTINCT mn, arrow_cast(day_of(in_force_from), 'Int64') AS day
     FROM equipment_parameters WHERE parameter <> 'i13006'";
const OWNED: &str = "SELECT b.mn, min(d.starts_at) AS starts_at,
            max(CASE WHEN d.status IN ('cancelled', 'revoked', 'suspended') THEN 1 ELSE 0 END) AS ended
     FROM (SELECT DISTINCT mn, permit_no FROM permit_bindings WHERE doc_valid) b
     JOIN permit_documents d ON d.permit_no = b.permit_no
     GROUP BY b.mn";
const LISTED: &str = "WITH listed AS (
       SELECT outlet_uid, factor FROM permit_limits WHERE doc_valid
       UNION
       SELECT outlet_uid, factor FROM permit_mass_limits WHERE doc_valid AND outlet_uid IS NOT NULL
       UNION
       SELECT outlet_uid, unnest(string_to_array(required_auto, ',')) AS factor
       FROM permit_outlets WHERE doc_valid AND required_auto IS NOT NULL
     )
     SELECT DISTINCT o.mn, o.outlet_uid, l.factor
     FROM mn_outlets o JOIN listed l ON l.outlet_uid = o.outlet_uid";

/// First last day of validity of a logger's permit that no later document, known by then, follows
/// without a day between; nothing where a document states none. See rule P02, which judges by it.
fn expires(as_of: i64) -> String {
    format!(
        "WITH known AS (
           SELECT permit_no, valid_to,
                  min(first_day) OVER (PARTITION BY permit_no ORDER BY issued_at, version
                                       ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS until_day
           FROM (
             SELECT *, coalesce(valid_from, day_of(issued_at)) AS first_day
             FROM permit_documents
             WHERE arrow_cast(issued_at, 'Int64') <= {as_of}
           )
         )
         SELECT b.mn,
                CASE WHEN count(*) = count(k.valid_to)
                     THEN min(k.valid_to) FILTER (
                       WHERE k.until_day IS NULL
                          OR arrow_cast(k.until_day, 'Int64') > arrow_cast(k.valid_to, 'Int64') + 1)
                END AS valid_to
         FROM (
           SELECT DISTINCT mn, permit_no FROM permit_bindings
           WHERE doc_valid AND arrow_cast(issued_at, 'Int64') <= {as_of}
         ) b
         JOIN known k ON k.permit_no = b.permit_no
         GROUP BY b.mn"
    )
}

/// Reads everything. `documents` has the views of permits as tables.
pub(super) async fn load(
    documents: &Session,
    sheets: &Sheets,
    loggers: &Loggers,
    factors: &Factors,
    as_of: i64,
) -> Result<(Context, Facts), Error> {
    let count = loggers.names().len();
    let mut context = Context {
        bound: vec![false; count],
        paced: vec![false; count],
        gas_flow: scale(documents, "a00000", "m3/s"),
        water_flow: scale(documents, "w00000", "L/s"),
        as_of,
        ..Context::default()
    };
    let mut facts = Facts {
        incinerator: vec![false; count],
        process: named(
            documents,
            loggers,
            "process points",
            "SELECT DISTINCT mn FROM process_points",
        )
        .await?,
        watched: named(documents, loggers, "watched production", WATCHED).await?,
        marked: named(documents, loggers, "marks", "SELECT DISTINCT mn FROM marks").await?,
        rated: named(documents, loggers, "rate limits", RATED).await?,
        sewage: vec![false; count],
        ordered: named(documents, loggers, "orders", ORDERED).await?,
        special: vec![false; count],
        sampled: named(
            documents,
            loggers,
            "manual results",
            "SELECT DISTINCT mn FROM manual_results WHERE mn IS NOT NULL",
        )
        .await?,
        requires: named(documents, loggers, "required monitoring", REQUIRES).await?,
        ranged: named(documents, loggers, "measuring ranges", RANGED).await?,
        paired: named(documents, loggers, "outlets beside each other", PAIRED).await?,
        ducted: named(documents, loggers, "filed cross-sections", DUCTED).await?,
        parameter_set: HashSet::new(),
        slow: vec![false; count],
        ended: vec![false; count],
        permitted: vec![None; count],
        expires: vec![None; count],
        bound: vec![Vec::new(); count],
        ..Facts::default()
    };
    for row in read(documents, "parameters of instruments", SET).await? {
        if let (Some(logger), Some(day)) = (
            text(&row, "mn").and_then(|mn| loggers.number(mn)),
            time(&row, "day").and_then(|day| i32::try_from(day).ok()),
        ) {
            facts.parameter_set.insert((logger, day));
        }
    }
    for unit in sheets.units() {
        if let Some(logger) = loggers.number(&unit.mn) {
            facts.process[logger as usize] = true;
            facts.watched[logger as usize] = true;
            facts.incinerator[logger as usize] |= unit.kind == "incinerator";
        }
    }
    outlets(documents, loggers, &mut context, &mut facts).await?;
    limits(documents, loggers, factors, &mut context, &mut facts).await?;
    permits(documents, loggers, factors, as_of, &mut facts).await?;
    Ok((context, facts))
}

/// By what values of a factor are multiplied to be in `unit`, units of readings being the standard's.
pub(super) fn scale(documents: &Session, factor: &str, unit: &str) -> Option<f64> {
    units::scale(documents.units().of(None, factor)?, unit)
}

async fn outlets(
    documents: &Session,
    loggers: &Loggers,
    context: &mut Context,
    facts: &mut Facts,
) -> Result<(), Error> {
    let sql = "SELECT mn, bound_from, bound_to, cadence_s, industry_codes FROM mn_outlets";
    for row in read(documents, "outlets of loggers", sql).await? {
        let Some(logger) = text(&row, "mn").and_then(|mn| loggers.number(mn)) else {
            continue;
        };
        let at = logger as usize;
        context.bound[at] = true;
        let cadence = time(&row, "cadence_s");
        context.paced[at] |= cadence.is_some();
        facts.slow[at] |= cadence.is_some_and(|seconds| seconds > 3_600);
        let industries = text(&row, "industry_codes").unwrap_or_default();
        facts.incinerator[at] |= industries.split(',').any(|code| code == "4417");
        facts.sewage[at] |= industries.split(',').any(|code| code == "4620");
        if let (Some(from), Some(to)) = (time(&row, "bound_from"), time(&row, "bound_to")) {
            facts.bound[at].push((from, to));
        }
    }
    Ok(())
}

async fn limits(
    documents: &Session,
    loggers: &Loggers,
    factors: &Factors,
    context: &mut Context,
    facts: &mut Facts,
) -> Result<(), Error> {
    let sql =
        "SELECT mn, factor, averaging, in_force_from, in_force_to, limit_value, limit_low, basis,
                      special, unit_problem
               FROM mn_limits WHERE averaging IN ('hour', 'day')";
    for row in read(documents, "limits", sql).await? {
        let Some(logger) = text(&row, "mn").and_then(|mn| loggers.number(mn)) else {
            continue;
        };
        let (Some(from), Some(to)) = (time(&row, "in_force_from"), time(&row, "in_force_to"))
        else {
            continue;
        };
        let factor = factors.number(text(&row, "factor").unwrap_or_default());
        facts.special[logger as usize] |= row.get("special") == Some(&Value::Bool(true));
        let limit = Limit {
            from,
            to,
            value: number(&row, "limit_value"),
            low: number(&row, "limit_low"),
            converted: text(&row, "basis") == Some("converted"),
            problem: text(&row, "unit_problem").is_some(),
        };
        let series = context.series.entry((logger, factor)).or_default();
        match text(&row, "averaging") {
            Some("hour") => series.hour.push(limit),
            _ => series.day.push(limit),
        }
    }
    let sql = "SELECT mn, factor, in_force_from, in_force_to, ref_o2 FROM reference_oxygen";
    for row in read(documents, "reference oxygen", sql).await? {
        if let (Some(logger), Some(from), Some(to), Some(oxygen)) = (
            text(&row, "mn").and_then(|mn| loggers.number(mn)),
            time(&row, "in_force_from"),
            time(&row, "in_force_to"),
            number(&row, "ref_o2"),
        ) {
            let factor = factors.number(text(&row, "factor").unwrap_or_default());
            let series = context.series.entry((logger, factor)).or_default();
            series.reference.push(Reference { from, to, oxygen });
        }
    }
    Ok(())
}

async fn permits(
    documents: &Session,
    loggers: &Loggers,
    factors: &Factors,
    as_of: i64,
    facts: &mut Facts,
) -> Result<(), Error> {
    for row in read(documents, "permits of loggers", OWNED).await? {
        if let Some(logger) = text(&row, "mn").and_then(|mn| loggers.number(mn)) {
            facts.permitted[logger as usize] = time(&row, "starts_at");
            facts.ended[logger as usize] = time(&row, "ended") == Some(1);
        }
    }
    for row in read(documents, "expiry of permits", &expires(as_of)).await? {
        if let Some(logger) = text(&row, "mn").and_then(|mn| loggers.number(mn)) {
            facts.expires[logger as usize] =
                time(&row, "valid_to").and_then(|day| i32::try_from(day).ok());
        }
    }
    let mut outlets: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
    let sql = "SELECT DISTINCT mn, outlet_uid FROM mn_outlets";
    for row in read(documents, "outlets", sql).await? {
        if let Some(logger) = text(&row, "mn").and_then(|mn| loggers.number(mn)) {
            let outlet = text(&row, "outlet_uid").unwrap_or_default();
            outlets.entry(logger).or_default().insert(outlet.to_owned());
        }
    }
    let mut by_series: BTreeMap<(u32, u16), usize> = BTreeMap::new();
    for row in read(documents, "listed factors", LISTED).await? {
        if let (Some(logger), Some(factor)) = (
            text(&row, "mn").and_then(|mn| loggers.number(mn)),
            text(&row, "factor"),
        ) {
            *by_series
                .entry((logger, factors.number(factor)))
                .or_default() += 1;
        }
    }
    facts.listed = by_series
        .into_iter()
        .filter(|((logger, _), count)| outlets.get(logger).map(BTreeSet::len) == Some(*count))
        .map(|(series, _)| series)
        .collect();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::FACTS;
    use super::Facts;

    #[test]
    fn every_fact_has_its_column() {
        // Beside factor and date, and what is known of a day (`permitted` and after it).
        let known = 2 + FACTS
            .iter()
            .rev()
            .position(|fact| fact.0 == "ducted")
            .unwrap_or(0);
        assert_eq!(Facts::default().flags().len() + known, FACTS.len());
    }
}
