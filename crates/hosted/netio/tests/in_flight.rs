//! Memory that is freed, or was on a stack that is gone, while a request or a registration uses it.
// A thread that ran into a bug check never ends, which Miri takes for a leak.
#![cfg(not(miri))]
#![allow(
    unsafe_code,
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block,
    reason = "the calls of the wrong clients, whose wrongness is the point"
)]

use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::support::{self, Client, Request, Socket, World, block, capture, in_memory, pool, register};
use ::netio::memory::Net;
use ::netio::{Completion, rules};
use ntos::{Machine, Rule, io_rules};
use readings::WaitInDriverEntry;
use wsk_sys::*;

/// What a request is given, each in its own block of pool.
#[derive(Clone, Copy)]
struct Blocks {
    data: *mut u8,
    mdl: *mut MDL,
    buffer: *mut WSK_BUF,
    node: *mut WSK_BUF_LIST,
    address: *mut SOCKADDR,
    control: *mut CMSGHDR,
    length: *mut ULONG,
    flags: *mut ULONG,
}

impl Blocks {
    fn new() -> Blocks {
        let data: *mut u8 = pool(8);
        let mdl = unsafe { IoAllocateMdl(data.cast(), 8, FALSE, FALSE, ptr::null_mut()) };
        unsafe { MmBuildMdlForNonPagedPool(mdl) };
        let buffer: *mut WSK_BUF = pool(size_of::<WSK_BUF>());
        unsafe { buffer.write(WSK_BUF { Mdl: mdl, Offset: 2, Length: 5 }) };
        let node: *mut WSK_BUF_LIST = pool(size_of::<WSK_BUF_LIST>());
        unsafe { node.write(WSK_BUF_LIST { Next: ptr::null_mut(), Buffer: *buffer }) };
        let address: *mut SOCKADDR = pool(16);
        let to = support::Address::new("127.0.0.1:9".parse().unwrap());
        unsafe { address.cast::<u8>().copy_from_nonoverlapping(to.bytes().as_ptr(), 16) };
        let message = [24_u64, 4 << 32, 9];
        let control: *mut u64 = pool(24);
        unsafe { control.copy_from_nonoverlapping(message.as_ptr(), 3) };
        unsafe { control.cast::<u32>().write(20) };
        let (length, flags) = (pool(4), pool(4));
        unsafe { ptr::write(length, 24) };
        Blocks { data, mdl, buffer, node, address, control: control.cast(), length, flags }
    }

    fn free(self) {
        unsafe { IoFreeMdl(self.mdl) };
        for block in [self.data.cast::<()>(), self.buffer.cast(), self.node.cast(), self.address.cast()] {
            unsafe { ExFreePool(block.cast()) };
        }
        for block in [self.control.cast::<()>(), self.length.cast(), self.flags.cast()] {
            unsafe { ExFreePool(block.cast()) };
        }
    }

    fn send(self, socket: Socket) -> Request {
        let send = socket.table().WskSendTo.unwrap();
        Request::start(|irp| unsafe { send(socket.0, self.buffer, 0, self.address, 24, self.control, irp) })
    }

    fn send_messages(self, socket: Socket) -> Request {
        let send = socket.table().WskSendMessages.unwrap();
        Request::start(|irp| unsafe { send(socket.0, self.node, 0, self.address, 24, self.control, irp) })
    }

    fn receive(self, socket: Socket) -> Request {
        let receive = socket.table().WskReceiveFrom.unwrap();
        Request::start(|irp| unsafe {
            receive(socket.0, self.buffer, 0, self.address, self.length, self.control, self.flags, irp)
        })
    }

    fn bind(self, socket: Socket) -> Request {
        let bind = socket.table().WskBind.unwrap();
        Request::start(|irp| unsafe { bind(socket.0, self.address, 0, irp) })
    }

    fn local_address(self, socket: Socket) -> Request {
        let get = socket.table().WskGetLocalAddress.unwrap();
        Request::start(|irp| unsafe { get(socket.0, self.address, irp) })
    }

    fn get_option(self, socket: Socket) -> Request {
        let control = socket.table().Basic.WskControlSocket.unwrap();
        let (none, returned) = (ptr::null_mut(), ptr::null_mut());
        let output = self.length.cast();
        Request::start(|irp| unsafe {
            control(socket.0, WskGetOption, SO_RCVBUF, SOL_SOCKET, 0, none, 4, output, returned, irp)
        })
    }

    fn set_option(self, socket: Socket) -> Request {
        let control = socket.table().Basic.WskControlSocket.unwrap();
        let (none, returned) = (ptr::null_mut(), ptr::null_mut());
        let input = self.length.cast();
        Request::start(|irp| unsafe {
            control(socket.0, WskSetOption, SO_RCVBUF, SOL_SOCKET, 4, input, 0, none, returned, irp)
        })
    }
}

