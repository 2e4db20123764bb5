//! What a receive gives.

use core::fmt;
use core::net::SocketAddr;

use wsk_cmsg::Messages;
use wsk_sys::{MSG_BCAST, MSG_CTRUNC, MSG_MCAST, MSG_TRUNC};

use super::room::Room;
use super::send::{CONTROL_INFO_MAX, ControlInfo};

/// A received datagram; its data is in the operation's payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// The number of bytes received: at most as many as the payload has room for, and as many as it has data now.
    pub length: usize,
    /// The sender.
    pub from: SocketAddr,
    /// `MSG_TRUNC`, `MSG_CTRUNC`, `MSG_BCAST`, `MSG_MCAST`; the methods of this type read them.
    pub flags: u32,
    /// The control information. WSK has written it, so its messages are yet to be checked.
    pub control: ReceivedControl,
}

impl Received {
    /// `MSG_TRUNC`: the datagram was larger than the payload, and the rest is lost.
    #[doc(alias = "MSG_TRUNC")]
    #[must_use]
    pub const fn is_truncated(&self) -> bool {
        self.flags & MSG_TRUNC != 0
    }

    /// `MSG_CTRUNC`: there was more control information than room.
    #[doc(alias = "MSG_CTRUNC")]
    #[must_use]
    pub const fn is_control_truncated(&self) -> bool {
        self.flags & MSG_CTRUNC != 0
    }

    /// `MSG_BCAST`: it was sent to a broadcast address.
    #[doc(alias = "MSG_BCAST")]
    #[must_use]
    pub const fn is_broadcast(&self) -> bool {
        self.flags & MSG_BCAST != 0
    }

    /// `MSG_MCAST`: it was sent to a multicast group.
    #[doc(alias = "MSG_MCAST")]
    #[must_use]
    pub const fn is_multicast(&self) -> bool {
        self.flags & MSG_MCAST != 0
    }
}

/// The control information that a datagram came with: a copy of its own.
#[derive(Clone, Copy)]
pub struct ReceivedControl(Room<CONTROL_INFO_MAX>);

impl ReceivedControl {
    #[inline]
    pub(super) fn none() -> ReceivedControl {
        ReceivedControl(Room::empty())
    }

    /// Becomes a copy of what WSK has written.
    #[inline]
    pub(super) fn take(&mut self, from: &Room<CONTROL_INFO_MAX>) {
        if from.len() != 0 {
            self.0 = *from;
        }
    }

    /// The bytes, as WSK has written them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// The messages.
    #[must_use]
    pub fn messages(&self) -> Messages<'_> {
        Messages::new(self.as_bytes())
    }

    /// Whether there is no message.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }
}

impl Default for ReceivedControl {
    fn default() -> ReceivedControl {
        ReceivedControl::none()
    }
}

/// As what is to be sent.
impl From<ReceivedControl> for ControlInfo {
    fn from(received: ReceivedControl) -> ControlInfo {
        // There is as much room in both.
        ControlInfo::copied(received.as_bytes()).unwrap_or_default()
    }
}

impl PartialEq for ReceivedControl {
    fn eq(&self, other: &ReceivedControl) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for ReceivedControl {}

impl PartialEq<ControlInfo> for ReceivedControl {
    fn eq(&self, other: &ControlInfo) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl fmt::Debug for ReceivedControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.messages().map(|message| message.and_then(|raw| raw.decode()))).finish()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{ControlInfo, MSG_BCAST, MSG_CTRUNC, MSG_MCAST, MSG_TRUNC, Received, ReceivedControl, Room};

    #[test]
    fn each_flag_has_its_method() {
        let told = |flags| {
            let from = "127.0.0.1:7".parse().unwrap();
            let one = Received { length: 0, from, flags, control: ReceivedControl::default() };
            [one.is_truncated(), one.is_control_truncated(), one.is_broadcast(), one.is_multicast()]
        };
        assert_eq!(told(0), [false; 4]);
        assert_eq!(told(MSG_TRUNC), [true, false, false, false]);
        assert_eq!(told(MSG_CTRUNC), [false, true, false, false]);
        assert_eq!(told(MSG_BCAST), [false, false, true, false]);
        assert_eq!(told(MSG_MCAST), [false, false, false, true]);
    }

    #[test]
    fn control_information_is_a_copy_of_all_of_it() {
        let mut written = Room::empty();
        let mut control = ReceivedControl::none();
        control.take(&written);
        assert!(control.is_empty() && control.as_bytes().is_empty());
        written.zeros(24).fill(7);
        control.take(&written);
        written.zeros(24);
        assert_eq!((control.as_bytes(), control.is_empty()), (&[7; 24][..], false));
        assert_eq!((ControlInfo::from(control).as_bytes(), control.messages().count()), (&[7; 24][..], 1));
        assert!(control == ControlInfo::from(control) && control != ControlInfo::default());
        let copy = control;
        assert_eq!(control, copy);
        assert_ne!(control, ReceivedControl::default());
    }
}
