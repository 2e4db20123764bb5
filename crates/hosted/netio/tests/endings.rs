//! How requests end: in which order, cancelled, closed under; through a raw client, in every completion mode.

use crate::support::{self, Buffer, Client, Gate, Request, World, everywhere, in_memory};
use ::netio::Completion;
use ::netio::memory::Net;
use wsk_sys::*;

#[test]
fn pending_receives_can_be_cancelled() {
    everywhere(|world| {
        let client = Client::new();
        let (peer, socket) = (world.peer("127.0.0.1:0"), client.bound("127.0.0.1:0"));
        let (first, second) = (socket.start_receive(10), socket.start_receive(10));
        // On its way to where it waits, a receive has no cancel routine.
        world.netio.wait_until_idle();
        assert!(first.request.cancel());
        assert!(!first.request.cancel());
        assert_eq!(first.wait(), Err(STATUS_CANCELLED));
        peer.send(b"x", socket.local_address());
        assert_eq!(second.wait().unwrap().bytes, b"x");
        socket.close();
        client.end();
    });
}

#[test]
fn a_request_cancelled_before_its_turn_has_no_effect() {
    in_memory(|world| {
        // Inline, every request has its turn at once; mixed, this one may.
        if matches!(world.mode, Completion::Inline | Completion::Mixed { .. }) {
            return;
        }
        let client = Client::new();
        let (peer, gate) = (world.peer("127.0.0.1:0"), Gate::default());
        let (held, socket) = (client.bound("127.0.0.1:0"), client.socket(AF_INET));
        let to_held = held.local_address();
        let request = Request::new();
        request.hold(&gate);
        let holding = held.start_receive_with(request, Buffer::new(&[0]));
        peer.send(b"x", to_held);
        gate.wait();
        let address = support::Address::new(([127, 0, 0, 1], 0).into());
        let bind = socket.start_bind(&address);
        assert_eq!(world.netio.pending(), 1);
        assert!(bind.cancel());
        assert_eq!(bind.wait(), (STATUS_CANCELLED, 0));
        assert_eq!(world.netio.pending(), 0);
        gate.open();
        assert_eq!(socket.try_local_address(), Err(STATUS_INVALID_DEVICE_STATE));
        holding.wait().unwrap();
        held.close();
        socket.close();
        client.end();
    });
}

#[test]
fn a_close_completes_what_is_pending_first() {
    everywhere(|_| {
        let client = Client::new();
        let socket = client.bound("127.0.0.1:0");
        let receives: Vec<_> = (0..5).map(|_| socket.start_receive(10)).collect();
        let (_, close) = socket.start_close().wait_for_circumstances();
        for receive in receives {
            assert!(receive.request.is_done());
            assert_eq!(receive.request.wait_only(), (STATUS_CANCELLED, 0));
            let (_, place) = receive.request.wait_for_circumstances();
            assert!(place < close);
        }
        client.end();
    });
}

#[test]
fn completion_is_as_the_mode_says() {
    in_memory(|world| {
        let client = Client::new();
        let socket = client.bound("127.0.0.1:0");
        let address = support::Address::empty();
        let request = socket.start_local_address(&address);
        let (returned, irql) = (request.returned, request.wait_for_circumstances().0);
        let inline = match world.mode {
            Completion::Inline => true,
            Completion::Deferred | Completion::Delayed { .. } => false,
            Completion::Mixed { .. } => returned == STATUS_SUCCESS,
        };
        let expected =
            if inline { (STATUS_SUCCESS, PASSIVE_LEVEL) } else { (STATUS_PENDING, DISPATCH_LEVEL) };
        assert_eq!((returned, irql), expected);
        // A receive that has to wait is completed from elsewhere in every mode.
        let receive = socket.start_receive(10);
        assert_eq!(receive.request.returned, STATUS_PENDING);
        socket.send(b"to myself", Some(socket.local_address()));
        assert_eq!(receive.wait().unwrap().bytes, b"to myself");
        socket.close();
        client.end();
    });
}

