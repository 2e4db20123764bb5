//! The highest IRQL of each function, of each control request and of each routine that WSK calls, row by row: a call above it is
//! caught, one at it is not.
#![cfg(not(miri))]
#![allow(
    unsafe_code,
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block,
    reason = "the calls of the wrong clients, whose wrongness is the point"
)]

use std::ptr;

use crate::support::{
    self, Address, Buffer, Client, EVENTS, Request, Sink, Socket, UNSERVED, Unserved, World, block, capture,
    free_block, in_memory, register, sending_at, until,
};
use ::netio::functions::{FUNCTIONS, Function, PASSIVE_IOCTLS, ROUTINES};
use ::netio::memory::Net;
use ::netio::{Completion, rules};
use wsk_requests::{IrpRule, Kind, MaxIrql, ROWS, Row};
use wsk_sys::*;

/// Calls at a level, and lowers it again.
fn at<T>(level: KIRQL, call: impl FnOnce() -> T) -> T {
    let old = unsafe { KfRaiseIrql(level) };
    let result = call();
    unsafe { KeLowerIrql(old) };
    result
}

/// The lowest level above a limit.
fn above(limit: KIRQL) -> KIRQL {
    limit + 1
}

/// A client with a bound socket.
struct Ready {
    client: Client,
    socket: Socket,
}

impl Ready {
    fn new() -> Ready {
        let client = Client::new();
        let socket = client.bound("127.0.0.1:0");
        Ready { client, socket }
    }

    fn end(self) {
        self.socket.close();
        self.client.end();
    }
}

/// Prepares a call of a function, makes it at a level, and cleans up after it. All but the level is right.
type Call = fn(&Ready, KIRQL);

