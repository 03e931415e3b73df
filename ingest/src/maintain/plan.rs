//! Which files to merge: few rewrites, by size class.
//!
//! Merging whatever is small into the one growing file of a partition rewrites that file on every
//! pass: the bytes rewritten grow with the square of the data. Here files below half the target
//! fall into size classes, each four times as wide as the one below. A class is merged when it has
//! `small_file_count` files, together with everything smaller. With 4 or more files a merge gives
//! a file of a higher class, so a byte is rewritten at most once per class: log4(target / smallest)
//! times in its life, never once it is in a file of half the target.
//!
//! A partition in which nothing has been written for some hours is settled: what small files are
//! left are merged once, whatever their classes.
//!
//! Tables of readings ([`nonsite_schemas::copies`]) end in an order in which no two files share a
//! reading: a settled partition that is not in it is rewritten as a whole, large files included.
//! That is one more rewrite of a byte. What comes late makes another: at once when it is
//! a sixteenth of the partition or more, otherwise when the partition has rested for a week, so that
//! a station that catches up day by day does not have the same day rewritten every day.

use nonsite_schemas::copies::Holds;

/// Width of a size class.
const CLASS_RATIO: u64 = 4;
/// The smallest class ends here; parquet files are rarely smaller.
const SMALLEST_CLASS: u64 = 16 * 1024;
/// Files merged at once: each costs an open reader and one decoded batch.
const MOST_INPUTS: usize = 64;
/// Late data of this share of a partition are worth rewriting it, one in so many.
const LATE_SHARE: u64 = 16;
/// Less than that waits until the partition has rested this long, milliseconds.
const REST_MS: i64 = 7 * 24 * 3_600 * 1_000;

/// Which files may go into one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lane {
    /// Everything but the next.
    Kept,
    /// Readings in no order, which must not spoil that of others.
    Unsorted,
    /// Superseded copies of readings, which stay by themselves.
    Superseded,
}

impl Lane {
    /// Of a file by what it holds, if it is one of readings.
    pub(super) fn of(holds: Option<Holds>) -> Self {
        match holds {
            Some(Holds::Superseded) => Self::Superseded,
            Some(Holds::Unsorted) => Self::Unsorted,
            _ => Self::Kept,
        }
    }
}

/// What a file of readings holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Copies {
    /// By its name.
    pub(super) holds: Holds,
    /// First and last logger, if its statistics tell.
    pub(super) loggers: Option<(String, String)>,
}

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
    /// For a table of readings: what is in it.
    pub(super) copies: Option<Copies>,
}

impl Candidate {
    /// With which files it may be merged.
    fn lane(&self) -> Lane {
        Lane::of(self.copies.as_ref().map(|copies| copies.holds))
    }

    fn is_current(&self) -> bool {
        let copies = self.copies.as_ref();
        copies.is_some_and(|copies| copies.holds == Holds::Current)
    }

    /// Whether no logger can be in both files.
    fn is_apart(&self, other: &Self) -> bool {
        let loggers = |file: &Self| file.copies.as_ref().and_then(|it| it.loggers.clone());
        match (loggers(self), loggers(other)) {
            (Some((from, to)), Some((other_from, other_to))) => to < other_from || other_to < from,
            _ => false,
        }
    }
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
    /// A partition untouched this long is settled, milliseconds.
    pub(super) settled_ms: i64,
}

