//! Datagrams with their control information, as Winsock's `WSARecvMsg` tells it: on Windows, and under Wine.
//!
//! Sends are without: Wine's `WSASendMsg` takes control information and ignores it.
#![expect(unsafe_code, reason = "no safe function receives control information from Winsock")]

use core::net::{IpAddr, SocketAddr};
use core::ptr;
use std::io;
use std::os::windows::io::AsRawSocket;
use std::sync::OnceLock;

use mio::net::UdpSocket;
use socket2::{SockAddr, SockRef};
use windows_sys::Win32::Networking::WinSock::{
    IP_PKTINFO, IP_RECVTOS, IP_RECVTTL, IPPROTO_IP, IPPROTO_IPV6, IPV6_HOPLIMIT, IPV6_PKTINFO,
    IPV6_RECVTCLASS, LPFN_WSARECVMSG, MSG_BCAST, SIO_GET_EXTENSION_FUNCTION_POINTER, SOCKET, WSABUF,
    WSAID_WSARECVMSG, WSAIoctl, WSAMSG, setsockopt,
};
use wsk_cmsg::{Message, Messages};
use wsk_requests::rows::{ip, ipv6};

use crate::net::inbox::{Datagram, Header};
use crate::net::option::Values;

/// The largest datagram there is.
const LARGEST: u32 = 0x1_0000;
/// More than all control messages of a datagram take.
const CONTROL: u32 = 512;

/// The buffers that datagrams are received in.
#[derive(Debug)]
pub(crate) struct Reader {
    data: Vec<u8>,
    /// In words, so that messages are aligned.
    control: Vec<u64>,
}

/// What `WSARecvMsg` yields beside the data.
struct Received {
    length: u32,
    from: SocketAddr,
    /// The bytes of control information.
    control: u32,
    flags: u32,
}

impl Reader {
    pub(crate) fn new() -> Reader {
        Reader { data: vec![0; LARGEST as usize], control: vec![0; CONTROL as usize / size_of::<u64>()] }
    }

    /// Receives a datagram, with all that Winsock tells of it.
    ///
    /// # Errors
    /// `WouldBlock`: there is none.
    pub(crate) fn receive(&mut self, socket: &UdpSocket) -> io::Result<Datagram> {
        let Some(receive) = extension(handle(socket)) else {
            let (length, from) = socket.recv_from(&mut self.data)?;
            let bytes = self.data[..length].to_vec();
            return Ok(Datagram { from, broadcast: false, bytes, header: Header::default() });
        };
        let received = socket.try_io(|| self.receive_by(receive, handle(socket)))?;
        let words = self.control.iter().flat_map(|word| word.to_ne_bytes());
        let control: Vec<u8> = words.take(received.control as usize).collect();
        let header = header(&control);
        let everyone = header.to == Some(IpAddr::from([255; 4]));
        let broadcast = everyone || received.flags & MSG_BCAST != 0;
        let bytes = self.data[..received.length as usize].to_vec();
        Ok(Datagram { from: received.from, broadcast, bytes, header })
    }

    fn receive_by(&mut self, receive: Receive, socket: SOCKET) -> io::Result<Received> {
        let mut buffer = WSABUF { len: LARGEST, buf: self.data.as_mut_ptr() };
        let mut message = WSAMSG {
            name: ptr::null_mut(),
            namelen: 0,
            lpBuffers: &raw mut buffer,
            dwBufferCount: 1,
            Control: WSABUF { len: CONTROL, buf: self.control.as_mut_ptr().cast() },
            dwFlags: 0,
        };
        let mut length = 0;
        let call = |name: *mut socket2::SockAddrStorage, size: *mut i32| {
            message.name = name.cast();
            // SAFETY: the variable is `try_init`'s, and has the size of the storage.
            message.namelen = unsafe { size.read() };
            // SAFETY: the function is this provider's; the message, what it points to and the length outlive the call,
            // which without an overlapped structure is over when it returns.
            let failed = unsafe { receive(socket, &raw mut message, &raw mut length, ptr::null_mut(), None) };
            if failed != 0 {
                return Err(io::Error::last_os_error());
            }
            // SAFETY: the function is this provider's; the message, what it points to and the length outlive the call,
            // which without an overlapped structure is over when it returns.
            unsafe { size.write(message.namelen) };
            Ok(())
        };
        // SAFETY: where the call succeeds it has written an address into the storage, and its size.
        let ((), from) = unsafe { SockAddr::try_init(call) }?;
        let from = from.as_socket().ok_or(io::ErrorKind::InvalidData)?;
        Ok(Received { length, from, control: message.Control.len.min(CONTROL), flags: message.dwFlags })
    }

