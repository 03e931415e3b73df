//! Bundles of documents: which papers go together, when they are due, and the proof of their service.
//!
//! 四项告知 and 五书同达 are named by the bureau's plan and their contents are not published, so a bundle is
//! configuration ([`Bundle`], `[review] bundles`) with a version, and what is not confirmed says so on
//! the page. The same mechanism prints the documents of hand-over packages.
//!
//! Invariants: the same case and bundle print the same bytes; serving writes an audit row with the
//! bundle's version, channel, receipt and the hash of what was printed, and the pages themselves are kept
//! before that row, so that what the unit got can be shown again.
//!
//! Failure modes: a file that names a placeholder, table, action, state or role that does not exist is
//! refused when it is loaded, naming it.

mod page;
mod served;
mod values;

use std::path::Path;

use nonsite_schemas::time::{beijing_day, beijing_day_start};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use self::page::Printed;
use self::served::SERVE;
pub(super) use self::served::served;
use super::calendar::beijing_text;
use super::case::Case;
use super::desk::Desk;
use super::error::Error;
use super::machine::Machine;
use super::parts::Role;
use super::service::{Service, Shown};
use super::step::{Actor, Input};
use super::store::StoreError;

const BUILT_IN: &str = include_str!("../../../../docs/examples/bundles.toml");

/// A table below a document's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Table {
    /// The findings the case is about.
    Findings,
    /// The order to rectify, its extensions and returns.
    Order,
    /// The inspection acts of the case.
    Acts,
    /// Deadline and running clocks.
    Deadlines,
    /// The audit rows.
    Timeline,
    /// Files and sealed evidence with their hashes.
    Evidence,
}

/// A document of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DocumentDef {
    /// Name of its file.
    pub name: String,
    /// Title.
    pub zh: String,
    /// The bureau has confirmed its contents.
    #[serde(default)]
    pub confirmed: bool,
    /// Paragraphs with placeholders.
    pub text: Vec<String>,
    /// Tables below the text.
    #[serde(default)]
    pub show: Vec<Table>,
}

/// Documents that are served or handed over together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// Name on the command line and in audit rows.
    pub kind: String,
    /// Chinese name.
    pub zh: String,
    /// Version of its contents; it stands in audit rows.
    pub version: String,
    /// Actions after which it is due on the same day.
    #[serde(default)]
    pub when: Vec<String>,
    /// States in which it may be printed; none named means any.
    #[serde(default)]
    pub states: Vec<String>,
    /// Who may serve it, or hand it over.
    pub roles: Vec<Role>,
    /// It is the documents of a hand-over package.
    #[serde(default)]
    pub package: bool,
    /// The documents in order.
    #[serde(rename = "document")]
    pub documents: Vec<DocumentDef>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    bundle: Vec<Bundle>,
}

/// Every configured bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundles(Vec<Bundle>);

impl Default for Bundles {
    fn default() -> Self {
        // The text is compiled in and a test of this module parses it.
        Self::parse(BUILT_IN).unwrap_or_else(|problem| unreachable!("bundles.toml: {problem}"))
    }
}

impl Bundles {
    /// The file of `[review] bundles`, else the built-in placeholders.
    ///
    /// # Errors
    /// [`Error::Config`], naming the file and what is wrong with it.
    pub fn load(path: Option<&Path>) -> Result<Self, Error> {
        let Some(path) = path else {
            return Ok(Self::default());
        };
        let fault = |problem: String| Error::Config {
            key: "bundles",
            problem: format!("`{}`: {problem}", path.display()),
        };
        let text = std::fs::read_to_string(path).map_err(|error| fault(error.to_string()))?;
        Self::parse(&text).map_err(fault)
    }

