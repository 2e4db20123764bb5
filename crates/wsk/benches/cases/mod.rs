//! What is measured: each request, in each way to make it.

use std::hint::black_box;
use std::time::Duration;

use wsk::event::{Answer, Indication, ReceiveHandler};
use wsk::ioctl::SetRemoteAddress;
use wsk::option::socket::ReceiveBuffer;
use wsk::{
    Buffer, CompletionQueue, Datagram, Doorbell, Family, Get, Ioctl, Op, Passive, ReceiveFrom, Registration,
    Result, SendTo, Set, SocketRequest, Version,
};
use wsk_sys::{WSK_BUF, WSK_DATAGRAM_INDICATION};

use crate::bare::wsk as provider;
use crate::c::{self, Call, Context};

/// So many requests are in flight where there are many.
const MANY: usize = 64;
/// A time limit that never passes.
const LIMIT: Duration = Duration::from_hours(1);

/// One way to make a request.
pub(crate) struct Case {
    pub(crate) request: &'static str,
    pub(crate) way: &'static str,
    /// Whether requests complete after their calls.
    pub(crate) later: bool,
    /// How many requests `run` makes.
    pub(crate) requests: usize,
    pub(crate) run: Box<dyn FnMut()>,
}

/// A kernel's one socket, for as long as the program runs.
#[derive(Clone, Copy)]
struct Client {
    socket: &'static Datagram<'static>,
    passive: &'static Passive,
}

struct Accepts;

wsk::dispatch_drop!(Accepts {});

impl ReceiveHandler for Accepts {
    fn receive<'c>(&self, indication: Indication<'c>) -> Answer<'c> {
        for datagram in indication.datagrams() {
            black_box(datagram.len());
        }
        indication.accept()
    }
}

fn client() -> Client {
    let passive: &'static Passive = Box::leak(Box::new(Passive::check().expect("PASSIVE_LEVEL")));
    let registration = Registration::register(Version::V1_0, passive).expect("registered");
    let registration: &'static Registration = Box::leak(Box::new(registration));
    let provider = registration.provider(passive).expect("a provider");
    let socket = provider.socket(Family::V4).handler(Accepts).datagram(passive).expect("a socket");
    let Ok(socket) = socket.bind("127.0.0.1:1".parse().expect("an address"), passive) else {
        panic!("the bind succeeds");
    };
    Client { socket: Box::leak(Box::new(socket)), passive }
}

fn buffer() -> Buffer {
    Buffer::new(64).expect("a buffer")
}

fn op() -> Op<Buffer> {
    Op::new(buffer()).expect("an operation")
}

fn queue<T: 'static>(client: Client) -> CompletionQueue<'static, Buffer, T> {
    #[allow(unsafe_code, reason = "who rings a doorbell promises something")]
    // SAFETY: a doorbell that does nothing may be rung by anyone.
    let doorbell = unsafe { Doorbell::new(|_| (), std::ptr::null_mut()) };
    CompletionQueue::new(doorbell, client.passive).expect("a queue")
}

/// The cases of one request: `call` makes it as C does, `request` is the same for `wsk`, and `blocking` waits for it.
fn cases<R>(
    client: Client,
    request: &'static str,
    call: Call,
    make: fn() -> R,
    blocking: impl FnMut() + 'static,
) -> Vec<Case>
where
    R: SocketRequest<Buffer, State: Copy + 'static> + wsk::RequestIn<wsk::state::Bound> + 'static,
    R: Abandon,
    R::Output: 'static,
{
    let mut cases = Vec::new();
    let mut add = |way, later, requests, run: Box<dyn FnMut()>| {
        cases.push(Case { request, way, later, requests, run });
    };
    let mut context = Context::new();
    add("as documented", false, 1, Box::new(move || context.as_documented(call)));
    let mut context = Context::new();
    add("reused", false, 1, Box::new(move || context.reusing(call)));
    add("blocking", false, 1, Box::new(blocking));
    for (way, limit) in [("wait", None), ("wait, limit", Some(LIMIT))] {
        let mut op = Some(op());
        let wait = move || {
            let pending = R::submit(client.socket, op.take().expect("it came back"), make(), limit);
            let (result, back) = pending.wait(client.passive);
            assert!(result.is_ok());
            op = Some(back);
        };
        add(way, false, 1, Box::new(wait));
    }
    for (way, later, many) in
        [("queue of 1", false, 1), ("queue of 64", false, MANY), ("queue of 64, later", true, MANY)]
    {
        let mut ops: Vec<_> = (0..many).map(|_| op()).collect();
        let queue = queue::<Result<R::Output>>(client);
        let run = move || {
            for op in ops.drain(..) {
                client.socket.submit_to(&queue, op, make(), None);
            }
            if later {
                provider::deliver();
            }
            queue.drain_with(|result, op| {
                assert!(result.is_ok());
                ops.push(op);
            });
            assert_eq!(ops.len(), many);
        };
        add(way, later, many, Box::new(run));
    }
    let mut ops: Vec<_> = (0..MANY).map(|_| op()).collect();
    let queue = queue::<Result<R::Output>>(client);
    let run = move || {
        for op in ops.drain(..) {
            client.socket.submit_to(&queue, op, make(), None);
        }
        for (result, op) in queue.drain() {
            assert!(result.is_ok());
            ops.push(op);
        }
        assert_eq!(ops.len(), MANY);
    };
    add("queue of 64, one by one", false, MANY, Box::new(run));
    for (way, later) in [("reused, 64", false), ("reused, 64, later", true)] {
        let mut contexts: Vec<_> = (0..MANY).map(|_| Context::new()).collect();
        let run = move || {
            for context in &mut contexts {
                context.reusing(call);
            }
            if later {
                provider::deliver();
            }
        };
        add(way, later, MANY, Box::new(run));
    }
    cases
}

