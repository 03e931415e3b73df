//! `day_start(date)`, `day_of(instant)` and `beijing_time(instant)`: between Beijing days and instants.
//!
//! Days of the domain are Beijing days, instants are UTC; writing the eight hours out in every rule
//! is where they get lost.

use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Date32Type, TimeUnit};
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use nonsite_schemas::time::{BEIJING_OFFSET_MICROS, beijing_day};

use super::columns::{instant, instants, primitive};

/// Microseconds per day.
const DAY: i64 = 86_400_000_000;

/// All of them.
pub(super) fn all() -> Vec<ScalarUDF> {
    [
        (Turn::DayStart, DataType::Date32),
        (Turn::DayOf, instant()),
        (Turn::BeijingTime, instant()),
    ]
    .into_iter()
    .map(|(turn, argument)| {
        let signature = Signature::exact(vec![argument], Volatility::Immutable);
        ScalarUDF::from(Days { turn, signature })
    })
    .collect()
}

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Turn {
    /// `day_start(date)`: the instant at which a Beijing day begins.
    DayStart,
    /// `day_of(instant)`: the Beijing day of an instant.
    DayOf,
    /// `beijing_time(instant)`: what a clock in Beijing shows at an instant, for reports and for
    /// hours of the day.
    BeijingTime,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Days {
    turn: Turn,
    signature: Signature,
}

impl ScalarUDFImpl for Days {
    fn name(&self) -> &str {
        match self.turn {
            Turn::DayStart => "day_start",
            Turn::DayOf => "day_of",
            Turn::BeijingTime => "beijing_time",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(match self.turn {
            Turn::DayStart => instant(),
            Turn::DayOf => DataType::Date32,
            Turn::BeijingTime => DataType::Timestamp(TimeUnit::Microsecond, None),
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        let answer: ArrayRef = match self.turn {
            Turn::DayStart => {
                // What stands at the place of a missing date is any number.
                let starts: TimestampMicrosecondArray = primitive::<Date32Type>(&columns[0])?
                    .unary(|date| {
                        i64::from(date)
                            .wrapping_mul(DAY)
                            .wrapping_sub(BEIJING_OFFSET_MICROS)
                    });
                Arc::new(starts.with_timezone("UTC"))
            }
            Turn::DayOf => {
                let days: Date32Array = instants(&columns[0])?.unary(beijing_day);
                Arc::new(days)
            }
            Turn::BeijingTime => {
                let shown: TimestampMicrosecondArray = instants(&columns[0])?
                    .unary(|micros| micros.wrapping_add(BEIJING_OFFSET_MICROS));
                Arc::new(shown)
            }
        };
        Ok(ColumnarValue::Array(answer))
    }
}

#[cfg(test)]
mod tests {
    use crate::fixtures::{at, query, session};

    #[tokio::test]
    async fn a_day_begins_at_beijing_midnight() {
        let session = session(Vec::new(), &[], 1).await;
        let noon = at("2025-06-01 23:59");
        let rows = query(
            &session,
            &format!(
                "SELECT arrow_cast(day_start(DATE '2025-06-01'), 'Int64') AS start,
                        day_of(arrow_cast({noon}, 'Timestamp(Microsecond, Some(\"UTC\"))')) = DATE '2025-06-01' AS same,
                        day_start(CAST(NULL AS DATE)) IS NULL AS none,
                        beijing_time(day_start(DATE '2025-06-01')) = TIMESTAMP '2025-06-01 00:00:00' AS shown"
            ),
        )
        .await;
        assert_eq!(rows[0]["start"], at("2025-06-01 00:00"));
        assert_eq!(
            (&rows[0]["same"], &rows[0]["none"]),
            (&true.into(), &true.into())
        );
        assert_eq!(rows[0]["shown"], true);
    }
}