    /// Reads and checks bundles.
    ///
    /// # Errors
    /// The first fault, in one sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        let machine = Machine::built_in();
        let actions = machine.actions();
        for (index, bundle) in file.bundle.iter().enumerate() {
            let kind = &bundle.kind;
            if file.bundle[..index].iter().any(|other| &other.kind == kind) {
                return Err(format!("bundle `{kind}` is there twice"));
            }
            if let Some(action) = bundle
                .when
                .iter()
                .find(|action| !actions.contains(action.as_str()))
            {
                return Err(format!("bundle `{kind}`: there is no action `{action}`"));
            }
            if let Some(state) = bundle
                .states
                .iter()
                .find(|state| machine.state(state).is_none())
            {
                return Err(format!("bundle `{kind}`: there is no state `{state}`"));
            }
            if bundle.documents.is_empty() {
                return Err(format!("bundle `{kind}` has no document"));
            }
            for document in &bundle.documents {
                let place = format!("bundle `{kind}`, document `{}`", document.name);
                let plain = |letter: char| letter.is_ascii_alphanumeric() || "_-".contains(letter);
                if document.name.is_empty() || !document.name.chars().all(plain) {
                    return Err(format!(
                        "{place}: a name has letters, digits, _ and - alone"
                    ));
                }
                for paragraph in &document.text {
                    values::check(paragraph).map_err(|problem| format!("{place}: {problem}"))?;
                }
            }
        }
        Ok(Self(file.bundle))
    }

    /// All bundles in the order of the file.
    pub fn all(&self) -> &[Bundle] {
        &self.0
    }

    /// The bundle of this name.
    ///
    /// # Errors
    /// [`Error::Bundle`], naming those there are.
    pub fn get(&self, kind: &str) -> Result<&Bundle, Error> {
        self.0
            .iter()
            .find(|bundle| bundle.kind == kind)
            .ok_or_else(|| {
                let kinds: Vec<&str> = self.0.iter().map(|bundle| bundle.kind.as_str()).collect();
                Error::Bundle(format!(
                    "there is no bundle `{kind}`; there are: {}",
                    kinds.join(", ")
                ))
            })
    }
}

/// How a bundle was served.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Serving {
    /// By what means.
    pub channel: String,
    /// The proof.
    pub receipt: String,
    /// When, if before now; microseconds UTC.
    pub served_at: Option<i64>,
}

impl Service {
    /// The configured bundles.
    pub fn bundles(&self) -> &Bundles {
        &self.bundles
    }

    /// Prints a bundle with the data of a case: one page per document. `receiver` is whom it goes to,
    /// where that is not the unit.
    ///
    /// # Errors
    /// [`Error::ForBodies`] for an enterprise; [`Error::Bundle`] when there is no such bundle or the case
    /// is in none of its states; [`Error::NotFound`], [`Error::Store`].
    pub async fn print_bundle(
        &self,
        case_id: &str,
        kind: &str,
        receiver: Option<&str>,
    ) -> Result<Vec<Printed>, Error> {
        self.for_bodies("print documents")?;
        let bundle = self.bundles.get(kind)?;
        let shown = self.show(case_id).await?;
        self.print(bundle, &shown, receiver).await
    }

    pub(super) async fn print(
        &self,
        bundle: &Bundle,
        shown: &Shown,
        receiver: Option<&str>,
    ) -> Result<Vec<Printed>, Error> {
        fits(bundle, &shown.case)?;
        let values = values::Values::of(self, shown, receiver);
        let files = self.files(&shown.case.case_id).await?;
        page::print(bundle, shown, &values, &files, self.machine())
    }

