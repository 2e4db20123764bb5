//! No request can hang: each kind is left pending, and then cancelled, limited in time, closed under, killed with its
//! process, unloaded under. It ends each time, and nothing of it is left.
//!
//! Some kinds wait by themselves; the others would end at once, and are held by the hosted WSK.

use std::thread;
use std::time::Duration;

use crate::common::{Completion, READ_WRITE, Rig, SOON, eventually, session};
use netio::Hold;
use ntos::Token;
use wsk_sys::{
    NT_SUCCESS, NTSTATUS, SIO_ADDRESS_LIST_CHANGE, SIO_WSK_SET_SENDTO_ADDRESS, SO_BROADCAST, SOL_SOCKET,
    STATUS_CANCELLED, STATUS_IO_TIMEOUT,
};
use wskctl::device::{Handle, Pending};
use wskctl::{Family, Session};
use wskdrv_abi::{self as abi, address};
use zerocopy::IntoBytes;

/// What a request of a kind needs of its handle.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    Socket,
    Bound,
    Enabled,
}

/// A kind of request that can be pending.
struct Kind {
    name: &'static str,
    code: u32,
    needs: Needs,
    /// The WSK function that is held; none if the request waits by itself.
    held: Option<&'static str>,
    /// The input, with this time limit.
    input: fn(u32) -> Vec<u8>,
    output: usize,
}

const ANY: &str = "127.0.0.1:0";
const ELSEWHERE: &str = "127.0.0.1:9";

fn sockaddr(text: &str) -> Vec<u8> {
    let (bytes, length) = address::encode(text.parse().expect("an address"));
    bytes[..length].to_vec()
}

fn words(words: &[u32]) -> Vec<u8> {
    words.as_bytes().to_vec()
}

const KINDS: &[Kind] = &[
    Kind {
        name: "create",
        code: abi::IOCTL_WSKDRV_CREATE,
        needs: Needs::Nothing,
        held: Some("WskSocket"),
        input: |limit| words(&[limit, abi::AF_INET.into()]),
        output: 0,
    },
    Kind {
        name: "bind",
        code: abi::IOCTL_WSKDRV_BIND,
        needs: Needs::Socket,
        held: Some("WskBind"),
        input: |limit| [words(&[limit, 0]), sockaddr(ANY)].concat(),
        output: 0,
    },
    Kind {
        name: "local address",
        code: abi::IOCTL_WSKDRV_LOCAL_ADDRESS,
        needs: Needs::Bound,
        held: Some("WskGetLocalAddress"),
        input: |limit| words(&[limit, 0]),
        output: abi::MAX_SOCKADDR_LENGTH,
    },
    Kind {
        name: "get option",
        code: abi::IOCTL_WSKDRV_GET_OPTION,
        needs: Needs::Socket,
        held: Some("WskControlSocket"),
        input: |limit| words(&[limit, SOL_SOCKET, SO_BROADCAST, 0]),
        output: 4,
    },
    Kind {
        name: "set option",
        code: abi::IOCTL_WSKDRV_SET_OPTION,
        needs: Needs::Socket,
        held: Some("WskControlSocket"),
        input: |limit| words(&[limit, SOL_SOCKET, SO_BROADCAST, 0, 1]),
        output: 0,
    },
    Kind {
        name: "IOCTL",
        code: abi::IOCTL_WSKDRV_IOCTL,
        needs: Needs::Bound,
        held: Some("WskControlSocket"),
        input: |limit| [words(&[limit, SIO_WSK_SET_SENDTO_ADDRESS]), sockaddr(ELSEWHERE)].concat(),
        output: 0,
    },
    Kind {
        name: "raw control",
        code: abi::IOCTL_WSKDRV_RAW_CONTROL,
        needs: Needs::Socket,
        held: Some("WskControlSocket"),
        input: |limit| words(&[limit, abi::RAW_GET_OPTION, SO_BROADCAST, SOL_SOCKET]),
        output: 4,
    },
    Kind {
        name: "send",
        code: abi::IOCTL_WSKDRV_SEND,
        needs: Needs::Bound,
        held: Some("WskSendTo"),
        input: |limit| [words(&[limit, 0, 1, 16, 0, 0, 100]), sockaddr(ELSEWHERE)].concat(),
        output: 100,
    },
    Kind {
        name: "send many",
        code: abi::IOCTL_WSKDRV_SEND,
        needs: Needs::Bound,
        held: Some("WskSendMessages"),
        input: |limit| [words(&[limit, 0, 2, 16, 0, 0, 50, 50]), sockaddr(ELSEWHERE)].concat(),
        output: 100,
    },
    Kind {
        name: "receive",
        code: abi::IOCTL_WSKDRV_RECEIVE,
        needs: Needs::Bound,
        held: None,
        input: |limit| words(&[limit, 1, 32, 0]),
        output: 100,
    },
    Kind {
        name: "receive many",
        code: abi::IOCTL_WSKDRV_RECEIVE,
        needs: Needs::Bound,
        held: None,
        input: |limit| words(&[limit, 3, 48, 0]),
        output: 16 + 3 * 96,
    },
    Kind {
        name: "drain",
        code: abi::IOCTL_WSKDRV_DRAIN,
        needs: Needs::Enabled,
        held: None,
        input: |limit| words(&[limit, 0]),
        output: 1000,
    },
    Kind {
        name: "disable the receive event",
        code: abi::IOCTL_WSKDRV_DISABLE_RECEIVE,
        needs: Needs::Enabled,
        held: Some("WskControlSocket"),
        input: |limit| words(&[limit, abi::DISABLE_AND_WAIT]),
        output: size_of::<abi::Disabled>(),
    },
    Kind {
        name: "wait for a change of the addresses",
        code: abi::IOCTL_WSKDRV_IOCTL,
        needs: Needs::Socket,
        held: None,
        input: |limit| words(&[limit, SIO_ADDRESS_LIST_CHANGE]),
        output: 0,
    },
    Kind {
        name: "wait for a change of the transports",
        code: abi::IOCTL_WSKDRV_TRANSPORT_CHANGE,
        needs: Needs::Nothing,
        held: None,
        input: |limit| words(&[limit, 0]),
        output: 0,
    },
    Kind {
        name: "wait for a change of the transports that has not begun",
        code: abi::IOCTL_WSKDRV_TRANSPORT_CHANGE,
        needs: Needs::Bound,
        held: Some("WskControlClient"),
        input: |limit| words(&[limit, 0]),
        output: 0,
    },
    Kind {
        name: "set the security descriptor",
        code: abi::IOCTL_WSKDRV_SET_SECURITY,
        needs: Needs::Socket,
        held: Some("WskControlSocket"),
        // Without lists and identifiers.
        input: |limit| [words(&[limit, 0]), words(&[0x8000_0001, 0, 0, 0, 0])].concat(),
        output: 0,
    },
    Kind {
        name: "get the security descriptor",
        code: abi::IOCTL_WSKDRV_GET_SECURITY,
        needs: Needs::Socket,
        held: Some("WskControlSocket"),
        input: |limit| words(&[limit, 0]),
        output: 100,
    },
];

