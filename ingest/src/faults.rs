//! Faults on demand: an object store that fails the way real ones do.
//!
//! A test aid, compiled in because kill tests run the real binary. Nothing happens unless a
//! [`FaultPlan`] is given, in code or through the environment variable `NONSITE_FAULTS`, a
//! comma-separated list of:
//!
//! | fault | effect |
//! |---|---|
//! | `lost_commit_response@N` | the N-th commit lands, its answer is an error |
//! | `failed_commit@N` | the N-th commit does not land, its answer is an error (503) |
//! | `false_exists@N` | the N-th commit does not land, its answer is "already exists" |
//! | `late_commit@N` | as `failed_commit`, but it lands 200 ms later if it still can |
//! | `abort@upload[:N]` | the process dies after the N-th upload of a data file |
//! | `abort@before_commit[:N]` | the process dies before the N-th commit is put |
//! | `abort@after_commit[:N]` | the process dies after the N-th commit has landed |
//! | `sleep_before_commit_ms=MS` | every commit waits first (a zombie in the making) |
//! | `slow_ms=MS` | every PUT waits first |
//!
//! A commit is the conditional PUT of a log entry other than version 0, counted over all tables
//! from 1. `N` is 1 where it is left out.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nonsite_files::forward_object_store;
use object_store::path::Path;
use object_store::{
    MultipartUpload, ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    Result,
};

/// Environment variable with a fault plan.
pub const FAULTS_ENV: &str = "NONSITE_FAULTS";
/// How much later a `late_commit` lands.
const LATE: Duration = Duration::from_millis(200);

/// What happens to one commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitFault {
    /// Lands; the answer is lost.
    LostResponse,
    /// Does not land; the answer is an error.
    Failed,
    /// Does not land; the answer is "already exists".
    FalseExists,
    /// Lands later, after an error was answered.
    Late,
}

/// Where the process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AbortPoint {
    /// After a data file was uploaded.
    Upload,
    /// Before a commit is put.
    BeforeCommit,
    /// After a commit has landed.
    AfterCommit,
}

/// Which faults happen when.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FaultPlan {
    /// Faults by the number of the commit, counted from 1.
    pub commits: Vec<(u64, CommitFault)>,
    /// Deaths by the number of the occasion, counted from 1.
    pub aborts: Vec<(u64, AbortPoint)>,
    /// Wait before every commit.
    pub sleep_before_commit: Duration,
    /// Wait before every PUT.
    pub slow: Duration,
}

impl FaultPlan {
    /// The plan in `NONSITE_FAULTS`, if the variable is set and not empty.
    ///
    /// # Errors
    /// The text of the first fault that cannot be read, in a sentence.
    pub fn from_env() -> std::result::Result<Option<Self>, String> {
        match std::env::var(FAULTS_ENV) {
            Ok(text) if !text.trim().is_empty() => Self::parse(&text).map(Some),
            _ => Ok(None),
        }
    }

    /// Reads a plan; see the module's head for the grammar.
    ///
    /// # Errors
    /// The text of the first fault that cannot be read, in a sentence.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        let mut plan = Self::default();
        for fault in text
            .split(',')
            .map(str::trim)
            .filter(|fault| !fault.is_empty())
        {
            plan.add(fault).ok_or_else(|| {
                format!("{FAULTS_ENV}: `{fault}` is not a fault, e.g. lost_commit_response@3")
            })?;
        }
        Ok(plan)
    }

    fn add(&mut self, fault: &str) -> Option<()> {
        if let Some((name, millis)) = fault.split_once('=') {
            let wait = Duration::from_millis(millis.parse().ok()?);
            match name {
                "sleep_before_commit_ms" => self.sleep_before_commit = wait,
                "slow_ms" => self.slow = wait,
                _ => return None,
            }
            return Some(());
        }
        let (name, place) = fault.split_once('@').unwrap_or((fault, "1"));
        if name == "abort" {
            let (place, number) = place.split_once(':').unwrap_or((place, "1"));
            let point = match place {
                "upload" => AbortPoint::Upload,
                "before_commit" => AbortPoint::BeforeCommit,
                "after_commit" => AbortPoint::AfterCommit,
                _ => return None,
            };
            self.aborts.push((number.parse().ok()?, point));
            return Some(());
        }
        let fault = match name {
            "lost_commit_response" => CommitFault::LostResponse,
            "failed_commit" => CommitFault::Failed,
            "false_exists" => CommitFault::FalseExists,
            "late_commit" => CommitFault::Late,
            _ => return None,
        };
        self.commits.push((place.parse().ok()?, fault));
        Some(())
    }

    fn commit(&self, number: u64) -> Option<CommitFault> {
        self.commits
            .iter()
            .find(|(at, _)| *at == number)
            .map(|(_, fault)| *fault)
    }

    fn die(&self, point: AbortPoint, number: u64) {
        if self.aborts.contains(&(number, point)) {
            // The point of this fault: no destructor, no flush, as kill -9 would have it.
            std::process::abort();
        }
    }
}

