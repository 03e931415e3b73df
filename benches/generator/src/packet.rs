//! The packets of a logger, for one point: what it measured, in its edition's dialect.
//!
//! Minute, hour and day packets carry for each factor the mean with extremes, the converted mean
//! where the plant has a reference oxygen, the accumulated quantity (hour and day) and the mark.
//! Every data segment keeps to the 1,024 bytes of HJ 212; a day packet that would not is split in
//! two parts with PNUM and PNO.

use nonsite_schemas::hj212::encode::{PacketHead, PacketWriter};

use crate::layout::{Edition, Point};
use crate::process::Mark;
use crate::stamp::{power_of_ten, push_decimal, rfc3339};

/// Values of one factor in one interval, as multiples of 10^-decimals.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Values {
    pub(crate) min: i64,
    pub(crate) avg: i64,
    pub(crate) max: i64,
    /// Converted mean, with one decimal more.
    pub(crate) zs: Option<i64>,
    /// Accumulated quantity with [`COU_DECIMALS`] decimals: m3 for flows, kg for pollutants.
    pub(crate) cou: Option<i64>,
    pub(crate) decimals: u8,
    pub(crate) mark: Mark,
}

/// Decimals of accumulated quantities.
pub(crate) const COU_DECIMALS: u8 = 3;

/// What a packet is about, apart from its values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct About {
    /// Command code: 2011, 2031, 2051 or 2061.
    pub(crate) cn: &'static str,
    /// Start of the interval (or the instant), microseconds UTC.
    pub(crate) data_time: i64,
    /// When the logger sends it.
    pub(crate) sent_at: i64,
    /// Sent later than it should have been.
    pub(crate) late: bool,
}

/// Codes under which the power of production and of treatment is reported, kW.
pub(crate) const POWER_CODES: [&str; 2] = ["d20105", "d20106"];

const PASSWORD: &str = "123456";

fn head<'a>(point: &'a Point, cn: &'static str, sent_at: i64, late: bool) -> PacketHead<'a> {
    let answer = u8::from(point.index.is_multiple_of(2));
    PacketHead {
        sent_at: (point.edition != Edition::E2005).then_some(sent_at),
        st: point.st(),
        cn,
        pw: PASSWORD,
        mn: &point.mn,
        flag: match point.edition {
            Edition::E2005 => None,
            Edition::E2017 => Some(4 + answer),
            Edition::E2025 => Some(8 + answer),
        },
        part: None,
        resend: late && point.edition == Edition::E2025,
    }
}

fn real(scaled: i64, decimals: u8) -> f64 {
    scaled as f64 / power_of_ten(decimals) as f64
}

fn item(writer: &mut PacketWriter<'_>, code: &str, values: &Values, instant: bool) {
    writer.next_item();
    let decimals = values.decimals;
    if instant {
        writer.number(code, "Rtd", real(values.avg, decimals), decimals);
        if let Some(zs) = values.zs {
            writer.number(code, "ZsRtd", real(zs, decimals + 1), decimals + 1);
        }
    } else {
        if let Some(cou) = values.cou {
            writer.number(code, "Cou", real(cou, COU_DECIMALS), COU_DECIMALS);
        }
        writer.number(code, "Min", real(values.min, decimals), decimals);
        writer.number(code, "Avg", real(values.avg, decimals), decimals);
        writer.number(code, "Max", real(values.max, decimals), decimals);
        if let Some(zs) = values.zs {
            writer.number(code, "ZsAvg", real(zs, decimals + 1), decimals + 1);
        }
    }
    writer.text(code, "Flag", values.mark.as_str());
}

/// Appends the packet, or its two parts as two packets; calls `done` with the length of each and
/// the number of factors in it.
pub(crate) fn data(
    out: &mut Vec<u8>,
    point: &Point,
    about: &About,
    values: &[Values],
    mut done: impl FnMut(usize, usize),
) {
    let instant = about.cn == "2011";
    let write = |out: &mut Vec<u8>, part, range: std::ops::Range<usize>| {
        let mut head = head(point, about.cn, about.sent_at, about.late);
        if let Some(part) = part {
            head.part = Some((2, part));
            head.flag = head.flag.map(|flag| flag | 2);
        }
        let mut writer = PacketWriter::begin(out, &head);
        writer.data_time(about.data_time);
        for at in range {
            item(
                &mut writer,
                point.channels[at].wire_code,
                &values[at],
                instant,
            );
        }
        writer.fits().then(|| writer.finish())
    };
    if let Some(length) = write(out, None, 0..values.len()) {
        done(length, values.len());
        return;
    }
    let middle = values.len() / 2;
    for (part, range) in [(1, 0..middle), (2, middle..values.len())] {
        let count = range.len();
        if let Some(length) = write(out, Some(part), range) {
            done(length, count);
        }
    }
}

/// Appends one factor's values as an element of a JSON array of readings.
fn reading_json(
    out: &mut Vec<u8>,
    point: &Point,
    at: usize,
    about: &About,
    values: &Values,
    time: &str,
) {
    let granularity = match about.cn {
        "2051" => "minute",
        "2061" => "hour",
        "2031" => "day",
        _ => "realtime",
    };
    let mut text = |name: &str, value: &str| {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(value.as_bytes());
    };
    text("{\"mn\":\"", &point.mn);
    text("\",\"factor\":\"", point.channels[at].factor.code);
    text("\",\"granularity\":\"", granularity);
    text("\",\"data_time\":\"", time);
    text("\"", "");
    let mut number = |name: &str, scaled: i64, decimals: u8| {
        out.extend_from_slice(name.as_bytes());
        push_decimal(out, scaled, decimals);
    };
    let decimals = values.decimals;
    number(",\"value\":", values.avg, decimals);
    if granularity != "realtime" {
        number(",\"min\":", values.min, decimals);
        number(",\"max\":", values.max, decimals);
    }
    if let Some(zs) = values.zs {
        number(",\"zs_value\":", zs, decimals + 1);
    }
    if let Some(cou) = values.cou {
        number(",\"cou\":", cou, COU_DECIMALS);
    }
    let mut text = |name: &str, value: &str| {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(value.as_bytes());
    };
    text(",\"flag\":\"", values.mark.as_str());
    text("\"", if about.late { ",\"resend\":true}" } else { "}" });
}

