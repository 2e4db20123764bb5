//! The requests of the contract, and what can be wrong with one.

use arbitrary::Arbitrary;
use std::net::SocketAddr;

use wsk_cmsg::{Control, Message};
use wsk_requests::{Kind, ROWS, Row};
use wskdrv_abi::{self as abi, address, receive, reply, request, send};
use zerocopy::IntoBytes;

/// A request's time limit.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(super) enum Limit {
    None,
    /// Milliseconds, few.
    Short(u8),
}

impl Limit {
    fn milliseconds(self) -> u32 {
        match self {
            Limit::None => abi::NO_TIMEOUT,
            Limit::Short(short) => u32::from(short % 4),
        }
    }
}

/// An address of the machine or a group: few, so that what is sent arrives.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(super) enum Address {
    Loopback(u8),
    LoopbackV6(u8),
    Wildcard(u8),
    WildcardV6(u8),
    Group(u8),
    GroupV6(u8),
    Broadcast,
    Mapped(u8),
    Other { address: u32, port: u16 },
}

impl Address {
    pub(super) fn address(self) -> SocketAddr {
        // Port 0 is any.
        let at = |ip: &str, port: u8| {
            let port = if port == 0 { 0 } else { 7000 + u16::from(port % 4) };
            SocketAddr::new(ip.parse().expect("an address"), port)
        };
        match self {
            Address::Loopback(port) => at("127.0.0.1", port),
            Address::LoopbackV6(port) => at("::1", port),
            Address::Wildcard(port) => at("0.0.0.0", port),
            Address::WildcardV6(port) => at("::", port),
            Address::Group(port) => at("239.1.2.3", port),
            Address::GroupV6(port) => at("ff02::1:3", port),
            Address::Broadcast => at("255.255.255.255", 1),
            Address::Mapped(port) => at("::ffff:127.0.0.1", port),
            Address::Other { address, port } => SocketAddr::new(address.to_be_bytes().into(), port),
        }
    }

    fn bytes(self) -> Vec<u8> {
        let (bytes, length) = address::encode(self.address());
        bytes[..length].to_vec()
    }
}

/// Bytes of control information: whole messages, or anything.
#[derive(Arbitrary, Clone, Debug)]
pub(super) enum ControlInfo {
    None,
    TimeToLive(i32),
    HopLimit(i32),
    From { address: [u8; 4], interface: u32 },
    FromV6 { address: [u8; 16], interface: u32 },
    Size(u32),
    Two(i32, u32),
    Any(Vec<u8>),
}

impl ControlInfo {
    fn bytes(self) -> Vec<u8> {
        let mut control = Control::<128>::new();
        let messages: &[Message<'_>] = match self {
            ControlInfo::None => &[],
            ControlInfo::TimeToLive(hops) => &[Message::TimeToLive(hops)],
            ControlInfo::HopLimit(hops) => &[Message::HopLimit(hops)],
            ControlInfo::From { address, interface } => {
                &[Message::PacketInfo { address: address.into(), interface }]
            }
            ControlInfo::FromV6 { address, interface } => {
                &[Message::PacketInfo { address: address.into(), interface }]
            }
            ControlInfo::Size(size) => &[Message::SendMessageSize(size)],
            ControlInfo::Two(class, size) => &[Message::TypeOfService(class), Message::SendMessageSize(size)],
            ControlInfo::Any(mut bytes) => {
                bytes.truncate(300);
                return bytes;
            }
        };
        for message in messages {
            control.push(message).expect("there is room");
        }
        control.as_bytes().to_vec()
    }
}

/// A security descriptor: from text, or anything.
#[derive(Arbitrary, Clone, Debug)]
pub(super) enum Security {
    Text(u8),
    Any(Vec<u8>),
}

impl Security {
    fn bytes(self) -> Vec<u8> {
        const TEXTS: &[&str] =
            &["D:P(A;;GA;;;SY)(A;;GA;;;BA)", "D:", "O:SYG:SYD:P(D;;GA;;;WD)", "D:NO_ACCESS_CONTROL"];
        match self {
            Security::Text(which) => {
                let mut bytes = [0; 256];
                let text = TEXTS[usize::from(which) % TEXTS.len()];
                let length = wsk_descriptor::sddl::encode(text, &mut bytes).unwrap_or(0);
                bytes[..length].to_vec()
            }
            Security::Any(bytes) => bytes,
        }
    }
}

