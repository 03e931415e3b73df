use super::*;

fn minute(at_s: i64, value: f64, mark: &str) -> Reading {
    Reading {
        time: at_s * 1_000_000,
        received: at_s * 1_000_000,
        offset: at_s,
        value,
        zs: f64::NAN,
        cou: f64::NAN,
        partition: 0,
        period_s: 0,
        mark: Mark::parse(Some(mark)),
        source: Source::Minutes,
        sentinel: false,
    }
}

#[test]
fn forty_five_minutes_are_enough_and_scale_with_the_interval() {
    let every = |step: i64, count: i64| -> Vec<Reading> {
        (0..count).map(|i| minute(i * step, 1.0, "N")).collect()
    };
    assert!(hours(every(120, 23))[0].valid, "23 x 2 min = 46 min");
    assert!(!hours(every(120, 22))[0].valid, "22 x 2 min = 44 min");
    assert!(hours(every(60, 45))[0].valid);
    assert!(!hours(every(60, 44))[0].valid);
    assert!(hours(every(600, 5))[0].valid);
    assert!(!hours(every(600, 4))[0].valid);
}

#[test]
fn marked_minutes_are_dropped_and_named() {
    let mut rows: Vec<Reading> = (0..6).map(|i| minute(i * 600, 10.0, "N")).collect();
    rows[0].mark = Mark::parse(Some("M"));
    rows[0].value = 900.0;
    rows[1].mark = Mark::parse(Some("M"));
    let hour = &hours(rows)[0];
    assert_eq!(
        (hour.due, hour.received, hour.used, hour.dropped),
        (6, 6, 4, 2)
    );
    assert_eq!(hour.why, "{\"M\":2}");
    assert_eq!(hour.mark, "M");
    assert!(!hour.valid);
    assert_eq!(hour.value, 10.0);
}

#[test]
fn the_latest_copy_counts_and_a_changed_value_is_told() {
    let mut rows: Vec<Reading> = (0..6).map(|i| minute(i * 600, 10.0, "N")).collect();
    let mut resend = rows[2];
    resend.received += 60_000_000;
    resend.value = 40.0;
    rows.insert(0, resend);
    let hour = &hours(rows)[0];
    assert_eq!((hour.received, hour.copies, hour.changed), (6, 1, 1));
    assert_eq!(hour.value, 15.0);
}

#[test]
fn an_uploaded_hour_stands_in_only_without_minutes() {
    let mut upload = minute(0, 7.0, "N");
    upload.source = Source::Uploaded;
    let alone = &hours(vec![upload])[0];
    assert!(alone.source == Source::Uploaded && alone.valid);
    let mut rows: Vec<Reading> = (0..6).map(|i| minute(i * 600, 10.0, "N")).collect();
    rows.push(upload);
    let both = hours(rows);
    assert_eq!(both.len(), 1);
    assert_eq!(both[0].source, Source::Minutes);
    assert_eq!((both[0].value, both[0].uploaded_value), (10.0, 7.0));
}

#[test]
fn an_encoded_reading_reads_back() {
    let mut row = minute(5, 1.5, "St");
    row.zs = 2.5;
    row.period_s = 120;
    row.sentinel = true;
    let mut bytes = Vec::new();
    HoursOfDay::encode(&row, &mut bytes);
    assert_eq!(bytes.len(), HoursOfDay::WIDTH);
    let back = HoursOfDay::decode(&bytes);
    assert_eq!(format!("{back:?}"), format!("{row:?}"));
}

#[test]
fn real_time_values_stand_in_where_there_is_nothing_else() {
    let sample = |at_s: i64, value: f64| Reading {
        source: Source::Realtime,
        ..minute(at_s, value, "N")
    };
    // 30-second samples: 90 of 120 are 45 minutes, 89 are not.
    let every = |from: i64, count: i64| (0..count).map(move |i| sample(from + i * 30, 2.0));
    let just = &hours(every(0, 90).collect())[0];
    assert_eq!(
        (just.source, just.valid, just.due, just.used, just.value),
        (Source::Realtime, true, 120, 90, 2.0)
    );
    assert!(!hours(every(0, 89).collect())[0].valid);
    // A single sample says nothing about an hour.
    assert!(!hours(vec![sample(0, 1.0)])[0].valid);
    // Minutes and an uploaded hour come first, each for its own hour.
    let mut rows: Vec<Reading> = every(0, 360).collect();
    rows.extend((0..6).map(|i| minute(i * 600, 10.0, "N")));
    rows.push(Reading {
        source: Source::Uploaded,
        ..minute(3_600, 7.0, "N")
    });
    let all = hours(rows);
    let told: Vec<_> = all
        .iter()
        .map(|hour| (hour.source, hour.value, hour.valid))
        .collect();
    assert_eq!(
        told,
        [
            (Source::Minutes, 10.0, true),
            (Source::Uploaded, 7.0, true),
            (Source::Realtime, 2.0, true)
        ]
    );
}
