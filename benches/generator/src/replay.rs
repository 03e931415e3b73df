//! Throughput without a process model: one rendered hour, replayed with advancing times.
//!
//! To measure an ingest that takes millions of readings a second, the load must cost next to
//! nothing. A block of minute packets is rendered once; every further round copies it with new
//! DataTime and QN and a new CRC. Values repeat from round to round, so bytes on disk per reading
//! come out too small: use [`crate::Province`] where they matter.

use bytes::Bytes;
use nonsite_schemas::hj212::{beijing_digits, crc, qn_digits};
use nonsite_schemas::time::beijing_day_start;

use crate::message::{Message, Topic};
use crate::province::Province;
use crate::scale::{Scale, ScaleError};
use crate::stamp::HOUR;

/// One packet of the block and where its times are.
#[derive(Debug)]
struct Template {
    key: Bytes,
    payload: Bytes,
    /// Arrival, relative to the start of the block.
    arrival: i64,
    /// Start of the interval, relative to the start of the block.
    data_time: i64,
    qn_at: Option<usize>,
    data_time_at: usize,
    readings: u32,
}

/// An endless iterator of good HJ 212 minute packets, one hour of the province per round.
#[derive(Debug)]
pub struct Replay {
    block: Vec<Template>,
    start: i64,
    round: i64,
    at: usize,
    /// Messages rendered ahead, in one buffer.
    ready: std::vec::IntoIter<Message>,
}

/// Messages rendered at once.
const CHUNK: usize = 1_024;

impl Replay {
    /// Renders the block: one hour of minute packets of every point, without faults.
    ///
    /// # Errors
    /// A key of the scale is out of range.
    pub fn new(scale: &Scale) -> Result<Self, ScaleError> {
        let start = beijing_day_start(scale.start_day);
        let quiet = Scale {
            days: 1,
            fault_rate: 0.0,
            resend_rate: 0.0,
            malformed_rate: 0.0,
            json_rate: 0.0,
            realtime_s: None,
            ..scale.clone()
        };
        let block = Province::new(quiet)?
            .take_while(|message| message.timestamp_ms < (start + 2 * HOUR) / 1_000)
            .filter_map(|message| template(message, start))
            .collect();
        Ok(Self {
            block,
            start,
            round: 0,
            at: 0,
            ready: Vec::new().into_iter(),
        })
    }

    /// Readings in one round.
    pub fn readings_per_round(&self) -> u64 {
        self.block
            .iter()
            .map(|template| u64::from(template.readings))
            .sum()
    }

    fn render(&mut self) {
        let mut buffer: Vec<u8> = Vec::with_capacity(CHUNK * 800);
        let mut pieces = Vec::with_capacity(CHUNK);
        for _ in 0..CHUNK {
            let template = &self.block[self.at];
            let shift = self.start + self.round * HOUR;
            let from = buffer.len();
            buffer.extend_from_slice(&template.payload);
            let packet = &mut buffer[from..];
            let end = packet.len();
            packet[template.data_time_at..template.data_time_at + 14]
                .copy_from_slice(&beijing_digits(shift + template.data_time));
            if let Some(at) = template.qn_at {
                packet[at..at + 17].copy_from_slice(&qn_digits(shift + template.arrival));
            }
            let check = crc(&packet[6..end - 6]);
            for (digit, shift) in packet[end - 6..end - 2].iter_mut().zip([12, 8, 4, 0]) {
                *digit = b"0123456789ABCDEF"[usize::from(check >> shift & 15)];
            }
            pieces.push((from, buffer.len(), shift + template.arrival, self.at));
            self.at += 1;
            if self.at == self.block.len() {
                self.at = 0;
                self.round += 1;
            }
        }
        let buffer = Bytes::from(buffer);
        let messages: Vec<Message> = pieces
            .into_iter()
            .map(|(from, to, arrival, at)| Message {
                topic: Topic::Hj212,
                key: self.block[at].key.clone(),
                timestamp_ms: arrival.div_euclid(1_000),
                payload: buffer.slice(from..to),
                readings: self.block[at].readings,
            })
            .collect();
        self.ready = messages.into_iter();
    }
}

fn template(message: Message, start: i64) -> Option<Template> {
    let find = |what: &[u8]| {
        message
            .payload
            .windows(what.len())
            .position(|window| window == what)
            .map(|at| at + what.len())
    };
    // Power comes in packets of its own and is no part of what a round repeats.
    find(b";CN=2051;").filter(|_| message.topic == Topic::Hj212 && find(b";ST=44;").is_none())?;
    let data_time_at = find(b"DataTime=")?;
    let digits = &message.payload[data_time_at..data_time_at + 14];
    let data_time = nonsite_schemas::hj212::parse_beijing_digits(digits)? - start;
    if !(0..HOUR).contains(&data_time) {
        return None;
    }
    Some(Template {
        qn_at: find(b"QN="),
        data_time_at,
        arrival: message.timestamp_ms * 1_000 - start,
        data_time,
        readings: message.readings,
        key: message.key,
        payload: message.payload,
    })
}

impl Iterator for Replay {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        if self.block.is_empty() {
            return None;
        }
        if self.ready.len() == 0 {
            self.render();
        }
        self.ready.next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_advance_by_an_hour_and_keep_their_crc() {
        let scale = Scale {
            points: 5,
            ..Scale::default()
        };
        let replay = Replay::new(&scale).unwrap();
        let block = replay.block.len();
        assert_eq!(block, 5 * 6);
        assert_eq!(replay.readings_per_round(), 5 * 6 * 10);
        let messages: Vec<Message> = replay.take(3 * block).collect();
        for (first, later) in messages.iter().zip(&messages[2 * block..]) {
            assert_eq!(later.timestamp_ms - first.timestamp_ms, 7_200_000);
            assert_eq!(first.payload.len(), later.payload.len());
            assert_ne!(first.payload, later.payload);
        }
        for message in &messages {
            let packet = &message.payload;
            let segment = &packet[6..packet.len() - 6];
            let check = format!("{:04X}", crc(segment));
            assert_eq!(
                &packet[packet.len() - 6..packet.len() - 2],
                check.as_bytes()
            );
        }
    }
}