/// A request of the contract, as it should be.
#[derive(Arbitrary, Clone, Debug)]
pub(super) enum Request {
    Version,
    Create { v6: bool, limit: Limit },
    Bind { address: Address, limit: Limit },
    LocalAddress { limit: Limit },
    GetOption { row: u8, room: u8, limit: Limit },
    SetOption { row: u8, value: Vec<u8>, limit: Limit },
    SetNumber { row: u8, number: u8, limit: Limit },
    Ioctl { row: u8, value: Vec<u8>, limit: Limit },
    FixAddress { row: u8, address: Option<Address>, limit: Limit },
    Raw { kind: u8, row: u8, value: Vec<u8>, room: u8, limit: Limit },
    Send { lengths: Vec<u16>, to: Option<Address>, control: ControlInfo, limit: Limit },
    Receive { count: u8, payload: u16, control: u8, limit: Limit },
    Statistics,
    Provider,
    EnableReceive { eights: u16 },
    DisableReceive { soon: bool, limit: Limit },
    Drain { room: u16, limit: Limit },
    Transports { room: u8 },
    TransportChange { limit: Limit },
    SetSecurity { security: Security, limit: Limit },
    GetSecurity { room: u16, limit: Limit },
}

/// A request, as it goes to `DeviceIoControl`.
#[derive(Debug)]
pub(super) struct Bytes {
    pub(super) code: u32,
    pub(super) input: Vec<u8>,
    pub(super) output: Vec<u8>,
}

fn row(which: u8, right: impl Fn(&Row) -> bool) -> &'static Row {
    let rows: Vec<&Row> = ROWS.iter().filter(|row| right(row)).collect();
    rows[usize::from(which) % rows.len()]
}

/// Level and number of an option.
fn option(which: u8) -> (u32, u32) {
    match row(which, |row| matches!(row.kind, Kind::Option { .. })).kind {
        Kind::Option { level, name } => (level, name),
        Kind::Ioctl { code } | Kind::Client { code } => (0, code),
    }
}

fn ioctl(which: u8) -> u32 {
    row(which, |row| matches!(row.kind, Kind::Ioctl { .. })).number()
}

fn words(words: &[u32]) -> Vec<u8> {
    words.as_bytes().to_vec()
}

impl Request {
    /// As it goes to `DeviceIoControl`.
    pub(super) fn bytes(self) -> Bytes {
        let timed = |limit: Limit| words(&[limit.milliseconds(), 0]);
        let (code, input, output) = match self {
            Request::Version => (abi::IOCTL_WSKDRV_VERSION, Vec::new(), size_of::<reply::Version>()),
            Request::Create { v6, limit } => {
                let family = if v6 { abi::AF_INET6 } else { abi::AF_INET };
                let head = request::Create { timeout_ms: limit.milliseconds(), family, reserved: 0 };
                (abi::IOCTL_WSKDRV_CREATE, head.as_bytes().to_vec(), 0)
            }
            Request::Bind { address, limit } => {
                (abi::IOCTL_WSKDRV_BIND, [timed(limit), address.bytes()].concat(), 0)
            }
            Request::LocalAddress { limit } => {
                (abi::IOCTL_WSKDRV_LOCAL_ADDRESS, timed(limit), abi::MAX_SOCKADDR_LENGTH)
            }
            Request::GetOption { row, room, limit } => {
                let (level, name) = option(row);
                let input = words(&[limit.milliseconds(), level, name, 0]);
                (abi::IOCTL_WSKDRV_GET_OPTION, input, room.into())
            }
            Request::SetOption { row, value, limit } => set_option(row, &value, limit),
            Request::SetNumber { row, number, limit } => {
                set_option(row, &u32::from(number).to_ne_bytes(), limit)
            }
            Request::Ioctl { row, value, limit } => {
                let input = [words(&[limit.milliseconds(), ioctl(row)]), value].concat();
                (abi::IOCTL_WSKDRV_IOCTL, input, 256)
            }
            Request::FixAddress { row, address, limit } => {
                let value = address.map(Address::bytes).unwrap_or_default();
                let input = [words(&[limit.milliseconds(), ioctl(row)]), value].concat();
                (abi::IOCTL_WSKDRV_IOCTL, input, 0)
            }
            Request::Raw { kind, row, value, room, limit } => {
                let kind = u32::from(kind % 3);
                let (level, code) = if kind == abi::RAW_IOCTL { (0, ioctl(row)) } else { option(row) };
                let input = [words(&[limit.milliseconds(), kind, code, level]), value].concat();
                (abi::IOCTL_WSKDRV_RAW_CONTROL, input, room.into())
            }
            Request::Send { lengths, to, control, limit } => send_bytes(lengths, to, control, limit),
            Request::Receive { count, payload, control, limit } => {
                let head = receive::Receive {
                    timeout_ms: limit.milliseconds(),
                    count: u32::from(count % 17),
                    payload_room: u32::from(payload % 4096),
                    control_room: control.into(),
                };
                (abi::IOCTL_WSKDRV_RECEIVE, head.as_bytes().to_vec(), head.size().unwrap_or(16))
            }
            Request::Statistics => (abi::IOCTL_WSKDRV_STATISTICS, Vec::new(), size_of::<reply::Statistics>()),
            Request::Provider => (abi::IOCTL_WSKDRV_PROVIDER, Vec::new(), size_of::<reply::Provider>()),
            Request::EnableReceive { eights } => {
                let capacity = 1024 + 8 * u32::from(eights % 1024);
                (abi::IOCTL_WSKDRV_ENABLE_RECEIVE, words(&[capacity, 0]), 0)
            }
            Request::DisableReceive { soon, limit } => {
                let form = if soon { abi::DISABLE_SOON } else { abi::DISABLE_AND_WAIT };
                let input = words(&[limit.milliseconds(), form]);
                (abi::IOCTL_WSKDRV_DISABLE_RECEIVE, input, size_of::<abi::Disabled>())
            }
            Request::Drain { room, limit } => {
                (abi::IOCTL_WSKDRV_DRAIN, timed(limit), usize::from(room % 8192))
            }
            Request::Transports { room } => (abi::IOCTL_WSKDRV_TRANSPORTS, Vec::new(), 4 * usize::from(room)),
            Request::TransportChange { limit } => (abi::IOCTL_WSKDRV_TRANSPORT_CHANGE, timed(limit), 0),
            Request::SetSecurity { security, limit } => {
                (abi::IOCTL_WSKDRV_SET_SECURITY, [timed(limit), security.bytes()].concat(), 0)
            }
            Request::GetSecurity { room, limit } => {
                (abi::IOCTL_WSKDRV_GET_SECURITY, timed(limit), usize::from(room % 5000))
            }
        };
        Bytes { code, input, output: vec![0xA5; output] }
    }
}

