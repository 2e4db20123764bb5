//! Follows the guest to its end, with a limit for each phase.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::machine::Machine;
use super::progress::{MARK, Phase, Progress};
use super::qmp::Event;
use super::ssh::Ssh;

/// How often the guest's serial port is looked at.
const INTERVAL: Duration = Duration::from_millis(100);

/// How long the guest may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// From its start, or a restart, to the first line of the script.
    pub(super) boot: Duration,
    /// For each step.
    pub(super) step: Duration,
    /// From a failure of its system to the restart: it may write a dump.
    pub(super) dump: Duration,
    /// From the last line of the script to the end of the machine.
    pub(super) shutdown: Duration,
    /// For everything.
    pub(super) total: Duration,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The script came to its end, with this exit code.
    Done(i32),
    /// The guest was shut down before that.
    Off,
    /// A limit was exceeded: which.
    Limit(&'static str),
    /// QEMU itself ended.
    Gone,
}

/// What is known at the end.
pub(super) struct Watched {
    pub(super) ending: Ending,
    pub(super) progress: Progress,
    /// The last lines that the guest printed.
    pub(super) lines: Vec<String>,
    pub(super) screenshots: Vec<PathBuf>,
}

/// Follows the guest until it ends or exceeds a limit. `port` is what it says over its second serial port.
pub(super) fn follow(
    machine: &mut Machine,
    mut port: File,
    limits: &Limits,
    mut ssh: Option<Ssh>,
    verbose: bool,
) -> Result<Watched> {
    let begin = Instant::now();
    let mut since = begin;
    let mut shut_down = false;
    let mut known = Watched {
        ending: Ending::Gone,
        progress: Progress::default(),
        lines: Vec::new(),
        screenshots: Vec::new(),
    };
    loop {
        let event = machine.monitor.event(INTERVAL);
        let mut bytes = Vec::new();
        port.read_to_end(&mut bytes).context("reading what the guest says")?;
        let before = (known.progress.phase.clone(), known.progress.steps.len());
        for line in known.progress.take(&bytes) {
            tell(&line, begin, verbose);
            known.lines.push(line);
        }
        match event {
            Some(Event::Reset) => {
                known.progress.reset();
                since = Instant::now();
            }
            Some(Event::Panicked(what)) => {
                known.progress.panicked(&what);
                known.screenshots.extend(machine.screenshot("panic"));
                since = Instant::now();
            }
            Some(Event::Shutdown) => shut_down = true,
            Some(Event::End) => {
                known.ending = match known.progress.phase {
                    Phase::Done(code) => Ending::Done(code),
                    _ if shut_down => Ending::Off,
                    _ => Ending::Gone,
                };
                return Ok(known);
            }
            None => {}
        }
        if before != (known.progress.phase.clone(), known.progress.steps.len()) {
            since = Instant::now();
        }
        if known.progress.phase != Phase::Boot {
            ssh = None;
        } else if let Some(ssh) = &mut ssh {
            ssh.poll()?;
        }
        let (limit, name) = limit(&known.progress, limits);
        if since.elapsed() > limit || begin.elapsed() > limits.total {
            known.ending = Ending::Limit(if since.elapsed() > limit { name } else { "the whole run" });
            known.screenshots.extend(machine.screenshot("limit"));
            return Ok(known);
        }
    }
}

/// The limit of where the guest is, and what it is for.
fn limit(progress: &Progress, limits: &Limits) -> (Duration, &'static str) {
    match &progress.phase {
        _ if progress.dumps => (limits.dump, "the dump"),
        Phase::Boot => (limits.boot, "the boot"),
        Phase::Steps => (limits.step, "a step"),
        Phase::Done(_) => (limits.shutdown, "the shutdown"),
    }
}

/// Shows what the guest says: its steps, or all.
fn tell(line: &str, begin: Instant, verbose: bool) {
    let seconds = begin.elapsed().as_secs();
    match line.split_once(MARK) {
        Some((_, said)) => println!("{seconds:6} s  {said}"),
        None if verbose => println!("          {line}"),
        None => {}
    }
}