/// The codes whose requests the driver answers in the call.
const IMMEDIATE: &[u32] = &[
    abi::IOCTL_WSKDRV_VERSION,
    abi::IOCTL_WSKDRV_STATISTICS,
    abi::IOCTL_WSKDRV_PROVIDER,
    abi::IOCTL_WSKDRV_TRANSPORTS,
    abi::IOCTL_WSKDRV_ENABLE_RECEIVE,
    // It waits for its own requests to WSK, each with a limit.
    abi::IOCTL_WSKDRV_PROBE,
];

const MODES: &[Completion] = &[Completion::Inline, Completion::Deferred, Completion::Delayed { seed: 11 }];

#[test]
fn every_code_is_answered_at_once_or_is_a_kind_here() {
    for code in abi::code::CODES {
        let kind = KINDS.iter().any(|kind| kind.code == code.value);
        assert!(kind != IMMEDIATE.contains(&code.value), "{}", code.name);
    }
}

#[test]
fn every_kind_that_waits_by_itself_can_be_left_to_another_process() {
    let sorted = |codes: &mut dyn Iterator<Item = u32>| {
        let mut codes: Vec<_> = codes.collect();
        codes.sort_unstable();
        codes
    };
    let here = sorted(&mut KINDS.iter().filter(|kind| kind.held.is_none()).map(|kind| kind.code));
    let of_a_process = wskctl::conformance::KINDS.iter().filter(|kind| kind.waits());
    assert_eq!(here, sorted(&mut of_a_process.map(|kind| kind.code)));
}

impl Kind {
    /// Brings a new handle as far as the request needs.
    fn prepare(&self, session: &Session) {
        if self.needs == Needs::Nothing {
            return;
        }
        session.create(Family::V4).expect("created");
        if self.needs == Needs::Socket {
            return;
        }
        session.bind(ANY.parse().expect("an address")).expect("bound");
        if self.needs == Needs::Enabled {
            session.enable_receive(4096).expect("enabled");
        }
    }

    fn begin(&self, handle: &Handle, limit: Option<Duration>) -> Pending {
        let limit = limit.map_or(abi::NO_TIMEOUT, |limit| u32::try_from(limit.as_millis()).expect("short"));
        handle.begin(self.code, (self.input)(limit), vec![0; self.output])
    }

