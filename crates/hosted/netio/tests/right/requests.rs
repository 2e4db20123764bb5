//! Clients that are right in what they ask of sockets.

use std::ptr;

use ::netio::rules;
use wsk_sys::*;

use crate::support::{self, Address, Buffer, Client, Pinned, Request, Socket, capture, pool};
use crate::{Right, at, event, wait, with_socket};

fn local_address(socket: Socket, address: &Address, irp: *mut IRP) -> NTSTATUS {
    let get = socket.table().WskGetLocalAddress.unwrap();
    unsafe { get(socket.0, address.pointer(), irp) }
}

/// A completion routine that lets who waits for the event in its context go on.
unsafe extern "system" fn sets(_: *mut DEVICE_OBJECT, _: *mut IRP, event: PVOID) -> NTSTATUS {
    unsafe { KeSetEvent(event.cast(), 0, FALSE) };
    STATUS_MORE_PROCESSING_REQUIRED
}

pub(crate) fn rights() -> Vec<Right> {
    let tables = [calls(), irps(), sockets()];
    tables.into_iter().flatten().collect()
}

fn calls() -> Vec<Right> {
    vec![
        (&rules::IRQL, |_| {
            let client = Client::new();
            let (socket, address) = (client.bound("127.0.0.1:0"), Address::empty());
            let (receive, request) = at(DISPATCH_LEVEL, || {
                assert!(capture(client.registration, WSK_NO_WAIT).is_ok());
                unsafe { WskReleaseProviderNPI(client.registration) };
                (socket.start_receive(10), socket.start_local_address(&address))
            });
            assert_eq!(request.wait().0, STATUS_SUCCESS);
            let close = at(DISPATCH_LEVEL, || socket.start_close());
            assert_eq!(close.wait(), (STATUS_SUCCESS, 0));
            assert_eq!(receive.wait(), Err(STATUS_CANCELLED));
            client.end();
        }),
        (&rules::CALL_UNDER_SPIN_LOCK, |_| {
            // A lock that was released; and, under one, what has no IRP.
            with_socket(|_, socket| {
                let lock: *mut KSPIN_LOCK = pool(size_of::<KSPIN_LOCK>());
                let release = socket.table().WskRelease.unwrap();
                let old = unsafe { KeAcquireSpinLockRaiseToDpc(lock) };
                let released = unsafe { release(socket.0, ptr::null_mut()) };
                unsafe { KeReleaseSpinLock(lock, old) };
                assert_eq!(released, STATUS_INVALID_PARAMETER);
                let address = Address::empty();
                let request = at(DISPATCH_LEVEL, || socket.start_local_address(&address));
                assert_eq!(request.wait().0, STATUS_SUCCESS);
                unsafe { ExFreePool(lock.cast()) };
            });
        }),
        (&rules::PAGED_MEMORY, |_| {
            // What only goes in may be paged: no page says otherwise.
            with_socket(|_, socket| {
                let tag = u32::from_le_bytes(*b"test");
                let value: *mut ULONG = unsafe { ExAllocatePool2(POOL_FLAG_PAGED, 4, tag) }.cast();
                unsafe { value.write(1) };
                let input = unsafe { std::slice::from_raw_parts(value.cast::<u8>(), 4) };
                let set = socket.control(WskSetOption, SO_BROADCAST, SOL_SOCKET, input, &mut []);
                assert_eq!(set.0, STATUS_SUCCESS);
                unsafe { ExFreePool(value.cast()) };
            });
        }),
        (&rules::CALL_IN_COMPLETION_ROUTINE, |_| {
            // By who waited for the routine.
            with_socket(|_, socket| {
                let (address, event, irp) = (Address::empty(), event(), support::irp());
                unsafe { IoSetCompletionRoutine(irp, Some(sets), event.cast(), true, true, true) };
                local_address(socket, &address, irp);
                wait(event);
                socket.local_address();
                unsafe { IoFreeIrp(irp) };
            });
        }),
    ]
}

unsafe extern "system" fn keep(_: *mut DEVICE_OBJECT, _: *mut IRP, _: PVOID) -> NTSTATUS {
    STATUS_MORE_PROCESSING_REQUIRED
}

/// One IRP after another on the same socket: reused in between.
fn reuses_its_irp() {
    with_socket(|_, socket| {
        let address = Address::empty();
        let mut request = socket.start_local_address(&address);
        for _ in 0..2 {
            request.reuse();
            request.returned = local_address(socket, &address, request.irp);
        }
        assert_eq!(request.wait().0, STATUS_SUCCESS);
    });
}

/// As the layer in the middle: an IRP with a location to spare, which the layer above wants back.
fn passes_an_irp_on() {
    with_socket(|_, socket| {
        let (address, event) = (Address::empty(), event());
        let irp = unsafe { IoAllocateIrp(2, FALSE) };
        unsafe { IoSetCompletionRoutine(irp, Some(sets), event.cast(), true, true, true) };
        unsafe { IoSetNextIrpStackLocation(irp) };
        // Without a routine of its own.
        local_address(socket, &address, irp);
        wait(event);
        unsafe { IoFreeIrp(irp) };
    });
}