/// Groups of files (by `index`) of one lane to merge, smallest input first.
pub(super) fn bins(mut files: Vec<Candidate>, policy: Policy, now_ms: i64) -> Vec<Vec<usize>> {
    // Ties by index, so that the plan is the same for the same list.
    files.sort_by(|a, b| {
        let key = |file: &Candidate| (file.lane(), file.size, file.index);
        (&a.partition, key(a)).cmp(&(&b.partition, key(b)))
    });
    let mut bins = Vec::new();
    let mut spent = 0_u64;
    for lane in files.chunk_by(|a, b| a.partition == b.partition && a.lane() == b.lane()) {
        for bin in lane_bins(lane, policy, now_ms) {
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

/// `files` are of one partition and lane, smallest first.
fn lane_bins(files: &[Candidate], policy: Policy, now_ms: i64) -> Vec<Vec<&Candidate>> {
    let newest = files.iter().map(|file| file.modified_ms).max();
    let settled = newest.is_some_and(|newest| newest.saturating_add(policy.settled_ms) <= now_ms);
    let told = files.iter().all(|file| file.copies.is_some());
    let mut open: Vec<&Candidate> = files.iter().collect();
    if settled && told && files[0].lane() == Lane::Kept {
        let (base, late) = in_order(files);
        // A lone file that is not told apart is late to nothing.
        if late.is_empty() {
            return Vec::new();
        }
        let bytes = |files: &[&Candidate]| files.iter().map(|file| file.size).sum::<u64>();
        let rewritten = base.iter().map(|file| file.modified_ms).max();
        let rested = rewritten.is_none_or(|at| at.saturating_add(REST_MS) <= now_ms);
        let worth = bytes(&late).saturating_mul(LATE_SHARE) >= bytes(&base);
        if (rested || worth) && files.len() <= MOST_INPUTS {
            return vec![files.iter().collect()];
        }
        open = late;
    }
    open.retain(|file| file.size < policy.target / 2);
    small_bins(&open, policy, settled)
}

/// The largest files that share no reading with each other, and the others, smallest first.
fn in_order(files: &[Candidate]) -> (Vec<&Candidate>, Vec<&Candidate>) {
    let (mut base, mut late): (Vec<&Candidate>, Vec<&Candidate>) = (Vec::new(), Vec::new());
    for file in files.iter().rev() {
        if file.is_current() && base.iter().all(|other| file.is_apart(other)) {
            base.push(file);
        } else {
            late.push(file);
        }
    }
    late.reverse();
    (base, late)
}

/// `files` are small and of one partition and lane, smallest first.
fn small_bins<'f>(
    files: &[&'f Candidate],
    policy: Policy,
    settled: bool,
) -> Vec<Vec<&'f Candidate>> {
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
        bins.push(bin.to_vec());
        rest = after;
    }
    bins
}

/// How many of the smallest files are due: up to the end of the largest class that is full.
fn due_files(files: &[&Candidate], policy: Policy) -> usize {
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
    const HOUR_MS: i64 = 3_600 * 1_000;
    const POLICY: Policy = Policy {
        target: 128 * MB,
        small_file_count: 8,
        budget: u64::MAX,
        settled_ms: 24 * HOUR_MS,
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
                copies: None,
            })
            .collect()
    }

    /// Files of readings: size, what is in them, loggers.
    fn readings(of: &[(u64, Holds, &str, &str)]) -> Vec<Candidate> {
        let sizes: Vec<u64> = of.iter().map(|file| file.0).collect();
        let mut files = files(&sizes);
        for (file, (_, holds, from, to)) in files.iter_mut().zip(of) {
            file.copies = Some(Copies {
                holds: *holds,
                loggers: Some(((*from).to_owned(), (*to).to_owned())),
            });
        }
        files
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
        let day_later = POLICY.settled_ms + 1;
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

    #[test]
    fn settled_readings_are_brought_into_order_once_and_then_rest() {
        use Holds::{Any, Current, Superseded};
        let day_later = POLICY.settled_ms + 1;
        // Large files that overlap, a lone file that is not told apart: rewritten as a whole.
        let overlapping = readings(&[(90 * MB, Current, "a", "m"), (80 * MB, Current, "c", "z")]);
        assert_eq!(bins(overlapping.clone(), POLICY, day_later), [vec![1, 0]]);
        assert!(bins(overlapping, POLICY, 0).is_empty(), "not settled");
        let lone = readings(&[(90 * MB, Any, "a", "z")]);
        assert_eq!(bins(lone, POLICY, day_later), [vec![0]]);
        let unknown = {
            let mut files = readings(&[(90 * MB, Current, "a", "b"), (MB, Current, "c", "d")]);
            files[1].copies = Some(Copies {
                holds: Current,
                loggers: None,
            });
            files
        };
        assert!(
            bins(unknown, POLICY, day_later).is_empty(),
            "late, and little"
        );
        // In order; superseded copies are a lane of their own.
        let tidy = readings(&[
            (120 * MB, Current, "a", "m"),
            (3 * MB, Current, "n", "z"),
            (MB, Superseded, "a", "z"),
        ]);
        assert!(bins(tidy, POLICY, day_later).is_empty());
        let beaten = readings(&[(MB, Superseded, "a", "z"), (MB, Superseded, "a", "z")]);
        assert_eq!(bins(beaten, POLICY, day_later), [vec![0, 1]]);
        let disorder = readings(&[(MB, Holds::Unsorted, "a", "z")]);
        assert!(bins(disorder, POLICY, day_later).is_empty(), "never again");
    }

    #[test]
    fn little_late_data_wait_for_a_week_and_much_does_not() {
        use Holds::{Any, Current};
        let day_later = POLICY.settled_ms + 1;
        let little = [
            (100 * MB, Current, "a", "z"),
            (MB, Any, "b", "b"),
            (2 * MB, Any, "c", "c"),
        ];
        // They are merged with each other, not with the rest of the day.
        assert_eq!(bins(readings(&little), POLICY, day_later), [vec![1, 2]]);
        assert_eq!(bins(readings(&little), POLICY, REST_MS), [vec![1, 2, 0]]);
        let much = [(100 * MB, Current, "a", "z"), (7 * MB, Any, "b", "b")];
        assert_eq!(bins(readings(&much), POLICY, day_later), [vec![1, 0]]);
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

    /// A day of readings in files of half a megabyte, then a file of 10 kB of late ones every day for
    /// two months, with a pass every three hours: the day is rewritten a bounded number of times.
    #[test]
    fn a_day_that_late_data_trickle_into_is_rewritten_once_a_week() {
        let policy = Policy {
            settled_ms: 6 * HOUR_MS,
            ..POLICY
        };
        let mut held: Vec<Candidate> = Vec::new();
        let (mut written, mut rewritten) = (0_u64, 0_u64);
        let mut commit = |held: &mut Vec<Candidate>, size: u64, now_ms: i64| {
            let mut file = readings(&[(size, Holds::Any, "a", "z")]).remove(0);
            file.modified_ms = now_ms;
            held.push(file);
            written += size;
        };
        let mut pass = |held: &mut Vec<Candidate>, now_ms: i64| {
            for (index, file) in held.iter_mut().enumerate() {
                file.index = index;
            }
            let merged = bins(held.clone(), policy, now_ms);
            let mut outputs = Vec::new();
            for bin in &merged {
                let size: u64 = bin.iter().map(|index| held[*index].size).sum();
                rewritten += size;
                let mut file = readings(&[(size, Holds::Current, "a", "z")]).remove(0);
                file.modified_ms = now_ms;
                outputs.push(file);
            }
            let gone: Vec<usize> = merged.into_iter().flatten().collect();
            held.retain(|file| !gone.contains(&file.index));
            held.extend(outputs);
        };
        for minute in (0..24 * 60).step_by(10) {
            let now_ms = minute * 60_000;
            commit(&mut held, MB / 2, now_ms);
            pass(&mut held, now_ms);
        }
        for hour in (24..24 * 60).step_by(3) {
            if hour % 24 == 0 {
                commit(&mut held, 10_000, hour * HOUR_MS);
            }
            pass(&mut held, hour * HOUR_MS);
        }
        // At most 3 times by classes, once when it settles, then for eight weeks once a week.
        assert!(
            rewritten < (3 + 1 + 9) * written,
            "rewrote {rewritten} of {written}"
        );
        assert!(held.len() <= 3, "{} files left", held.len());
    }
}
