//! The thread that takes datagrams from the host's sockets. It never enters the kernel.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Registry, Token, Waker};

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
    registry: Registry,
    waker: Waker,
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
    last: usize,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    sources: Mutex<Sources>,
}

type Sources = HashMap<Token, Arc<Watched>>;

#[derive(Debug)]
struct Watched {
    socket: UdpSocket,
    inbox: Arc<Inbox>,
    /// What the socket takes of what the host gives it.
    filter: Mutex<Filter>,
}

impl Watched {
    fn filter(&self) -> MutexGuard<'_, Filter> {
        self.filter.lock().unwrap_or_else(PoisonError::into_inner)
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

impl Shared {
    fn sources(&self) -> MutexGuard<'_, Sources> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A watched socket. When this is dropped, the thread has let go of it.
pub(crate) struct Source {
    shared: Arc<Shared>,
    token: Token,
    watched: Arc<Watched>,
}

impl Source {
    pub(crate) fn socket(&self) -> &UdpSocket {
        &self.watched.socket
    }

    /// Changes what the socket takes.
    pub(crate) fn set_filter(&self, filter: Filter) {
        *self.watched.filter() = filter;
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        // The thread has the lock while it reads, so it does not read from this socket now.
        self.shared.sources().remove(&self.token);
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Source").field(&self.token).field(&self.watched.socket).finish()
    }
}

impl Poller {
    fn lock(&self) -> MutexGuard<'_, Option<Running>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Watches a socket; what arrives, and the filter takes, goes to the inbox.
    pub(crate) fn add(&self, mut socket: UdpSocket, inbox: Arc<Inbox>, filter: Filter) -> io::Result<Source> {
        let mut slot = self.lock();
        let running = match &mut *slot {
            Some(running) => running,
            none => none.insert(start()?),
        };
        running.last += 1;
        let token = Token(running.last);
        // Held over both, so that the thread finds the socket when the first event comes.
        let mut sources = running.shared.sources();
        running.registry.register(&mut socket, token, Interest::READABLE)?;
        let watched = Arc::new(Watched { socket, inbox, filter: Mutex::new(filter) });
        sources.insert(token, Arc::clone(&watched));
        drop(sources);
        Ok(Source { shared: Arc::clone(&running.shared), token, watched })
    }

    /// Stops the thread, if it runs, and waits for its end.
    pub(crate) fn stop(&self) {
        let Some(running) = self.lock().take() else { return };
        // Release: with the wake-up, which orders everything else.
        running.shared.stop.store(true, Ordering::Release);
        if running.waker.wake().is_ok() {
            // A panic of the thread has been reported already.
            let _ = running.thread.join();
        }
    }
}

fn start() -> io::Result<Running> {
    let poll = Poll::new()?;
    let registry = poll.registry().try_clone()?;
    let waker = Waker::new(&registry, WAKE)?;
    let shared = Arc::new(Shared::default());
    let mine = Arc::clone(&shared);
    let thread = thread::Builder::new().name("netio-poll".to_owned()).spawn(move || watch(poll, &mine))?;
    Ok(Running { registry, waker, shared, thread, last: WAKE.0 })
}

fn watch(mut poll: Poll, shared: &Shared) {
    let mut events = Events::with_capacity(64);
    let mut reader = Reader::new();
    while !shared.stop.load(Ordering::Acquire) {
        if let Err(error) = poll.poll(&mut events, None) {
            if error.kind() == io::ErrorKind::Interrupted {
                continue;
            }
            return;
        }
        for event in &events {
            if event.token() != WAKE {
                while !drain(shared, event.token(), event.is_error(), &mut reader) {}
            }
        }
    }
}

/// Takes what has arrived at a socket, errors first; true when that is all, and the next event will tell of more.
fn drain(shared: &Shared, token: Token, errors: bool, reader: &mut Reader) -> bool {
    let sources = shared.sources();
    let Some(watched) = sources.get(&token) else { return true };
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

/// Takes what is in a socket's queue of errors; true when that is all.
fn drain_errors(watched: &Watched, reader: &mut Reader) -> bool {
    for _ in 0..BATCH {
        match reader.error(&watched.socket) {
            Ok(Some(datagram)) if watched.asks_for(&datagram) => watched.inbox.push(datagram),
            Ok(_) => {}
            Err(_) => return true,
        }
    }
    false
}