fn set_option(row: u8, value: &[u8], limit: Limit) -> (u32, Vec<u8>, usize) {
    let (level, name) = option(row);
    let input = [&words(&[limit.milliseconds(), level, name, 0]), value].concat();
    (abi::IOCTL_WSKDRV_SET_OPTION, input, 0)
}

fn send_bytes(
    mut lengths: Vec<u16>,
    to: Option<Address>,
    control: ControlInfo,
    limit: Limit,
) -> (u32, Vec<u8>, usize) {
    lengths.truncate(abi::SEND_MAX + 1);
    let lengths: Vec<u32> = lengths.into_iter().map(|length| u32::from(length % 2048)).collect();
    let (to, control) = (to.map(Address::bytes).unwrap_or_default(), control.bytes());
    let size = |bytes: &[u8]| u32::try_from(bytes.len()).expect("few");
    let head = send::Send {
        timeout_ms: limit.milliseconds(),
        flags: 0,
        count: u32::try_from(lengths.len()).expect("few"),
        address_length: size(&to),
        control_length: size(&control),
        reserved: 0,
    };
    let payload = lengths.iter().sum::<u32>() as usize;
    (abi::IOCTL_WSKDRV_SEND, [head.as_bytes().to_vec(), words(&lengths), to, control].concat(), payload)
}

/// What is wrong with a request.
#[derive(Arbitrary, Clone, Debug)]
pub(super) enum Spoiled {
    /// Its input is cut.
    Cut(u8),
    /// Bytes follow its input.
    Longer(Vec<u8>),
    /// A byte of its input is another.
    Byte { at: u8, other: u8 },
    /// A field of its input is another.
    Word { at: u8, other: u32 },
    /// It has another room for the output.
    Room(u16),
    /// Its code has another method of buffers, access or function.
    Code { bit: u8 },
}

impl Spoiled {
    /// Spoils a request.
    pub(super) fn spoil(self, bytes: &mut Bytes) {
        let Bytes { code, input, output } = bytes;
        match self {
            Spoiled::Cut(length) => input.truncate(length.into()),
            Spoiled::Longer(more) => input.extend(more),
            Spoiled::Byte { at, other } => {
                if let Some(byte) = input.get_mut(usize::from(at)) {
                    *byte = other;
                }
            }
            Spoiled::Word { at, other } => {
                let at = usize::from(at) * 4;
                if let Some(word) = input.get_mut(at..at + 4) {
                    word.copy_from_slice(&other.to_ne_bytes());
                }
            }
            Spoiled::Room(room) => output.resize(room.into(), 0xA5),
            Spoiled::Code { bit } => *code ^= 1 << (bit % 16),
        }
    }
}
