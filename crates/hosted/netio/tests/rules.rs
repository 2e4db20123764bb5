//! Wrong clients: each breaks one rule, and the bug check names it and the object.
// A thread that ran into a bug check never ends, which Miri takes for a leak.
#![cfg(not(miri))]
#![allow(
    unsafe_code,
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block,
    reason = "the calls of the wrong clients, whose wrongness is the point"
)]

use std::ptr;
use std::time::Duration;

use crate::support::{self, Address, Buffer, Client, Gate, Request, Socket, World, block, capture, register};
use ::netio::memory::Net;
use ::netio::rules;
use ::netio::{Completion, Config, Network};
use ntos::{Machine, Rule};
use wsk_sys::*;

/// Runs a wrong client; it must be stopped by `rule`, with a report that contains `object`.
fn caught(rule: &Rule, object: &str, wrong: impl FnOnce() + Send + 'static) {
    caught_in(Completion::Deferred, rule, object, wrong);
}

fn caught_in(mode: Completion, rule: &Rule, object: &str, wrong: impl FnOnce() + Send + 'static) {
    World::new(Some(Net::new()), mode).catch(rule, object, wrong);
}

fn local_address(socket: Socket, irp: *mut IRP) -> NTSTATUS {
    // Lives as long as the process: the machine may end while it is in use.
    let address = std::mem::ManuallyDrop::new(Address::empty());
    let get = socket.table().WskGetLocalAddress.unwrap();
    unsafe { get(socket.0, address.pointer(), irp) }
}

#[test]
fn a_call_above_dispatch_level() {
    caught(&rules::IRQL, "WskGetLocalAddress called at IRQL 3", || {
        let client = Client::new();
        let socket = client.bound("127.0.0.1:0");
        let request = Request::new();
        unsafe { KfRaiseIrql(3) };
        local_address(socket, request.irp);
    });
}

#[test]
fn registration_functions_above_passive_level() {
    caught(&rules::IRQL, "WskRegister called at IRQL 2", || {
        unsafe { KfRaiseIrql(DISPATCH_LEVEL) };
        register(block(), &support::DISPATCH);
    });
    caught(&rules::IRQL, "WskCaptureProviderNPI called at IRQL 2", || {
        let block = block();
        assert_eq!(register(block, &support::DISPATCH), STATUS_SUCCESS);
        unsafe { KfRaiseIrql(DISPATCH_LEVEL) };
        // Without waiting, it may.
        assert!(capture(block, WSK_NO_WAIT).is_ok());
        let _ = capture(block, 1);
    });
    caught(&rules::IRQL, "WskDeregister called at IRQL 2", || {
        let block = block();
        assert_eq!(register(block, &support::DISPATCH), STATUS_SUCCESS);
        unsafe { KfRaiseIrql(DISPATCH_LEVEL) };
        unsafe { WskDeregister(block) };
    });
}

#[test]
fn an_address_list_above_passive_level() {
    caught(&rules::IRQL, "WskControlSocket called at IRQL 2; at most 0", || {
        let client = Client::new();
        let socket = client.socket(AF_INET);
        unsafe { KfRaiseIrql(DISPATCH_LEVEL) };
        socket.control_without_irp(WskIoctl, SIO_ADDRESS_LIST_QUERY, 0);
    });
}

/// Called in the completion routine of a request on the socket that is the context.
unsafe extern "system" fn calls_wsk(_: *mut DEVICE_OBJECT, _: *mut IRP, context: PVOID) -> NTSTATUS {
    local_address(Socket(context.cast()), Request::new().irp);
    STATUS_MORE_PROCESSING_REQUIRED
}

/// A spin lock that is never freed.
fn spin_lock() -> *mut KSPIN_LOCK {
    Box::into_raw(Box::new(0))
}