/// An object store with faults in front of another.
#[derive(Debug)]
pub struct FaultyStore {
    inner: Arc<dyn ObjectStore>,
    plan: FaultPlan,
    commits: AtomicU64,
    uploads: AtomicU64,
}

impl FaultyStore {
    /// Puts `plan` in front of `inner`.
    pub fn new(inner: Arc<dyn ObjectStore>, plan: FaultPlan) -> Self {
        Self {
            inner,
            plan,
            commits: AtomicU64::new(0),
            uploads: AtomicU64::new(0),
        }
    }

    async fn commit(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let number = self.commits.fetch_add(1, Ordering::SeqCst) + 1;
        tokio::time::sleep(self.plan.sleep_before_commit).await;
        self.plan.die(AbortPoint::BeforeCommit, number);
        let answer = match self.plan.commit(number) {
            None => self.inner.put_opts(location, payload, options).await,
            Some(CommitFault::LostResponse) => {
                self.inner.put_opts(location, payload, options).await?;
                Err(injected("the response was lost"))
            }
            Some(CommitFault::Failed) => Err(injected("503 service unavailable")),
            Some(CommitFault::FalseExists) => Err(object_store::Error::AlreadyExists {
                path: location.to_string(),
                source: "injected".into(),
            }),
            Some(CommitFault::Late) => {
                let (inner, location) = (Arc::clone(&self.inner), location.clone());
                tokio::spawn(async move {
                    tokio::time::sleep(LATE).await;
                    // Whether it still can land is the point; nobody waits for the answer.
                    let _ = inner.put_opts(&location, payload, options).await;
                });
                Err(injected("timed out"))
            }
        };
        if answer.is_ok() {
            self.plan.die(AbortPoint::AfterCommit, number);
        }
        answer
    }
}

fn injected(what: &'static str) -> object_store::Error {
    object_store::Error::Generic {
        store: "FaultyStore",
        source: what.into(),
    }
}

/// Whether a PUT there is a commit: a log entry other than the one that creates the table.
fn is_commit(location: &Path, mode: &PutMode) -> bool {
    let mut parts = location.as_ref().rsplit('/');
    let entry = parts.next().and_then(|name| name.strip_suffix(".json"));
    matches!(mode, PutMode::Create)
        && parts.next() == Some("_delta_log")
        && entry.is_some_and(|digits| digits.parse::<u64>().is_ok_and(|version| version > 0))
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FaultyStore({})", self.inner)
    }
}

forward_object_store!(FaultyStore, inner, {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        tokio::time::sleep(self.plan.slow).await;
        if is_commit(location, &options.mode) {
            return self.commit(location, payload, options).await;
        }
        let answer = self.inner.put_opts(location, payload, options).await;
        if location.as_ref().ends_with(".parquet") && !location.as_ref().contains("/_delta_log/") {
            let number = self.uploads.fetch_add(1, Ordering::SeqCst) + 1;
            self.plan.die(AbortPoint::Upload, number);
        }
        answer
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        // Nothing that commits is streamed: checkpoints are, and they have no faults here.
        self.inner.put_multipart_opts(location, options).await
    }
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_are_read_and_nonsense_is_named() {
        let plan = FaultPlan::parse("lost_commit_response@3, abort@upload:2,slow_ms=5").unwrap();
        assert_eq!(plan.commits, [(3, CommitFault::LostResponse)]);
        assert_eq!(plan.aborts, [(2, AbortPoint::Upload)]);
        assert_eq!(plan.slow, Duration::from_millis(5));
        assert!(
            FaultPlan::parse("abort@lunch")
                .unwrap_err()
                .contains("abort@lunch")
        );
        assert!(FaultPlan::parse("slow_ms=x").is_err());
    }

    #[test]
    fn only_conditional_puts_of_entries_are_commits() {
        let entry = Path::from("t/_delta_log/00000000000000000007.json");
        assert!(is_commit(&entry, &PutMode::Create));
        assert!(!is_commit(&entry, &PutMode::Overwrite));
        assert!(!is_commit(
            &Path::from("t/_delta_log/00000000000000000000.json"),
            &PutMode::Create
        ));
        assert!(!is_commit(
            &Path::from("t/x/00000000000000000007.json"),
            &PutMode::Create
        ));
    }
}
