use super::*;
use crate::context::{Context, Limit, OfSeries, Reference};
use crate::files::{ABSENT, Day, HOURS, Series};
use crate::marks::Mark;
use crate::{DAY, HOUR, day_start};

fn codes(names: &[&str]) -> Codes {
    Codes::new(
        &names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>(),
    )
}

/// A series with these values from hour 0 on; NaN means no row.
fn series(factor: u16, values: &[f64]) -> Series {
    let mut series = Series {
        logger: 0,
        factor,
        odd: false,
        marks: [ABSENT; HOURS],
        value: [f64::NAN; HOURS],
        converted: [f64::NAN; HOURS],
        amount: [f64::NAN; HOURS],
    };
    for (hour, value) in values.iter().enumerate() {
        if !value.is_nan() {
            series.marks[hour] = Mark::NORMAL.number();
            series.value[hour] = *value;
        }
    }
    series
}

fn day(date: i32, series: Vec<Series>) -> Day {
    Day {
        date,
        series,
        rows: 0,
    }
}

/// The numbers of the first row, by name.
fn number(stats: Stats, row: usize, name: &str) -> Option<f64> {
    let (_, batch) = stats.into_batch().expect("batch");
    let column = batch.column_by_name(name).expect("column");
    let column = arrow::compute::cast(column, &DataType::Float64).expect("number");
    let column = column
        .as_any()
        .downcast_ref::<Float64Array>()
        .expect("numbers");
    use arrow::array::Array as _;
    column.is_valid(row).then(|| column.value(row))
}

fn whole(as_of_day: i64) -> Context {
    Context {
        bound: vec![true],
        paced: vec![false],
        gas_flow: Some(1.0),
        water_flow: Some(1.0),
        as_of: as_of_day * DAY,
        ..Context::default()
    }
}

#[test]
fn a_run_over_midnight_is_seen_from_both_days() {
    let codes = codes(&["a21026"]);
    let mut first = vec![1.0, 2.0];
    first.extend((2..24).map(|hour| {
        if hour < 22 {
            f64::from(hour) * 10.0
        } else {
            5.0
        }
    }));
    let mut second = vec![5.0, 5.0, 5.0, 7.0];
    second.extend((4..24).map(|hour| f64::from(hour) * 10.0));
    let (before, one, two, after) = (
        day(9, vec![]),
        day(10, vec![series(0, &first)]),
        day(11, vec![series(0, &second)]),
        day(12, vec![]),
    );
    let context = whole(100);
    let stats = describe((&before, &one, &two), &[0], &codes, &context, None);
    assert_eq!(number(stats, 0, "run"), Some(5.0));
    let stats = describe((&one, &two, &after), &[0], &codes, &context, None);
    assert_eq!(number(stats, 0, "run"), Some(5.0));
    // A run that only touches the day's edge from outside is not its own.
    let mut third = vec![9.0];
    third.extend((1..24).map(|hour| f64::from(hour) * 10.0 + 3.0));
    let three = day(11, vec![series(0, &third)]);
    let stats = describe((&one, &three, &after), &[0], &codes, &context, None);
    assert_eq!(number(stats, 0, "run"), Some(1.0));
}

#[test]
fn an_hour_without_a_row_ends_a_run_and_lacks() {
    let codes = codes(&["a21026"]);
    let values = [3.0, 3.0, f64::NAN, 3.0, 3.0, 3.0];
    let (none, one) = (day(9, vec![]), day(10, vec![series(0, &values)]));
    let of = |name: &str| {
        let stats = describe((&none, &one, &none), &[0], &codes, &whole(100), None);
        number(stats, 0, name)
    };
    assert_eq!(of("run"), Some(3.0));
    assert_eq!(of("lacking"), Some(19.0));
    assert_eq!(of("gap_inside_s"), Some(3_600.0));
    assert_eq!(of("gap_after_s"), Some(18.0 * 3_600.0));
    assert_eq!(of("logger_due"), Some(24.0));
}

#[test]
fn a_limit_that_changes_within_the_day_judges_nothing() {
    let codes = codes(&["a21026"]);
    let (none, one) = (day(9, vec![]), day(10, vec![series(0, &[3.0; 24])]));
    let start = day_start(10);
    let limit = |from: i64, to: i64| Limit {
        from,
        to,
        value: Some(5.0),
        low: None,
        converted: false,
        problem: false,
    };
    let with = |hour: Vec<Limit>| {
        let mut context = whole(100);
        let known = OfSeries {
            hour,
            ..OfSeries::default()
        };
        context.series.insert((0, 0), known);
        describe((&none, &one, &none), &[0], &codes, &context, None)
    };
    let always = with(vec![limit(0, i64::MAX)]);
    assert_eq!(number(always, 0, "judged"), Some(24.0));
    let changing = with(vec![limit(0, start + HOUR), limit(start + HOUR, i64::MAX)]);
    assert_eq!(number(changing, 0, "judged"), Some(0.0));
}