#[test]
fn a_call_under_a_spin_lock() {
    for &mode in support::MODES {
        caught_in(mode, &rules::CALL_UNDER_SPIN_LOCK, "WskGetLocalAddress called with an IRP", || {
            let client = Client::new();
            let (socket, request) = (client.bound("127.0.0.1:0"), Request::new());
            unsafe { KeAcquireSpinLockRaiseToDpc(spin_lock()) };
            local_address(socket, request.irp);
        });
    }
    caught(&rules::CALL_UNDER_SPIN_LOCK, "WskSocket called with an IRP", || {
        let (client, lock) = (Client::new(), spin_lock());
        unsafe { KeAcquireSpinLockRaiseToDpc(lock) };
        client.open(AF_INET, SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_DATAGRAM_SOCKET);
    });
    caught(&rules::CALL_UNDER_SPIN_LOCK, "WskCloseSocket called with an IRP", || {
        let client = Client::new();
        let (socket, lock) = (client.bound("127.0.0.1:0"), spin_lock());
        unsafe { KeAcquireSpinLockRaiseToDpc(lock) };
        socket.start_close();
    });
}

#[test]
fn addresses_and_contexts_in_paged_pool() {
    fn paged<T>() -> *mut T {
        unsafe { ExAllocatePool2(POOL_FLAG_PAGED, 64, u32::from_le_bytes(*b"test")) }.cast()
    }
    caught(&rules::PAGED_MEMORY, "WskGetLocalAddress with the local address in paged pool", || {
        let client = Client::new();
        let get = client.bound("127.0.0.1:0").table().WskGetLocalAddress.unwrap();
        unsafe { get(client.bound("127.0.0.1:0").0, paged(), Request::new().irp) };
    });
    caught(&rules::PAGED_MEMORY, "WskReceiveFrom with the remote address in paged pool", || {
        let client = Client::new();
        let (socket, buffer) = (client.bound("127.0.0.1:0"), Buffer::new(&[0; 10]));
        let receive = socket.table().WskReceiveFrom.unwrap();
        let none = ptr::null_mut();
        let irp = Request::new().irp;
        unsafe { receive(socket.0, buffer.wsk(), 0, paged(), none, ptr::null_mut(), ptr::null_mut(), irp) };
    });
    caught(&rules::PAGED_MEMORY, "WskSocket with the socket's context in paged pool", || {
        let table = (&raw const support::EVENTS, paged());
        Client::new().open_with(AF_INET, SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_DATAGRAM_SOCKET, table);
    });
}

unsafe extern "system" fn just_returns(_: *mut DEVICE_OBJECT, _: *mut IRP, _: PVOID) -> NTSTATUS {
    STATUS_MORE_PROCESSING_REQUIRED
}

unsafe extern "system" fn returns_success(_: *mut DEVICE_OBJECT, _: *mut IRP, _: PVOID) -> NTSTATUS {
    STATUS_SUCCESS
}

/// Waits for the bug check that another thread runs into.
fn wait_for_ever() {
    loop {
        std::thread::sleep(Duration::from_millis(10));
        if Machine::current().bug_check().is_some() {
            return;
        }
    }
}

#[test]
fn a_call_in_a_completion_routine() {
    for &mode in support::MODES {
        caught_in(mode, &rules::CALL_IN_COMPLETION_ROUTINE, "WskGetLocalAddress", || {
            let client = Client::new();
            let socket = client.bound("127.0.0.1:0");
            let request = Request::new();
            unsafe {
                IoSetCompletionRoutine(request.irp, Some(calls_wsk), socket.0.cast(), true, true, true);
            }
            local_address(socket, request.irp);
            wait_for_ever();
        });
    }
}

/// A machine that allows what Windows does not check.
fn lenient(config: Config) -> Machine {
    let lenient = ntos::Config { strict: false, ..ntos::Config::default() };
    let machine = Machine::boot(lenient);
    ::netio::install(&machine, Config { network: Network::Memory(Net::new()), ..config });
    machine
}

#[test]
fn a_lenient_machine_allows_a_call_in_a_completion_routine() {
    let machine = lenient(Config { completion: Completion::Inline, ..Config::default() });
    let _entered = machine.enter();
    let client = Client::new();
    let socket = client.bound("127.0.0.1:0");
    let request = Request::new();
    unsafe { IoSetCompletionRoutine(request.irp, Some(calls_wsk), socket.0.cast(), true, true, true) };
    assert_eq!(local_address(socket, request.irp), STATUS_SUCCESS);
    request.free();
    socket.close();
    client.end();
}

