//! What is being done, on standard error, while it takes its time.

use std::io::{self, IsTerminal};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What is done by then is not worth a line.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often the line is drawn anew, with the time that has passed.
const TICK: Duration = Duration::from_millis(200);

/// A line that says what is being done and for how long: on a terminal, once a second has passed.
pub(crate) struct Progress {
    bar: ProgressBar,
    /// Whether there is somebody to look at it.
    seen: bool,
    /// Dropped, it keeps the line from appearing.
    alarm: Option<mpsc::Sender<()>>,
}

impl Progress {
    pub(crate) fn new() -> Progress {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg} {elapsed}") {
            bar.set_style(style);
        }
        Progress { bar, seen: io::stderr().is_terminal(), alarm: None }
    }

    /// Says what is being done.
    pub(crate) fn doing(&mut self, what: impl FnOnce() -> String) {
        if !self.seen {
            return;
        }
        self.bar.set_message(what());
        if self.alarm.is_none() {
            let (alarm, ended) = mpsc::channel();
            self.alarm = Some(alarm);
            self.bar.reset();
            let bar = self.bar.clone();
            thread::spawn(move || {
                if ended.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                    bar.set_draw_target(ProgressDrawTarget::stderr());
                    bar.enable_steady_tick(TICK);
                }
            });
        }
    }

    /// Says how much of it is done: the line has a bar then.
    pub(crate) fn share(&mut self, done: usize, of: usize) {
        if let Ok(style) =
            ProgressStyle::with_template("{spinner} [{bar:30}] {percent:>3} % {wide_msg} {elapsed}")
            && self.bar.length().is_none()
        {
            self.bar.set_style(style.progress_chars("=> "));
        }
        self.bar.set_length(of as u64);
        self.bar.set_position(done as u64);
    }

    /// Prints beside the line.
    pub(crate) fn beside<T>(&self, print: impl FnOnce() -> T) -> T {
        if self.seen { self.bar.suspend(print) } else { print() }
    }

    /// Takes the line away.
    pub(crate) fn end(&mut self) {
        if self.alarm.take().is_some() {
            self.bar.disable_steady_tick();
            self.bar.finish_and_clear();
        }
    }
}
