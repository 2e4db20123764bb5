//! Datagrams with what the network tells of them.

use std::net::SocketAddr;
use std::ptr;

use wsk_cmsg::{Control, Message, Messages};
use wsk_sys::*;

use super::memory::{Address, Buffer, Pinned};
use super::request::Request;
use super::socket::Socket;

/// A datagram that was received, with its control information.
#[derive(Debug, PartialEq, Eq)]
pub struct Told {
    pub bytes: Vec<u8>,
    pub from: SocketAddr,
    pub flags: ULONG,
    pub control: Vec<u8>,
}

impl Told {
    pub fn messages(&self) -> Vec<Message<'_>> {
        messages(&self.control)
    }
}

pub fn messages(control: &[u8]) -> Vec<Message<'_>> {
    Messages::new(control).map(|message| message.unwrap().decode().unwrap()).collect()
}

/// Control information, aligned as WSK wants it.
pub type Info = Control<256>;

pub fn info(messages: &[Message<'_>]) -> Info {
    let mut control = Info::new();
    for message in messages {
        control.push(message).unwrap();
    }
    control
}

impl Socket {
    /// Receives a datagram of at most `size` bytes, with all of its control information.
    pub fn receive_told(self, size: usize) -> Told {
        let (status, told) = self.receive_into(size, 256);
        assert_eq!(status, STATUS_SUCCESS);
        told
    }

    /// Receives a datagram of at most `size` bytes, with at most `room` bytes of control information.
    pub fn receive_into(self, size: usize, room: ULONG) -> (NTSTATUS, Told) {
        let (buffer, from) = (Buffer::new(&vec![0; size]), Address::empty());
        let (control, flags) = (Pinned::new(Info::new()), Pinned::new(0));
        let length = Pinned::new(room);
        let receive = self.table().WskReceiveFrom.unwrap();
        let (info, size, flag) = (control.pointer().cast(), length.pointer(), flags.pointer());
        let request = Request::start(|irp| unsafe {
            receive(self.0, buffer.wsk(), 0, from.pointer(), size, info, flag, irp)
        });
        let (status, received) = request.wait();
        assert!(*length <= room);
        let control = unsafe { control.pointer().cast::<[u8; 256]>().read() };
        let mut bytes = buffer.bytes();
        bytes.truncate(received);
        let control = control[..*length as usize].to_vec();
        (status, Told { bytes, from: from.get(), flags: *flags, control })
    }

    /// Sends the parts as datagrams, one of them by `WskSendTo`, several by `WskSendMessages`.
    pub fn send_parts(self, parts: &[&[u8]], to: Option<SocketAddr>, info: &Info) -> Result<usize, NTSTATUS> {
        let (address, info) = (to.map(Address::new), Pinned::new(*info));
        let to = address.as_ref().map_or(ptr::null_mut(), Address::pointer);
        let length = info.as_bytes().len().try_into().unwrap();
        let bytes = if length == 0 { ptr::null_mut() } else { info.pointer().cast::<CMSGHDR>() };
        let buffers: Vec<Buffer> = parts.iter().map(|part| Buffer::new(part)).collect();
        let mut nodes = Vec::<Pinned<WSK_BUF_LIST>>::new();
        for buffer in buffers.iter().rev() {
            let next = nodes.last().map_or(ptr::null_mut(), Pinned::pointer);
            nodes.push(Pinned::new(WSK_BUF_LIST { Next: next, Buffer: unsafe { buffer.wsk().read() } }));
        }
        let request = if let [buffer] = &buffers[..] {
            let send = self.table().WskSendTo.unwrap();
            Request::start(|irp| unsafe { send(self.0, buffer.wsk(), 0, to, length, bytes, irp) })
        } else {
            let send = self.table().WskSendMessages.unwrap();
            let first = nodes.last().map_or(ptr::null_mut(), Pinned::pointer);
            Request::start(|irp| unsafe { send(self.0, first, 0, to, length, bytes, irp) })
        };
        match request.wait() {
            (STATUS_SUCCESS, sent) => Ok(sent),
            (status, _) => Err(status),
        }
    }
}
