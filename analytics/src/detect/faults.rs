//! Deaths on demand: a run that ends in the middle of its writing.
//!
//! A test aid, compiled in because kill tests run the real binary. Nothing happens unless the
//! environment variable `NONSITE_DETECT_FAULTS` is set to `abort@STEP`; then the process dies right
//! after that step has landed. The steps in their order: `held`, `alerts`, `outcomes`, `runs`, `masses`,
//! `means`, `inputs`, `findings`.

/// Environment variable with the fault.
const FAULTS_ENV: &str = "NONSITE_DETECT_FAULTS";

/// Dies here if that is asked for.
pub(super) fn after(step: &str) {
    let wanted = std::env::var(FAULTS_ENV).unwrap_or_default();
    if wanted.strip_prefix("abort@") == Some(step) {
        // The point of this fault: no destructor, no flush, as kill -9 would have it.
        std::process::abort();
    }
}
