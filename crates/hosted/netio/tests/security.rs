//! Security descriptors: cached and released, given to sockets and got from them, and who may share an address by them.
#![allow(unsafe_code, reason = "calls WSK's C functions; the contracts are those of their pages")]
#![allow(
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block,
    reason = "the calls follow the pages one by one; Miri checks them"
)]

use std::net::SocketAddr;
use std::ptr::{self, NonNull};

use crate::support::{Client, Socket, descriptor, everywhere, in_memory};
use ntos::Token;
use wsk_descriptor::Descriptor;
use wsk_sys::*;

/// A descriptor in memory, as text.
fn text(descriptor: PSECURITY_DESCRIPTOR) -> String {
    let mut bytes = [0; 512];
    let size = unsafe { wsk_descriptor::copy(NonNull::new(descriptor.cast()).unwrap(), &mut bytes) }.unwrap();
    Descriptor::parse(&bytes[..size]).unwrap().to_string()
}

#[test]
fn a_cached_descriptor_is_a_copy() {
    in_memory(|world| {
        let client = Client::new();
        let cached = client.cache("O:SYG:SYD:P(A;;0x3;;;WD)");
        assert_eq!(text(cached), "O:SYG:SYD:P(A;;0x3;;;WD)");
        let again = client.cache("O:SYG:SYD:P(A;;0x3;;;WD)");
        assert_eq!(world.netio.descriptors(), 2);
        assert_eq!(client.release(cached), STATUS_SUCCESS);
        assert_eq!(client.release(again), STATUS_SUCCESS);
        assert_eq!(world.netio.descriptors(), 0);
        client.end();
    });
}

#[test]
fn what_is_no_descriptor_is_refused() {
    in_memory(|world| {
        let client = Client::new();
        assert_eq!(client.try_cache(ptr::null_mut()), Err(STATUS_INVALID_SECURITY_DESCR));
        let mut wrong = descriptor("D:P");
        // Another revision.
        wrong[0] += 1;
        assert_eq!(client.try_cache(wrong.as_mut_ptr().cast()), Err(STATUS_INVALID_SECURITY_DESCR));
        assert_eq!(client.release(ptr::null_mut()), STATUS_INVALID_SECURITY_DESCR);
        // Requests without the variables that they need.
        for code in [WSK_CACHE_SD, WSK_RELEASE_SD] {
            assert_eq!(client.control(code, ptr::null_mut()), STATUS_INVALID_PARAMETER);
        }
        assert_eq!(world.netio.descriptors(), 0);
        client.end();
    });
}

#[test]
fn a_socket_has_the_descriptor_that_it_was_given() {
    in_memory(|world| {
        let client = Client::new();
        let cached = client.cache("D:P(A;;0x3;;;BA)");
        let (status, information) = client.open_owned(ptr::null_mut(), cached).wait();
        assert_eq!(status, STATUS_SUCCESS);
        // From here on it is the socket's own.
        assert_eq!(client.release(cached), STATUS_SUCCESS);
        let socket = Socket(ptr::with_exposed_provenance_mut(information));
        let got = socket.security();
        assert_eq!(text(got), "D:P(A;;0x3;;;BA)");
        let other = client.cache("D:P(A;;0x3;;;WD)");
        assert_eq!(socket.set_security(other), STATUS_SUCCESS);
        assert_eq!(client.release(other), STATUS_SUCCESS);
        let replaced = socket.security();
        assert_eq!((text(got).as_str(), text(replaced).as_str()), ("D:P(A;;0x3;;;BA)", "D:P(A;;0x3;;;WD)"));
        // A close releases nothing.
        socket.close();
        assert_eq!(world.netio.descriptors(), 2);
        for descriptor in [got, replaced] {
            assert_eq!(client.release(descriptor), STATUS_SUCCESS);
        }
        client.end();
    });
}

