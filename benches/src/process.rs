//! What a process has cost, from `/proc` (Linux only).

use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::Context as _;

/// User and system CPU time of a process so far, seconds.
///
/// # Errors
/// There is no such process, or no `/proc`.
pub fn cpu_seconds(pid: u32) -> anyhow::Result<f64> {
    let path = format!("/proc/{pid}/stat");
    let text = std::fs::read_to_string(&path).with_context(|| format!("{path} cannot be read"))?;
    // The name in parentheses may hold blanks; utime and stime are the 12th and 13th after it.
    let rest = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: f64 = rest
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<f64>().ok())
        .sum();
    Ok(ticks / ticks_per_second())
}

fn ticks_per_second() -> f64 {
    // SAFETY: sysconf takes a constant and touches no memory of ours.
    let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    if ticks > 0 { ticks as f64 } else { 100.0 }
}

/// A line of `/proc/{pid}/status` in MB, such as `VmRSS` or `VmHWM` (peak resident set).
///
/// # Errors
/// There is no such process or no such line.
pub fn status_mb(pid: u32, name: &str) -> anyhow::Result<f64> {
    let path = format!("/proc/{pid}/status");
    let text = std::fs::read_to_string(&path).with_context(|| format!("{path} cannot be read"))?;
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok())
        .map(|kb| kb * 1_024.0 / 1e6)
        .with_context(|| format!("{path} has no {name}"))
}

/// CPU seconds of all child processes of this one that have ended and were waited for.
pub fn ended_children_cpu_seconds() -> f64 {
    usage_seconds(libc::RUSAGE_CHILDREN)
}

/// CPU seconds of this process so far.
pub fn own_cpu_seconds() -> f64 {
    usage_seconds(libc::RUSAGE_SELF)
}

fn usage_seconds(whose: libc::c_int) -> f64 {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: getrusage writes one rusage into the memory given; all-zero is a valid rusage too,
    // so reading it is sound even if the call failed.
    let usage = unsafe {
        libc::getrusage(whose, usage.as_mut_ptr());
        usage.assume_init()
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

/// A child process that has ended, and its cost.
#[derive(Debug)]
pub struct Ended {
    /// How it ended.
    pub status: ExitStatus,
    /// What it wrote to standard output.
    pub stdout: String,
    /// From start to end.
    pub seconds: f64,
    /// User and system time.
    pub cpu_seconds: f64,
    /// Peak resident set, MB.
    pub peak_rss_mb: f64,
}

/// Runs a command to its end, with its cost.
///
/// # Errors
/// It cannot be started.
pub fn run(command: &mut Command) -> anyhow::Result<Ended> {
    let output = tempfile::tempfile()?;
    let before = ended_children_cpu_seconds();
    let began = Instant::now();
    let mut child = command
        .stdout(output.try_clone()?)
        .spawn()
        .with_context(|| format!("{} cannot be started", command.get_program().display()))?;
    let (status, peak_rss_mb) = watch(&mut child)?;
    let seconds = began.elapsed().as_secs_f64();
    let cpu_seconds = ended_children_cpu_seconds() - before;
    let stdout = read_back(output)?;
    Ok(Ended {
        status,
        stdout,
        seconds,
        cpu_seconds,
        peak_rss_mb,
    })
}

fn read_back(mut file: std::fs::File) -> anyhow::Result<String> {
    use std::io::{Read as _, Seek as _};
    file.rewind()?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(text)
}

/// Waits for the child; the peak is a high-water mark, so a look now and then is enough.
fn watch(child: &mut Child) -> anyhow::Result<(ExitStatus, f64)> {
    let mut peak = 0.0_f64;
    loop {
        if let Ok(now) = status_mb(child.id(), "VmHWM") {
            peak = peak.max(now);
        }
        if let Some(status) = child.try_wait()? {
            return Ok((status, peak));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Bytes of all files below a folder for which `wanted` holds.
///
/// # Errors
/// A folder cannot be read.
pub fn bytes_below(dir: &Path, wanted: &dyn Fn(&Path) -> bool) -> std::io::Result<u64> {
    let mut total = 0;
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            total += bytes_below(&entry.path(), wanted)?;
        } else if wanted(&entry.path()) {
            total += entry.metadata()?.len();
        }
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_costs() {
        let pid = std::process::id();
        assert!(cpu_seconds(pid).unwrap() >= 0.0);
        assert!(status_mb(pid, "VmHWM").unwrap() > 1.0);
        assert!(status_mb(pid, "NoSuchLine").is_err());
    }

    #[test]
    fn a_child_is_measured_to_its_end() {
        let mut command = Command::new("sh");
        command.args([
            "-c",
            "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo done; exit 3",
        ]);
        let ended = run(&mut command).unwrap();
        assert_eq!(ended.status.code(), Some(3));
        assert_eq!(ended.stdout, "done\n");
        assert!(ended.cpu_seconds > 0.0 && ended.seconds > 0.0);
    }
}
