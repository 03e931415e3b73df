//! When a logger was heard: an aggregate over the instants of its data.

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{DataType, Fields, Int32Type};
use datafusion::common::Result;

use super::columns::{instant, instants, list_type, lists, primitive, texts};
use super::fold::{Cursor, Fold};
use super::series;
use super::walks::{SECOND, field, times};

/// One sign of life of a logger.
#[derive(Debug, Clone, Copy)]
pub(super) struct Contact {
    time: i64,
    period_s: i32,
    rank: i32,
}

/// `contact_islands(time, granularity, period_s)`: list of stretches of time in which a logger was
/// heard without a break of more than five minutes, for one logger and day.
///
/// A value covers its interval: the stated one, else the usual step of its kind that day. Real-time
/// and minute rows say when a logger was connected; hour rows only count on a day without finer
/// ones. Grouped by logger and day, the stretches of several days are put together by ordering
/// them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct ContactIslands;

/// Breaks up to this long do not end a stretch: 5 minutes.
const BREAK: i64 = 300 * SECOND;

fn island_fields() -> Fields {
    Fields::from(vec![
        field("from_time", instant()),
        field("to_time", instant()),
        field("last_data", instant()),
    ])
}

impl Fold for ContactIslands {
    type Row = Contact;
    const WIDTH: usize = 16;

    fn name(&self) -> &'static str {
        "contact_islands"
    }

    fn arguments(&self) -> Vec<DataType> {
        vec![instant(), DataType::Utf8View, DataType::Int32]
    }

    fn answer(&self) -> DataType {
        list_type(&island_fields())
    }

    fn read(&self, columns: &[ArrayRef]) -> Result<Vec<Option<Contact>>> {
        let time = instants(&columns[0])?;
        let granularity = texts(&columns[1])?;
        let period = primitive::<Int32Type>(&columns[2])?;
        Ok((0..time.len())
            .map(|i| {
                let rank = match granularity.value(i) {
                    "realtime" => 0,
                    "minute" => 1,
                    "hour" => 2,
                    _ => return None,
                };
                let period_s = if period.is_valid(i) {
                    period.value(i)
                } else {
                    0
                };
                Some(Contact {
                    time: time.value(i),
                    period_s,
                    rank,
                })
            })
            .collect())
    }

    fn encode(row: &Contact, out: &mut Vec<u8>) {
        out.extend_from_slice(&row.time.to_le_bytes());
        out.extend_from_slice(&row.period_s.to_le_bytes());
        out.extend_from_slice(&row.rank.to_le_bytes());
    }

    fn decode(bytes: &[u8]) -> Contact {
        let mut cursor = Cursor(bytes);
        Contact {
            time: cursor.i64(),
            period_s: cursor.i32(),
            rank: cursor.i32(),
        }
    }

    fn finish(&self, series: Vec<Vec<Contact>>) -> Result<ArrayRef> {
        let mut lengths = Vec::with_capacity(series.len());
        let mut found = Vec::new();
        for contacts in series {
            let islands = islands(contacts);
            lengths.push(islands.len());
            found.extend(islands);
        }
        let columns = vec![
            times(found.iter().map(|island| Some(island.0))),
            times(found.iter().map(|island| Some(island.1))),
            times(found.iter().map(|island| Some(island.2))),
        ];
        lists(&island_fields(), columns, lengths)
    }
}

/// Stretches as (from, to, last data).
fn islands(mut contacts: Vec<Contact>) -> Vec<(i64, i64, i64)> {
    if contacts.iter().any(|contact| contact.rank < 2) {
        contacts.retain(|contact| contact.rank < 2);
    }
    contacts.sort_unstable_by_key(|contact| (contact.rank, contact.time, contact.period_s));
    contacts.dedup_by_key(|contact| (contact.rank, contact.time));
    // How long a value without a stated length lasts: the usual step of its kind.
    let usual: Vec<i64> = (0..3)
        .map(|rank| {
            let own = contacts.iter().filter(|contact| contact.rank == rank);
            series::cadence(own.map(|contact| contact.time))
                .unwrap_or(0)
                .min(3_600 * SECOND)
        })
        .collect();
    contacts.sort_unstable_by_key(|contact| (contact.time, contact.rank));
    let mut found: Vec<(i64, i64, i64)> = Vec::new();
    for contact in contacts {
        let length = if contact.period_s > 0 {
            i64::from(contact.period_s) * SECOND
        } else {
            usual[usize::try_from(contact.rank).unwrap_or(0).min(2)]
        };
        let end = contact.time + length;
        match found.last_mut() {
            Some((_, covered, last)) if contact.time - *covered <= BREAK => {
                *covered = end.max(*covered);
                *last = contact.time;
            }
            _ => found.push((contact.time, end, contact.time)),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60 * SECOND;

    fn contact(minute: i64, rank: i32) -> Contact {
        Contact {
            time: minute * MINUTE,
            period_s: if rank == 2 { 3_600 } else { 0 },
            rank,
        }
    }

    #[test]
    fn a_stretch_ends_where_the_last_interval_ends() {
        let contacts: Vec<Contact> = [20, 0, 10, 10, 70, 80]
            .iter()
            .map(|&minute| contact(minute, 1))
            .collect();
        assert_eq!(
            islands(contacts),
            [
                (0, 30 * MINUTE, 20 * MINUTE),
                (70 * MINUTE, 90 * MINUTE, 80 * MINUTE)
            ]
        );
    }

    #[test]
    fn hours_do_not_hide_a_break_in_finer_data() {
        let mut contacts: Vec<Contact> = (0..6).map(|i| contact(i * 10, 1)).collect();
        contacts.push(contact(60, 2));
        assert_eq!(islands(contacts), [(0, 60 * MINUTE, 50 * MINUTE)]);
    }

    #[test]
    fn an_hourly_logger_is_heard_all_the_time() {
        let contacts: Vec<Contact> = (0..5).map(|i| contact(i * 60, 2)).collect();
        assert_eq!(islands(contacts), [(0, 300 * MINUTE, 240 * MINUTE)]);
    }
}
