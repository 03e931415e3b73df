//! A caller of the API without a client library.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value as Json;

/// Somebody with a token.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    /// Where the server listens.
    pub(crate) address: String,
    /// Their token.
    pub(crate) token: String,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    /// HTTP status.
    pub(crate) status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    /// The body as JSON; null for none.
    pub(crate) fn json(&self) -> Json {
        match self.body.as_slice() {
            [] => Json::Null,
            body => serde_json::from_slice(body).unwrap_or_else(|error| {
                panic!("{error}: {}", String::from_utf8_lossy(body));
            }),
        }
    }

    /// A header of the answer.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    /// The body of an answer of this status.
    pub(crate) fn done(self, status: u16) -> Json {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "{}\n{text}", self.head);
        self.json()
    }
}

impl Client {
    /// Any request: `line` is a method and a path below the API, `headers` ends every line with CR LF.
    pub(crate) fn ask(&self, line: &str, headers: &str, body: &[u8]) -> Answer {
        let (method, path) = line.split_once(' ').unwrap();
        let Self { address, token } = self;
        let mut stream = TcpStream::connect(address).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} /api/v1{path} HTTP/1.0\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
             {headers}Content-Length: {length}\r\n\r\n"
        )
        .unwrap();
        stream.write_all(body).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("{line}: no answer"));
        let head = String::from_utf8_lossy(&answer[..end]).into_owned();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer {
            status,
            head,
            body: answer[end + 4..].to_vec(),
        }
    }

    /// What is read at a path.
    pub(crate) fn get(&self, path: &str) -> Json {
        self.ask(&format!("GET {path}"), "", b"").done(200)
    }

    /// A JSON body; `on` is the version of a case that was decided on.
    pub(crate) fn post(&self, path: &str, on: Option<&str>, body: &Json) -> Answer {
        let on = on.map(|tag| format!("If-Match: {tag}\r\n"));
        let headers = format!(
            "Content-Type: application/json\r\n{}",
            on.unwrap_or_default()
        );
        let line = format!("POST {path}");
        self.ask(&line, &headers, body.to_string().as_bytes())
    }
}
