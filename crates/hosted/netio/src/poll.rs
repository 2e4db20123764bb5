//! The thread that takes datagrams from the host's sockets. It never enters the kernel.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Registry, Token, Waker};

use crate::inbox::{Datagram, Header, Inbox};

/// The largest datagram there is.
const LARGEST: usize = 0x1_0000;
/// How many datagrams are taken from one socket before others may close theirs.
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

type Sources = HashMap<Token, (Arc<UdpSocket>, Arc<Inbox>)>;

impl Shared {
    fn sources(&self) -> MutexGuard<'_, Sources> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A watched socket. When this is dropped, the thread has let go of it.
pub(crate) struct Source {
    shared: Arc<Shared>,
    token: Token,
    socket: Arc<UdpSocket>,
}

impl Source {
    pub(crate) fn socket(&self) -> Arc<UdpSocket> {
        Arc::clone(&self.socket)
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
        f.debug_tuple("Source").field(&self.token).field(&self.socket).finish()
    }
}

impl Poller {
    fn lock(&self) -> MutexGuard<'_, Option<Running>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Watches a socket; what arrives goes to the inbox.
    pub(crate) fn add(&self, mut socket: UdpSocket, inbox: Arc<Inbox>) -> io::Result<Source> {
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
        let socket = Arc::new(socket);
        sources.insert(token, (Arc::clone(&socket), inbox));
        drop(sources);
        Ok(Source { shared: Arc::clone(&running.shared), token, socket })
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
    let mut buffer = vec![0; LARGEST];
    while !shared.stop.load(Ordering::Acquire) {
        if let Err(error) = poll.poll(&mut events, None) {
            if error.kind() == io::ErrorKind::Interrupted {
                continue;
            }
            return;
        }
        for event in &events {
            if event.token() != WAKE {
                while !drain(shared, event.token(), &mut buffer) {}
            }
        }
    }
}

/// Takes what has arrived at a socket; true when that is all, and the next event will tell of more.
fn drain(shared: &Shared, token: Token, buffer: &mut [u8]) -> bool {
    let sources = shared.sources();
    let Some((socket, inbox)) = sources.get(&token) else { return true };
    let mut errors = 0;
    for _ in 0..BATCH {
        match socket.recv_from(buffer) {
            // Whether it was sent to the broadcast address, the host does not say. n/d
            Ok((length, from)) => {
                let (bytes, header) = (buffer[..length].to_vec(), Header::default());
                inbox.push(Datagram { from, broadcast: false, bytes, header });
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
            // The echo of an earlier send, on some hosts: not about what is to be received.
            Err(_) => errors += 1,
        }
    }
    errors == BATCH
}