fn free<T>(block: *mut T) {
    unsafe { ExFreePool(block.cast()) };
}

type Begin = fn(Blocks, Socket) -> Request;
type Free = fn(Blocks);

const DATA: Free = |blocks| free(blocks.data);
const MDL_ITSELF: Free = |blocks| unsafe { IoFreeMdl(blocks.mdl) };
const BUFFER: Free = |blocks| free(blocks.buffer);
const NODE: Free = |blocks| free(blocks.node);
const ADDRESS: Free = |blocks| free(blocks.address);
const CONTROL: Free = |blocks| free(blocks.control);
const LENGTH: Free = |blocks| free(blocks.length);
const FLAGS: Free = |blocks| free(blocks.flags);

/// A request that waits, what of it is freed, and what the report calls that.
const WRONG: &[(&str, Begin, Free, &str)] = &[
    ("WskSendTo", Blocks::send, DATA, "the data of the buffer, 5 bytes"),
    ("WskSendTo", Blocks::send, MDL_ITSELF, "an MDL of the buffer"),
    ("WskSendTo", Blocks::send, BUFFER, "the WSK_BUF"),
    ("WskSendTo", Blocks::send, ADDRESS, "the remote address, 16 bytes"),
    ("WskSendTo", Blocks::send, CONTROL, "the control information, 24 bytes"),
    ("WskSendMessages", Blocks::send_messages, NODE, "a WSK_BUF_LIST"),
    ("WskSendMessages", Blocks::send_messages, DATA, "the data of the buffer, 5 bytes"),
    ("WskSendMessages", Blocks::send_messages, CONTROL, "the control information"),
    ("WskReceiveFrom", Blocks::receive, DATA, "the data of the buffer"),
    ("WskReceiveFrom", Blocks::receive, MDL_ITSELF, "an MDL of the buffer"),
    ("WskReceiveFrom", Blocks::receive, BUFFER, "the WSK_BUF"),
    ("WskReceiveFrom", Blocks::receive, ADDRESS, "the remote address"),
    ("WskReceiveFrom", Blocks::receive, CONTROL, "the control information, 24 bytes"),
    ("WskReceiveFrom", Blocks::receive, LENGTH, "the length of the control information, 4 bytes"),
    ("WskReceiveFrom", Blocks::receive, FLAGS, "the control flags, 4 bytes"),
    ("WskBind", Blocks::bind, ADDRESS, "the local address, 16 bytes"),
    ("WskGetLocalAddress", Blocks::local_address, ADDRESS, "the local address, 16 bytes"),
    ("WskControlSocket", Blocks::get_option, LENGTH, "the output buffer, 4 bytes"),
    ("WskControlSocket", Blocks::set_option, LENGTH, "the input buffer, 4 bytes"),
];

fn socket_for(client: &Client, function: &str) -> Socket {
    if function == "WskBind" { client.socket(AF_INET) } else { client.bound("127.0.0.1:0") }
}

#[test]
fn what_a_request_in_flight_uses() {
    for mode in [Completion::Inline, Completion::Deferred] {
        for &(function, begin, free, role) in WRONG {
            let world = World::new(Some(Net::new()), mode);
            // The others end at once.
            let hold = (function != "WskReceiveFrom").then(|| world.netio.hold(function));
            let report = world.machine.catch_bug_check(move || {
                let client = Client::new();
                let blocks = Blocks::new();
                let request = begin(blocks, socket_for(&client, function));
                assert!(!request.is_done());
                free(blocks);
            });
            let report = report.expect_err(role);
            assert_eq!(report.rule, io_rules::FREED_IN_FLIGHT, "{report}");
            assert!(report.detail.contains(role), "no {role:?} in: {}", report.detail);
            let request = format!("while {function} on socket #");
            assert!(report.detail.contains(&request), "no {request:?} in: {}", report.detail);
            // The machine is at its end, and runs no request.
            std::mem::forget(hold);
        }
    }
}

#[test]
fn what_is_freed_already() {
    for &(function, begin, free, role) in WRONG {
        // What describes the data, and a length, WSK reads itself, as Windows would: what stops it is the rule of what
        // is read first.
        let addresses = ["address", "control information, 24", "control flags", "put buffer"];
        let read = !addresses.iter().any(|part| role.contains(part));
        let what = format!("{function} on socket #");
        let world = World::new(Some(Net::new()), Completion::Deferred);
        let report = world.machine.catch_bug_check(move || {
            let client = Client::new();
            let (socket, blocks) = (socket_for(&client, function), Blocks::new());
            free(blocks);
            begin(blocks, socket);
        });
        let report = report.expect_err(role);
        if read {
            continue;
        }
        assert_eq!(report.rule, io_rules::FREED_IN_FLIGHT, "{role}: {report}");
        for part in [what.as_str(), "was given", role, "which is freed"] {
            assert!(report.detail.contains(part), "no {part:?} in: {}", report.detail);
        }
    }
}