#[test]
fn a_socket_without_a_descriptor_shares_with_nobody() {
    in_memory(|_| {
        let client = Client::new();
        let socket = client.bound("127.0.0.1:0");
        let got = socket.security();
        assert_eq!(text(got), "D:P");
        let set = socket.set_security(got);
        assert_eq!(set, STATUS_INVALID_DEVICE_STATE, "after the bind");
        assert_eq!(socket.set_security(ptr::null_mut()), STATUS_INVALID_SECURITY_DESCR);
        let control = |kind, input: &[u8], output: &mut [u8]| {
            socket.control(kind, SO_WSK_SECURITY, SOL_SOCKET, input, output)
        };
        assert_eq!(control(WskSetOption, &[0; 4], &mut []), (STATUS_BUFFER_TOO_SMALL, 0));
        assert_eq!(control(WskSetOption, &[0; 9], &mut []), (STATUS_INVALID_BUFFER_SIZE, 0));
        assert_eq!(control(WskGetOption, &[], &mut [0; 4]), (STATUS_BUFFER_TOO_SMALL, 0));
        let without_irp = socket.control_without_irp(WskSetOption, SO_WSK_SECURITY, SOL_SOCKET);
        assert_eq!(without_irp, STATUS_INVALID_PARAMETER);
        assert_eq!(client.release(got), STATUS_SUCCESS);
        socket.close();
        client.end();
    });
}

/// Binds to a specific address where the wildcard address is taken by a socket with a descriptor.
fn share(client: &Client, owner: Option<&str>, second: PEPROCESS) -> NTSTATUS {
    let first = client.socket(AF_INET);
    if let Some(owner) = owner {
        let cached = client.cache(owner);
        assert_eq!(first.set_security(cached), STATUS_SUCCESS);
        assert_eq!(client.release(cached), STATUS_SUCCESS);
    }
    assert_eq!(first.bind("0.0.0.0:0".parse().unwrap()), STATUS_SUCCESS);
    let port = first.local_address().port();
    let (status, information) = client.open_owned(second, ptr::null_mut()).wait();
    assert_eq!(status, STATUS_SUCCESS);
    let second = Socket(ptr::with_exposed_provenance_mut(information));
    let bound = second.bind(SocketAddr::from(([127, 0, 0, 1], port)));
    second.close();
    first.close();
    bound
}

#[test]
fn the_first_sockets_descriptor_decides_who_shares_its_address() {
    everywhere(|_| {
        let client = Client::new();
        // Of this process, the system's.
        let system = ptr::null_mut();
        assert_eq!(share(&client, None, system), STATUS_ACCESS_DENIED);
        assert_eq!(share(&client, Some("D:P"), system), STATUS_ACCESS_DENIED);
        assert_eq!(share(&client, Some("D:P(A;;GA;;;SY)"), system), STATUS_SUCCESS);
        assert_eq!(share(&client, Some("D:P(D;;GA;;;SY)(A;;GA;;;WD)"), system), STATUS_ACCESS_DENIED);
        assert_eq!(share(&client, Some("D:NO_ACCESS_CONTROL"), system), STATUS_SUCCESS);
        client.end();
    });
}

#[test]
fn the_owning_process_is_who_is_asked() {
    in_memory(|world| {
        let client = Client::new();
        let (administrator, user) =
            (world.machine.process(Token::Administrator), world.machine.process(Token::User));
        let only_administrators = Some("D:P(A;;GA;;;BA)");
        assert_eq!(share(&client, only_administrators, administrator.object()), STATUS_SUCCESS);
        assert_eq!(share(&client, only_administrators, user.object()), STATUS_ACCESS_DENIED);
        let only_users = Some("D:P(A;;GA;;;BU)");
        assert_eq!(share(&client, only_users, user.object()), STATUS_SUCCESS);
        assert_eq!(share(&client, only_users, ptr::null_mut()), STATUS_ACCESS_DENIED);
        client.end();
    });
}
