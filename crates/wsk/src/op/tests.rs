//! Submissions to a provider that is not to be relied on.
extern crate std;

use core::cell::Cell;
use core::ptr;
use core::time::Duration;
use std::thread_local;

use netio as _;
use ntos::{Config, Machine};
use wsk_sys::{
    CMSGHDR, IO_STATUS_BLOCK, IRP, IoSetNextIrpStackLocation, IofCompleteRequest, MSG_CTRUNC, MSG_MCAST,
    MSG_TRUNC, NTSTATUS, PVOID, PWSK_SOCKET, SIZE_T, SOCKADDR, STATUS_BUFFER_OVERFLOW, STATUS_CANCELLED,
    STATUS_SUCCESS, ULONG, WSK_BUF, WSK_CONTROL_SOCKET_TYPE, WSK_PROVIDER_BASIC_DISPATCH,
    WSK_PROVIDER_DATAGRAM_DISPATCH, WSK_SOCKET,
};

use super::block::Area;
use super::request::FromCompletion;
use super::{CompletionQueue, Doorbell, Op};
use crate::addr::{self, Family};
use crate::pool::Shared;
use crate::request::control::untyped::Controlling;
use crate::socket::{Category, Core, Socket};
use crate::{
    Buffer, CONTROL_MAX, Completion, Control, Error, Get, LocalAddress, Passive, ReceiveFrom, Received,
    Registration, Result, SendTo, SocketRequest, Version,
};

/// How the next request ends.
#[derive(Clone, Copy)]
struct End {
    status: NTSTATUS,
    information: usize,
    control_length: ULONG,
}

thread_local! {
    static END: Cell<End> = const { Cell::new(End { status: STATUS_SUCCESS, information: 0, control_length: 0 }) };
}

thread_local! {
    /// What the next datagrams come with.
    static FLAGS: Cell<ULONG> = const { Cell::new(MSG_MCAST) };
}

fn next_ends(status: NTSTATUS, information: usize, control_length: ULONG) {
    END.set(End { status, information, control_length });
}

fn complete(irp: *mut IRP) -> NTSTATUS {
    let End { status, information, .. } = END.get();
    // SAFETY: the client has passed the IRP to the provider, which has a location left.
    unsafe { IoSetNextIrpStackLocation(irp) };
    // SAFETY: the IRP is the provider's until it is completed, below.
    unsafe { (*irp).IoStatus = IO_STATUS_BLOCK { Status: status, Information: information } };
    // SAFETY: the IRP is the provider's until it is completed here.
    unsafe { IofCompleteRequest(irp, 0) };
    status
}

/// Writes an address to the client's place for one.
fn put_address(to: *mut SOCKADDR) {
    let (bytes, size) = addr::encode_bytes(&"127.0.0.1:7".parse().unwrap());
    // SAFETY: the client's address has room for any family.
    unsafe { to.cast::<u8>().copy_from_nonoverlapping(bytes.as_ptr(), size) };
}

unsafe extern "system" fn receive_from(
    _: PWSK_SOCKET,
    buffer: *mut WSK_BUF,
    _: ULONG,
    address: *mut SOCKADDR,
    control_length: *mut ULONG,
    control: *mut CMSGHDR,
    flags: *mut ULONG,
    irp: *mut IRP,
) -> NTSTATUS {
    // SAFETY: the client's buffer.
    let mdl = unsafe { (*buffer).Mdl };
    // SAFETY: the client's MDL, of mapped memory.
    let data = unsafe { (*mdl).MappedSystemVa }.cast::<u8>();
    // SAFETY: the client's buffer has room for a byte.
    unsafe { data.write(b'!') };
    put_address(address);
    // SAFETY: the client's variable.
    unsafe { control_length.write(END.get().control_length) };
    // SAFETY: the client's control information has room for a byte.
    unsafe { control.cast::<u8>().write(0xCC) };
    // SAFETY: the client's variable.
    unsafe { flags.write(FLAGS.get()) };
    complete(irp)
}

unsafe extern "system" fn send_to(
    _: PWSK_SOCKET,
    _: *mut WSK_BUF,
    _: ULONG,
    _: *mut SOCKADDR,
    _: ULONG,
    _: *mut CMSGHDR,
    irp: *mut IRP,
) -> NTSTATUS {
    complete(irp)
}

