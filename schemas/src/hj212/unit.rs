//! One packet: every check, then every row.

use super::cipher::looks_encrypted;
use super::clock::{EARLIEST_MICROS, parse_beijing_digits, parse_qn};
use super::content::{Item, MediumHint, Parsed, Rules};
use super::decode::{Decoded, Limits, Unused};
use super::edition::edition;
use super::frame::Frame;
use super::notes::Notes;
use super::number::MAX_MAGNITUDE;
use super::packet::Packet;
use super::reference::{Content, canonical};
use super::refusal::{
    cipher_detail, crc_detail, crc_note, decrypted, frame_detail, part_detail, refusal, short,
};
use super::split::{SplitKey, SplitTimes};
use super::stations::Stations;
use super::types::{Extra, Granularity, Head, Sink, Value};
use crate::reason::Reason;

/// What reading one packet needs to know.
pub(super) struct Unit<'d> {
    pub(super) stations: &'d Stations,
    pub(super) limits: &'d Limits,
    pub(super) splits: &'d mut SplitTimes,
    pub(super) received_at: i64,
}

/// The text of a data area, and where it is.
enum Area {
    InFrame,
    /// In the scratch text: decrypted, or made valid UTF-8.
    InText(std::ops::Range<usize>),
}

impl Unit<'_> {
    /// Reads a packet and hands its rows to the sink, or says why not before the first row.
    pub(super) fn read<'t, S: Sink + ?Sized>(
        &mut self,
        frame: &Frame<'t>,
        text: &'t mut Vec<u8>,
        parsed: &mut Parsed<'t>,
        sink: &mut S,
        done: &mut Decoded,
    ) -> Result<(), Unused> {
        let header = Packet::parse(frame.segment);
        let packet = match &header {
            Ok(packet) => *packet,
            Err(bad) => bad.packet,
        };
        let refuse = |reason: Reason, detail: String| Err(refusal(&packet, reason, detail));
        let station = self.stations.get(packet.mn.unwrap_or_default());
        let mut note = frame.notes | packet.notes;

        let encrypted = looks_encrypted(packet.cp);
        if let Some(fault) = frame.fault
            && !(encrypted && fault == Reason::FrameLength)
        {
            return refuse(fault, frame_detail(frame));
        }
        if frame.segment.len() > self.limits.max_segment {
            return refuse(
                Reason::FrameOverLength,
                format!(
                    "the data segment has {} bytes, at most {} are read",
                    frame.segment.len(),
                    self.limits.max_segment
                ),
            );
        }
        let mut area = Area::InFrame;
        let dialect = if encrypted {
            let dialect = match decrypted(frame, &packet, &station.keys, text) {
                Ok(dialect) => dialect,
                Err(reason) => return refuse(reason, cipher_detail(reason, station)),
            };
            area = Area::InText(packet.cp_at..text.len() - 2);
            note.insert(Notes::DECRYPTED);
            dialect
        } else {
            frame.dialect
        };
        match crc_note(dialect, station) {
            Ok(crc_note) => note.insert(crc_note),
            Err(reason) => return refuse(reason, crc_detail(frame, dialect)),
        }
        if let Err(bad) = header {
            return refuse(bad.reason, bad.detail);
        }

        let Some(cn) = packet.cn.filter(|cn| !cn.is_empty()) else {
            return refuse(Reason::MissingCn, "the header has no CN".to_owned());
        };
        let Some(content) = station.content(cn) else {
            return refuse(
                Reason::UnknownCommand,
                format!(
                    "CN={} is in no code table and not among the station's `commands`",
                    short(cn)
                ),
            );
        };
        let mn = match packet.mn {
            // The host answers a logger that has no number yet.
            Some("") if content == Content::Interaction => "",
            Some(mn) if !mn.is_empty() => mn,
            _ => return refuse(Reason::MissingMn, "the header has no MN".to_owned()),
        };

        let bytes = match &area {
            Area::InFrame => packet.cp,
            Area::InText(range) => &text[range.clone()],
        };
        let lossy = std::str::from_utf8(bytes).is_err();
        if lossy {
            let valid = String::from_utf8_lossy(bytes).into_owned();
            *text = valid.into_bytes();
            area = Area::InText(0..text.len());
            note.insert(Notes::LOSSY_TEXT);
        }
        let text: &'t [u8] = text;
        let bytes = match area {
            Area::InFrame => packet.cp,
            Area::InText(range) => &text[range],
        };
        let cp = std::str::from_utf8(bytes).unwrap_or_default();
        let medium = MediumHint {
            station: station.medium,
            st: packet.st,
        };
        let (granularity, period_s, readings) = match content {
            Content::Readings(granularity, period_s) => (granularity, period_s, true),
            _ => (Granularity::Realtime, None, false),
        };
        parsed.read(
            cp,
            Rules {
                readings,
                medium,
                lossy,
            },
        );
        if parsed.two_times {
            return refuse(
                Reason::SegmentSyntax,
                "the data area has two different DataTimes".to_owned(),
            );
        }

        let sent_at = packet
            .qn
            .or(parsed.qn)
            .and_then(|qn| parse_qn(qn.as_bytes()));
        let own_time = match parsed
            .data_time
            .map(str::trim_ascii)
            .filter(|text| !text.is_empty())
        {
            None => None,
            Some(text) => match parse_beijing_digits(text.as_bytes()) {
                None => {
                    return refuse(
                        Reason::BadDataTime,
                        format!("DataTime={} is not YYYYMMDDhhmmss", short(text)),
                    );
                }
                Some(time) if !self.is_possible(time) => {
                    return refuse(
                        Reason::TimeOutOfRange,
                        format!("DataTime={text} is before 2000 or too far ahead of its arrival"),
                    );
                }
                time => time,
            },
        };
        let split = packet.part().map(|(parts, _)| SplitKey {
            mn: mn.to_owned(),
            cn: cn.to_owned(),
            parts,
        });
        let data_time = match own_time {
            Some(time) => time,
            None if !parsed.groups.is_empty() => match split {
                None => {
                    return refuse(
                        Reason::MissingDataTime,
                        format!("the values of CN={cn} have no DataTime"),
                    );
                }
                Some(key) => match self.splits.recall(&key, self.received_at) {
                    None => return Err(Unused::Pending(key)),
                    Some(time) => {
                        note.insert(Notes::TIME_FROM_SPLIT);
                        time
                    }
                },
            },
            None => match sent_at.filter(|time| self.is_possible(*time)) {
                Some(time) => {
                    note.insert(Notes::TIME_FROM_QN);
                    time
                }
                None => {
                    note.insert(Notes::TIME_FROM_ARRIVAL);
                    self.received_at
                }
            },
        };
        if let (Some(key), Some(time)) = (packet.part().map(|(parts, _)| parts), own_time) {
            let key = SplitKey {
                mn: mn.to_owned(),
                cn: cn.to_owned(),
                parts: key,
            };
            self.splits.remember(key.clone(), time, self.received_at);
            done.split = Some(key);
        }
        let sample = parsed.groups.first().map(|group| group.value.factor);
        let head = Head {
            mn,
            st: packet.st.filter(|st| !st.is_empty()),
            cn: Some(cn),
            granularity,
            data_time,
            edition: Some(
                station
                    .edition
                    .unwrap_or_else(|| edition(&packet, sample, sent_at, data_time)),
            ),
            resend: packet.is_resend(),
            sent_at,
            period_s,
            note,
        };
        done.notes.insert(note);
        hand_over(&head, cp, parsed, medium, sink, done);
        Ok(())
    }

    /// From 2000 up to the allowed time ahead of arrival.
    fn is_possible(&self, time: i64) -> bool {
        let latest = self
            .received_at
            .saturating_add(self.limits.max_ahead_micros);
        (EARLIEST_MICROS..=latest).contains(&time)
    }
}