#[test]
fn a_completion_routine_that_gives_the_irp_away() {
    caught(&ntos::io_rules::OWN_IRP_PAST_TOP, "IRP #", || {
        let client = Client::new();
        let socket = client.bound("127.0.0.1:0");
        let request = Request::new();
        unsafe {
            IoSetCompletionRoutine(request.irp, Some(returns_success), ptr::null_mut(), true, true, true);
        }
        local_address(socket, request.irp);
        wait_for_ever();
    });
}

/// Calls WSK with an IRP that `spoil` has made from a good one.
fn caught_irp(rule: &Rule, object: &str, spoil: impl FnOnce(*mut IRP) -> *mut IRP + Send + 'static) {
    caught(rule, object, || {
        let client = Client::new();
        let socket = client.bound("127.0.0.1:0");
        local_address(socket, spoil(Request::new().irp));
    });
}

#[test]
fn bad_irps() {
    caught_irp(&rules::IRP_STACK, "without a stack location", |_| unsafe { IoAllocateIrp(0, FALSE) });
    caught_irp(&rules::IRP_COMPLETION_ROUTINE, "has no completion routine", |_| support::irp());
    caught_irp(&rules::IRP_COMPLETION_ROUTINE, "on cancellation", |irp| {
        unsafe { IoSetCompletionRoutine(irp, Some(just_returns), ptr::null_mut(), true, true, false) };
        irp
    });
    caught_irp(&rules::IRP_LOCATION, "IRP #", |irp| {
        unsafe { (*IoGetNextIrpStackLocation(irp)).MinorFunction = 1 };
        irp
    });
    caught_irp(&rules::IRP_LOCATION, "IRP #", |irp| {
        unsafe { (*IoGetNextIrpStackLocation(irp)).Parameters.Others.Argument4 = irp.cast() };
        irp
    });
    caught_irp(&rules::NOT_AN_IRP, "no living IRP", |irp| {
        unsafe { IoFreeIrp(irp) };
        irp
    });
}

#[test]
fn an_irp_that_is_still_on_its_way() {
    caught(&rules::IRP_IN_USE, "WskReceiveFrom with IRP #", || {
        let client = Client::new();
        let socket = client.bound("127.0.0.1:0");
        let receive = socket.start_receive(10);
        let buffer = Buffer::new(&[0; 10]);
        let again = socket.table().WskReceiveFrom.unwrap();
        let none = ptr::null_mut();
        unsafe {
            again(socket.0, buffer.wsk(), 0, none, ptr::null_mut(), ptr::null_mut(), ptr::null_mut(), {
                receive.request.irp
            });
        }
    });
}

#[test]
fn an_irp_that_was_not_reused() {
    for &mode in support::MODES {
        caught_in(mode, &rules::IRP_NOT_REUSED, "IoReuseIrp", || {
            let client = Client::new();
            let socket = client.bound("127.0.0.1:0");
            let address = Address::empty();
            let request = socket.start_local_address(&address);
            request.wait_only();
            // With the routine set again, which alone is not enough.
            request.arm();
            local_address(socket, request.irp);
        });
    }
}

#[test]
fn a_call_after_the_close() {
    caught(&rules::SOCKET_CLOSED, "WskGetLocalAddress called on socket #", || {
        let client = Client::new();
        let socket = client.bound("127.0.0.1:0");
        let get = socket.table().WskGetLocalAddress.unwrap();
        socket.close();
        let address = Address::empty();
        unsafe { get(socket.0, address.pointer(), Request::new().irp) };
    });
}

#[test]
fn a_call_during_the_close_and_a_second_close() {
    caught(&rules::SOCKET_CLOSED, "being closed", || {
        let client = Client::new();
        let socket = client.bound("127.0.0.1:0");
        let (get, close) =
            (socket.table().WskGetLocalAddress.unwrap(), socket.basic_table().WskCloseSocket.unwrap());
        let address = Address::empty();
        let (irp, other) = (Request::new().irp, Request::new().irp);
        // So that the close cannot be complete before the next call.
        stall(socket);
        unsafe { close(socket.0, irp) };
        unsafe { get(socket.0, address.pointer(), other) };
    });
    caught(&rules::SOCKET_CLOSED, "WskCloseSocket called on socket #", || {
        let client = Client::new();
        let socket = client.bound("127.0.0.1:0");
        let close = socket.basic_table().WskCloseSocket.unwrap();
        socket.close();
        unsafe { close(socket.0, Request::new().irp) };
    });
}

