//! When, where and with what a photo was taken, as the camera wrote it (Exif 2.31).
//!
//! What a camera writes can be changed by anybody: it is a statement, like the caption of a photo,
//! and its absence is one as well. A photo whose EXIF part cannot be read has none.

use std::io::Cursor;

use chrono::NaiveDate;
use exif::{DateTime, Exif, In, Reader, Tag, Value};

/// Beijing, for times without an offset, in minutes.
const BEIJING: i16 = 8 * 60;

/// What a camera says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Taken {
    /// Microseconds UTC; a time without offset is Beijing time.
    pub(super) at: Option<i64>,
    /// Latitude and longitude (WGS 84) in millionths of a degree, north and east positive.
    pub(super) place: Option<(i32, i32)>,
    /// Maker and model.
    pub(super) device: Option<String>,
}

/// Reads a photo of any of the kinds that carry EXIF.
pub(super) fn taken(photo: &[u8]) -> Taken {
    let Ok(exif) = Reader::new().read_from_container(&mut Cursor::new(photo)) else {
        return Taken::default();
    };
    Taken {
        at: time(&exif),
        place: place(&exif),
        device: device(&exif),
    }
}

fn text(exif: &Exif, tag: Tag) -> Option<&[u8]> {
    match &exif.get_field(tag, In::PRIMARY)?.value {
        Value::Ascii(texts) => texts.first().map(Vec::as_slice),
        _ => None,
    }
}

fn time(exif: &Exif) -> Option<i64> {
    let (stamp, offset) = [
        (Tag::DateTimeOriginal, Tag::OffsetTimeOriginal),
        (Tag::DateTime, Tag::OffsetTime),
    ]
    .into_iter()
    .find_map(|(time, offset)| Some((text(exif, time)?, text(exif, offset))))?;
    let mut stamp = DateTime::from_ascii(stamp).ok()?;
    if let Some(offset) = offset {
        // An offset left blank is none.
        stamp.parse_offset(offset).ok();
    }
    let day = NaiveDate::from_ymd_opt(
        i32::from(stamp.year),
        u32::from(stamp.month),
        u32::from(stamp.day),
    )?;
    let local = day.and_hms_opt(
        u32::from(stamp.hour),
        u32::from(stamp.minute),
        u32::from(stamp.second),
    )?;
    let offset = i64::from(stamp.offset.unwrap_or(BEIJING)) * 60_000_000;
    Some(local.and_utc().timestamp_micros() - offset)
}

fn place(exif: &Exif) -> Option<(i32, i32)> {
    let latitude = degrees(exif, Tag::GPSLatitude, Tag::GPSLatitudeRef, b'S', 90.0)?;
    let longitude = degrees(exif, Tag::GPSLongitude, Tag::GPSLongitudeRef, b'W', 180.0)?;
    // Without reception cameras write zeros.
    ((latitude, longitude) != (0, 0)).then_some((latitude, longitude))
}

fn degrees(exif: &Exif, tag: Tag, side: Tag, negative: u8, most: f64) -> Option<i32> {
    let Value::Rational(parts) = &exif.get_field(tag, In::PRIMARY)?.value else {
        return None;
    };
    let [whole, minutes, seconds] = parts.as_slice() else {
        return None;
    };
    let size = whole.to_f64() + minutes.to_f64() / 60.0 + seconds.to_f64() / 3_600.0;
    // A denominator of zero is no number and lies within no range.
    if !(0.0..=most).contains(&size) {
        return None;
    }
    let sign = match text(exif, side)?.first()? {
        side if *side == negative => -1.0,
        _ => 1.0,
    };
    // At most 180 million: it fits.
    Some((sign * size * 1e6).round() as i32)
}

fn device(exif: &Exif) -> Option<String> {
    let words: Vec<String> = [Tag::Make, Tag::Model]
        .into_iter()
        .filter_map(|tag| text(exif, tag))
        .map(|name| {
            String::from_utf8_lossy(name)
                .chars()
                .filter(|letter| !letter.is_control())
                .take(64)
                .collect::<String>()
                .trim()
                .to_owned()
        })
        .filter(|name| !name.is_empty())
        .collect();
    (!words.is_empty()).then(|| words.join(" "))
}
