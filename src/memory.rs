//! How soon freed memory goes back to the system.
//!
//! The allocator keeps freed pages for a second before it returns them. Ingestion frees and takes
//! hundreds of megabytes a second, so that second alone is a third of its resident memory and
//! nothing of it is covered by the budget (N7). Returned at once, the same load fits into half a gigabyte. `MIMALLOC_PURGE_DELAY` in the environment still decides when
//! it is set.

use libmimalloc_sys::{mi_option_set_default, mi_option_t};

/// The option's number, the same in both versions of the allocator that the crate bundles; its
/// header gives it no name in Rust.
const PURGE_DELAY: mi_option_t = 15;

/// Milliseconds that freed pages are kept: none. Kept for 10 ms, ingestion was a fifth faster and took
/// 577 MB instead of 463 (20 M readings, two cores), above what it may take.
const KEPT_MS: std::ffi::c_long = 0;

/// Makes the allocator return freed pages soon. To be called before any thread is started.
pub(crate) fn return_what_is_freed() {
    // SAFETY: sets one integer of the allocator's option table, whose index is in range; the
    // allocator is initialised by the first allocation, which precedes `main`.
    unsafe { mi_option_set_default(PURGE_DELAY, KEPT_MS) }
}

#[cfg(test)]
mod tests {
    use libmimalloc_sys::mi_option_get;

    use super::*;

    /// An upgrade of the allocator that moves the option must not go unnoticed: what it held before
    /// is the documented default, and afterwards ours; the environment outranks both.
    #[test]
    fn the_option_is_the_purge_delay() {
        // SAFETY: reads one integer of the option table.
        let delay = || unsafe { mi_option_get(PURGE_DELAY) };
        let told = std::env::var("MIMALLOC_PURGE_DELAY").ok();
        let told = told.map(|text| text.parse().expect("a number"));
        assert_eq!(delay(), told.unwrap_or(1000), "not the purge delay");
        return_what_is_freed();
        assert_eq!(delay(), told.unwrap_or(KEPT_MS));
    }
}