#[test]
fn converted_values_follow_the_oxygen_of_the_hour() {
    let codes = codes(&["a21026", "a19001"]);
    let one = day(10, vec![series(0, &[12.0; 24]), series(1, &[15.0; 24])]);
    let none = day(9, vec![]);
    let mut context = whole(100);
    context.series.insert(
        (0, 0),
        OfSeries {
            hour: vec![Limit {
                from: 0,
                to: i64::MAX,
                value: Some(50.0),
                low: None,
                converted: true,
                problem: false,
            }],
            reference: vec![Reference {
                from: 0,
                to: i64::MAX,
                oxygen: 9.0,
            }],
            ..OfSeries::default()
        },
    );
    let stats = describe((&none, &one, &none), &[0], &codes, &context, None);
    assert_eq!(number(stats, 0, "observed"), Some(24.0));
}

#[test]
fn what_is_not_plain_is_odd_for_the_whole_logger() {
    let codes = codes(&["a21026", "a21002"]);
    let mut strange = series(0, &[1.0; 24]);
    strange.odd = true;
    let one = day(10, vec![strange, series(1, &[2.0; 24])]);
    let none = day(9, vec![]);
    let stats = describe((&none, &one, &none), &[0], &codes, &whole(100), None);
    assert!(stats.keys.iter().all(|key| key.odd));
    // So does a neighbour: a run may reach into it.
    let plain = day(11, vec![series(1, &[2.0; 24])]);
    let stats = describe((&one, &plain, &none), &[0], &codes, &whole(100), None);
    assert!(stats.keys.iter().all(|key| key.odd));
    // Hours that are not over are left to the rules.
    let stats = describe((&none, &plain, &none), &[0], &codes, &whole(11), None);
    assert!(stats.keys.iter().all(|key| key.odd));
}

#[test]
fn a_logger_without_rows_has_a_row_of_its_own() {
    let none = day(10, vec![]);
    let stats = describe((&none, &none, &none), &[0], &codes(&[]), &whole(100), None);
    assert_eq!((stats.keys.len(), stats.keys[0].factor), (1, None));
    assert_eq!(number(stats, 0, "gap_before_s"), Some(86_400.0));
}

#[test]
fn shape_night_and_company_of_a_pollutants_day() {
    let codes = codes(&["a21026", "a00000", "a19001", "a01011", "a01012"]);
    let mut values: Vec<f64> = (0..24).map(|hour| 10.0 + f64::from(hour % 2)).collect();
    values[10] = 20.0;
    values[11] = f64::NAN;
    let one = day(
        10,
        vec![
            series(0, &values),
            series(1, &[2.0; 24]),
            series(2, &[9.0; 20]),
            series(3, &[12.0; 22]),
            series(4, &[110.0; 21]),
        ],
    );
    let none = day(9, vec![]);
    let of = |row: usize, name: &str| {
        let stats = describe((&none, &one, &none), &[0], &codes, &whole(100), None);
        number(stats, row, name)
    };
    assert_eq!(of(0, "different"), Some(3.0));
    // From 11 up to 20; the hour after it is missing. The others are of a tenth or a little less.
    assert_eq!(
        (of(0, "steps_60"), of(0, "steps_30")),
        (Some(1.0), Some(1.0))
    );
    assert_eq!(of(0, "steps_10"), Some(12.0));
    assert_eq!(
        (of(0, "night_hours"), of(0, "light_hours")),
        (Some(8.0), Some(15.0))
    );
    assert_eq!(
        (of(0, "night_flow"), of(0, "light_flow")),
        (Some(16.0), Some(30.0))
    );
    assert_eq!(of(0, "night_value"), Some(84.0));
    assert_eq!(
        (of(0, "o2_hours"), of(0, "o2_flow_hours")),
        (Some(19.0), Some(19.0))
    );
    assert!(of(0, "lag1").is_some() && of(0, "variation").is_some());
    assert_eq!(
        (of(0, "first_gas"), of(1, "first_gas")),
        (Some(1.0), Some(0.0))
    );
    // The flow's hours in the company of velocity and temperature; there is no humidity.
    assert_eq!(
        (of(1, "with_velocity"), of(1, "with_heat")),
        (Some(22.0), Some(21.0))
    );
    assert_eq!((of(1, "with_humidity"), of(1, "lag1")), (Some(0.0), None));
    assert_eq!(of(2, "variation"), Some(0.0));
}

#[test]
fn a_negative_zero_is_odd() {
    let codes = codes(&["a21026"]);
    let one = day(10, vec![series(0, &[1.0, -0.0])]);
    let none = day(9, vec![]);
    let stats = describe((&none, &one, &none), &[0], &codes, &whole(100), None);
    assert!(stats.keys.iter().all(|key| key.odd));
}
