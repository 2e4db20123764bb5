//! The readings of requests, registrations, sockets, descriptors and transports that are not the strict ones, one by one.
#![allow(unsafe_code, reason = "calls WSK's C functions; the contracts are those of their pages")]
#![allow(
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block,
    reason = "the calls follow the pages one by one; Miri checks them"
)]

use std::net::SocketAddr;
use std::ptr;
use std::sync::mpsc;

use crate::support::{self, Address, Buffer, Client, Request, Socket, pool, with_reading};
use ::netio::Completion;
use readings::{
    BothSharing, CachedTwice, CallInRoutine, CallUnderSpinLock, CancelReturns, CategoryFlags, DeadAddress,
    DeregisterDescriptors, DeregisterOpen, IrpCancelledBefore, ListWithoutSize, ListeningDatagrams,
    NoProvider, NullClient, NullDescriptor, RawSocket, Readings, ReservedFlags, SecondBind, SendParameters,
    TransportList, UnwantedIrp, WrongFamily,
};
use wsk_sys::*;

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// What a send is given may be freed, or be another's, when the call has returned; its MDLs and its data may not.
#[test]
fn a_send_has_read_its_parameters_when_the_call_returns() {
    with_reading(SendParameters::InCall, |world| {
        let client = Client::new();
        let (peer, socket) = (world.peer("127.0.0.1:0"), client.bound("127.0.0.1:0"));
        let hold = world.netio.hold("WskSendTo");
        let (mut buffer, to) = (Buffer::new(b"data"), Address::new(peer.address()));
        let sending = socket.start_send(buffer.wsk(), to.pointer());
        drop(to);
        let mdl = buffer.wsk.Mdl;
        *buffer.wsk = WSK_BUF { Mdl: ptr::null_mut(), Offset: 99, Length: 99 };
        drop(hold);
        assert_eq!(sending.wait(), (STATUS_SUCCESS, 4));
        assert_eq!(peer.receive().unwrap(), (b"data".to_vec(), socket.local_address()));
        buffer.wsk.Mdl = mdl;

        let hold = world.netio.hold("WskSendMessages");
        let buffers = [Buffer::new(b"one"), Buffer::new(b"two")];
        let to = Address::new(peer.address());
        let mut second = Box::new(WSK_BUF_LIST { Next: ptr::null_mut(), Buffer: *buffers[1].wsk });
        let mut first = Box::new(WSK_BUF_LIST { Next: &raw mut *second, Buffer: *buffers[0].wsk });
        let (send, list) = (socket.table().WskSendMessages.unwrap(), &raw mut *first);
        let sending =
            Request::start(|irp| unsafe { send(socket.0, list, 0, to.pointer(), 0, ptr::null_mut(), irp) });
        drop((first, second, to));
        drop(hold);
        assert_eq!(sending.wait(), (STATUS_SUCCESS, 6));
        assert_eq!(
            (peer.receive().unwrap().0, peer.receive().unwrap().0),
            (b"one".to_vec(), b"two".to_vec())
        );
        socket.close();
        client.end();
    });
}

/// A cancelled request completes on the provider's thread: not while that is held.
#[test]
fn a_cancelled_request_completes_after_the_cancel_has_returned() {
    with_reading(CancelReturns::Later, |world| {
        let client = Client::new();
        let (peer, gate) = (world.peer("127.0.0.1:0"), support::Gate::default());
        let (held, socket) = (client.bound("127.0.0.1:0"), client.bound("127.0.0.1:0"));
        let receiving = socket.start_receive(10);
        world.netio.wait_until_idle();
        let request = Request::new();
        request.hold(&gate);
        let holding = held.start_receive_with(request, Buffer::new(&[0]));
        peer.send(b"x", held.local_address());
        gate.wait();
        assert!(receiving.request.cancel());
        assert!(!receiving.request.is_done());
        gate.open();
        assert_eq!(receiving.wait(), Err(STATUS_CANCELLED));
        holding.wait().unwrap();
        held.close();
        socket.close();
        client.end();
    });
}

#[test]
fn an_irp_that_is_cancelled_before_it_is_sent_ends_so() {
    with_reading(IrpCancelledBefore::Cancelled, |_| {
        let client = Client::new();
        let socket = client.bound("127.0.0.1:0");
        let (mut request, local) = (Request::new(), Address::empty());
        request.cancel();
        let get = socket.table().WskGetLocalAddress.unwrap();
        request.returned = unsafe { get(socket.0, local.pointer(), request.irp) };
        assert_eq!(request.wait(), (STATUS_CANCELLED, 0));
        socket.close();
        client.end();
    });
}

