//! Contradictions inside a mapping file, found before a single row is read.

use super::mapping::{GRANULARITIES, Layout, Mapping};
use super::time::Zone;

/// Checks what the types cannot say; the error names the key and what to write.
pub(super) fn check(mapping: &Mapping) -> Result<(), String> {
    check_time(mapping)?;
    if mapping.csv.delimiter.len() != 1 {
        return Err(format!(
            "[csv] delimiter is `{}`; it must be one ASCII character, e.g. \",\" or \"\\t\"",
            mapping.csv.delimiter
        ));
    }
    match mapping.layout {
        Layout::Wide => check_wide(mapping)?,
        Layout::Long => check_long(mapping)?,
    }
    mapping.conversions().collect::<Result<(), String>>()?;
    if mapping.reading.period_s == Some(0) {
        return Err("[reading] period_s must be at least 1 second; leave it out if unknown".into());
    }
    if let Some(granularity) = &mapping.reading.granularity {
        known_granularity("[reading] granularity", granularity)?;
    }
    if mapping.mn.is_some() && mapping.reading.mn.is_some() {
        return Err("the MN comes from `[mn] column` and from `[reading] mn`; keep one".into());
    }
    Ok(())
}

fn check_time(mapping: &Mapping) -> Result<(), String> {
    let time = &mapping.time;
    match (&time.column, time.columns.is_empty()) {
        (Some(_), false) => {
            return Err("[time] has both `column` and `columns`; keep one of them".into());
        }
        (None, true) => {
            return Err("[time] names no column; write column = \"<heading of the time>\"".into());
        }
        _ => {}
    }
    Zone::parse(&time.zone)?;
    super::time::check_format(&time.format)
}

fn check_wide(mapping: &Mapping) -> Result<(), String> {
    if mapping.long.is_some() {
        return Err(
            "layout = \"wide\" has a [long] section; remove it or set layout = \"long\"".into(),
        );
    }
    if mapping.columns.is_empty() {
        return Err("layout = \"wide\" maps no column; add a [[columns]] entry per factor".into());
    }
    let mut seen = std::collections::BTreeMap::new();
    for column in &mapping.columns {
        let at = format!("column `{}`", column.name);
        if column.factor.trim().is_empty() {
            return Err(format!(
                "{at}: `factor` is empty; write a code or a private name"
            ));
        }
        let granularity = column
            .granularity
            .as_ref()
            .or(mapping.reading.granularity.as_ref())
            .ok_or_else(|| format!("{at} has no granularity; set [reading] granularity"))?;
        known_granularity(&at, granularity)?;
        let mn = column.mn.as_ref().or(mapping.reading.mn.as_ref());
        if mn.is_none_or(|mn| mn.trim().is_empty()) && mapping.mn.is_none() {
            return Err(format!("{at} has no MN; set [reading] mn or [mn] column"));
        }
        if column.period_s == Some(0) {
            return Err(format!("{at}: period_s must be at least 1 second"));
        }
        let target = (
            mn.cloned(),
            &column.factor,
            granularity,
            column.statistic.name(),
        );
        if let Some(other) = seen.insert(target, &column.name) {
            return Err(format!(
                "columns `{other}` and `{}` both fill `{}` of factor `{}`; give one of them \
                 another factor, statistic, granularity or MN",
                column.name,
                column.statistic.name(),
                column.factor
            ));
        }
    }
    Ok(())
}

fn check_long(mapping: &Mapping) -> Result<(), String> {
    if !mapping.columns.is_empty() {
        return Err("layout = \"long\" has [[columns]]; describe the columns under [long]".into());
    }
    let Some(long) = &mapping.long else {
        return Err("layout = \"long\" needs a [long] section with `factor` and `value`".into());
    };
    if long.factor.is_empty() {
        return Err("[long] factor names no column; write the heading of the factor column".into());
    }
    if long.statistics().is_empty() {
        return Err("[long] names no value column; write value = \"<heading>\"".into());
    }
    if long.granularity.is_none() && mapping.reading.granularity.is_none() {
        return Err(
            "no granularity; set [long] granularity (a column) or [reading] granularity".into(),
        );
    }
    for (text, granularity) in &long.granularities {
        known_granularity(&format!("[long.granularities] `{text}`"), granularity)?;
    }
    if mapping.mn.is_none() && mapping.reading.mn.is_none() {
        return Err("no MN; set [reading] mn or [mn] column".into());
    }
    Ok(())
}

fn known_granularity(at: &str, text: &str) -> Result<(), String> {
    if GRANULARITIES.contains(&text) {
        return Ok(());
    }
    Err(format!(
        "{at}: granularity `{text}` is unknown; use one of {}",
        GRANULARITIES.join(", ")
    ))
}