/// `submit`, whose bound is not a public name.
trait Abandon: Sized + wsk::Request {
    fn submit(
        socket: &Datagram<'static>,
        op: Op<Buffer>,
        request: Self,
        limit: Option<Duration>,
    ) -> wsk::Pending<Buffer, Self::Output>;
}

macro_rules! abandon {
    ($($Request:ty),*) => {$(
        impl Abandon for $Request {
            fn submit(
                socket: &Datagram<'static>,
                op: Op<Buffer>,
                request: Self,
                limit: Option<Duration>,
            ) -> wsk::Pending<Buffer, Self::Output> {
                socket.submit(op, request, limit)
            }
        }
    )*};
}

abandon!(Set<ReceiveBuffer>, Get<ReceiveBuffer>, Ioctl<SetRemoteAddress>, SendTo, ReceiveFrom);

fn event() -> Vec<Case> {
    let list = || {
        let mut from = Box::new(provider::SENDER);
        let address = (&raw mut *from).cast();
        std::mem::forget(from);
        Box::new(WSK_DATAGRAM_INDICATION {
            Next: std::ptr::null_mut(),
            Buffer: WSK_BUF { Mdl: std::ptr::null_mut(), Offset: 0, Length: 0 },
            ControlInfo: std::ptr::null_mut(),
            ControlInfoLength: 0,
            RemoteAddress: address,
        })
    };
    let (mut one, mut other) = (list(), list());
    let table = wsk_sys::WSK_CLIENT_DATAGRAM_DISPATCH { WskReceiveFromEvent: Some(c::callback) };
    let table: &'static _ = Box::leak(Box::new(table));
    let raw = move || {
        let callback = black_box(table).WskReceiveFromEvent.expect("a callback");
        #[allow(unsafe_code, reason = "C's way")]
        // SAFETY: called as WSK calls it.
        let status = unsafe { callback(std::ptr::null_mut(), 0, &raw mut *one) };
        black_box(status);
    };
    let handler = move || {
        black_box(provider::indicate(&raw mut *other));
    };
    let case = |way, run| Case { request: "event", way, later: false, requests: 1, run };
    vec![case("as documented", Box::new(raw) as Box<dyn FnMut()>), case("handler", Box::new(handler))]
}

/// Every case.
pub(crate) fn all() -> Vec<Case> {
    let client = client();
    let (socket, passive) = (client.socket, client.passive);
    let peer = "127.0.0.1:9".parse().expect("an address");
    let set = cases(
        client,
        "set",
        c::set,
        || Set::<ReceiveBuffer>::new(1),
        move || {
            socket.set::<ReceiveBuffer>(1, passive).expect("set");
        },
    );
    let get = cases(client, "get", c::get, Get::<ReceiveBuffer>::new, move || {
        black_box(socket.get::<ReceiveBuffer>(passive).expect("got"));
    });
    let ioctl = cases(
        client,
        "ioctl",
        c::ioctl,
        || Ioctl::<SetRemoteAddress>::new(Some(PEER)),
        move || {
            socket.ioctl::<SetRemoteAddress>(Some(peer), passive).expect("done");
        },
    );
    let data = buffer();
    let send = cases(
        client,
        "send",
        c::send,
        || SendTo(Some(PEER)),
        move || {
            socket.send_to(&data, peer, passive).expect("sent");
        },
    );
    let mut data = buffer();
    let receive = cases(
        client,
        "receive",
        c::receive,
        || ReceiveFrom,
        move || {
            black_box(socket.receive_from(&mut data, passive).expect("received"));
        },
    );
    [set, get, ioctl, send, receive, event()].into_iter().flatten().collect()
}

const PEER: std::net::SocketAddr =
    std::net::SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9);
