//! What the methods of a session ask, byte for byte, and what they make of the answers.

use std::net::SocketAddr;
use std::time::Duration;

use wsk_sys::{SO_REUSEADDR, SOL_SOCKET, STATUS_ADDRESS_ALREADY_EXISTS, STATUS_IO_TIMEOUT};
use wskdrv_abi as abi;
use zerocopy::IntoBytes;

use super::Session;
use crate::device::fake::{Answer, Asked, Fake};
use crate::error::Error;
use crate::family::Family;

fn session(answers: impl IntoIterator<Item = Answer>) -> (Fake, Session) {
    let fake = Fake::answering(answers);
    let handle = fake.device().open().unwrap();
    (fake, Session::new(handle).within(Duration::from_millis(0x0102)))
}

fn asked(ask: impl FnOnce(&Session)) -> Asked {
    let (fake, session) = session([]);
    ask(&session);
    let mut asked = fake.asked();
    assert_eq!(asked.len(), 1);
    asked.remove(0)
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

const LIMIT: u32 = 0x0102;

fn v4() -> SocketAddr {
    "127.0.0.1:258".parse().unwrap()
}

const V4_BYTES: [u8; 16] = [2, 0, 1, 2, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];

#[test]
fn requests_are_laid_out_as_the_contract_says() {
    let create = asked(|session| session.create(Family::V6).unwrap());
    assert_eq!((create.code, create.input), (0x8057_E004, words(&[LIMIT, 23])));

    let bind = asked(|session| session.bind(v4()).unwrap());
    assert_eq!((bind.code, bind.input), (0x8057_A008, [words(&[LIMIT, 0]), V4_BYTES.to_vec()].concat()));

    let set = asked(|session| session.set_option(SOL_SOCKET, SO_REUSEADDR, &[1, 0, 0, 0]).unwrap());
    assert_eq!((set.code, set.input), (0x8057_A014, words(&[LIMIT, 0xFFFF, 4, 0, 1])));

    let remote = asked(|session| session.set_remote_address(Some(v4())).unwrap());
    let input = [words(&[LIMIT, 0x8F00_0001]), V4_BYTES.to_vec()].concat();
    assert_eq!((remote.code, remote.input), (0x8057_E018, input));

    let clear = asked(|session| session.set_sendto_address(None).unwrap());
    assert_eq!((clear.code, clear.input), (0x8057_E018, words(&[LIMIT, 0x8F00_0006])));

    let raw = asked(|session| drop(session.raw(abi::RAW_GET_OPTION, 7, 17, &[9], 3).unwrap()));
    assert_eq!((raw.code, raw.input), (0x8057_E01C, [words(&[LIMIT, 1, 7, 17]), vec![9]].concat()));
    assert_eq!(raw.output, [0, 0, 0]);
}

#[test]
fn requests_of_the_client_are_laid_out_as_the_contract_says() {
    let change = asked(|session| session.wait_for_transports().unwrap());
    assert_eq!((change.code, change.input), (0x8057_6048, words(&[LIMIT, 0])));
    let change = asked(|session| session.wait_for_addresses().unwrap());
    assert_eq!((change.code, change.input), (0x8057_E018, words(&[LIMIT, 0x2800_0017])));
    let security = asked(|session| session.set_security(b"bytes").unwrap());
    assert_eq!(
        (security.code, security.input),
        (0x8057_A04C, [words(&[LIMIT, 0]), b"bytes".to_vec()].concat())
    );
    let security = asked(|session| drop(session.security()));
    assert_eq!(
        (security.code, security.input, security.output.len()),
        (0x8057_6050, words(&[LIMIT, 0]), 4096)
    );
    let entry = [0, 1, 2, 0, 17, 0, 0, 0, 2, 0, 0, 0].into_iter().chain(1..=16).collect::<Vec<u8>>();
    let (_, good) = session([(0, entry.repeat(2))]);
    let transports = good.transports().unwrap();
    assert_eq!(transports.len(), 2);
    assert_eq!((transports[1].version, transports[1].protocol, transports[1].family), (0x0100, 17, 2));
    let (_, cut) = session([(0, entry[..27].to_vec())]);
    assert!(matches!(cut.transports(), Err(Error::Reply { .. })));
}

#[test]
fn the_payload_of_a_send_is_the_output_buffer() {
    let fixed = asked(|session| drop(session.send(b"data", None)));
    let head = words(&[LIMIT, 0, 1, 0, 0, 0, 4]);
    assert_eq!(fixed, Asked { code: 0x8057_A021, input: head, output: b"data".to_vec() });
    let to = asked(|session| drop(session.send(b"", Some(v4()))));
    assert_eq!(to.input, [words(&[LIMIT, 0, 1, 16, 0, 0, 0]), V4_BYTES.to_vec()].concat());
    assert_eq!(to.output, b"");
    let many = asked(|session| drop(session.send_many(&["one", "", "three"], Some(v4()), b"control")));
    let head = words(&[LIMIT, 0, 3, 16, 7, 0, 3, 0, 5]);
    assert_eq!(many.input, [&head[..], &V4_BYTES, b"control"].concat());
    assert_eq!(many.output, b"onethree");
}

#[test]
fn time_limits_become_milliseconds() {
    let limits = [
        (None, 0xFFFF_FFFF),
        (Some(Duration::ZERO), 0),
        (Some(Duration::from_secs(2)), 2000),
        (Some(Duration::from_secs(u64::MAX)), 0xFFFF_FFFE),
    ];
    for (limit, expected) in limits {
        let request = asked(|session| drop(session.within(limit).local_address()));
        assert_eq!(request.input, words(&[expected, 0]), "{limit:?}");
    }
}

#[test]
fn a_refusal_keeps_its_status_and_names_the_request() {
    let (_, session) = session([(STATUS_ADDRESS_ALREADY_EXISTS, Vec::new())]);
    let error = session.bind(v4()).unwrap_err();
    assert_eq!(error.status(), Some(STATUS_ADDRESS_ALREADY_EXISTS));
    assert!(
        error.to_string().starts_with("IOCTL_WSKDRV_BIND was refused with STATUS_ADDRESS_ALREADY_EXISTS")
    );
}

/// An output with one datagram.
fn reply(length: u32, address_length: u32, payload: &[u8]) -> Vec<u8> {
    let mut address = [0; 28];
    address[..16].copy_from_slice(&V4_BYTES);
    let list = abi::Datagrams { first: 16, reserved: 0, dropped: 9 };
    let head = abi::Received { next: 0, flags: 0x100, length, control_length: 0, address_length, address };
    [list.as_bytes(), head.as_bytes(), payload].concat()
}

#[test]
fn a_receive_brings_the_datagrams_of_its_output() {
    let (fake, session) =
        session([(0, reply(3, 16, b"abc")), (0, reply(2, 16, b"de")), (0, reply(0, 16, b""))]);
    let datagram = session.receive(3).unwrap();
    assert_eq!((datagram.from, datagram.flags, &datagram.data[..]), (v4(), 0x100, &b"abc"[..]));
    let room = crate::session::Room { datagrams: 2, payload: 9, control: 24 };
    assert_eq!(session.receive_many(room).unwrap()[0].data, b"de");
    assert_eq!(session.drain(100).unwrap().dropped, 9);
    let asked = fake.asked().into_iter().map(|asked| (asked.code, asked.input, asked.output.len()));
    assert_eq!(
        asked.collect::<Vec<_>>(),
        [
            (0x8057_6026, words(&[LIMIT, 1, 3, 0]), 16 + 48 + 8),
            (0x8057_6026, words(&[LIMIT, 2, 9, 24]), 16 + 2 * (48 + 16 + 24)),
            (0x8057_6042, words(&[LIMIT, 0]), 100),
        ]
    );
}

#[test]
fn a_datagram_that_is_not_as_agreed_is_an_error() {
    let none = abi::Datagrams { first: 0, reserved: 0, dropped: 0 }.as_bytes().to_vec();
    for bytes in [reply(4, 16, b"abc"), reply(3, 29, b"abc"), reply(3, 15, b"abc"), vec![0; 15], none] {
        let (_, session) = session([(0, bytes)]);
        assert!(matches!(session.receive(16), Err(Error::Reply { code: abi::IOCTL_WSKDRV_RECEIVE, .. })));
    }
    let (_, session) = session([(STATUS_IO_TIMEOUT, Vec::new())]);
    assert_eq!(session.receive(16).unwrap_err().status(), Some(STATUS_IO_TIMEOUT));
}

#[test]
fn structures_must_have_their_size() {
    let (_, good) = session([(0, vec![1, 0, 2, 0, 0, 0, 0, 0])]);
    let provider = good.provider().unwrap();
    assert_eq!((provider.lowest_version, provider.highest_version), (1, 2));
    let (_, short) = session([(0, vec![1, 0, 2, 0])]);
    assert!(matches!(short.provider(), Err(Error::Reply { .. })));
}