unsafe extern "system" fn control(
    _: PWSK_SOCKET,
    _: WSK_CONTROL_SOCKET_TYPE,
    _: ULONG,
    _: ULONG,
    _: SIZE_T,
    _: PVOID,
    output_size: SIZE_T,
    output: PVOID,
    _: *mut SIZE_T,
    irp: *mut IRP,
) -> NTSTATUS {
    // SAFETY: the client's output, of this size.
    unsafe { output.cast::<u8>().write_bytes(0xAA, output_size) };
    complete(irp)
}

unsafe extern "system" fn local_address(_: PWSK_SOCKET, address: *mut SOCKADDR, irp: *mut IRP) -> NTSTATUS {
    put_address(address);
    complete(irp)
}

unsafe extern "system" fn close(_: PWSK_SOCKET, irp: *mut IRP) -> NTSTATUS {
    next_ends(STATUS_SUCCESS, 0, 0);
    complete(irp)
}

/// Calls `test` with a socket of this provider.
fn with_socket(test: impl FnOnce(&Socket<'static>, &Passive)) {
    let machine = Machine::boot(Config::default());
    let entered = machine.enter();
    let table = WSK_PROVIDER_DATAGRAM_DISPATCH {
        Basic: WSK_PROVIDER_BASIC_DISPATCH { WskControlSocket: Some(control), WskCloseSocket: Some(close) },
        WskBind: None,
        WskSendTo: Some(send_to),
        WskReceiveFrom: Some(receive_from),
        WskRelease: None,
        WskGetLocalAddress: Some(local_address),
        WskSendMessages: None,
    };
    let mut raw = WSK_SOCKET { Dispatch: (&raw const table).cast() };
    let core = Core::new(Family::V4, Category::Datagram, ptr::null(), None, Op::new(()).unwrap());
    let mut core = Shared::new(core).unwrap();
    // SAFETY: the socket and its table live until the handle is dropped, below; nobody else closes it.
    unsafe { core.get_mut().unwrap().adopt(&raw mut raw) };
    let socket = Socket::new(core);
    test(&socket, &Passive::check().unwrap());
    drop(socket);
    drop(entered);
    machine.shutdown();
}

fn buffer(content: &[u8]) -> Op<Buffer> {
    let mut buffer = Buffer::new(8).unwrap();
    buffer.fill(content).unwrap();
    Op::new(buffer).unwrap()
}

fn queue<'r, T>(passive: &Passive) -> CompletionQueue<'r, Buffer, T> {
    // SAFETY: a doorbell that does nothing.
    CompletionQueue::new(unsafe { Doorbell::new(|_| (), ptr::null_mut()) }, passive).unwrap()
}

/// Submits an operation to a queue, and gives its result: the IRP is completed in the call.
fn queued<R>(
    socket: &Socket<'_>,
    op: Op<Buffer>,
    request: R,
    passive: &Passive,
) -> (Result<R::Output>, Op<Buffer>)
where
    R: SocketRequest<Buffer, State: 'static>,
    Result<R::Output>: FromCompletion<R>,
{
    let queue = queue(passive);
    socket.submit_to(&queue, op, request, None);
    queue.drain().next().unwrap()
}

#[test]
fn a_receive_that_ends_with_buffer_overflow_is_a_truncated_datagram() {
    with_socket(|socket, passive| {
        next_ends(STATUS_BUFFER_OVERFLOW, 8, 0);
        let (received, op) = socket.submit(buffer(b""), ReceiveFrom, None).wait(passive);
        let Received { length, flags, .. } = received.unwrap();
        assert_eq!((length, flags, op.buffers().len(), op.buffers()[0]), (8, MSG_MCAST | MSG_TRUNC, 8, b'!'));
        // By the queue as well. Told is the size of all of the datagram, as somebody may: no more than there is room.
        next_ends(STATUS_BUFFER_OVERFLOW, 1_000, 0);
        let (received, op) = queued(socket, op, ReceiveFrom, passive);
        let received = received.unwrap();
        assert_eq!((received.length, received.flags), (8, MSG_MCAST | MSG_TRUNC));
        // It may be the control information that is cut.
        next_ends(STATUS_BUFFER_OVERFLOW, 4, 0);
        FLAGS.set(MSG_CTRUNC);
        let (received, op) = socket.submit(op, ReceiveFrom, None).wait(passive);
        assert_eq!(received.map(|received| received.flags), Ok(MSG_CTRUNC));
        // Of no other request is it a success.
        next_ends(STATUS_BUFFER_OVERFLOW, 4, 0);
        let (sent, op) = socket.submit(op, SendTo(None), None).wait(passive);
        assert_eq!(sent, Err(Error::BUFFER_OVERFLOW));
        assert_eq!(queued(socket, op, get(4), passive).0, Err(Error::BUFFER_OVERFLOW));
    });
}

fn get(output: usize) -> Control<'static> {
    Control::raw(wsk_sys::WskGetOption, 1, wsk_sys::IPPROTO_IP, &[], output).unwrap()
}