unsafe extern "system" fn never_returns(_: *mut DEVICE_OBJECT, _: *mut IRP, context: PVOID) -> NTSTATUS {
    // SAFETY: the gate of `stall`, which is never freed.
    unsafe { &*context.cast::<Gate>() }.pass();
    loop {
        std::thread::park();
    }
}

/// Keeps the provider's thread busy for ever, in a completion routine on the socket.
fn stall(socket: Socket) {
    let request = Request::new();
    let gate: &'static Gate = Box::leak(Box::default());
    let context = ptr::from_ref(gate).cast_mut().cast();
    unsafe { IoSetCompletionRoutine(request.irp, Some(never_returns), context, true, true, true) };
    local_address(socket, request.irp);
    gate.wait();
}

/// Called in a completion routine, which runs inside a call in inline mode: closes from another thread.
unsafe extern "system" fn lets_another_close(_: *mut DEVICE_OBJECT, _: *mut IRP, context: PVOID) -> NTSTATUS {
    let socket = Socket(context.cast());
    let closing = Machine::current().spawn("closing", move || {
        let socket = socket;
        socket.close();
    });
    let _ = closing.join();
    STATUS_MORE_PROCESSING_REQUIRED
}

#[test]
fn a_close_during_a_call() {
    caught_in(Completion::Inline, &rules::CLOSE_DURING_CALL, "WskCloseSocket of socket #", || {
        let client = Client::new();
        let socket = client.bound("127.0.0.1:0");
        let request = Request::new();
        unsafe {
            IoSetCompletionRoutine(request.irp, Some(lets_another_close), socket.0.cast(), true, true, true);
        }
        local_address(socket, request.irp);
    });
}

/// Sends with a `WSK_BUF` that `spoil` has changed.
fn caught_buffer(rule: &Rule, object: &str, spoil: impl FnOnce(&mut WSK_BUF) + Send + 'static) {
    caught_in(Completion::Inline, rule, object, || {
        let client = Client::new();
        let socket = client.bound("127.0.0.1:0");
        let mut buffer = Buffer::new(b"0123456789");
        spoil(&mut buffer.wsk);
        let to = Address::new("127.0.0.1:9".parse().unwrap());
        socket.start_send(buffer.wsk(), to.pointer());
    });
}

#[test]
fn bad_buffers() {
    caught_buffer(&rules::BUFFER_BOUNDS, "11 bytes", |buffer| buffer.Length = 11);
    caught_buffer(&rules::BUFFER_BOUNDS, "from offset 1", |buffer| buffer.Offset = 1);
    caught_buffer(&rules::BUFFER_BOUNDS, "not in the first MDL", |buffer| {
        (buffer.Offset, buffer.Length) = (10, 1);
    });
    caught_buffer(&rules::BUFFER_BOUNDS, "chain", |buffer| buffer.Mdl = ptr::null_mut());
    caught_buffer(&rules::BUFFER_NOT_LOCKED, "WskSendTo", |buffer| unsafe { (*buffer.Mdl).MdlFlags = 0 });
}

#[test]
fn bad_registrations() {
    caught(&rules::REGISTRATION_UNKNOWN, "WskCaptureProviderNPI", || {
        let _ = capture(block(), WSK_NO_WAIT);
    });
    caught(&rules::REGISTRATION_MOVED, "registration #1", || {
        let block = block();
        assert_eq!(register(block, &support::DISPATCH), STATUS_SUCCESS);
        let mut copy = unsafe { block.read() };
        unsafe { WskReleaseProviderNPI(&raw mut copy) };
    });
    caught(&rules::REGISTERED_TWICE, "registration #1", || {
        let block = block();
        assert_eq!(register(block, &support::DISPATCH), STATUS_SUCCESS);
        register(block, &support::DISPATCH);
    });
    caught(&rules::REGISTRATION_UNKNOWN, "deregistered", || {
        let block = block();
        assert_eq!(register(block, &support::DISPATCH), STATUS_SUCCESS);
        unsafe { WskDeregister(block) };
        unsafe { WskDeregister(block) };
    });
    caught(&rules::RELEASE_WITHOUT_CAPTURE, "WskReleaseProviderNPI", || {
        let block = block();
        assert_eq!(register(block, &support::DISPATCH), STATUS_SUCCESS);
        unsafe { WskReleaseProviderNPI(block) };
    });
}

