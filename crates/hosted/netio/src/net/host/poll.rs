//! The thread that takes datagrams from the host's sockets. It never enters the kernel.
//!
//! It begins and ends the watch of each socket itself, and closes it. So nothing is read any more from a socket that is
//! closed, and its address is free: Wine keeps a socket until the thread that polls it has heard of its end.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Registry, Token, Waker};
use parking_lot::{Mutex, MutexGuard};

use super::own::Reader;
use crate::net::address::canonical;
use crate::net::filter::Filter;
use crate::net::inbox::{Datagram, Inbox};
use crate::net::multicast::Group;

/// How many datagrams, and errors, are taken from one socket before others may close theirs.
const BATCH: usize = 64;
/// The token of the waker.
const WAKE: Token = Token(0);

/// The thread, once there is a socket to watch.
#[derive(Debug, Default)]
pub(crate) struct Poller(Mutex<Option<Running>>);

#[derive(Debug)]
struct Running {
    link: Arc<Link>,
    thread: JoinHandle<()>,
}

/// The way to the thread.
#[derive(Debug)]
struct Link {
    jobs: Sender<Job>,
    waker: Waker,
}

type Job = Box<dyn FnOnce(&mut Sources) + Send>;

/// What the thread has.
struct Sources {
    registry: Registry,
    watched: HashMap<Token, Arc<Watched>>,
    last: usize,
    stopped: bool,
}

#[derive(Debug)]
struct Watched {
    socket: UdpSocket,
    inbox: Arc<Inbox>,
    /// What the socket takes of what the host gives it.
    filter: Mutex<Filter>,
}

impl Watched {
    fn filter(&self) -> MutexGuard<'_, Filter> {
        self.filter.lock()
    }

    /// Whether the socket still wants to be told of an error.
    fn asks_for(&self, error: &Datagram) -> bool {
        self.filter().takes_errors(canonical(error.from).is_ipv6())
    }

    /// Whether the socket takes a datagram, by what the host tells of it.
    fn takes(&self, datagram: &Datagram) -> bool {
        let header = &datagram.header;
        let Some(to) = header.to else { return true };
        let filter = self.filter();
        let group = Group { address: to, interface: header.interface };
        // Whether this machine's own are taken is the sender's option here.
        filter.takes_from(header.interface, to.is_ipv6())
            && (!datagram.broadcast || filter.takes_broadcast())
            && (!to.is_multicast() || filter.takes_group(group, canonical(datagram.from).ip(), false))
    }
}

impl Link {
    /// Has the thread do something, and waits for that.
    fn ask<R: Send + 'static>(&self, job: impl FnOnce(&mut Sources) -> R + Send + 'static) -> io::Result<R> {
        let (answer, result) = mpsc::sync_channel(1);
        // If the thread is gone, the job is dropped, and with it the way back.
        let _ = self.jobs.send(Box::new(move |sources| drop(answer.send(job(sources)))));
        self.waker.wake()?;
        result.recv().map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// A watched socket. When this is dropped, it is closed.
pub(crate) struct Source {
    link: Arc<Link>,
    token: Token,
    /// Until the drop.
    watched: Option<Arc<Watched>>,
}

impl Source {
    fn watched(&self) -> &Watched {
        self.watched.as_ref().expect("it is taken by the drop only")
    }

    pub(crate) fn socket(&self) -> &UdpSocket {
        &self.watched().socket
    }

    /// Changes what the socket takes.
    pub(crate) fn set_filter(&self, filter: Filter) {
        *self.watched().filter() = filter;
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        let (token, watched) = (self.token, self.watched.take());
        // A thread that has ended has dropped its share already, and the job drops the other.
        let _ = self.link.ask(move |sources| {
            sources.watched.remove(&token);
            drop(watched);
        });
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Source").field(&self.token).field(self.socket()).finish()
    }
}

impl Poller {
    fn lock(&self) -> MutexGuard<'_, Option<Running>> {
        self.0.lock()
    }

    /// Watches a socket; what arrives, and the filter takes, goes to the inbox.
    pub(crate) fn add(&self, socket: UdpSocket, inbox: Arc<Inbox>, filter: Filter) -> io::Result<Source> {
        let mut slot = self.lock();
        let running = match &mut *slot {
            Some(running) => running,
            none => none.insert(start()?),
        };
        let link = Arc::clone(&running.link);
        drop(slot);
        let watched = Watched { socket, inbox, filter: Mutex::new(filter) };
        let (token, watched) = link.ask(|sources| sources.add(watched))??;
        Ok(Source { link, token, watched: Some(watched) })
    }

    /// Stops the thread, if it runs, and waits for its end.
    pub(crate) fn stop(&self) {
        let Some(running) = self.lock().take() else { return };
        if running.link.ask(|sources| sources.stopped = true).is_ok() {
            // A panic of the thread has been reported already.
            let _ = running.thread.join();
        }
    }
}

