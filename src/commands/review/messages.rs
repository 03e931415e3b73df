//! What people and enterprises are to be told, as a list for whoever sends it.

use nonsite_analytics::review::beijing_text;

use super::Desk;
use crate::output::Listing;

/// Lists messages.
#[derive(Debug, clap::Args)]
pub(super) struct Messages {
    /// Only those of audit rows after this position: the `row` of the last one that was sent.
    #[arg(long, value_name = "SEQ", default_value_t = 0)]
    since: u32,
    /// At most this many, 0 for all.
    #[arg(long, default_value_t = 0)]
    limit: usize,
}

impl Desk {
    pub(super) async fn messages(&self, args: Messages) -> anyhow::Result<()> {
        let since = i64::from(args.since);
        let messages = self.service.messages(since, args.limit).await?;
        let mut listing = Listing::new(&[
            "row", "at", "kind", "to", "person", "unit", "case", "state", "due", "measures", "text",
        ]);
        for message in &messages {
            let unit = message.unit_name.as_ref().or(message.permit_no.as_ref());
            listing.row([
                message.seq.to_string(),
                beijing_text(message.at),
                message.kind.code().to_owned(),
                message.addressee.code().to_owned(),
                message.person.clone().unwrap_or_default(),
                unit.cloned().unwrap_or_default(),
                message.case_id.clone(),
                message.state.clone(),
                message.due.clone().unwrap_or_default(),
                message.measures.clone().unwrap_or_default(),
                match message.revokes {
                    Some(seq) => format!("{} ({seq})", message.text),
                    None => message.text.clone(),
                },
            ]);
        }
        listing.print(self.format, &messages)
    }
}