/// Sets an option to a value on its stack, and returns what is on its way.
#[inline(never)]
fn set_option_from_the_stack(socket: Socket, wait: bool) {
    let value: ULONG = std::hint::black_box(1);
    let control = socket.table().Basic.WskControlSocket.unwrap();
    let (input, none) = ((&raw const value).cast_mut().cast(), ptr::null_mut());
    let set = Request::start(|irp| unsafe {
        control(socket.0, WskSetOption, SO_BROADCAST, SOL_SOCKET, 4, input, 0, none, ptr::null_mut(), irp)
    });
    if wait {
        assert_eq!(set.wait(), (STATUS_SUCCESS, 0));
    }
}

unsafe extern "system" fn does_not_wait_for_its_option(
    _: *mut DRIVER_OBJECT,
    _: PCUNICODE_STRING,
) -> NTSTATUS {
    let client = Client::new();
    set_option_from_the_stack(client.bound("127.0.0.1:0"), false);
    STATUS_SUCCESS
}

unsafe extern "system" fn waits_for_its_option(_: *mut DRIVER_OBJECT, _: PCUNICODE_STRING) -> NTSTATUS {
    let client = Client::new();
    let socket = client.bound("127.0.0.1:0");
    set_option_from_the_stack(socket, true);
    socket.close();
    client.end();
    // Nothing is left of it, so it need not stay.
    STATUS_UNSUCCESSFUL
}

#[test]
fn an_option_value_on_a_stack_that_is_gone() {
    for &mode in support::MODES.iter().filter(|mode| **mode != Completion::Inline) {
        // One that runs in the call needs the value no longer.
        if matches!(mode, Completion::Mixed { .. }) {
            continue;
        }
        let world = World::new(Some(Net::new()), mode);
        world.catch(&io_rules::FREED_IN_FLIGHT, "DriverEntry of wrong returned", || {
            let _ = Machine::current().load_driver("wrong", does_not_wait_for_its_option);
        });
    }
}

#[test]
fn an_option_value_on_the_stack_of_who_waits() {
    in_memory(|world| {
        assert!(world.machine.load_driver("right", waits_for_its_option).is_err());
    });
}

#[test]
fn what_a_completed_request_has_used_may_be_freed() {
    in_memory(|_| {
        let client = Client::new();
        for function in ["WskBind", "WskSendTo"] {
            for begin in WRONG.iter().filter(|wrong| wrong.0 == function).map(|wrong| wrong.1) {
                let (socket, blocks) = (socket_for(&client, function), Blocks::new());
                // To a port that nobody has: that is no failure.
                assert_eq!(begin(blocks, socket).wait().0, STATUS_SUCCESS, "{function}");
                blocks.free();
                socket.close();
            }
        }
        let (socket, blocks) = (client.bound("127.0.0.1:0"), Blocks::new());
        let receive = blocks.receive(socket);
        socket.close();
        assert_eq!(receive.wait(), (STATUS_CANCELLED, 0));
        blocks.free();
        client.end();
    });
}

/// Runs a wrong client; it must be stopped by `rule`, with a report that contains `object`.
#[track_caller]
fn caught(rule: &Rule, object: &str, wrong: impl FnOnce() + Send + 'static) {
    World::new(Some(Net::new()), Completion::Deferred).catch(rule, object, wrong);
}

fn table() -> WSK_CLIENT_DISPATCH {
    WSK_CLIENT_DISPATCH { Version: MAKE_WSK_VERSION(1, 0), Reserved: 0, WskClientEvent: None }
}

fn register_with(block: *mut WSK_REGISTRATION, dispatch: *const WSK_CLIENT_DISPATCH) -> NTSTATUS {
    let mut npi = WSK_CLIENT_NPI { ClientContext: ptr::null_mut(), Dispatch: dispatch };
    unsafe { WskRegister(&raw mut npi, block) }
}

#[test]
fn what_a_registration_uses() {
    caught(&rules::REGISTRATION_FREED, "while registration #1 uses it: its WSK_CLIENT_DISPATCH", || {
        let dispatch = pool::<WSK_CLIENT_DISPATCH>(size_of::<WSK_CLIENT_DISPATCH>());
        unsafe { dispatch.write(table()) };
        assert_eq!(register_with(block(), dispatch), STATUS_SUCCESS);
        free(dispatch);
    });
    caught(&rules::REGISTRATION_FREED, "its WSK_REGISTRATION, 24 bytes", || {
        let block = pool::<WSK_REGISTRATION>(size_of::<WSK_REGISTRATION>());
        assert_eq!(register(block, &support::DISPATCH), STATUS_SUCCESS);
        free(block);
    });
}