    #[expect(clippy::unused_self, reason = "as on Linux")]
    pub(crate) fn error(&mut self, _: &UdpSocket) -> io::Result<Option<Datagram>> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

/// `WSARecvMsg`: what the type of Windows is where it is not null.
type Receive = <LPFN_WSARECVMSG as IntoIterator>::Item;

fn handle(socket: &UdpSocket) -> SOCKET {
    #[expect(clippy::cast_possible_truncation, reason = "it was made of a SOCKET")]
    let handle = socket.as_raw_socket() as SOCKET;
    handle
}

/// The function, which has no name to be linked by; none where the provider below has it not.
fn extension(socket: SOCKET) -> Option<Receive> {
    static FOUND: OnceLock<LPFN_WSARECVMSG> = OnceLock::new();
    *FOUND.get_or_init(|| {
        let (id, mut found, mut size): (_, LPFN_WSARECVMSG, u32) = (WSAID_WSARECVMSG, None, 0);
        #[expect(clippy::cast_possible_truncation, reason = "sixteen bytes, and eight")]
        let (room, wanted) = (size_of_val(&found) as u32, size_of_val(&id) as u32);
        // SAFETY: the identifier is read, the pointer and the size are written, each as large as said; none is kept.
        let failed = unsafe {
            WSAIoctl(
                socket,
                SIO_GET_EXTENSION_FUNCTION_POINTER,
                (&raw const id).cast(),
                wanted,
                (&raw mut found).cast(),
                room,
                &raw mut size,
                ptr::null_mut(),
                None,
            )
        };
        found.filter(|_| failed == 0)
    })
}

/// Whatever may be told of datagrams, is, as far as Winsock can; and what options have by default is what goes out.
pub(crate) fn prepare(socket: &SockRef<'_>, v6: bool, _: &Values) -> io::Result<()> {
    #[expect(clippy::cast_possible_truncation, reason = "it was made of a SOCKET")]
    let handle = socket.as_raw_socket() as SOCKET;
    let ask = |level, name| {
        let on = 1_i32;
        // SAFETY: the socket is borrowed; the value is four bytes of this frame, which the call only reads.
        let _ = unsafe { setsockopt(handle, level, name, (&raw const on).cast(), 4) };
    };
    let values = Values::default();
    for name in [IP_PKTINFO, IP_RECVTTL, IP_RECVTOS] {
        ask(IPPROTO_IP, name);
    }
    if !v6 {
        return super::super::option::apply(socket, &ip::IP_TTL, &values);
    }
    for name in [IPV6_PKTINFO, IPV6_HOPLIMIT, IPV6_RECVTCLASS] {
        ask(IPPROTO_IPV6, name);
    }
    super::super::option::apply(socket, &ipv6::IPV6_UNICAST_HOPS, &values)
}

/// What the messages say.
fn header(control: &[u8]) -> Header {
    let mut header = Header::default();
    let messages = Messages::new(control).map_while(Result::ok);
    for message in messages.filter_map(|message| message.decode().ok()) {
        match message {
            Message::PacketInfo { address, interface } => {
                header.to = Some(address.to_canonical());
                header.interface = interface;
            }
            Message::TimeToLive(hops) | Message::HopLimit(hops) => header.hops = hops.try_into().ok(),
            // That of the option which asks for it is another number than the message's own.
            Message::Other { level: IPPROTO_IP, kind: IP_RECVTTL, data } => {
                header.hops = data.first_chunk().and_then(|hops| i32::from_ne_bytes(*hops).try_into().ok());
            }
            Message::TypeOfService(class) | Message::TrafficClass(class) => {
                header.traffic_class = class.try_into().ok();
            }
            _ => {}
        }
    }
    header
}