    /// Leaves a request pending on a new handle of `process`, for as long as the hold is kept.
    fn leave(&self, rig: &Rig, session: &Session, limit: Option<Duration>) -> (Option<Hold>, Pending) {
        self.prepare(session);
        let hold = self.held.map(|function| rig.netio.hold(function));
        let pending = self.begin(session.handle(), limit);
        if limit.is_none() {
            match &hold {
                Some(hold) => eventually("the request is held", || hold.held() == 1),
                None => thread::sleep(Duration::from_millis(2)),
            }
            assert!(!pending.is_done(), "{} waits", self.name);
        }
        (hold, pending)
    }

    fn ended(&self, pending: Pending) -> NTSTATUS {
        let Ok(completed) = pending.wait_for(SOON) else { panic!("{} hangs", self.name) };
        assert_eq!(completed.information, 0, "{}", self.name);
        completed.status
    }
}

/// Runs a test of each kind in each mode, on a kernel of its own for each mode.
fn each(test: impl Fn(&Rig, &Kind)) {
    for mode in MODES {
        let rig = Rig::memory(*mode);
        for kind in KINDS {
            println!("{mode:?}: {}", kind.name);
            test(&rig, kind);
            rig.eventually_idle();
            assert_eq!(rig.netio.descriptors(), 0, "{}", kind.name);
        }
        rig.finish();
    }
}

/// That the handle goes on working, and the request, if it need not wait, is done.
fn goes_on(kind: &Kind, session: &Session) {
    if kind.held.is_some() && kind.code != abi::IOCTL_WSKDRV_TRANSPORT_CHANGE {
        let again = kind.begin(session.handle(), Some(SOON)).wait_for(SOON);
        let Ok(again) = again else { panic!("{} hangs the second time", kind.name) };
        assert!(NT_SUCCESS(again.status), "{} again: {:#x}", kind.name, again.status);
    }
    session.version().expect("an answer");
}

#[test]
fn each_kind_can_be_cancelled() {
    each(|rig, kind| {
        let session = rig.open();
        let (hold, pending) = kind.leave(rig, &session, None);
        pending.cancel();
        assert_eq!(kind.ended(pending), STATUS_CANCELLED, "{}", kind.name);
        drop(hold);
        goes_on(kind, &session);
    });
}

#[test]
fn each_kind_can_be_cancelled_with_everything_on_the_handle() {
    each(|rig, kind| {
        let session = rig.open();
        let (hold, pending) = kind.leave(rig, &session, None);
        session.handle().cancel_all();
        assert_eq!(kind.ended(pending), STATUS_CANCELLED, "{}", kind.name);
        drop(hold);
        goes_on(kind, &session);
    });
}

#[test]
fn each_kind_ends_when_its_time_has_passed() {
    each(|rig, kind| {
        for limit in [0, 10] {
            let session = rig.open();
            let (hold, pending) = kind.leave(rig, &session, Some(Duration::from_millis(limit)));
            assert_eq!(kind.ended(pending), STATUS_IO_TIMEOUT, "{} within {limit} ms", kind.name);
            drop(hold);
            goes_on(kind, &session);
        }
    });
}

#[test]
fn each_kind_ends_with_its_handle() {
    each(|rig, kind| {
        let session = rig.open();
        let (hold, pending) = kind.leave(rig, &session, None);
        session.close();
        assert_eq!(kind.ended(pending), STATUS_CANCELLED, "{}", kind.name);
        // Nothing needs the hold to end.
        rig.eventually_idle();
        drop(hold);
    });
}

#[test]
fn each_kind_ends_with_its_process() {
    each(|rig, kind| {
        let process = rig.machine.process(Token::Administrator);
        let file = process.create_file(abi::USER_PATH, READ_WRITE).expect("opened");
        let victim = session(file);
        let (hold, pending) = kind.leave(rig, &victim, None);
        process.kill();
        assert_eq!(kind.ended(pending), STATUS_CANCELLED, "{}", kind.name);
        rig.eventually_idle();
        drop(hold);
        drop(victim);
    });
}

#[test]
fn each_kind_holds_an_unload_up_until_its_handle_is_closed() {
    for mode in MODES {
        for kind in KINDS {
            println!("{mode:?}: {}", kind.name);
            let mut rig = Rig::memory(*mode);
            let session = rig.open();
            let (hold, pending) = kind.leave(&rig, &session, None);
            let closer = thread::spawn(move || {
                thread::sleep(Duration::from_millis(10));
                let waited = !pending.is_done();
                session.close();
                (waited, pending)
            });
            // Waits for the handle, then unloads with the socket's close still under way.
            rig.unload();
            let (waited, pending) = closer.join().expect("the closer ends");
            assert!(waited, "the unload does not end {}", kind.name);
            assert_eq!(kind.ended(pending), STATUS_CANCELLED, "{}", kind.name);
            drop(hold);
            rig.finish();
        }
    }
}
