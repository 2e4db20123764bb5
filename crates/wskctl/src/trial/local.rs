//! The running system.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use wait_timeout::ChildExt;

use super::{Ended, Machine, Phase};

/// How often what a program has printed is shown, and written through to the disk.
const GLANCE: Duration = Duration::from_millis(200);
/// How long a program that is being ended may still take. One with a request that the driver does not complete never goes.
const GRACE: Duration = Duration::from_secs(5);

/// The running system: what programs print goes into a file for each phase, and is shown.
pub struct Local<'s> {
    folder: PathBuf,
    /// That of the phase that has begun.
    log: File,
    show: &'s mut dyn Write,
}

impl<'s> Local<'s> {
    /// Appends to files in this folder, which is made if need be, and shows the same on `show`.
    ///
    /// # Errors
    ///
    /// The system's word, if folder or file cannot be made.
    pub fn new(folder: &Path, show: &'s mut dyn Write) -> io::Result<Local<'s>> {
        fs::create_dir_all(folder)?;
        Ok(Self { folder: folder.to_owned(), log: log(folder, "trial")?, show })
    }

    /// Shows what has come since `from`, and sees to it that it is on the disk.
    fn glance(&mut self, from: &mut u64, output: &mut Vec<u8>) -> io::Result<()> {
        let known = output.len();
        self.log.seek(SeekFrom::Start(*from))?;
        self.log.read_to_end(output)?;
        let new = &output[known..];
        if !new.is_empty() {
            *from += new.len() as u64;
            self.show.write_all(new)?;
            self.show.flush()?;
            self.log.sync_data()?;
        }
        Ok(())
    }
}

fn log(folder: &Path, name: &str) -> io::Result<File> {
    OpenOptions::new().read(true).append(true).create(true).open(folder.join(name).with_extension("log"))
}

impl Machine for Local<'_> {
    fn begin(&mut self, phase: &Phase) -> io::Result<()> {
        self.log = log(&self.folder, phase.name)?;
        Ok(())
    }

    fn note(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.log, "{text}")?;
        // What comes next may stop the machine.
        self.log.sync_data()?;
        writeln!(self.show, "{text}")?;
        self.show.flush()
    }

    fn run(&mut self, words: &[String], limit: Duration) -> io::Result<Ended> {
        let (program, arguments) = words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let program = if program == "wskctl" { std::env::current_exe()? } else { program.into() };
        let mut from = self.log.seek(SeekFrom::End(0))?;
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(self.log.try_clone()?)
            .stderr(self.log.try_clone()?)
            .spawn()?;
        let mut output = Vec::new();
        let until = Instant::now() + limit;
        let code = loop {
            let left = until.saturating_duration_since(Instant::now());
            let status = child.wait_timeout(left.min(GLANCE))?;
            self.glance(&mut from, &mut output)?;
            match status {
                // A program that was ended by a signal has no code.
                Some(status) => break Some(status.code().unwrap_or(-1)),
                None if left.is_zero() => break None,
                None => {}
            }
        };
        if code.is_none() {
            end(&mut child)?;
            self.glance(&mut from, &mut output)?;
        }
        Ok(Ended { code, output: String::from_utf8_lossy(&output).into_owned() })
    }
}

/// Ends a program, and does not wait for ever until it is gone.
fn end(child: &mut Child) -> io::Result<()> {
    match child.kill() {
        // It has ended by itself in the meantime.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {}
        done => done?,
    }
    child.wait_timeout(GRACE).map(drop)
}