#[test]
fn what_a_former_registration_has_used_may_be_freed() {
    in_memory(|_| {
        let dispatch = pool::<WSK_CLIENT_DISPATCH>(size_of::<WSK_CLIENT_DISPATCH>());
        unsafe { dispatch.write(table()) };
        let block = pool::<WSK_REGISTRATION>(size_of::<WSK_REGISTRATION>());
        assert_eq!(register_with(block, dispatch), STATUS_SUCCESS);
        unsafe { WskDeregister(block) };
        free(dispatch);
        free(block);
    });
}

/// Held by the test whose driver has the registration below.
static ALONE: Mutex<()> = Mutex::new(());

/// The registration of the drivers below.
static REGISTRATION: AtomicPtr<WSK_REGISTRATION> = AtomicPtr::new(ptr::null_mut());

unsafe extern "system" fn unload(_: *mut DRIVER_OBJECT) {
    let block = REGISTRATION.swap(ptr::null_mut(), Ordering::AcqRel);
    unsafe { WskReleaseProviderNPI(block) };
    unsafe { WskDeregister(block) };
    support::free_block(block);
}

/// Registers with a table on its stack.
unsafe extern "system" fn lends_its_stack(_: *mut DRIVER_OBJECT, _: PCUNICODE_STRING) -> NTSTATUS {
    let dispatch = table();
    register_with(block(), std::hint::black_box(&raw const dispatch))
}

/// Waits for the provider without a limit.
unsafe extern "system" fn waits(_: *mut DRIVER_OBJECT, _: PCUNICODE_STRING) -> NTSTATUS {
    let block = block();
    assert_eq!(register(block, &support::DISPATCH), STATUS_SUCCESS);
    let _ = capture(block, WSK_INFINITE_WAIT);
    STATUS_SUCCESS
}

/// Captures a provider that is there, and does not wait for one that is not.
unsafe extern "system" fn does_not_wait(driver: *mut DRIVER_OBJECT, _: PCUNICODE_STRING) -> NTSTATUS {
    unsafe { (*driver).DriverUnload = Some(unload) };
    let block = block();
    REGISTRATION.store(block, Ordering::Release);
    assert_eq!(register(block, &support::DISPATCH), STATUS_SUCCESS);
    assert!(capture(block, WSK_NO_WAIT).is_ok());
    STATUS_SUCCESS
}

#[test]
fn a_table_on_the_stack_of_driver_entry() {
    caught(&rules::REGISTRATION_FREED, "DriverEntry of wrong returned", || {
        let _ = Machine::current().load_driver("wrong", lends_its_stack);
    });
}

#[test]
fn a_wait_for_the_provider_in_driver_entry() {
    caught(&rules::CAPTURE_IN_DRIVER_ENTRY, "with WSK_INFINITE_WAIT in DriverEntry", || {
        let _ = Machine::current().load_driver("wrong", waits);
    });
}

/// Waits for the provider without a limit, and keeps what it gets.
unsafe extern "system" fn waits_and_runs(driver: *mut DRIVER_OBJECT, _: PCUNICODE_STRING) -> NTSTATUS {
    unsafe { (*driver).DriverUnload = Some(unload) };
    let block = block();
    REGISTRATION.store(block, Ordering::Release);
    assert_eq!(register(block, &support::DISPATCH), STATUS_SUCCESS);
    assert!(capture(block, WSK_INFINITE_WAIT).is_ok());
    STATUS_SUCCESS
}

#[test]
fn a_wait_in_driver_entry_is_one_where_that_is_the_reading() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    support::with_reading(WaitInDriverEntry::Waits, |world| {
        world.netio.set_ready(false);
        let (machine, loaded) = (world.machine.clone(), Arc::new(AtomicBool::new(false)));
        let done = Arc::clone(&loaded);
        let loading = world.machine.spawn("loading", move || {
            let driver = machine.load_driver("waits", waits_and_runs).unwrap();
            done.store(true, Ordering::Release);
            driver.unload().unwrap();
        });
        std::thread::sleep(support::SHORT);
        assert!(!loaded.load(Ordering::Acquire), "the provider is not ready");
        world.netio.set_ready(true);
        loading.join().unwrap();
    });
}

#[test]
fn a_capture_in_driver_entry_and_a_wait_elsewhere() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    in_memory(|world| {
        let driver = world.machine.load_driver("right", does_not_wait).unwrap();
        let block = block();
        assert_eq!(register(block, &support::DISPATCH), STATUS_SUCCESS);
        assert!(capture(block, WSK_INFINITE_WAIT).is_ok());
        unsafe { WskReleaseProviderNPI(block) };
        unsafe { WskDeregister(block) };
        support::free_block(block);
        driver.unload().unwrap();
    });
}
