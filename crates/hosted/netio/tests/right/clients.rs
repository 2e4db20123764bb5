//! Clients that are right in what they register, capture and cache.

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use ::netio::rules;
use wsk_sys::*;

use crate::support::{self, Client, Socket, block, capture, free_block, pool, register};
use crate::{Right, event, wait};

const EVERYONE: &str = "D:P(A;;GA;;;WD)";

/// A registration without a captured provider.
fn registered() -> *mut WSK_REGISTRATION {
    let block = block();
    assert_eq!(register(block, &support::DISPATCH), STATUS_SUCCESS);
    block
}

fn deregister(block: *mut WSK_REGISTRATION) {
    unsafe { WskDeregister(block) };
    free_block(block);
}

/// Captures so often, and releases as often.
fn captures(block: *mut WSK_REGISTRATION, times: usize) {
    for _ in 0..times {
        assert!(capture(block, WSK_NO_WAIT).is_ok());
    }
    for _ in 0..times {
        unsafe { WskReleaseProviderNPI(block) };
    }
}

pub(crate) fn rights() -> Vec<Right> {
    let tables = [registrations(), drivers(), security()];
    tables.into_iter().flatten().collect()
}

fn table() -> WSK_CLIENT_DISPATCH {
    WSK_CLIENT_DISPATCH { Version: MAKE_WSK_VERSION(1, 0), Reserved: 0, WskClientEvent: None }
}

fn register_with(block: *mut WSK_REGISTRATION, dispatch: *const WSK_CLIENT_DISPATCH) -> NTSTATUS {
    let mut npi = WSK_CLIENT_NPI { ClientContext: ptr::null_mut(), Dispatch: dispatch };
    unsafe { WskRegister(&raw mut npi, block) }
}

/// Releases the provider and deregisters while the socket is being closed, with a receive pending.
fn ends_while_it_closes() {
    let client = Client::new();
    let socket = client.bound("127.0.0.1:0");
    let (receive, close) = (socket.start_receive(10), socket.start_close());
    client.end();
    assert!(close.is_done() && receive.request.is_done(), "the deregistration waits for both");
    assert_eq!(close.wait(), (STATUS_SUCCESS, 0));
    assert_eq!(receive.wait(), Err(STATUS_CANCELLED));
}

fn registrations() -> Vec<Right> {
    vec![
        (&rules::REGISTRATION_UNKNOWN, |_| {
            let block = registered();
            unsafe { WskDeregister(block) };
            // Another registration in the same block.
            assert_eq!(register(block, &support::DISPATCH), STATUS_SUCCESS);
            captures(block, 1);
            deregister(block);
        }),
        (&rules::REGISTRATION_MOVED, |_| {
            let (block, other) = (registered(), block());
            unsafe { WskDeregister(block) };
            // What is deregistered may be moved.
            unsafe { other.copy_from_nonoverlapping(block, 1) };
            free_block(block);
            assert_eq!(register(other, &support::DISPATCH), STATUS_SUCCESS);
            captures(other, 1);
            deregister(other);
        }),
        (&rules::REGISTERED_TWICE, |_| [registered(), registered()].into_iter().for_each(deregister)),
        (&rules::RELEASE_WITHOUT_CAPTURE, |world| {
            let block = registered();
            captures(block, 2);
            // A capture that fails has nothing to release.
            world.netio.set_ready(false);
            assert!(capture(block, WSK_NO_WAIT).is_err());
            world.netio.set_ready(true);
            deregister(block);
        }),
        (&rules::DISPATCH_AFTER_RELEASE, |_| {
            // The functions of a socket, which is not the provider's table.
            let client = Client::new();
            let socket = client.bound("127.0.0.1:0");
            unsafe { WskReleaseProviderNPI(client.registration) };
            socket.send(b"x", Some(socket.local_address()));
            assert_eq!(socket.receive(10).unwrap().bytes, b"x");
            socket.close();
            // The provider's table, captured anew.
            assert!(capture(client.registration, WSK_NO_WAIT).is_ok());
            client.socket(AF_INET).close();
            client.end();
        }),
        (&rules::DEREGISTER_SOCKET, |_| ends_while_it_closes()),
        (&rules::DEREGISTER_STUCK, |_| ends_while_it_closes()),
        (&rules::DEREGISTER_IRP, |_| ends_while_it_closes()),
        (&rules::DEREGISTER_CAPTURE, |_| {
            let block = registered();
            captures(block, 3);
            deregister(block);
        }),
        (&rules::REGISTRATION_FREED, |_| {
            let dispatch: *mut WSK_CLIENT_DISPATCH = pool(size_of::<WSK_CLIENT_DISPATCH>());
            unsafe { dispatch.write(table()) };
            let block: *mut WSK_REGISTRATION = pool(size_of::<WSK_REGISTRATION>());
            assert_eq!(register_with(block, dispatch), STATUS_SUCCESS);
            unsafe { WskDeregister(block) };
            unsafe { ExFreePool(dispatch.cast()) };
            unsafe { ExFreePool(block.cast()) };
        }),
        (&rules::REGISTRATION_FREED, |world| {
            // On the stack of a routine that deregisters before it returns.
            assert_eq!(
                world.machine.load_driver("right", gives_up).err(),
                Some(wsk_sys::NamedStatus(STATUS_UNSUCCESSFUL))
            );
        }),
        (&rules::REGISTRATION_LEFT, |world| {
            world.machine.load_driver("right", waits_elsewhere).unwrap().unload().unwrap();
        }),
    ]
}