#[test]
#[cfg_attr(
    miri,
    ignore = "Miri's clock runs with the work done: a delay is over before the next request comes"
)]
fn delays_reorder_requests() {
    in_memory(|world| {
        let client = Client::new();
        let socket = client.bound("127.0.0.1:0");
        let addresses: Vec<_> = (0..16).map(|_| support::Address::empty()).collect();
        let in_order = || {
            let requests: Vec<_> =
                addresses.iter().map(|address| socket.start_local_address(address)).collect();
            let places = requests.into_iter().map(|request| request.wait_for_circumstances().1);
            places.collect::<Vec<_>>().is_sorted()
        };
        // On a busy machine a round may be in order by chance, but not all of them.
        let sorted = (0..50).all(|_| in_order());
        assert_eq!(sorted, !matches!(world.mode, Completion::Delayed { .. } | Completion::Mixed { .. }));
        socket.close();
        client.end();
    });
}

#[test]
fn mixed_requests_end_in_the_call_and_later() {
    let returned = |seed| {
        let world = World::new(Some(Net::new()), Completion::Mixed { seed });
        let entered = world.machine.enter();
        let client = Client::new();
        let socket = client.bound("127.0.0.1:0");
        let address = support::Address::empty();
        let returned = (0..32).map(|_| {
            let request = socket.start_local_address(&address);
            let returned = request.returned;
            assert_eq!(request.wait().0, STATUS_SUCCESS);
            returned
        });
        let returned: Vec<_> = returned.collect();
        socket.close();
        client.end();
        drop(entered);
        world.machine.shutdown();
        returned
    };
    let first = returned(1);
    assert!(first.contains(&STATUS_PENDING) && first.contains(&STATUS_SUCCESS));
    // What a seed gives, it gives again: one request after another makes one order of draws.
    assert_eq!(first, returned(1));
    assert_ne!(first, returned(2));
}

#[test]
fn an_irp_may_be_used_again_after_it_was_reused() {
    in_memory(|_| {
        let client = Client::new();
        let socket = client.bound("127.0.0.1:0");
        let address = support::Address::empty();
        let get = socket.table().WskGetLocalAddress.unwrap();
        let mut request = socket.start_local_address(&address);
        for _ in 0..3 {
            request.reuse();
            #[allow(unsafe_code, reason = "a WSK call, as its page says")]
            // SAFETY: the socket is open, the address and the IRP are ours until completion.
            let returned = unsafe { get(socket.0, address.pointer(), request.irp) };
            request.returned = returned;
            assert_eq!(request.wait_only().0, STATUS_SUCCESS);
        }
        request.free();
        socket.close();
        client.end();
    });
}

#[test]
fn two_threads_send_and_cancel() {
    everywhere(|world| {
        let client = Client::new();
        let (peer, socket) = (world.peer("127.0.0.1:0"), client.bound("127.0.0.1:0"));
        let local = socket.local_address();
        let rounds = if cfg!(miri) { 3 } else { 30 };
        for _ in 0..rounds {
            let receives: Vec<_> = (0..4).map(|_| socket.start_receive(10)).collect();
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    peer.send(b"1", local);
                    peer.send(b"2", local);
                });
                let irps: Vec<_> = receives.iter().map(|receive| Irp(receive.request.irp)).collect();
                let machine = &world.machine;
                scope.spawn(move || {
                    let _entered = machine.enter();
                    for irp in irps {
                        irp.cancel();
                    }
                });
            });
            // Each has a datagram, or was cancelled; none is lost, and none hangs.
            for receive in receives {
                match receive.wait() {
                    Ok(datagram) => assert_eq!(datagram.bytes.len(), 1),
                    Err(status) => assert_eq!(status, STATUS_CANCELLED),
                }
            }
        }
        socket.close();
        client.end();
    });
}

/// An IRP that another thread cancels.
struct Irp(*mut IRP);

#[allow(unsafe_code, reason = "an IRP belongs to no thread")]
// SAFETY: the thread that owns the IRP keeps it until the other is done.
unsafe impl Send for Irp {}

impl Irp {
    fn cancel(self) {
        #[allow(unsafe_code, reason = "a kernel call, as its page says")]
        // SAFETY: the IRP is not freed before this thread has ended.
        unsafe {
            IoCancelIrp(self.0)
        };
    }
}