    /// Records that a bundle was served: an audit row with version, channel, receipt and the hash of
    /// what is printed now. The pages are kept in the evidence folder, and the row names them.
    ///
    /// # Errors
    /// [`Error::Refused`] when the role may not, channel or receipt is missing, or the time lies
    /// before the case or in the future; [`Error::File`] when the pages cannot be kept;
    /// [`Error::Bundle`], [`Error::NotFound`], [`Error::Store`].
    pub async fn serve_bundle(
        &self,
        case_id: &str,
        kind: &str,
        actor: &Actor,
        serving: &Serving,
    ) -> Result<Case, Error> {
        if actor.role == Role::Engine {
            return Err(Error::NotAPerson);
        }
        let bundle = self.bundles.get(kind)?;
        self.catch_up(case_id).await?;
        let shown = self.show(case_id).await?;
        let pages = self.print(bundle, &shown, None).await?;
        let names: Vec<&str> = pages.iter().map(|page| page.name.as_str()).collect();
        let mut input = Input::default()
            .with("bundle", kind)
            .with("bundle_version", &bundle.version)
            .with("documents", &names.join(","))
            .with("documents_sha256", &digest(&pages))
            .with("channel", serving.channel.trim())
            .with("receipt", serving.receipt.trim());
        // Before the row that names them; whoever may not serve leaves nothing behind.
        if bundle.roles.contains(&actor.role) {
            let (field, named) = self.keep_pages(&pages).await?;
            input = input.with(field, &named);
        }
        self.change(case_id, |case, now| {
            self.of_body(case, SERVE, actor)?;
            let refused = |why: String| Err(self.desk.refused(case, SERVE, why));
            // A day stands for its end, and today for now.
            let today_ends = beijing_day_start(beijing_day(now) + 1) - 1;
            let said = serving.served_at.filter(|at| *at != today_ends);
            let at = said.unwrap_or(now);
            if !bundle.roles.contains(&actor.role) {
                let roles: Vec<&str> = bundle.roles.iter().map(|role| role.code()).collect();
                return refused(format!(
                    "role `{}` may not serve `{kind}`; it belongs to: {}",
                    actor.role,
                    roles.join(", ")
                ));
            }
            if actor.name.trim().is_empty() {
                return refused("nobody is named as acting".to_owned());
            }
            if input.get("channel").is_none() || input.get("receipt").is_none() {
                return refused("missing: `channel` and `receipt` of the service".to_owned());
            }
            if at > now || at < case.opened_at {
                return refused("it was served before the case, or lies in the future".to_owned());
            }
            if case.version != shown.case.version {
                return Err(StoreError::Conflict {
                    case_id: case.case_id.clone(),
                    version: shown.case.version,
                }
                .into());
            }
            let input = input.clone().with("served_at", &beijing_text(at));
            Ok(vec![Desk::mark(case, SERVE, actor, input, at, |_| {})])
        })
        .await
    }
}

fn fits(bundle: &Bundle, case: &Case) -> Result<(), Error> {
    if bundle.states.is_empty() || bundle.states.contains(&case.state) {
        return Ok(());
    }
    Err(Error::Bundle(format!(
        "case {} is in state `{}`; `{}` belongs to: {}",
        case.case_id,
        case.state,
        bundle.kind,
        bundle.states.join(", ")
    )))
}

/// One hash of all pages in order.
fn digest(pages: &[Printed]) -> String {
    let mut hash = Sha256::new();
    for page in pages {
        hash.update(Sha256::digest(page.html.as_bytes()));
    }
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_bundles_are_whole_and_unconfirmed() {
        let bundles = Bundles::default();
        let count = |kind: &str| bundles.get(kind).unwrap().documents.len();
        assert_eq!((count("four_notices"), count("five_documents")), (4, 5));
        let documents = bundles.all().iter().flat_map(|bundle| &bundle.documents);
        assert!(documents.clone().all(|document| !document.confirmed));
        let unknown = bundles.get("six").unwrap_err().to_string();
        assert!(unknown.contains("there are: four_notices"), "{unknown}");
    }

    #[test]
    fn a_wrong_file_is_refused_by_name() {
        let broken =
            |from: &str, to: &str| Bundles::parse(&BUILT_IN.replacen(from, to, 1)).unwrap_err();
        let word = broken("{unit_name}", "{unit_nmae}");
        assert!(
            word.contains("unit_nmae") && word.contains("identity_and_basis"),
            "{word}"
        );
        assert!(broken("\"onsite\"", "\"fly\"").contains("no action `fly`"));
        assert!(broken("\"closed\"", "\"shut\"").contains("no state `shut`"));
        assert!(broken("five_documents", "four_notices").contains("there twice"));
        assert!(broken("\"legal_consequences\"", "\"../x\"").contains("letters, digits"));
        assert!(broken("{blank}", "{blank").contains("brace"));
    }
}