/// A `DriverEntry` that fails, and has undone what it did.
unsafe extern "system" fn gives_up(_: *mut DRIVER_OBJECT, _: PCUNICODE_STRING) -> NTSTATUS {
    let (dispatch, block) = (table(), block());
    assert_eq!(register_with(block, std::hint::black_box(&raw const dispatch)), STATUS_SUCCESS);
    deregister(block);
    STATUS_UNSUCCESSFUL
}

/// The registration of the driver below, and the event that its thread sets. The tests run one such driver at a time.
static REGISTRATION: AtomicPtr<WSK_REGISTRATION> = AtomicPtr::new(ptr::null_mut());
static CAPTURED: AtomicPtr<KEVENT> = AtomicPtr::new(ptr::null_mut());

unsafe extern "system" fn captures_in_a_thread(_: PVOID) {
    assert!(capture(REGISTRATION.load(Ordering::Acquire), WSK_INFINITE_WAIT).is_ok());
    unsafe { KeSetEvent(CAPTURED.load(Ordering::Acquire), 0, FALSE) };
}

unsafe extern "system" fn unload(_: *mut DRIVER_OBJECT) {
    wait(CAPTURED.load(Ordering::Acquire));
    let block = REGISTRATION.swap(ptr::null_mut(), Ordering::AcqRel);
    for _ in 0..3 {
        unsafe { WskReleaseProviderNPI(block) };
    }
    deregister(block);
}

/// Does not wait for the provider without a limit, but has a thread that does.
unsafe extern "system" fn waits_elsewhere(driver: *mut DRIVER_OBJECT, _: PCUNICODE_STRING) -> NTSTATUS {
    unsafe { (*driver).DriverUnload = Some(unload) };
    let block = registered();
    REGISTRATION.store(block, Ordering::Release);
    CAPTURED.store(event(), Ordering::Release);
    assert!(capture(block, WSK_NO_WAIT).is_ok());
    assert!(capture(block, 1000).is_ok());
    let (mut handle, none) = (ptr::null_mut(), ptr::null_mut());
    let (out, routine) = (&raw mut handle, captures_in_a_thread as KSTART_ROUTINE);
    let access = THREAD_ALL_ACCESS;
    let status =
        unsafe { PsCreateSystemThread(out, access, ptr::null_mut(), none, ptr::null_mut(), routine, none) };
    assert_eq!(status, STATUS_SUCCESS);
    assert_eq!(unsafe { ZwClose(handle) }, STATUS_SUCCESS);
    STATUS_SUCCESS
}

fn drivers() -> Vec<Right> {
    vec![(&rules::CAPTURE_IN_DRIVER_ENTRY, |world| {
        world.machine.load_driver("right", waits_elsewhere).unwrap().unload().unwrap();
    })]
}

fn security() -> Vec<Right> {
    vec![
        (&rules::SECURITY_NOT_CACHED, |_| {
            // What a socket gives out is as good as what the client has cached.
            let client = Client::new();
            let (socket, cached) = (client.socket(AF_INET), client.cache(EVERYONE));
            assert_eq!(socket.set_security(cached), STATUS_SUCCESS);
            let given = socket.security();
            let (status, other) = client.open_owned(ptr::null_mut(), given).wait();
            assert_eq!(status, STATUS_SUCCESS);
            Socket(ptr::with_exposed_provenance_mut(other)).close();
            for descriptor in [given, cached] {
                assert_eq!(client.release(descriptor), STATUS_SUCCESS);
            }
            socket.close();
            client.end();
        }),
        (&rules::SECURITY_RELEASED, |_| {
            // Released as soon as the request is complete; the socket has its own.
            with_socket_of(EVERYONE, |client, socket, cached| {
                assert_eq!(client.release(cached), STATUS_SUCCESS);
                assert_eq!(client.release(socket.security()), STATUS_SUCCESS);
            });
        }),
        (&rules::DEREGISTER_SECURITY, |_| {
            // Released after the socket was closed that had it.
            let client = Client::new();
            let (socket, cached) = (client.socket(AF_INET), client.cache(EVERYONE));
            assert_eq!(socket.set_security(cached), STATUS_SUCCESS);
            let given = socket.security();
            socket.close();
            for descriptor in [given, cached] {
                assert_eq!(client.release(descriptor), STATUS_SUCCESS);
            }
            client.end();
        }),
    ]
}

/// A client with a socket that was made with a cached descriptor.
fn with_socket_of(text: &str, act: impl FnOnce(&Client, Socket, PSECURITY_DESCRIPTOR)) {
    let client = Client::new();
    let cached = client.cache(text);
    let (status, information) = client.open_owned(ptr::null_mut(), cached).wait();
    assert_eq!(status, STATUS_SUCCESS);
    let socket = Socket(ptr::with_exposed_provenance_mut(information));
    act(&client, socket, cached);
    socket.close();
    client.end();
}
