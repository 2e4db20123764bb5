//! A handler whose answers a test chooses, and that tells the test what came.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use wsk::event::{Answer, Indicated, Indication, ReceiveHandler, Retained};
use wsk::{Datagram, DispatchDrop, Family, Passive, Provider};

use super::{LOOPBACK_V4, SOON, World};

/// What a test's handler does with an indication.
pub(crate) type Act = Box<dyn for<'c> Fn(Indication<'c>) -> Answer<'c> + Send + Sync>;

/// A handler that tells what it got, and then does what the test wants.
pub(crate) struct Handler {
    seen: Mutex<Sender<Event>>,
    act: Act,
    drops: Arc<AtomicUsize>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Datagram(Vec<u8>, Option<SocketAddr>),
    ForcedClosed,
}

// SAFETY: no test's act owns anything of WSK's but through a channel, whose other end the test has; and memory of the
// host's can be freed anywhere.
unsafe impl DispatchDrop for Handler {}

impl ReceiveHandler for Handler {
    fn receive<'c>(&self, indication: Indication<'c>) -> Answer<'c> {
        assert!(indication.is_at_dispatch());
        assert_eq!(indication.flags(), 0);
        let seen: Vec<_> = indication.datagrams().map(event).collect();
        // What the act does is done when the test learns of the datagrams.
        let answer = (self.act)(indication);
        for event in seen {
            let _ = self.seen.lock().unwrap().send(event);
        }
        answer
    }

    fn forced_closed(&self) {
        let _ = self.seen.lock().unwrap().send(Event::ForcedClosed);
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        self.drops.fetch_add(1, Ordering::Relaxed);
    }
}

pub(crate) fn event(datagram: Indicated<'_>) -> Event {
    let mut bytes = vec![0; datagram.len()];
    assert_eq!(datagram.copy_to(&mut bytes), Ok(datagram.len()));
    let pieces: Vec<&[u8]> = datagram.segments().map(|piece| piece.unwrap()).collect();
    assert_eq!(pieces.concat(), bytes);
    assert_eq!(datagram.is_empty(), bytes.is_empty());
    let mut begin = [0; 2];
    let length = datagram.copy_to(&mut begin).unwrap();
    assert_eq!(begin[..length], bytes[..bytes.len().min(2)]);
    Event::Datagram(bytes, datagram.from())
}

/// What a test keeps of its handler.
pub(crate) struct Watch {
    seen: Receiver<Event>,
    drops: Arc<AtomicUsize>,
}

impl Watch {
    pub(crate) fn next(&self) -> Event {
        self.seen.recv_timeout(SOON).expect("the handler is called")
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        match self.next() {
            Event::Datagram(bytes, _) => bytes,
            Event::ForcedClosed => panic!("the socket is dead"),
        }
    }

    pub(crate) fn nothing(&self) {
        assert_eq!(self.seen.recv_timeout(Duration::from_millis(20)).ok(), None);
    }

    /// The handler went with the socket, or will when the completion of the close has returned.
    pub(crate) fn gone(&self) {
        let end = std::time::Instant::now() + SOON;
        while self.drops() == 0 {
            assert!(std::time::Instant::now() < end, "the handler is dropped");
            std::thread::yield_now();
        }
        assert_eq!(self.drops(), 1);
    }

    pub(crate) fn drops(&self) -> usize {
        self.drops.load(Ordering::Relaxed)
    }
}

pub(crate) fn handler(
    act: impl for<'c> Fn(Indication<'c>) -> Answer<'c> + Send + Sync + 'static,
) -> (Handler, Watch) {
    let (sender, seen) = channel();
    let drops = Arc::new(AtomicUsize::new(0));
    let handler = Handler { seen: Mutex::new(sender), act: Box::new(act), drops: Arc::clone(&drops) };
    (handler, Watch { seen, drops })
}

/// A bound socket with a handler, and its address.
pub(crate) fn listening<'r>(
    provider: &Provider<'r>,
    address: &str,
    passive: &Passive,
    act: impl for<'c> Fn(Indication<'c>) -> Answer<'c> + Send + Sync + 'static,
) -> (Datagram<'r>, SocketAddr, Watch) {
    let (handler, watch) = handler(act);
    let address: SocketAddr = address.parse().unwrap();
    let socket = provider.socket(Family::of(&address)).handler(handler).datagram(passive).unwrap();
    let Ok(socket) = socket.bind(address, passive) else { panic!("{address}") };
    let address = socket.local_address(passive).unwrap();
    (socket, address, watch)
}

/// Binds a socket with a handler and the event enabled, on a machine of its own.
pub(crate) fn with_handler(
    world: &World,
    act: impl for<'c> Fn(Indication<'c>) -> Answer<'c> + Send + Sync + 'static,
    test: impl FnOnce(Datagram<'_>, SocketAddr, &Watch, &Passive),
) {
    world.with_client(|_, provider, passive| {
        let (socket, address, watch) = listening(provider, LOOPBACK_V4, passive, act);
        assert_eq!(socket.enable_receive(), Ok(()));
        test(socket, address, &watch, passive);
    });
}

/// Fixes a closure's type to that of a handler's act.
pub(crate) fn accepting<F>(act: F) -> F
where
    F: for<'c> Fn(Indication<'c>) -> Answer<'c> + Send + Sync + 'static,
{
    act
}

/// A handler that retains, and sends what it retained to the test.
pub(crate) fn retaining()
-> (impl for<'c> Fn(Indication<'c>) -> Answer<'c> + Send + Sync + 'static, Receiver<Retained>) {
    let (sender, kept) = channel();
    let sender = Mutex::new(sender);
    let act = accepting(move |indication| match indication.retain() {
        Ok((retained, answer)) => {
            let _ = sender.lock().unwrap().send(retained);
            answer
        }
        Err(indication) => indication.accept(),
    });
    (act, kept)
}

/// A handler that waits, in its call, until the test lets it go on.
pub(crate) fn held(
    then: impl for<'c> Fn(Indication<'c>) -> Answer<'c> + Send + Sync + 'static,
) -> (impl for<'c> Fn(Indication<'c>) -> Answer<'c> + Send + Sync + 'static, Receiver<()>, Sender<()>) {
    let ((entered, is_in), (go_on, gate)) = (channel(), channel());
    let (entered, gate) = (Mutex::new(entered), Mutex::new(gate));
    let act = accepting(move |indication| {
        let _ = entered.lock().unwrap().send(());
        // The test's own threads may wait here; a driver's must not.
        let _ = gate.lock().unwrap().recv_timeout(SOON);
        then(indication)
    });
    (act, is_in, go_on)
}

/// Accepts everything.
pub(crate) fn accept(indication: Indication<'_>) -> Answer<'_> {
    indication.accept()
}