#[test]
fn no_more_bytes_are_told_than_there_was_room_for() {
    with_socket(|socket, passive| {
        next_ends(STATUS_SUCCESS, usize::MAX, 0);
        let (received, op) = socket.submit(buffer(b"ab"), ReceiveFrom, None).wait(passive);
        assert_eq!((received.unwrap().length, op.buffers().len()), (8, 8));
        let (sent, op) = socket.submit(buffer(b"ab"), SendTo(None), None).wait(passive);
        assert_eq!((sent, op.buffers().len()), (Ok(2), 2));
        let (sent, op) = queued(socket, op, SendTo(None), passive);
        assert_eq!(sent, Ok(2));
        // A value longer than its room is none.
        next_ends(STATUS_SUCCESS, 5, 0);
        assert_eq!(queued(socket, op, get(4), passive).0, Err(Error::INFO_LENGTH_MISMATCH));
        let (got, _) =
            socket.submit(buffer(b""), Get::<crate::option::ip::TimeToLive>::new(), None).wait(passive);
        assert_eq!(got, Err(Error::INFO_LENGTH_MISMATCH));
        // Nor is control information longer.
        next_ends(STATUS_SUCCESS, 1, 200);
        let (received, _) = socket.submit(buffer(b""), ReceiveFrom.with_room(16), None).wait(passive);
        let control = received.unwrap().control;
        assert_eq!(control.as_bytes(), [&[0xCC][..], &[0; 15]].concat());
    });
}

#[test]
fn a_completion_is_that_of_its_own_request() {
    with_socket(|socket, passive| {
        let queue = queue(passive);
        let received = |op| {
            next_ends(STATUS_SUCCESS, 4, 16);
            socket.submit_to(&queue, op, ReceiveFrom, None);
            let (Completion::Receive(Ok(received)), op) = queue.drain().next().unwrap() else {
                panic!("a datagram was received");
            };
            assert_eq!((received.length, received.control.as_bytes().len()), (4, 16));
            op
        };
        let op = received(buffer(b""));
        next_ends(STATUS_SUCCESS, 4, 16);
        socket.submit_to(&queue, op, SendTo(None), None);
        let (completion, op) = queue.drain().next().unwrap();
        assert!(matches!(completion, Completion::Send(Ok(4))));
        socket.submit_to(&queue, received(op), get(4), None);
        let (completion, op) = queue.drain().next().unwrap();
        assert!(matches!(completion, Completion::Control(Ok(output)) if *output == [0xAA; 4]));
        next_ends(STATUS_SUCCESS, 0, 0);
        socket.submit_to(&queue, op, LocalAddress, None);
        let (completion, op) = queue.drain().next().unwrap();
        assert!(matches!(completion, Completion::LocalAddress(Ok(_))));
        let op = received(op);
        next_ends(STATUS_CANCELLED, 4, 16);
        socket.submit_to(&queue, op, ReceiveFrom, None);
        let (completion, op) = queue.drain().next().unwrap();
        assert_eq!(completion.error(), Some(Error::CANCELLED));
        assert!(matches!(completion, Completion::Receive(_)) && op.buffers().is_empty());
    });
}

#[test]
fn an_operation_that_has_completed_keeps_no_pointer_and_no_input() {
    with_socket(|socket, passive| {
        next_ends(STATUS_SUCCESS, 4, 0);
        let (_, op) = socket.submit(buffer(b"abcd"), ReceiveFrom, None).wait(passive);
        let (_, op) = socket.submit(op, SendTo(None), None).wait(passive);
        let value = [0xEE; CONTROL_MAX];
        let set = Control::raw(wsk_sys::WskSetOption, 1, wsk_sys::IPPROTO_IP, &value, 0).unwrap();
        let (_, op) = socket.submit(op, set, None).wait(passive);
        // SAFETY: the block of an operation that is not submitted, and so the area is the owner's.
        let state =
            unsafe { op.block.byte_add(super::block::STATE) }.cast::<[u8; size_of::<Controlling>()]>();
        // SAFETY: it was wiped as far as this.
        assert!(unsafe { state.read() }.iter().all(|byte| *byte == 0));
        // SAFETY: as for the state.
        assert!(unsafe { *op.header().functions.get() }.is_none());
    });
}