const CALLS: &[(&str, Call)] = &[
    ("WskRegister", |_, level| {
        let block = block();
        assert_eq!(at(level, || register(block, &support::DISPATCH)), STATUS_SUCCESS);
        unsafe { WskDeregister(block) };
        free_block(block);
    }),
    ("WskDeregister", |_, level| {
        let block = block();
        assert_eq!(register(block, &support::DISPATCH), STATUS_SUCCESS);
        at(level, || unsafe { WskDeregister(block) });
        free_block(block);
    }),
    ("WskCaptureProviderNPI", |ready, level| {
        assert!(at(level, || capture(ready.client.registration, 1)).is_ok());
        unsafe { WskReleaseProviderNPI(ready.client.registration) };
    }),
    ("WskCaptureProviderNPI with WSK_NO_WAIT", |ready, level| {
        assert!(at(level, || capture(ready.client.registration, WSK_NO_WAIT)).is_ok());
        unsafe { WskReleaseProviderNPI(ready.client.registration) };
    }),
    ("WskReleaseProviderNPI", |ready, level| {
        assert!(capture(ready.client.registration, WSK_NO_WAIT).is_ok());
        at(level, || unsafe { WskReleaseProviderNPI(ready.client.registration) });
    }),
    ("WskQueryProviderCharacteristics", |ready, level| {
        let mut characteristics = WSK_PROVIDER_CHARACTERISTICS { HighestVersion: 0, LowestVersion: 0 };
        let block = ready.client.registration;
        let query = || unsafe { WskQueryProviderCharacteristics(block, &raw mut characteristics) };
        assert_eq!(at(level, query), STATUS_SUCCESS);
    }),
    ("WskSocket", |ready, level| {
        let open = || ready.client.open(AF_INET, SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_DATAGRAM_SOCKET);
        let (status, information) = sending_at(level, open).wait();
        assert_eq!(status, STATUS_SUCCESS);
        Socket(ptr::with_exposed_provenance_mut(information)).close();
    }),
    ("WskSocketConnect", |ready, level| unserved(ready, Unserved::SocketConnect, level)),
    ("WskGetAddressInfo", |ready, level| unserved(ready, Unserved::AddressInfo, level)),
    ("WskGetNameInfo", |ready, level| unserved(ready, Unserved::NameInfo, level)),
    ("WskFreeAddressInfo", |ready, level| at(level, || ready.client.free_address_info())),
    ("WskControlClient", |ready, level| {
        let change = || Request::start(|irp| ready.client.control(WSK_TRANSPORT_LIST_CHANGE, irp));
        let change = sending_at(level, change);
        // It finds no cancel routine while the request is on its way to where it waits.
        change.cancel();
        assert_eq!(change.wait().0, STATUS_CANCELLED);
    }),
    ("WskControlSocket", |ready, level| {
        let mut value = [0; 4];
        let get = || ready.socket.start_control(WskGetOption, SO_RCVBUF, SOL_SOCKET, &[], &mut value);
        assert_eq!(sending_at(level, get).wait(), (STATUS_SUCCESS, 4));
    }),
    ("WskCloseSocket", |ready, level| {
        let socket = ready.client.socket(AF_INET);
        assert_eq!(sending_at(level, || socket.start_close()).wait().0, STATUS_SUCCESS);
    }),
    ("WskBind", |ready, level| {
        let socket = ready.client.socket(AF_INET);
        let address = Address::new("127.0.0.1:0".parse().unwrap());
        assert_eq!(sending_at(level, || socket.start_bind(&address)).wait().0, STATUS_SUCCESS);
        socket.close();
    }),
    ("WskSendTo", |ready, level| {
        let (buffer, to) = (Buffer::new(b"hello"), Address::new("127.0.0.1:9".parse().unwrap()));
        let sent = sending_at(level, || ready.socket.start_send(buffer.wsk(), to.pointer())).wait();
        assert_eq!(sent, (STATUS_SUCCESS, 5));
    }),
    ("WskSendMessages", |ready, level| {
        let (buffer, to) = (Buffer::new(b"hello"), Address::new("127.0.0.1:9".parse().unwrap()));
        let wsk = unsafe { buffer.wsk().read() };
        let node = support::Pinned::new(WSK_BUF_LIST { Next: ptr::null_mut(), Buffer: wsk });
        let send = ready.socket.table().WskSendMessages.unwrap();
        let (socket, none) = (ready.socket.0, ptr::null_mut());
        let start =
            || Request::start(|irp| unsafe { send(socket, node.pointer(), 0, to.pointer(), 0, none, irp) });
        assert_eq!(sending_at(level, start).wait(), (STATUS_SUCCESS, 5));
    }),
    ("WskReceiveFrom", |ready, level| {
        let receive = sending_at(level, || ready.socket.start_receive(10));
        receive.request.cancel();
        assert_eq!(receive.wait(), Err(STATUS_CANCELLED));
    }),
    ("WskRelease", |ready, level| {
        let release = ready.socket.table().WskRelease.unwrap();
        // Nothing of the client's, and a status that says so.
        let status = at(level, || unsafe { release(ready.socket.0, ptr::null_mut()) });
        assert_eq!(status, STATUS_INVALID_PARAMETER);
    }),
    ("WskGetLocalAddress", |ready, level| {
        let address = Address::empty();
        let got = sending_at(level, || ready.socket.start_local_address(&address)).wait();
        assert_eq!(got.0, STATUS_SUCCESS);
    }),
];

fn unserved(ready: &Ready, function: Unserved, level: KIRQL) {
    let request = sending_at(level, || Request::start(|irp| ready.client.unserved(function, irp)));
    assert_eq!(request.wait(), (STATUS_NOT_SUPPORTED, 0));
}

fn call_of(function: &Function) -> Call {
    CALLS.iter().find(|call| call.0 == function.name).unwrap_or_else(|| panic!("no call of {function:?}")).1
}

/// Makes a call above its limit, which must be caught.
#[track_caller]
fn caught(limit: KIRQL, what: &str, wrong: impl FnOnce() + Send + 'static) {
    let expected = format!("{what} called at IRQL {}; at most {limit} is allowed", above(limit));
    World::new(Some(Net::new()), Completion::Deferred).catch(&rules::IRQL, &expected, wrong);
}

#[test]
fn each_function_above_its_limit() {
    for function in FUNCTIONS {
        let call = call_of(function);
        caught(function.irql, function.name, move || call(&Ready::new(), above(function.irql)));
    }
    assert_eq!(CALLS.len(), FUNCTIONS.len(), "a call without a function");
    assert_eq!(UNSERVED.len(), 3, "each is called");
}

