//! Another process with requests under way, to be killed.
//!
//! In the hosted kernel that is a process of the machine. On Windows it is this program once more, with a command
//! that is not in its help: it opens handles, begins its requests, says on its standard output that all of them wait,
//! and then waits itself.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use wsk_sys::{STATUS_CANCELLED, STATUS_FILE_CLOSED, STATUS_INVALID_HANDLE};

use super::lab::{Lab, ended, free_again, session};
use super::outcome::{Failure, Outcome, SOON, equal, eventually, status_among, status_is};
use super::pending::{DRAIN, Kind, QUEUE, Way};
use crate::device::{Device, Handle, OpenError, Peer, Pending, Process, Refused};
use crate::error::Error;
use crate::family::Family;
use crate::session::Session;

/// The command of this program that [`pend`]s.
pub const COMMAND: &str = "pend";
/// What the process says when all its requests are under way.
const READY: &str = "ready";
/// Long enough for a request that does not wait to have ended.
const PAUSE: Duration = Duration::from_millis(5);

/// What a process is to have under way.
#[derive(Clone, Debug)]
pub struct Plan {
    /// On how many handles, each with a socket of its own.
    pub handles: usize,
    /// How many requests of each kind on each handle, if so many can wait.
    pub requests: usize,
    /// Of which kinds.
    pub kinds: Vec<&'static Kind>,
}

impl Plan {
    fn arguments(&self) -> Vec<String> {
        let names = self.kinds.iter().map(|kind| kind.name.to_owned());
        [self.handles.to_string(), self.requests.to_string()].into_iter().chain(names).collect()
    }
}

/// A process with requests under way.
#[derive(Debug)]
pub struct ChildProcess {
    addresses: Vec<SocketAddr>,
    process: Where,
}

#[derive(Debug)]
enum Where {
    OfTheMachine(Process, Box<Begun>),
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

impl ChildProcess {
    pub(super) fn start(lab: &Lab, plan: &Plan) -> Outcome<ChildProcess> {
        if let Some(process) = lab.device().process() {
            let begun = Begun::new(&|| process.open(), lab.device(), plan)?;
            return Ok(ChildProcess {
                addresses: begun.addresses.clone(),
                process: Where::OfTheMachine(process, Box::new(begun)),
            });
        }
        let Some((program, device)) = lab.program() else {
            return Err(Failure::NotApplicable("there is no program to start".to_owned()));
        };
        Self::start_program(program, device, plan)
    }