/// Hands over what a packet says. Nothing can refuse it any more.
fn hand_over<S: Sink + ?Sized>(
    head: &Head<'_>,
    cp: &str,
    parsed: &Parsed<'_>,
    medium: MediumHint<'_>,
    sink: &mut S,
    done: &mut Decoded,
) {
    for group in &parsed.groups {
        if let Some(fault) = group.fault {
            let part = &cp[group.span.0..group.span.1];
            sink.bad_part(head, part, fault, &part_detail(head, group, fault));
            done.bad_parts += 1;
            continue;
        }
        let sent = group.value.factor;
        let extra = Extra::new(&parsed.extras[group.extras.0..group.extras.1]);
        let value = match canonical(sent, || medium.get()) {
            None => Value {
                extra,
                ..group.value
            },
            Some(code) => Value {
                factor: code,
                factor_raw: Some(sent),
                extra,
                ..group.value
            },
        };
        sink.reading(head, &value);
        done.readings += 1;
    }
    for item in &parsed.items {
        let (value, text) = state_value(item);
        let about = factor_of(item).map(|code| canonical(code, || medium.get()).unwrap_or(code));
        sink.state_of(head, about, item.name, value, text, item.flag);
        done.states += 1;
    }
    for (part, reason) in &parsed.bad {
        let detail = format!(
            "`{}` in a packet CN={} of {} is no readable `name=value`",
            short(part),
            head.cn.unwrap_or_default(),
            head.mn
        );
        sink.bad_part(head, part, *reason, &detail);
        done.bad_parts += 1;
    }
    if parsed.groups.is_empty() && parsed.items.is_empty() && parsed.bad.is_empty() {
        sink.state_of(head, None, "command", None, None, None);
        done.states += 1;
    }
}

/// Whose analyser an item is about: the factor in its name (`w01018-SN`), else the `PolId` before
/// it. Codes of equipment (`SB1-RS`) and of site information (`i13008-Info`) name no factor.
fn factor_of<'a>(item: &Item<'a>) -> Option<&'a str> {
    let named = item.name.split_once('-').map(|(code, _)| code);
    named
        .filter(|code| !code.starts_with("SB") && !code.starts_with('i'))
        .or(item.about)
}

/// A state's number and text. What is an identity, a time or a plain parameter keeps its text; of a
/// secret only the fact that it was sent is kept.
fn state_value<'a>(item: &Item<'a>) -> (Option<f64>, Option<&'a str>) {
    if matches!(item.name, "PW" | "NewPW" | "NewSK") {
        return (None, Some("***"));
    }
    let text = item.text;
    if text.is_empty() {
        return (None, None);
    }
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    let numeric = text.len() <= 15 && !matches!(digits, [b'0', b'0'..=b'9', ..]);
    let value = if numeric {
        lexical_core::parse::<f64>(text.as_bytes())
            .ok()
            .filter(|value| value.abs() <= MAX_MAGNITUDE)
    } else {
        None
    };
    let keep_text = value.is_none() || !item.name.contains('-');
    (value, keep_text.then_some(text))
}

#[cfg(test)]
#[path = "unit_tests.rs"]
mod tests;
