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
        hour: false,
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
    upload.hour = true;
    let alone = &hours(vec![upload])[0];
    assert!(alone.uploaded && alone.valid);
    let mut rows: Vec<Reading> = (0..6).map(|i| minute(i * 600, 10.0, "N")).collect();
    rows.push(upload);
    let both = hours(rows);
    assert_eq!(both.len(), 1);
    assert!(!both[0].uploaded);
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