/// Transports can be asked for with an IRP, by the size that does not fit.
#[test]
fn an_irp_that_nobody_wants_is_completed_with_the_result() {
    with_reading(UnwantedIrp::Result, |_| {
        let client = Client::new();
        let control = unsafe { (*client.npi.Dispatch).WskControlClient }.unwrap();
        let (code, none) = (WSK_TRANSPORT_LIST_QUERY, ptr::null_mut());
        let mut size = Box::new(0);
        let returned = &raw mut *size;
        let asking = Request::start(|irp| unsafe {
            control(client.npi.Client, code, 0, none, 0, none, returned, irp)
        });
        assert_eq!(asking.wait().0, STATUS_BUFFER_OVERFLOW);
        assert_eq!(unsafe { returned.read() }, 4 * size_of::<WSK_TRANSPORT>());
        client.end();
    });
}

#[test]
fn an_irp_that_nobody_wants_is_ignored() {
    with_reading(UnwantedIrp::Ignored, |_| {
        let client = Client::new();
        let request = Request::start(|irp| client.control(WSK_TDI_DEVICENAME_MAPPING, irp));
        assert_eq!((request.returned, request.is_done()), (STATUS_NOT_SUPPORTED, false));
        request.free();
        let socket = client.bound("127.0.0.1:0");
        let control = socket.basic_table().WskControlSocket.unwrap();
        let (code, none, length) = (SIO_WSK_QUERY_INSPECT_ID, ptr::null_mut(), ptr::null_mut());
        let request = Request::start(|irp| unsafe {
            control(socket.0, WskIoctl, code, 0, 0, none, 0, none, length, irp)
        });
        assert_eq!((request.returned, request.is_done()), (STATUS_INVALID_DEVICE_REQUEST, false));
        request.free();
        socket.close();
        client.end();
    });
}

#[test]
fn the_irp_of_a_call_without_a_client_is_left_alone() {
    with_reading(NullClient::Returned, |_| {
        let mut client = Client::new();
        let own = std::mem::replace(&mut client.npi.Client, ptr::null_mut());
        let request = client.open(AF_INET, SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_DATAGRAM_SOCKET);
        assert_eq!((request.returned, request.is_done()), (STATUS_INVALID_HANDLE, false));
        request.free();
        client.npi.Client = own;
        client.end();
    });
}

#[test]
fn reserved_flags_are_ignored() {
    with_reading(ReservedFlags::Ignored, |_| {
        let client = Client::new();
        let (socket, local) = (client.socket(AF_INET), Address::new(address("127.0.0.1:0")));
        let bind = socket.table().WskBind.unwrap();
        let binding = Request::start(|irp| unsafe { bind(socket.0, local.pointer(), 1, irp) });
        assert_eq!(binding.wait(), (STATUS_SUCCESS, 0));
        socket.close();
        client.end();
    });
}

/// The completion routine asks for the local address of the socket that is its context.
unsafe extern "system" fn asks(_: *mut DEVICE_OBJECT, _: *mut IRP, context: PVOID) -> NTSTATUS {
    let socket = Socket(context.cast());
    let address = Address::empty();
    // It is completed within the call.
    assert_eq!(socket.start_local_address(&address).wait().0, STATUS_SUCCESS);
    STATUS_MORE_PROCESSING_REQUIRED
}

#[test]
fn wsk_is_called_in_a_completion_routine() {
    let readings = Readings::STRICT.with(CallInRoutine::Allowed);
    let config = ::netio::Config { completion: Completion::Inline, readings, ..::netio::Config::default() };
    let world = support::World::with(Some(::netio::memory::Net::new()), config);
    let entered = world.machine.enter();
    let client = Client::new();
    let socket = client.bound("127.0.0.1:0");
    let (request, local) = (Request::new(), Address::empty());
    unsafe { IoSetCompletionRoutine(request.irp, Some(asks), socket.0.cast(), true, true, true) };
    let get = socket.table().WskGetLocalAddress.unwrap();
    assert_eq!(unsafe { get(socket.0, local.pointer(), request.irp) }, STATUS_SUCCESS);
    request.free();
    socket.close();
    client.end();
    drop(entered);
}

#[test]
fn wsk_is_called_under_a_spin_lock() {
    with_reading(CallUnderSpinLock::Allowed, |_| {
        let client = Client::new();
        let (socket, local) = (client.bound("127.0.0.1:0"), Address::empty());
        let lock: *mut KSPIN_LOCK = pool(size_of::<KSPIN_LOCK>());
        let old = unsafe { KeAcquireSpinLockRaiseToDpc(lock) };
        // Its routine does not run within the call: it could want the lock.
        let request = socket.start_local_address(&local);
        assert_eq!(request.returned, STATUS_PENDING);
        unsafe { KeReleaseSpinLock(lock, old) };
        assert_eq!(request.wait().0, STATUS_SUCCESS);
        unsafe { ExFreePool(lock.cast()) };
        socket.close();
        client.end();
    });
}

