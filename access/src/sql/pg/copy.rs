//! Rows as text for `COPY ... TO STDOUT`, which is what psql's `\copy` sends.

use std::fmt::Debug;

use bytes::{Bytes, BytesMut};
use datafusion_postgres::pgwire::api::query::send_execution_response;
use datafusion_postgres::pgwire::api::results::{CopyResponse, Tag};
use datafusion_postgres::pgwire::error::{PgWireError, PgWireResult};
use datafusion_postgres::pgwire::messages::PgWireBackendMessage;
use datafusion_postgres::pgwire::messages::copy::{CopyData, CopyDone, CopyOutResponse};
use datafusion_postgres::pgwire::messages::data::DataRow;
use futures::{Sink, SinkExt, StreamExt};

use crate::sql::guard::CopyForm;

/// Sends the lines as they come. A fault on the way is left to the caller, whose error message ends
/// the copy for the client.
pub(super) async fn send<C>(
    client: &mut C,
    copy: CopyResponse,
    head: Option<CopyData>,
) -> PgWireResult<()>
where
    C: Sink<PgWireBackendMessage> + Unpin,
    C::Error: Debug,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    let formats = copy.column_formats();
    let CopyResponse {
        format,
        columns,
        mut data_stream,
        ..
    } = copy;
    let columns = i16::try_from(columns).unwrap_or(i16::MAX);
    client
        .feed(PgWireBackendMessage::CopyOutResponse(CopyOutResponse::new(
            format, columns, formats,
        )))
        .await?;
    let mut rows = 0;
    if let Some(head) = head {
        client.feed(PgWireBackendMessage::CopyData(head)).await?;
    }
    while let Some(line) = data_stream.next().await {
        client.feed(PgWireBackendMessage::CopyData(line?)).await?;
        rows += 1;
    }
    client
        .feed(PgWireBackendMessage::CopyDone(CopyDone::new()))
        .await?;
    send_execution_response(client, Tag::new("COPY").with_rows(rows)).await
}

/// The line of names.
pub(super) fn header<'n>(names: impl Iterator<Item = &'n str>, form: &CopyForm) -> CopyData {
    let mut line = BytesMut::new();
    for (i, name) in names.enumerate() {
        value(&mut line, i, Some(name.as_bytes()), form);
    }
    line.extend_from_slice(b"\n");
    CopyData::new(line.freeze())
}

/// One row, from its values in text form.
pub(super) fn row(row: &DataRow, form: &CopyForm) -> CopyData {
    let mut line = BytesMut::with_capacity(row.data.len());
    let mut data: Bytes = row.data.clone().freeze();
    let mut i = 0;
    while data.len() >= 4 {
        let length = data.split_to(4);
        let length = i32::from_be_bytes([length[0], length[1], length[2], length[3]]);
        // -1 stands for null; everything else is what the encoder put there.
        let text = usize::try_from(length)
            .ok()
            .map(|length| data.split_to(length.min(data.len())));
        value(&mut line, i, text.as_deref(), form);
        i += 1;
    }
    line.extend_from_slice(b"\n");
    CopyData::new(line.freeze())
}

fn value(line: &mut BytesMut, i: usize, text: Option<&[u8]>, form: &CopyForm) {
    let mut utf8 = [0; 4];
    let delimiter = form.delimiter.encode_utf8(&mut utf8).as_bytes();
    if i > 0 {
        line.extend_from_slice(delimiter);
    }
    let Some(text) = text else {
        line.extend_from_slice(form.null.as_bytes());
        return;
    };
    if !form.csv {
        for &byte in text {
            match byte {
                b'\\' => line.extend_from_slice(b"\\\\"),
                b'\n' => line.extend_from_slice(b"\\n"),
                b'\r' => line.extend_from_slice(b"\\r"),
                b'\t' => line.extend_from_slice(b"\\t"),
                byte if delimiter == [byte] => line.extend_from_slice(&[b'\\', byte]),
                byte => line.extend_from_slice(&[byte]),
            }
        }
        return;
    }
    // An empty text is quoted, so that it is not the null it would look like.
    let quoted = text == form.null.as_bytes()
        || text.windows(delimiter.len()).any(|part| part == delimiter)
        || text.iter().any(|byte| b"\"\n\r".contains(byte));
    if !quoted {
        line.extend_from_slice(text);
        return;
    }
    line.extend_from_slice(b"\"");
    for &byte in text {
        if byte == b'"' {
            line.extend_from_slice(b"\"");
        }
        line.extend_from_slice(&[byte]);
    }
    line.extend_from_slice(b"\"");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(values: &[Option<&str>], form: &CopyForm) -> String {
        let mut data = BytesMut::new();
        for value in values {
            match value {
                None => data.extend_from_slice(&(-1_i32).to_be_bytes()),
                Some(value) => {
                    let length = i32::try_from(value.len()).expect("short");
                    data.extend_from_slice(&length.to_be_bytes());
                    data.extend_from_slice(value.as_bytes());
                }
            }
        }
        let count = i16::try_from(values.len()).expect("few");
        let line = row(&DataRow::new(data, count), form);
        String::from_utf8(line.data.to_vec()).expect("text")
    }

    #[test]
    fn csv_tells_null_from_nothing_and_quotes_what_it_must() {
        let form = CopyForm {
            csv: true,
            header: false,
            delimiter: ',',
            null: String::new(),
        };
        let line = text(
            &[Some("a,b"), None, Some(""), Some("say \"x\""), Some("烟尘")],
            &form,
        );
        assert_eq!(line, "\"a,b\",,\"\",\"say \"\"x\"\"\",烟尘\n");
    }

    #[test]
    fn text_form_escapes_what_separates() {
        let form = CopyForm {
            csv: false,
            header: false,
            delimiter: '\t',
            null: "\\N".to_owned(),
        };
        assert_eq!(
            text(&[Some("a\tb\nc\\"), None], &form),
            "a\\tb\\nc\\\\\t\\N\n"
        );
    }
}
