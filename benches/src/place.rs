//! Where a benchmark works: broker, folder and program, each given or its own.

use std::path::PathBuf;

use nonsite_schemas::settings::KafkaSettings;

use crate::broker::Broker;

/// Options every benchmark with a broker has.
#[derive(Debug, clap::Args)]
pub struct Place {
    /// Brokers to use; one is started if left out.
    #[arg(long)]
    brokers: Option<String>,
    /// Binary to measure [default: the nonsite beside this program].
    #[arg(long)]
    pub nonsite: Option<PathBuf>,
    /// Folder for broker data, tables and truth; a temporary one if left out.
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// A running broker and a folder; both go when this is dropped, unless they were given.
#[derive(Debug)]
pub struct Opened {
    /// The broker.
    pub broker: Broker,
    /// Folder for tables.
    pub dir: PathBuf,
    /// What this run's topics begin with.
    pub prefix: String,
    _temporary: Option<tempfile::TempDir>,
}

impl Place {
    /// Makes the folder and starts the broker where none is given.
    ///
    /// # Errors
    /// The folder cannot be made, or the broker does not start.
    pub fn open(&self) -> anyhow::Result<Opened> {
        let (dir, temporary) = match &self.dir {
            Some(dir) => (dir.clone(), None),
            None => {
                let temporary = tempfile::tempdir()?;
                (temporary.path().to_owned(), Some(temporary))
            }
        };
        let broker = match &self.brokers {
            Some(address) => Broker::given(address),
            None => Broker::start(&dir.join("kafka"))?,
        };
        Ok(Opened {
            broker,
            dir,
            prefix: format!("bench{}", std::process::id()),
            _temporary: temporary,
        })
    }
}

impl Opened {
    /// How the generator reaches the broker.
    pub fn kafka(&self) -> KafkaSettings {
        KafkaSettings {
            brokers: self.broker.address.clone(),
            ..KafkaSettings::default()
        }
    }
}
