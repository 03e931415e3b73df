//! Which files to merge: few rewrites, by size class.
//!
//! Merging whatever is small into the one growing file of a partition rewrites that file on every
//! pass: the bytes rewritten grow with the square of the data. Here files below half the target
//! fall into size classes, each four times as wide as the one below. A class is merged when it has
//! `small_file_count` files, together with everything smaller. With 4 or more files a merge gives
//! a file of a higher class, so a byte is rewritten at most once per class: log4(target / smallest)
//! times in its life, never once it is in a file of half the target.
//!
//! A partition in which nothing has been written for a day is settled: what small files are left
//! are merged once, whatever their classes.

/// Width of a size class.
const CLASS_RATIO: u64 = 4;
/// The smallest class ends here; parquet files are rarely smaller.
const SMALLEST_CLASS: u64 = 16 * 1024;
/// A partition untouched this long is settled, milliseconds.
const SETTLED_MS: i64 = 24 * 3_600 * 1_000;
/// Files merged at once: each costs an open reader and one decoded batch.
const MOST_INPUTS: usize = 64;

/// What planning needs to know of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    /// Position in the caller's list.
    pub(super) index: usize,
    /// Folder of the partition, empty for a table without partitions.
    pub(super) partition: String,
    /// Bytes.
    pub(super) size: u64,
    /// When it was added, milliseconds since the epoch.
    pub(super) modified_ms: i64,
}

/// How to choose.
#[derive(Debug, Clone, Copy)]
pub(super) struct Policy {
    /// Bytes to merge up to.
    pub(super) target: u64,
    /// Files in a class that make it worth merging.
    pub(super) small_file_count: usize,
    /// Most bytes to rewrite.
    pub(super) budget: u64,
}

/// Groups of files (by `index`) to merge into one each, smallest input first.
pub(super) fn bins(mut files: Vec<Candidate>, policy: Policy, now_ms: i64) -> Vec<Vec<usize>> {
    files.retain(|file| file.size < policy.target / 2);
    // Ties by index, so that the plan is the same for the same list.
    files.sort_by(|a, b| (&a.partition, a.size, a.index).cmp(&(&b.partition, b.size, b.index)));
    let mut bins = Vec::new();
    let mut spent = 0_u64;
    for partition in files.chunk_by(|a, b| a.partition == b.partition) {
        for bin in partition_bins(partition, policy, now_ms) {
            let bytes: u64 = bin.iter().map(|file| file.size).sum();
            if spent > 0 && spent + bytes > policy.budget {
                continue;
            }
            spent += bytes;
            bins.push(bin.iter().map(|file| file.index).collect());
        }
    }
    bins
}

/// `files` are of one partition, smallest first.
fn partition_bins(files: &[Candidate], policy: Policy, now_ms: i64) -> Vec<&[Candidate]> {
    let newest = files
        .iter()
        .map(|file| file.modified_ms)
        .max()
        .unwrap_or(i64::MAX);
    let settled = newest.saturating_add(SETTLED_MS) <= now_ms;
    let due = if settled && files.len() > 1 {
        files.len()
    } else {
        due_files(files, policy)
    };
    let mut bins = Vec::new();
    let mut rest = &files[..due];
    while rest.len() > 1 {
        let mut bytes = 0;
        let fit = rest
            .iter()
            .take(MOST_INPUTS)
            .take_while(|file| {
                bytes += file.size;
                bytes <= policy.target
            })
            .count()
            // Two files below half the target always fit.
            .max(2);
        let (bin, after) = rest.split_at(fit.min(rest.len()));
        bins.push(bin);
        rest = after;
    }
    bins
}

/// How many of the smallest files are due: up to the end of the largest class that is full.
fn due_files(files: &[Candidate], policy: Policy) -> usize {
    let mut due = 0;
    let mut from = 0;
    let mut bound = SMALLEST_CLASS;
    while from < files.len() {
        let in_class = files[from..]
            .iter()
            .take_while(|file| file.size < bound)
            .count();
        if in_class >= policy.small_file_count {
            due = from + in_class;
        }
        from += in_class;
        bound = bound.saturating_mul(CLASS_RATIO);
    }
    due
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1024 * 1024;
    const POLICY: Policy = Policy {
        target: 128 * MB,
        small_file_count: 8,
        budget: u64::MAX,
    };

    fn files(sizes: &[u64]) -> Vec<Candidate> {
        sizes
            .iter()
            .enumerate()
            .map(|(index, size)| Candidate {
                index,
                partition: "date=2026-01-01".into(),
                size: *size,
                modified_ms: 0,
            })
            .collect()
    }

    #[test]
    fn few_small_files_and_large_ones_are_left_alone() {
        assert!(bins(files(&[MB; 7]), POLICY, 0).is_empty());
        assert!(bins(files(&[64 * MB; 20]), POLICY, 0).is_empty());
        let mixed: Vec<u64> = [MB; 8].into_iter().chain([100 * MB, 64 * MB]).collect();
        assert_eq!(
            bins(files(&mixed), POLICY, 0),
            [vec![0, 1, 2, 3, 4, 5, 6, 7]]
        );
    }

    #[test]
    fn a_full_class_takes_smaller_files_along_but_not_larger_ones() {
        let mut sizes = vec![20 * MB; 3];
        sizes.extend([2 * MB; 8]);
        sizes.extend([10; 2]);
        let merged = bins(files(&sizes), POLICY, 0);
        assert_eq!(merged, [vec![11, 12, 3, 4, 5, 6, 7, 8, 9, 10]]);
    }

    #[test]
    fn a_settled_partition_is_merged_once_and_then_rests() {
        let day_later = SETTLED_MS + 1;
        assert_eq!(bins(files(&[MB, 20 * MB]), POLICY, day_later), [vec![0, 1]]);
        assert!(bins(files(&[21 * MB]), POLICY, day_later).is_empty());
    }

    #[test]
    fn bins_do_not_exceed_the_target_nor_the_plan_its_budget() {
        let sizes = vec![40 * MB; 10];
        let merged = bins(files(&sizes), POLICY, 0);
        assert_eq!(merged.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 3]);
        let frugal = Policy {
            budget: 130 * MB,
            ..POLICY
        };
        assert_eq!(bins(files(&sizes), frugal, 0).len(), 1);
        let many = bins(files(&vec![10; 1_000]), POLICY, 0);
        assert!(many.iter().all(|bin| bin.len() <= MOST_INPUTS));
    }

    /// Simulates a partition that gets a small file per commit, with a pass after every commit.
    #[test]
    fn a_byte_is_rewritten_at_most_once_per_class() {
        let mut sizes: Vec<u64> = Vec::new();
        let (mut written, mut rewritten) = (0_u64, 0_u64);
        for _ in 0..3_000 {
            sizes.push(300_000);
            written += 300_000;
            let merged = bins(files(&sizes), POLICY, 0);
            let outputs: Vec<u64> = merged
                .iter()
                .map(|bin| bin.iter().map(|index| sizes[*index]).sum())
                .collect();
            rewritten += outputs.iter().sum::<u64>();
            let gone: Vec<usize> = merged.into_iter().flatten().collect();
            let kept = sizes
                .iter()
                .enumerate()
                .filter(|(index, _)| !gone.contains(index));
            sizes = kept.map(|(_, size)| *size).chain(outputs).collect();
        }
        assert!(rewritten < 4 * written, "rewrote {rewritten} of {written}");
        assert!(sizes.len() < 50, "{} files left", sizes.len());
    }
}