/// Appends the packet as a JSON array with one reading per factor; returns its length.
/// `period_s` is the length of a minute interval.
pub(crate) fn data_json(
    out: &mut Vec<u8>,
    point: &Point,
    about: &About,
    values: &[Values],
    period_s: Option<u32>,
) -> usize {
    let start = out.len();
    let time = rfc3339(about.data_time);
    out.push(b'[');
    for (at, values) in values.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        reading_json(out, point, at, about, values, &time);
        if let Some(period_s) = period_s {
            // Inside the object that was just closed.
            out.pop();
            out.extend_from_slice(b",\"period_s\":");
            push_decimal(out, i64::from(period_s), 0);
            out.push(b'}');
        }
    }
    out.push(b']');
    out.len() - start
}

/// State of the production line and of the treatment (CN 2021): both on or both off.
pub(crate) fn device_state(out: &mut Vec<u8>, point: &Point, at: i64, running: bool) -> usize {
    let mut writer = PacketWriter::begin(out, &head(point, "2021", at, false));
    writer.data_time(at);
    for device in ["SB1", "SB2"] {
        writer
            .next_item()
            .text(device, "RS", if running { "1" } else { "0" });
    }
    writer.finish()
}

/// Mean power of production and treatment in an interval (ST 44, CN 2051), in tenths of a kW.
pub(crate) fn power(out: &mut Vec<u8>, point: &Point, about: &About, tenths: [i64; 2]) -> usize {
    let head = PacketHead {
        st: "44",
        ..head(point, about.cn, about.sent_at, about.late)
    };
    let mut writer = PacketWriter::begin(out, &head);
    writer.data_time(about.data_time);
    for (code, tenths) in POWER_CODES.into_iter().zip(tenths) {
        writer.next_item().number(code, "Avg", real(tenths, 1), 1);
        writer.text(code, "Flag", "N");
    }
    writer.finish()
}

/// Parameters of one analyser (CN 3020): slope, intercept and, where it has one, range. Gives the
/// length and the number of rows of device states.
pub(crate) fn parameters(
    out: &mut Vec<u8>,
    point: &Point,
    at: i64,
    channel: usize,
    slope: f64,
) -> (usize, u32) {
    let mut writer = PacketWriter::begin(out, &head(point, "3020", at, false));
    writer
        .data_time(at)
        .parameter("PolId", point.channels[channel].wire_code);
    writer.next_item().number("i13008", "Info", slope, 3);
    writer.next_item().number("i13007", "Info", 0.0, 3);
    let mut rows = 3;
    if let Some(range) = point.range(channel) {
        writer.next_item().number("i13001", "Info", range, 0);
        rows += 1;
    }
    (writer.finish(), rows)
}

/// Heartbeat (CN 9015), empty.
pub(crate) fn heartbeat(out: &mut Vec<u8>, point: &Point, at: i64) -> usize {
    PacketWriter::begin(
        out,
        &PacketHead {
            st: "91",
            ..head(point, "9015", at, false)
        },
    )
    .finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Layout;
    use crate::scale::Scale;

    fn values(point: &Point) -> Vec<Values> {
        point
            .channels
            .iter()
            .map(|channel| Values {
                min: 123_456,
                avg: 234_567,
                max: 345_678,
                zs: channel.converted.then_some(3_456_789),
                cou: Some(98_765_432),
                decimals: channel.factor.decimals + 1,
                mark: Mark::St,
            })
            .collect()
    }

    #[test]
    fn no_segment_is_longer_than_the_standard_allows_and_no_factor_is_lost() {
        let layout = Layout::new(&Scale {
            factors: 12,
            ..Scale::default()
        });
        for point in &layout.points {
            let mut out = Vec::new();
            let about = About {
                cn: "2031",
                data_time: 0,
                sent_at: 0,
                late: true,
            };
            let (mut bytes, mut factors) = (0, 0);
            data(&mut out, point, &about, &values(point), |length, count| {
                assert!(length <= 1_036, "{length}");
                bytes += length;
                factors += count;
            });
            assert_eq!(bytes, out.len());
            assert_eq!(factors, point.channels.len());
        }
    }

    #[test]
    fn json_is_json() {
        let layout = Layout::new(&Scale::default());
        let point = &layout.points[0];
        let mut out = Vec::new();
        let about = About {
            cn: "2051",
            data_time: 0,
            sent_at: 0,
            late: true,
        };
        data_json(&mut out, point, &about, &values(point), Some(600));
        let parsed: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(parsed.as_array().unwrap().len(), point.channels.len());
        assert_eq!(parsed[0]["period_s"], 600);
        assert_eq!(parsed[0]["value"], 234.567);
        assert_eq!(parsed[0]["resend"], true);
        assert_eq!(parsed[0]["data_time"], "1970-01-01T08:00:00+08:00");
    }
}
