//! Pages as they were served: what the unit got can be shown again, whatever became of the case since.
//!
//! A page is kept under its SHA-256 in the evidence folder, and the audit row of the service names it. Rows
//! of earlier programs hold one hash over all pages and name none.

use super::super::error::Error;
use super::super::event::Event;
use super::super::service::Service;
use super::Printed;

/// The action of audit rows about services.
pub(super) const SERVE: &str = "serve";
/// Field that names the pages: NAME=SHA256, comma list.
const KEPT: &str = "documents_kept";

/// A page that was served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::review) struct ServedPage {
    /// Name of its file.
    pub(in crate::review) name: String,
    /// SHA-256 of its content, hex.
    pub(in crate::review) sha256: String,
}

/// What a row says was served: the bundle, and its pages as far as they were kept; `None` when the row is
/// about something else.
pub(in crate::review) fn served(event: &Event) -> Option<(&str, Vec<ServedPage>)> {
    let bundle = event
        .fields
        .get("bundle")
        .filter(|_| event.action == SERVE)?;
    let named = event.fields.get(KEPT).map_or("", String::as_str);
    let pages = named
        .split(',')
        .filter_map(|entry| entry.trim().split_once('='))
        .map(|(name, sha256)| ServedPage {
            name: name.to_owned(),
            sha256: sha256.to_owned(),
        });
    Some((bundle.as_str(), pages.collect()))
}

impl Service {
    /// Keeps the pages of a service; the field of its audit row that names them.
    pub(super) async fn keep_pages(
        &self,
        pages: &[Printed],
    ) -> Result<(&'static str, String), Error> {
        let contents = pages
            .iter()
            .map(|page| page.html.clone().into_bytes())
            .collect();
        let hashes = self.keep_made(contents).await?;
        // Names of pages have letters, digits, dots, _ and - alone.
        let named: Vec<String> = pages
            .iter()
            .zip(hashes)
            .map(|(page, sha256)| format!("{}={sha256}", page.name))
            .collect();
        Ok((KEPT, named.join(", ")))
    }
}