#[test]
fn a_provider_used_after_its_release() {
    caught(&rules::DISPATCH_AFTER_RELEASE, "WskSocket called by registration #1", || {
        let client = Client::new();
        unsafe { WskReleaseProviderNPI(client.registration) };
        client.socket(AF_INET);
    });
    caught(&rules::DISPATCH_AFTER_RELEASE, "WskControlClient called by registration #1", || {
        let client = Client::new();
        unsafe { WskReleaseProviderNPI(client.registration) };
        unsafe { WskDeregister(client.registration) };
        client.control(WSK_CACHE_SD, ptr::null_mut());
    });
}

#[test]
fn what_is_left_at_deregistration() {
    for &mode in support::MODES {
        caught_in(mode, &rules::DEREGISTER_SOCKET, "(AF_INET datagram, bound to 127.0.0.1:", || {
            let client = Client::new();
            client.bound("127.0.0.1:0");
            client.end();
        });
    }
    caught(&rules::DEREGISTER_CAPTURE, "1 captures", || {
        let client = Client::new();
        unsafe { WskDeregister(client.registration) };
    });
    caught_in(Completion::Delayed { seed: 3 }, &rules::DEREGISTER_IRP, "1 requests pending", || {
        let client = Client::new();
        // Keeps the provider's thread, so that the next request stays in the queue.
        let other = Client::new();
        stall(other.bound("127.0.0.1:0"));
        client.open(AF_INET, SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_DATAGRAM_SOCKET);
        client.end();
    });
}

#[test]
fn a_deregistration_that_waits_too_long() {
    let briefly = Config { deregister_limit: Duration::from_millis(50), ..Config::default() };
    let for_both = "waited 50ms for 0 calls, 2 requests, 0 captures, and sockets being closed: socket #";
    World::with(Some(Net::new()), briefly).catch(&rules::DEREGISTER_STUCK, for_both, || {
        let client = Client::new();
        let socket = client.bound("127.0.0.1:0");
        // Its completion routine never returns, and the close waits for it.
        stall(socket);
        socket.start_close();
        client.end();
    });
}

#[test]
fn a_machine_that_ends_names_the_client_whose_routine_does_not_return() {
    let config =
        ntos::Config { strict: false, hang_limit: Duration::from_millis(50), ..ntos::Config::default() };
    let machine = Machine::boot(config);
    ::netio::install(&machine, Config { network: Network::Memory(Net::new()), ..Config::default() });
    let inside = machine.clone();
    let report = machine.catch_bug_check(move || {
        let client = Client::new();
        stall(client.bound("127.0.0.1:0"));
        inside.shutdown();
    });
    let report = report.expect_err("the routine never returns");
    assert_eq!(report.rule, rules::DEREGISTER_STUCK, "{report}");
    assert!(report.detail.contains("registration #"), "{report}");
}

#[test]
fn a_lenient_machine_waits_without_limit() {
    let machine = lenient(Config { deregister_limit: Duration::ZERO, ..Config::default() });
    let _entered = machine.enter();
    let (client, gate) = (Client::new(), Gate::default());
    let socket = client.bound("127.0.0.1:0");
    let request = Request::new();
    request.hold(&gate);
    local_address(socket, request.irp);
    let close = socket.start_close();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(support::SHORT);
            gate.open();
        });
        client.end();
    });
    assert!(close.is_done() && request.is_done());
    close.free();
    request.free();
}

#[test]
fn a_registration_that_outlives_its_machine() {
    let world = World::new(Some(Net::new()), Completion::Deferred);
    let machine = world.machine.clone();
    world.catch(&rules::REGISTRATION_LEFT, "registration #1 (1 captures) still registered", move || {
        Client::new();
        machine.shutdown();
    });
}