#[test]
#[cfg_attr(miri, ignore = "reads all of the room, also what no request has written")]
fn each_request_wipes_what_it_has_written() {
    with_socket(|socket, passive| {
        let address = "127.0.0.1:9".parse().unwrap();
        let written = |op: &Op<Buffer>| {
            // SAFETY: the block of an operation that is not submitted, and so the area is the owner's.
            let state = unsafe { op.block.byte_add(super::block::STATE) }.cast::<[u8; size_of::<Area>()]>();
            // SAFETY: the pool's memory began as zeros.
            unsafe { state.read() }.iter().filter(|byte| **byte != 0).count()
        };
        // What stays are the lengths of the rooms, of which all but the lowest bytes are zero.
        let lengths = 2;
        next_ends(STATUS_SUCCESS, 4, 0);
        let (_, op) = socket.submit(buffer(b"abcd"), SendTo(Some(address)), None).wait(passive);
        assert!(written(&op) <= lengths);
        let mut control = crate::ControlInfo::new();
        control.push(&wsk_cmsg::Message::TimeToLive(64)).unwrap();
        let (_, op) = socket.submit(op, SendTo(Some(address)).with(control), None).wait(passive);
        assert!(written(&op) <= lengths);
        let set = crate::Ioctl::<crate::ioctl::SetRemoteAddress>::new(Some(address));
        let (_, op) = socket.submit(op, set, None).wait(passive);
        assert!(written(&op) <= lengths);
        next_ends(STATUS_SUCCESS, 4, 16);
        let (received, op) = socket.submit(op, ReceiveFrom, None).wait(passive);
        assert!(received.is_ok() && written(&op) <= lengths);
    });
}

#[test]
#[cfg_attr(miri, ignore = "the thread of a bug check stays, which Miri takes for a leak")]
fn a_count_of_cancellers_never_wraps() {
    let machine = Machine::boot(Config::default());
    let ended = machine.catch_bug_check(|| {
        let op = Op::new(7_u32).unwrap();
        // As if so many had been made and forgotten.
        op.header().submission.forget_watchers(u32::MAX / 2 - 1);
        core::mem::forget(op.canceller());
        core::mem::forget(op.canceller());
        let _ = op.canceller();
    });
    let report = ended.map(drop).unwrap_err();
    assert_eq!((report.rule.code, report.parameters[3]), (0x18, 1 << 31));
}

#[test]
#[cfg_attr(miri, ignore = "the thread of a bug check stays, which Miri takes for a leak")]
fn what_waits_is_not_dropped_at_dispatch_level() {
    for drops_queue in [true, false] {
        let machine = Machine::boot(Config::default());
        let ended = machine.catch_bug_check(move || {
            let passive = Passive::check().unwrap();
            let queue = queue::<Result>(&passive);
            let registration = Registration::register(Version::V1_0, &passive).unwrap();
            // SAFETY: may be called at this level, and is lowered below by nobody: the machine ends here.
            unsafe { wsk_sys::KfRaiseIrql(wsk_sys::DISPATCH_LEVEL) };
            if drops_queue {
                drop(queue);
            } else {
                drop(registration);
            }
        });
        assert_eq!(ended.map(drop).unwrap_err().rule.code, 0xB8);
    }
}

#[test]
#[cfg_attr(miri, ignore = "the thread of a bug check stays, which Miri takes for a leak")]
fn a_capture_that_may_wait_is_not_made_at_dispatch_level() {
    for limit in [None, Some(Duration::from_millis(1)), Some(Duration::ZERO)] {
        let machine = Machine::boot(Config::default());
        let _netio = netio::install(&machine, netio::Config::default());
        let ended = machine.catch_bug_check(move || {
            let passive = Passive::check().unwrap();
            let registration = Registration::register(Version::V1_0, &passive).unwrap();
            // SAFETY: may be called at this level, and is lowered below, if the machine has not ended by then.
            let level = unsafe { wsk_sys::KfRaiseIrql(wsk_sys::DISPATCH_LEVEL) };
            let provider = match limit {
                None => registration.provider(&passive),
                Some(limit) => registration.provider(passive.within(limit)),
            };
            drop(provider.unwrap());
            // SAFETY: raised above, from this level.
            unsafe { wsk_sys::KeLowerIrql(level) };
        });
        // A limit of zero is no wait.
        let code = ended.map(drop).err().map(|report| report.rule.code);
        assert_eq!(code, (limit != Some(Duration::ZERO)).then_some(0xB8), "{limit:?}");
    }
}
