//! Lack of memory, once at each place where it can strike: a status, an IRP that completes, and nothing left behind.

use std::net::SocketAddr;

use crate::support::{Client, Socket, World};
use ::netio::Completion;
use ::netio::memory::Net;
use wsk_sys::*;

/// Everything a client does; ends at the first failure.
fn everything(client: &Client, sockets: &mut Vec<Socket>) -> Result<(), NTSTATUS> {
    let check = |status| if status == STATUS_SUCCESS { Ok(()) } else { Err(status) };
    let socket = client.try_socket(AF_INET)?;
    sockets.push(socket);
    check(socket.set(SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 1))?;
    check(socket.bind("127.0.0.1:0".parse().unwrap()))?;
    let local: SocketAddr = socket.try_local_address()?;
    check(socket.set_address(SIO_WSK_SET_REMOTE_ADDRESS, Some(local)))?;
    socket.try_send(b"x", None)?;
    assert_eq!(socket.receive(10)?.bytes, b"x");
    Ok(())
}

#[test]
fn every_fault_point_fails_cleanly() {
    for mode in [Completion::Inline, Completion::Deferred] {
        let mut names = Vec::new();
        for n in 0.. {
            let world = World::new(Some(Net::new()), mode);
            let entered = world.machine.enter();
            let (fault, failed) = strike(&world, n);
            drop(entered);
            assert_eq!((world.netio.sockets(), world.netio.registrations()), (0, 0));
            world.machine.shutdown();
            match fault {
                Some(name) => {
                    // A function of the provider passes its failure on; the test tries its own allocations again.
                    assert!(failed || !name.starts_with("Wsk"), "{name} was made to fail and did not");
                    if failed {
                        names.push(name);
                    }
                }
                None => break,
            }
        }
        for expected in [
            "PsCreateSystemThread",
            "WskRegister",
            "WskCaptureProviderNPI",
            "WskSocket",
            "ExAllocatePool2",
            "WskControlSocket",
            "WskBind",
            "WskGetLocalAddress",
            "WskSendTo",
            "WskReceiveFrom",
        ] {
            assert!(names.contains(&expected), "{expected} was not among {names:?}");
        }
    }
}

/// Lets the n-th fault point fail; returns its name, or none if there are fewer, and whether the client noticed.
fn strike(world: &World, n: u64) -> (Option<&'static str>, bool) {
    let faults = world.machine.faults();
    faults.fail_nth(n);
    let client = match Client::try_new() {
        Ok(client) => client,
        Err(status) => {
            assert_eq!(status, STATUS_INSUFFICIENT_RESOURCES);
            return (faults.fired(), true);
        }
    };
    let mut sockets = Vec::new();
    let result = everything(&client, &mut sockets);
    let fired = faults.fired();
    assert!(result.is_ok() || (result, fired.is_some()) == (Err(STATUS_INSUFFICIENT_RESOURCES), true));
    for socket in sockets {
        socket.close();
    }
    client.end();
    (faults.fired(), result.is_err())
}
