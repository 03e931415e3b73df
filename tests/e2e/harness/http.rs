//! `GET` without a client library: what a probe or a scraper sees.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::process::Process;
use super::wait_for;

/// Status and body of `GET path`.
pub(crate) fn get(address: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

/// Where an ingesting process shows its metrics and its health, from its log.
pub(crate) fn metrics_address(process: &mut Process) -> String {
    wait_for("the address of the metrics", || {
        assert!(process.ended().is_none(), "{}", process.output());
        let log = process.output();
        let line = log.lines().find(|line| line.contains("metrics"))?;
        let at = line.find("127.0.0.1:")?;
        let rest = &line[at..];
        let end = rest
            .find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ':'))
            .unwrap_or(rest.len());
        // A line that is only half written has no port yet.
        (log.ends_with('\n')).then(|| rest[..end].to_owned())
    })
}

/// The value of a metric of ingestion with its labels, e.g. `rows_total{table="readings_raw"}`.
pub(crate) fn metric(address: &str, name: &str) -> Option<f64> {
    let (status, text) = get(address, "/metrics");
    assert_eq!(status, 200, "{text}");
    let wanted = format!("nonsite_ingest_{name} ");
    text.lines()
        .find_map(|line| line.strip_prefix(&wanted))
        .map(|value| value.trim().parse().unwrap())
}
