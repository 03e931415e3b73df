//! The configuration file `nonsite.toml`, composed from every part's own settings.
//!
//! Layers, later wins: built-in defaults, the file given with `-c` (or `nonsite.toml` in the
//! working folder if there is one), environment variables `NONSITE__SECTION__KEY`.
//! An unknown key is an error, so that a typing mistake cannot silently fall back to a default.

use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use nonsite_schemas::settings::KafkaSettings;
use serde::{Deserialize, Serialize};

use crate::exit::Usage;

/// Where the tables live.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct StoreSettings {
    /// Folder that holds one Delta table per subfolder.
    pub(crate) path: PathBuf,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self {
            path: PathBuf::from("data/tables"),
        }
    }
}

impl StoreSettings {
    /// Refuses what is no folder on this machine: an address would be taken for the name of one.
    fn validate(&self) -> Result<(), Usage> {
        let path = self.path.to_string_lossy();
        let fault = |what: &str| Usage(format!("configuration: store.path `{path}` {what}"));
        if path.trim().is_empty() {
            return Err(fault("is empty; name the folder of the tables"));
        }
        if path.contains("://") {
            return Err(fault(
                "is an address; tables live in a local folder today, so name one",
            ));
        }
        Ok(())
    }
}

/// All of `nonsite.toml`.
#[derive(Debug, Clone, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// `[store]`: where the Delta tables are.
    pub(crate) store: StoreSettings,
    /// `[alerts]`: where alerts go.
    pub(crate) alerts: nonsite_analytics::alert::publish::Config,
    /// `[detect]`: rules, their parameters and how often they run.
    pub(crate) detect: nonsite_analytics::detect::Config,
    /// `[kafka]`: brokers and client properties.
    pub(crate) kafka: KafkaSettings,
    /// `[ingest]`: topics and how they are committed.
    pub(crate) ingest: nonsite_ingest::Config,
    /// `[inspection]`: checklists, and what the targets beside the ratio are counted from.
    pub(crate) inspection: nonsite_analytics::inspection::Config,
    /// `[maintain]`: how often and how far tables are tidied.
    pub(crate) maintain: nonsite_ingest::maintain::Config,
    /// `[ratio]`: how the off-site ratio is counted.
    pub(crate) ratio: nonsite_analytics::ratio::Config,
    /// `[review]`: the review queue.
    pub(crate) review: nonsite_analytics::review::Config,
    /// `[serve]`: where the server listens and with what.
    pub(crate) serve: nonsite_access::Config,
    /// `[session]`: what a query may use.
    pub(crate) session: nonsite_analytics::session::Config,
    /// Whether a file was named with `-c`.
    #[serde(skip)]
    pub(crate) named: bool,
}

impl Settings {
    /// Reads the layers; `file` must exist when it was named explicitly.
    pub(crate) fn load(file: Option<&Path>) -> anyhow::Result<Self> {
        if let Some(path) = file
            && !path.is_file()
        {
            return Err(Usage(format!(
                "configuration file `{}` does not exist; name another with -c",
                path.display()
            ))
            .into());
        }
        let path = file.unwrap_or(Path::new("nonsite.toml"));
        let mut settings: Self = Figment::from(Serialized::defaults(Self::default()))
            .merge(Toml::file(path))
            .merge(Env::prefixed("NONSITE__").split("__"))
            .extract()
            .map_err(|error| Usage(format!("configuration: {error}")))?;
        settings.store.validate()?;
        settings.named = file.is_some();
        Ok(settings)
    }
}