#[test]
fn a_listening_socket_over_udp_cannot_be_bound() {
    with_reading(ListeningDatagrams::BindFails, |_| {
        let client = Client::new();
        let made = client.open(AF_INET, SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_LISTEN_SOCKET).wait();
        assert_eq!(made.0, STATUS_SUCCESS);
        let socket = Socket(ptr::with_exposed_provenance_mut(made.1));
        // The tables of listening and datagram sockets begin with the same functions.
        let dispatch = unsafe { (*socket.0).Dispatch };
        let table = unsafe { dispatch.cast::<(WSK_PROVIDER_BASIC_DISPATCH, Option<PFN_WSK_BIND>)>().read() };
        let (bind, local) = (table.1.unwrap(), Address::new(address("127.0.0.1:0")));
        let binding = Request::start(|irp| unsafe { bind(socket.0, local.pointer(), 0, irp) });
        assert_eq!(binding.wait(), (STATUS_NOT_IMPLEMENTED, 0));
        assert_eq!(socket.set(SOL_SOCKET, SO_BROADCAST, 1), STATUS_INVALID_DEVICE_REQUEST);
        socket.close();
        client.end();
    });
}

#[test]
fn two_categories_are_not_supported() {
    with_reading(CategoryFlags::NotSupported, |_| {
        let client = Client::new();
        let both = WSK_FLAG_DATAGRAM_SOCKET | WSK_FLAG_LISTEN_SOCKET;
        assert_eq!(client.open(AF_INET, SOCK_DGRAM, IPPROTO_UDP, both).wait(), (STATUS_NOT_SUPPORTED, 0));
        client.end();
    });
}

#[test]
fn both_sharing_options_together_are_exclusive() {
    with_reading(BothSharing::Exclusive, |_| {
        let client = Client::new();
        let (first, second) = (client.socket(AF_INET), client.socket(AF_INET));
        for (socket, order) in
            [(first, [SO_REUSEADDR, SO_EXCLUSIVEADDRUSE]), (second, [SO_EXCLUSIVEADDRUSE, SO_REUSEADDR])]
        {
            for option in order {
                assert_eq!(socket.set(SOL_SOCKET, option, 1), STATUS_SUCCESS);
            }
        }
        assert_eq!(first.bind(address("127.0.0.1:0")), STATUS_SUCCESS);
        assert_eq!(second.bind(first.local_address()), STATUS_ADDRESS_ALREADY_EXISTS);
        first.close();
        second.close();
        client.end();
    });
}

#[test]
fn a_second_bind_has_another_status() {
    for (reading, expected) in [
        (SecondBind::InvalidParameter, STATUS_INVALID_PARAMETER),
        (SecondBind::Associated, STATUS_ADDRESS_ALREADY_ASSOCIATED),
    ] {
        with_reading(reading, |_| {
            let client = Client::new();
            let socket = client.bound("127.0.0.1:0");
            assert_eq!(socket.bind(address("127.0.0.1:0")), expected);
            socket.close();
            client.end();
        });
    }
}

#[test]
fn an_address_of_the_wrong_family_has_another_status() {
    for (reading, expected) in [
        (WrongFamily::InvalidAddress, STATUS_INVALID_ADDRESS),
        (WrongFamily::NotSupported, STATUS_NOT_SUPPORTED),
    ] {
        with_reading(reading, |_| {
            let client = Client::new();
            let socket = client.socket(AF_INET);
            assert_eq!(socket.bind(address("[::1]:0")), expected);
            assert_eq!(socket.bind(address("127.0.0.1:0")), STATUS_SUCCESS);
            assert_eq!(socket.try_send(b"x", Some(address("[::1]:9"))), Err(expected));
            socket.close();
            client.end();
        });
    }
}

#[test]
fn equal_descriptors_are_one_and_counted() {
    with_reading(CachedTwice::Shared, |world| {
        let (client, other) = (Client::new(), Client::new());
        let [first, second] = [0; 2].map(|_| client.cache("D:P(A;;0x3;;;WD)"));
        assert_eq!(first, second);
        let (unlike, foreign) = (client.cache("D:P"), other.cache("D:P(A;;0x3;;;WD)"));
        assert!(first != unlike && first != foreign);
        assert_eq!(world.netio.descriptors(), 4);
        assert_eq!(client.release(first), STATUS_SUCCESS);
        let socket =
            Socket(ptr::with_exposed_provenance_mut(client.open_owned(ptr::null_mut(), second).wait().1));
        socket.close();
        assert_eq!(client.release(second), STATUS_SUCCESS);
        assert_eq!(world.netio.descriptors(), 2);
        assert_eq!((client.release(unlike), other.release(foreign)), (STATUS_SUCCESS, STATUS_SUCCESS));
        client.end();
        other.end();
    });
}

