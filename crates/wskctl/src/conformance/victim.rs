//! Another process with requests pending, to be killed.
//!
//! In the hosted kernel that is a process of the machine. On Windows it is this program once more, with a command
//! that is not in its help: it opens handles, begins to receive, says so on its standard output, and then waits.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::lab::{Lab, session};
use super::outcome::{Failure, Outcome};
use crate::device::{Completed, Device, Handle, OpenError, Pending, Process};
use crate::error::Error;
use crate::family::Family;
use crate::session::Session;

/// The command of this program that [`pend`]s.
pub const COMMAND: &str = "pend";
/// What the process says when all its receives are pending.
const READY: &str = "ready";
/// Room for a datagram that does not come.
const CAPACITY: usize = 16;

/// A process with requests pending.
#[derive(Debug)]
pub struct Victim {
    addresses: Vec<SocketAddr>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    OfTheMachine(Process, Begun),
    Program(Running),
}

/// A child process, which does not outlive this value.
#[derive(Debug)]
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Victim {
    pub(super) fn start(lab: &Lab, handles: usize, receives: usize) -> Outcome<Self> {
        if let Some(process) = lab.device().process() {
            let mut begun = begin(&|| process.open(), handles, receives)?;
            let addresses = std::mem::take(&mut begun.addresses);
            return Ok(Self { addresses, kind: Kind::OfTheMachine(process, begun) });
        }
        let Some((program, device)) = lab.program() else {
            return Err(Failure::NotApplicable("there is no program to start".to_owned()));
        };
        Self::start_program(program, device, handles, receives)
    }

    fn start_program(program: &Path, device: &str, handles: usize, receives: usize) -> Outcome<Self> {
        let child = Command::new(program)
            .args(["--device", device, COMMAND, &handles.to_string(), &receives.to_string()])
            // It ends when this pipe is closed, so also when this program ends without a word.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut running = Running(child);
        let output = running.0.stdout.take().ok_or_else(|| Failure::new("the process has no output"))?;
        let mut addresses = Vec::new();
        for line in BufReader::new(output).lines() {
            let line = line?;
            if line == READY {
                return Ok(Self { addresses, kind: Kind::Program(running) });
            }
            addresses.push(line.parse().map_err(|_text| Failure::new(format!("the process says: {line}")))?);
        }
        Err(Failure::new("the process ended before its requests were pending"))
    }

    /// Where its sockets are bound.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Kills it. What its requests ended with is known only where they can be looked at from outside.
    ///
    /// # Errors
    ///
    /// The process cannot be killed, or one of its requests does not end.
    pub fn kill(self) -> Outcome<Option<Vec<Completed>>> {
        match self.kind {
            Kind::OfTheMachine(process, begun) => {
                process.kill();
                begun.pending.into_iter().map(super::lab::ended).collect::<Outcome<_>>().map(Some)
            }
            Kind::Program(mut running) => {
                running.0.kill()?;
                running.0.wait()?;
                Ok(None)
            }
        }
    }
}

/// What the other process does: begins `receives` on each of `handles` sockets, says so, and waits for its end.
///
/// # Errors
///
/// The device does not open, the driver refuses, or nobody reads.
pub fn pend(
    device: &Device,
    handles: usize,
    receives: usize,
    output: &mut impl Write,
    until: &mut impl Read,
) -> io::Result<()> {
    let begun =
        begin(&|| device.open(), handles, receives).map_err(|error| io::Error::other(error.to_string()))?;
    for address in &begun.addresses {
        writeln!(output, "{address}")?;
    }
    writeln!(output, "{READY}")?;
    output.flush()?;
    io::copy(until, &mut io::sink())?;
    Ok(())
}

/// Requests that are pending, and the handles that they are pending on.
#[derive(Debug, Default)]
struct Begun {
    addresses: Vec<SocketAddr>,
    pending: Vec<Pending>,
    /// Not closed before the requests are let go of.
    sessions: Vec<Session>,
}

fn begin(
    open: &dyn Fn() -> Result<Handle, OpenError>,
    handles: usize,
    receives: usize,
) -> Result<Begun, Error> {
    let mut begun = Begun::default();
    for _ in 0..handles {
        let session = session(open()?);
        session.create(Family::V4)?;
        session.bind(Family::V4.loopback())?;
        begun.addresses.push(session.local_address()?);
        for _ in 0..receives {
            begun.pending.push(session.within(None).begin_receive(CAPACITY).into_pending());
        }
        begun.sessions.push(session);
    }
    Ok(begun)
}
