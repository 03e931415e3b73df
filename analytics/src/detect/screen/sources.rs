//! The files of `readings_raw` by day, as the session's version of the table has them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use futures::TryStreamExt;

use super::super::touched::{LoggerDay, load_at};
use crate::session::{Error, Session};

/// Files by Beijing day; nothing when there is no table on a disk.
pub(super) async fn by_day(
    session: &Session,
) -> Result<Option<BTreeMap<i32, Vec<PathBuf>>>, Error> {
    let table = "readings_raw";
    if session.store().as_os_str().is_empty() {
        return Ok(None);
    }
    let Some(delta) = load_at(session, table).await? else {
        return Ok(None);
    };
    let state = delta.snapshot().map_err(Error::table(table))?;
    let log_store = delta.log_store();
    let files: Vec<_> = state
        .snapshot()
        .file_views(log_store.as_ref(), None)
        .try_collect()
        .await
        .map_err(Error::table(table))?;
    let folder = session.store().join(table);
    let mut by_day: BTreeMap<i32, Vec<PathBuf>> = BTreeMap::new();
    for file in files {
        let values = file.partition_values_map();
        let Some(date) = values
            .get("date")
            .and_then(Option::as_ref)
            .and_then(|text| day(text))
        else {
            return Ok(None);
        };
        by_day
            .entry(date)
            .or_default()
            .push(folder.join(file.path().as_ref()));
    }
    for paths in by_day.values_mut() {
        paths.sort_unstable();
    }
    Ok(Some(by_day))
}

/// Days on which anybody reported; nothing when there is no table on a disk.
pub(in crate::detect) async fn dates(session: &Session) -> Result<Option<BTreeSet<i32>>, Error> {
    Ok(by_day(session)
        .await?
        .map(|files| files.into_keys().collect()))
}

/// All logger-days with rows, from the loggers' column alone; nothing where the files cannot be read
/// this way.
pub(in crate::detect) async fn logger_days(
    session: &Session,
) -> Result<Option<BTreeSet<LoggerDay>>, Error> {
    let Some(files) = by_day(session).await? else {
        return Ok(None);
    };
    let threads = session.partitions().max(1);
    let found = tokio::task::spawn_blocking(move || {
        let files: Vec<(i32, Vec<PathBuf>)> = files.into_iter().collect();
        let share = files.len().div_ceil(threads).max(1);
        std::thread::scope(|scope| {
            let handles: Vec<_> = files
                .chunks(share)
                .map(|part| scope.spawn(move || of_days(part)))
                .collect();
            let mut all = BTreeSet::new();
            for handle in handles {
                let part = handle
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                all.extend(part?);
            }
            Ok::<_, nonsite_history::Error>(all)
        })
    })
    .await;
    match found {
        Ok(Ok(days)) => Ok(Some(days)),
        Ok(Err(error)) => {
            tracing::warn!(%error, "the loggers of files are looked up by a query");
            Ok(None)
        }
        Err(error) => Err(Error::query("loggers of files")(
            datafusion::error::DataFusionError::External(error.into()),
        )),
    }
}

fn of_days(files: &[(i32, Vec<PathBuf>)]) -> Result<Vec<LoggerDay>, nonsite_history::Error> {
    let mut days = Vec::new();
    for (date, paths) in files {
        let loggers = nonsite_history::files::loggers_of(paths)?;
        days.extend(loggers.into_iter().map(|mn| (mn, *date)));
    }
    Ok(days)
}

/// A partition's Beijing day.
fn day(text: &str) -> Option<i32> {
    let date = text.parse::<chrono::NaiveDate>().ok()?;
    let days = date.signed_duration_since(chrono::NaiveDate::default());
    i32::try_from(days.num_days()).ok()
}