fn irps() -> Vec<Right> {
    vec![
        (&rules::NOT_AN_IRP, |_| {
            // In memory of the client's own.
            with_socket(|_, socket| {
                let (address, event) = (Address::empty(), event());
                let size = IoSizeOfIrp(1);
                let irp: *mut IRP = pool(size.into());
                unsafe { IoInitializeIrp(irp, size, 1) };
                unsafe { IoSetCompletionRoutine(irp, Some(sets), event.cast(), true, true, true) };
                local_address(socket, &address, irp);
                wait(event);
                unsafe { ExFreePool(irp.cast()) };
            });
        }),
        (&rules::IRP_STACK, |_| passes_an_irp_on()),
        (&rules::IRP_IN_USE, |_| {
            with_socket(|_, socket| {
                // Two requests, two IRPs.
                let receives = [socket.start_receive(10), socket.start_receive(10)];
                for receive in receives {
                    receive.request.cancel();
                    assert_eq!(receive.wait(), Err(STATUS_CANCELLED));
                }
            });
            reuses_its_irp();
        }),
        (&rules::IRP_NOT_REUSED, |_| reuses_its_irp()),
        (&rules::IRP_COMPLETION_ROUTINE, |_| passes_an_irp_on()),
        (&rules::IRP_LOCATION, |_| {
            reuses_its_irp();
            // What is filled by the client is the routine, its context and the conditions.
            with_socket(|_, socket| {
                let request = Request::new();
                unsafe {
                    IoSetCompletionRoutine(request.irp, Some(keep), ptr::dangling_mut(), true, true, true);
                };
                request.arm();
                let address = Address::empty();
                local_address(socket, &address, request.irp);
                assert_eq!(request.wait().0, STATUS_SUCCESS);
            });
        }),
    ]
}

/// Sends these buffers to itself.
fn sends(buffer: impl FnOnce() -> Buffer, length: usize) {
    with_socket(|_, socket| {
        let (buffer, to) = (buffer(), Address::new(socket.local_address()));
        assert_eq!(socket.start_send(buffer.wsk(), to.pointer()).wait(), (STATUS_SUCCESS, length));
        assert_eq!(socket.receive(32).unwrap().bytes.len(), length);
    });
}

fn sockets() -> Vec<Right> {
    vec![
        (&rules::SOCKET_CLOSED, |_| {
            let client = Client::new();
            let (one, other) = (client.bound("127.0.0.1:0"), client.bound("127.0.0.1:0"));
            one.close();
            other.send(b"x", Some(other.local_address()));
            other.close();
            client.end();
        }),
        (&rules::CLOSE_DURING_CALL, |_| {
            // The calls have returned; the requests need not be complete.
            let client = Client::new();
            let (socket, address) = (client.bound("127.0.0.1:0"), Address::empty());
            let (receive, request) = (socket.start_receive(10), socket.start_local_address(&address));
            let close = socket.start_close();
            assert_eq!(close.wait(), (STATUS_SUCCESS, 0));
            assert_eq!(receive.wait(), Err(STATUS_CANCELLED));
            request.wait();
            client.end();
        }),
        (&rules::BUFFER_BOUNDS, |_| {
            sends(|| Buffer::in_parts(b"0123456789", &[3, 7]), 10);
            for (offset, length) in [(9, 1), (0, 10), (0, 0)] {
                let part = move || {
                    let mut buffer = Buffer::new(b"0123456789");
                    (buffer.wsk.Offset, buffer.wsk.Length) = (offset, length);
                    buffer
                };
                sends(part, length);
            }
            // Nothing, of nothing.
            sends(|| Buffer::new(b""), 0);
        }),
        (&rules::BUFFER_NOT_LOCKED, |_| {
            with_socket(|_, socket| {
                // Paged, and locked.
                let tag = u32::from_le_bytes(*b"test");
                let block = unsafe { ExAllocatePool2(POOL_FLAG_PAGED, 16, tag) };
                let mdl = unsafe { IoAllocateMdl(block, 16, FALSE, FALSE, ptr::null_mut()) };
                unsafe { MmProbeAndLockPages(mdl, KernelMode, IoReadAccess) };
                let buffer = Pinned::new(WSK_BUF { Mdl: mdl, Offset: 0, Length: 16 });
                let to = Address::new(socket.local_address());
                assert_eq!(socket.start_send(buffer.pointer(), to.pointer()).wait(), (STATUS_SUCCESS, 16));
                unsafe { MmUnlockPages(mdl) };
                unsafe { IoFreeMdl(mdl) };
                unsafe { ExFreePool(block) };
            });
        }),
    ]
}
