//! Datagrams with what the network tells of them.

use std::net::SocketAddr;

use wsk_cmsg::{Message, Messages};
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

#[repr(C, align(8))]
struct Control([u8; 256]);

impl Socket {
    /// Receives a datagram of at most `size` bytes, with all of its control information.
    pub fn receive_told(self, size: usize) -> Told {
        let (buffer, from) = (Buffer::new(&vec![0; size]), Address::empty());
        let (control, flags) = (Pinned::new(Control([0; 256])), Pinned::new(0));
        let length = Pinned::new(256);
        let receive = self.table().WskReceiveFrom.unwrap();
        let (info, size, flag) = (control.pointer().cast(), length.pointer(), flags.pointer());
        let request = Request::start(|irp| unsafe {
            receive(self.0, buffer.wsk(), 0, from.pointer(), size, info, flag, irp)
        });
        let (status, received) = request.wait();
        assert_eq!(status, STATUS_SUCCESS);
        let Control(control) = unsafe { control.pointer().read() };
        let mut bytes = buffer.bytes();
        bytes.truncate(received);
        Told { bytes, from: from.get(), flags: *flags, control: control[..*length as usize].to_vec() }
    }
}