    fn start_program(program: &Path, device: &str, plan: &Plan) -> Outcome<ChildProcess> {
        let child = Command::new(program)
            .args(["--device", device, COMMAND])
            .args(plan.arguments())
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
                return Ok(ChildProcess { addresses, process: Where::Program(running) });
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

    /// Kills it. Where its requests can be looked at from outside, they must have ended as the requests of a handle do
    /// that is closed.
    ///
    /// # Errors
    ///
    /// The process cannot be killed, or ended before; one of its requests does not end, or ends otherwise.
    pub fn kill(self) -> Outcome {
        match self.process {
            Where::OfTheMachine(process, begun) => {
                begun.check_running()?;
                process.kill();
                begun.check_ended()
            }
            Where::Program(mut running) => {
                if let Some(status) = running.0.try_wait()? {
                    return Err(Failure::new(format!("the process ended before it was killed: {status}")));
                }
                running.0.kill()?;
                running.0.wait()?;
                Ok(())
            }
        }
    }
}

/// Kills a process that has all of this under way, and sees that nothing of it is left.
pub(super) fn kill_with(lab: &Lab, kinds: &[&'static Kind], handles: usize, requests: usize) -> Outcome {
    let watcher = lab.watcher()?;
    let child = lab.child_process(&Plan { handles, requests, kinds: kinds.to_vec() })?;
    let addresses = child.addresses().to_vec();
    let (before, now, handles) = (lab.before(), watcher.statistics()?, handles as u64);
    equal(now.handles_open, before.handles_open + 1 + handles, "handles open, the process' among them")?;
    equal(now.sockets_open, before.sockets_open + handles, "sockets open")?;
    child.kill()?;
    eventually(|| {
        let now = watcher.statistics()?;
        equal(now.handles_open, before.handles_open + 1, "handles open")?;
        equal(now.sockets_open, before.sockets_open, "sockets open")
    })?;
    watcher.close();
    addresses.into_iter().try_for_each(|address| free_again(lab, address))?;
    lab.idle()
}

/// What the other process does: begins what is planned, says so, and waits for its end.
///
/// # Errors
///
/// The device does not open, the driver refuses, a request does not wait, or nobody reads. The reader of `output` is
/// told as well.
pub fn pend(
    device: &Device,
    plan: &Plan,
    output: &mut impl Write,
    mut until: impl Read + Send + 'static,
) -> io::Result<()> {
    let begun = match Begun::new(&|| device.open(), device, plan) {
        Ok(begun) => begun,
        Err(Failure::Unmet { what, .. } | Failure::NotApplicable(what)) => {
            writeln!(output, "{what}")?;
            return Err(io::Error::other(what));
        }
    };
    for address in &begun.addresses {
        writeln!(output, "{address}")?;
    }
    writeln!(output, "{READY}")?;
    output.flush()?;
    let asked = begun.tell.clone();
    thread::spawn(move || {
        // That it cannot be read is its end, too.
        let _ = io::copy(&mut until, &mut io::sink());
        let _ = asked.send(None);
    });
    match begun.told.recv() {
        Ok(Some(error)) => Err(io::Error::other(error.to_string())),
        Ok(None) | Err(_) => Ok(()),
    }
}

/// Requests that are under way, and the handles that they are under way on.
#[derive(Debug)]
struct Begun {
    addresses: Vec<SocketAddr>,
    pending: Vec<(&'static Kind, Pending)>,
    sessions: Vec<Session>,
    /// Where datagrams go, so that they end no receive.
    sink: Peer,
    /// How many threads repeat a request until it is refused.
    threads: usize,
    /// They tell why they have ended.
    told: Receiver<Option<Error>>,
    tell: Sender<Option<Error>>,
}

impl Drop for Begun {
    fn drop(&mut self) {
        // The threads have the handles, too.
        self.sessions.drain(..).for_each(Session::close);
    }
}

impl Begun {
    fn new(open: &dyn Fn() -> Result<Handle, OpenError>, device: &Device, plan: &Plan) -> Outcome<Begun> {
        let (tell, told) = mpsc::channel();
        let (addresses, pending, sessions) = (Vec::new(), Vec::new(), Vec::new());
        let sink = device.peer(Family::V4.loopback())?;
        let mut begun = Begun { addresses, pending, sessions, sink, threads: 0, told, tell };
        for _ in 0..plan.handles {
            let session = session(open()?);
            session.create(Family::V4)?;
            session.bind(Family::V4.loopback())?;
            begun.addresses.push(session.local_address()?);
            begun.sessions.push(session.clone());
            if plan.kinds.iter().any(|kind| kind.is(&DRAIN)) {
                session.enable_receive(QUEUE)?;
            }
            for &kind in &plan.kinds {
                begun.begin(kind, &session.within(None), plan.requests)?;
            }
        }
        // Answered after those before it, wherever requests are taken one by one.
        begun.sessions.iter().try_for_each(|session| session.version().map(drop))?;
        thread::sleep(PAUSE);
        begun.wait()?;
        Ok(begun)
    }

    fn begin(&mut self, kind: &'static Kind, session: &Session, requests: usize) -> Outcome {
        match kind.way {
            Way::Waits(begin, most) => {
                self.pending.extend((0..requests.min(most)).map(|_| (kind, begin(session))));
            }
            Way::Repeats(request) => {
                let to = self.sink.address();
                // That it works is seen here: the threads only say why they end.
                request(session, to)?;
                for _ in 0..requests {
                    let (session, tell) = (session.clone(), self.tell.clone());
                    self.threads += 1;
                    thread::spawn(move || {
                        let error = loop {
                            if let Err(error) = request(&session, to) {
                                break error;
                            }
                        };
                        // Nobody may be there to hear it.
                        let _ = tell.send(Some(error));
                    });
                }
            }
        }
        Ok(())
    }

    /// That the requests that are to wait do.
    fn wait(&mut self) -> Outcome {
        let Some(over) = self.pending.iter().position(|(_, pending)| pending.is_done()) else {
            return Ok(());
        };
        let (kind, pending) = self.pending.swap_remove(over);
        let refused = Refused::new(ended(pending)?.status, kind.code);
        Err(Failure::new(format!("{} does not wait: it ended with {}", kind.name, refused.name())))
    }

    /// That the threads repeat their requests.
    fn check_running(&self) -> Outcome {
        match self.told.try_recv() {
            Ok(Some(error)) => Err(Failure::from(error).while_doing("before the process was killed")),
            Ok(None) | Err(_) => Ok(()),
        }
    }

    /// That everything has ended with its handle.
    fn check_ended(mut self) -> Outcome {
        for (kind, pending) in std::mem::take(&mut self.pending) {
            let completed = ended(pending)?;
            status_is(completed.status, STATUS_CANCELLED, format_args!("{} of the process", kind.name))?;
            equal(completed.information, 0, "its bytes")?;
        }
        for _ in 0..self.threads {
            match self.told.recv_timeout(SOON) {
                Ok(Some(error)) => {
                    let expected = [STATUS_CANCELLED, STATUS_FILE_CLOSED, STATUS_INVALID_HANDLE];
                    let status = error.status().unwrap_or_default();
                    status_among(status, &expected, "the last request of a thread of the process")?;
                }
                Ok(None) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    return Err(Failure::new("expected: the process' last request ends"));
                }
            }
        }
        Ok(())
    }
}