fn start() -> io::Result<Running> {
    let poll = Poll::new()?;
    let registry = poll.registry().try_clone()?;
    let waker = Waker::new(&registry, WAKE)?;
    let sources = Sources { registry, watched: HashMap::new(), last: WAKE.0, stopped: false };
    let (jobs, received) = mpsc::channel();
    let body = move || watch(poll, &received, sources);
    let thread = thread::Builder::new().name("netio-poll".to_owned()).spawn(body)?;
    Ok(Running { link: Arc::new(Link { jobs, waker }), thread })
}

impl Sources {
    fn add(&mut self, mut watched: Watched) -> io::Result<(Token, Arc<Watched>)> {
        self.last += 1;
        let token = Token(self.last);
        self.registry.register(&mut watched.socket, token, Interest::READABLE)?;
        let watched = Arc::new(watched);
        self.watched.insert(token, Arc::clone(&watched));
        Ok((token, watched))
    }

    fn serve(&mut self, jobs: &Receiver<Job>) {
        while let Ok(job) = jobs.try_recv() {
            job(self);
        }
    }
}

fn watch(mut poll: Poll, jobs: &Receiver<Job>, mut sources: Sources) {
    let mut events = Events::with_capacity(64);
    let mut reader = Reader::new();
    while !sources.stopped {
        if let Err(error) = poll.poll(&mut events, None) {
            if error.kind() == io::ErrorKind::Interrupted {
                continue;
            }
            return;
        }
        for event in &events {
            while let Some(watched) = sources.watched.get(&event.token())
                && !drain(watched, event.is_error(), &mut reader)
            {
                sources.serve(jobs);
            }
        }
        sources.serve(jobs);
    }
}

/// Takes what has arrived at a socket, errors first; true when that is all, and the next event will tell of more.
fn drain(watched: &Watched, errors: bool, reader: &mut Reader) -> bool {
    let no_errors = !errors || drain_errors(watched, reader);
    let mut failed = 0;
    for _ in 0..BATCH {
        match reader.receive(&watched.socket) {
            Ok(datagram) if watched.takes(&datagram) => watched.inbox.push(datagram),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return no_errors,
            // The echo of an earlier send, on some hosts: not about what is to be received.
            Err(_) => failed += 1,
        }
    }
    failed == BATCH
}

/// Whether an error says that a port is unreachable: by RFC 792 or by RFC 4443.
fn is_port_unreachable(error: &Datagram) -> bool {
    let error = error.header.error.map(|error| (error.protocol, error.kind, error.code));
    matches!(error, Some((1, 3, 3) | (58, 1, 4)))
}

/// Takes what is in a socket's queue of errors; true when that is all.
fn drain_errors(watched: &Watched, reader: &mut Reader) -> bool {
    for _ in 0..BATCH {
        match reader.error(&watched.socket) {
            Ok(Some(datagram)) if watched.asks_for(&datagram) => watched.inbox.push(datagram),
            Ok(Some(datagram)) if is_port_unreachable(&datagram) => watched.inbox.fail(),
            Ok(_) => {}
            Err(_) => return true,
        }
    }
    false
}