#[test]
fn each_function_at_its_limit() {
    in_memory(|_| {
        let ready = Ready::new();
        for function in FUNCTIONS {
            call_of(function)(&ready, function.irql);
        }
        ready.end();
    });
}

fn limit_of(row: &Row) -> KIRQL {
    match row.max_irql {
        MaxIrql::Passive => PASSIVE_LEVEL,
        MaxIrql::Dispatch => DISPATCH_LEVEL,
    }
}

/// Makes a control request with nothing in its buffers, at a level, and waits for its end. How it ends does not matter.
fn control(ready: &Ready, row: &Row, level: KIRQL) {
    let without = row.irp == IrpRule::Null;
    let wait = |request: Request| {
        request.cancel();
        request.wait();
    };
    let with_irp = |kind, code, options: ULONG| {
        if without {
            at(level, || ready.socket.control_without_irp(kind, code, options));
        } else {
            wait(sending_at(level, || ready.socket.start_control(kind, code, options, &[], &mut [])));
        }
    };
    match row.kind {
        Kind::Option { level, name } => {
            for kind in [WskSetOption, WskGetOption] {
                with_irp(kind, name, level);
            }
        }
        Kind::Ioctl { code } => with_irp(WskIoctl, code, 0),
        Kind::Client { code } if without => {
            at(level, || ready.client.control(code, ptr::null_mut()));
        }
        Kind::Client { code } => {
            wait(sending_at(level, || Request::start(|irp| ready.client.control(code, irp))));
        }
    }
}

#[test]
fn each_control_request_above_its_limit() {
    for row in ROWS {
        let (limit, client) = (limit_of(row), matches!(row.kind, Kind::Client { .. }));
        let function = if client { "WskControlClient" } else { "WskControlSocket" };
        caught(limit, function, move || control(&Ready::new(), row, above(limit)));
    }
}

#[test]
fn each_control_request_at_its_limit() {
    in_memory(|_| {
        let ready = Ready::new();
        for row in ROWS {
            control(&ready, row, limit_of(row));
        }
        ready.end();
    });
}

/// Asks for an IOCTL that datagram sockets have not, at a level. It ends with a refusal.
fn foreign_ioctl(ready: &Ready, code: ULONG, level: KIRQL) {
    let start = || ready.socket.start_control(WskIoctl, code, 0, &[], &mut []);
    assert_ne!(sending_at(level, start).wait().0, STATUS_SUCCESS);
}

#[test]
fn ioctls_of_connections_whose_pages_say_passive_level() {
    for &code in PASSIVE_IOCTLS {
        let wrong = move || foreign_ioctl(&Ready::new(), code, DISPATCH_LEVEL);
        let expected = "WskControlSocket called at IRQL 2; at most 0 is allowed";
        World::new(Some(Net::new()), Completion::Deferred).catch(&rules::IRQL, expected, wrong);
    }
    in_memory(|_| {
        let ready = Ready::new();
        for &code in PASSIVE_IOCTLS {
            foreign_ioctl(&ready, code, PASSIVE_LEVEL);
        }
        // Its page has no level of its own.
        foreign_ioctl(&ready, SIO_WSK_SET_TCP_SILENT_MODE, DISPATCH_LEVEL);
        ready.end();
    });
}

#[test]
fn each_routine_is_called_at_its_limit_at_most() {
    let limit = |name| ROUTINES.iter().find(|routine| routine.name == name).expect("a row").irql;
    in_memory(|world| {
        let client = Client::new();
        let sink = Sink::new();
        let socket = client.listening("127.0.0.1:0", &raw const EVENTS, sink.context());
        assert_eq!(socket.event(WSK_EVENT_RECEIVE_FROM), STATUS_SUCCESS);
        let (irql, _) = socket.start_local_address(&Address::empty()).wait_for_circumstances();
        assert!(irql <= limit("IoCompletion"), "a completion routine at IRQL {irql}");
        world.peer("127.0.0.1:0").send(b"hello", socket.local_address());
        until("the callback is called", || !sink.calls().is_empty());
        let irql = sink.calls()[0].irql;
        assert!(irql <= limit("WskReceiveFromEvent"), "the callback at IRQL {irql}");
        socket.close();
        client.end();
    });
    assert_eq!(ROUTINES.len(), 2, "each is called");
}