#[test]
fn a_null_descriptor_is_a_wrong_parameter() {
    with_reading(NullDescriptor::InvalidParameter, |_| {
        let client = Client::new();
        assert_eq!(client.try_cache(ptr::null_mut()), Err(STATUS_INVALID_PARAMETER));
        assert_eq!(client.release(ptr::null_mut()), STATUS_INVALID_PARAMETER);
        client.end();
    });
}

#[test]
fn transports_of_no_family_are_of_both() {
    with_reading(TransportList::Unspecified, |world| {
        let client = Client::new();
        world.netio.change_transports(|all| {
            assert_eq!(all.len(), 6);
            all.retain(|one| one.AddressFamily == AF_UNSPEC);
        });
        client.socket(AF_INET).close();
        client.socket(AF_INET6).close();
        client.end();
    });
}

#[test]
fn the_list_of_transports_comes_without_its_size() {
    with_reading(ListWithoutSize::Taken, |_| {
        let client = Client::new();
        let control = unsafe { (*client.npi.Dispatch).WskControlClient }.unwrap();
        let mut list = [WSK_TRANSPORT::default(); 4];
        let (code, none, size) = (WSK_TRANSPORT_LIST_QUERY, ptr::null_mut(), size_of_val(&list));
        let (output, returned, irp) = (list.as_mut_ptr().cast(), ptr::null_mut(), ptr::null_mut());
        let asked = unsafe { control(client.npi.Client, code, 0, none, size, output, returned, irp) };
        assert_eq!((asked, list[3].AddressFamily), (STATUS_SUCCESS, AF_INET6));
        client.end();
    });
}

#[test]
fn a_dead_socket_keeps_its_address() {
    with_reading(DeadAddress::Kept, |world| {
        let client = Client::new();
        let (dead, other) = (client.bound("127.0.0.1:0"), client.socket(AF_INET));
        let local = dead.local_address();
        world.netio.kill_sockets();
        let next = client.socket(AF_INET);
        assert_eq!(next.bind(local), STATUS_ADDRESS_ALREADY_EXISTS);
        dead.close();
        assert_eq!(next.bind(local), STATUS_SUCCESS);
        next.close();
        other.close();
        client.end();
    });
}

#[test]
fn a_provider_that_is_away_says_so_in_another_way() {
    with_reading(NoProvider::ForcedClosed, |world| {
        let client = Client::new();
        world.netio.detach();
        assert_eq!(client.try_socket(AF_INET).err(), Some(STATUS_FILE_FORCED_CLOSED));
        client.end();
    });
}

#[test]
fn a_client_with_an_open_socket_waits_until_it_is_closed() {
    with_reading(DeregisterOpen::Waits, |world| {
        let client = Client::new();
        let socket = client.bound("127.0.0.1:0");
        let (send, ended) = mpsc::channel();
        let client = client.expose();
        let waiting = world.machine.spawn("waiting", move || {
            client.end();
            send.send(()).unwrap();
        });
        ended.recv_timeout(support::SHORT).unwrap_err();
        socket.close();
        ended.recv_timeout(support::LIMIT).unwrap();
        waiting.join().unwrap();
    });
}

#[test]
fn descriptors_may_be_left_where_nothing_looks() {
    with_reading(DeregisterDescriptors::Leak, |world| {
        let client = Client::new();
        client.cache("D:P");
        client.end();
        assert_eq!(world.netio.descriptors(), 0);
    });
}

#[test]
fn a_raw_socket_is_made_and_bound_and_nothing_comes_to_it() {
    with_reading(RawSocket::Made, |world| {
        let client = Client::new();
        let open = |protocol, flags| client.open(AF_INET, SOCK_RAW, protocol, flags).wait();
        assert_eq!(open(IPPROTO_UDP, WSK_FLAG_DATAGRAM_SOCKET).0, STATUS_NOT_SUPPORTED);
        assert_eq!(open(IPPROTO_IP, WSK_FLAG_BASIC_SOCKET).0, STATUS_NOT_SUPPORTED);
        let (status, information) = open(IPPROTO_IP, WSK_FLAG_DATAGRAM_SOCKET);
        assert_eq!(status, STATUS_SUCCESS);
        let socket = Socket(ptr::with_exposed_provenance_mut(information));
        assert_eq!(socket.bind(address("127.0.0.1:0")), STATUS_SUCCESS);
        assert_eq!(socket.local_address(), address("127.0.0.1:0"));
        let peer = world.peer("127.0.0.1:0");
        assert_eq!(socket.try_send(b"x", Some(peer.address())), Err(STATUS_NOT_SUPPORTED));
        let receiving = socket.start_receive(10);
        world.netio.wait_until_idle();
        assert!(receiving.request.cancel());
        assert_eq!(receiving.wait(), Err(STATUS_CANCELLED));
        socket.close();
        client.end();
    });
}
