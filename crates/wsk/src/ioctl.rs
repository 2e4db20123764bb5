//! Socket IOCTLs, each a type.

use core::net::SocketAddr;

use crate::addr::{self, Family};
use crate::error::{Error, Result};
use crate::row::{Families, IrpRule, Kind, MaxIrql, Row, StateRule, ValueKind};
use crate::state;

/// An IOCTL of a datagram socket. The types of this module implement it; no others can.
pub trait SocketIoctl: sealed::Ioctl {
    /// What WSK's pages say of it.
    const ROW: Row;
    /// When it can be executed.
    type Rule;
    /// The input.
    type Input;
}

pub(crate) mod sealed {
    use super::{Family, Result, SocketIoctl};

    pub trait Ioctl {
        /// Writes the C form of the input at the beginning of `to`, and tells its size.
        fn encode(input: &Self::Input, family: Family, to: &mut [u8]) -> Result<usize>
        where
            Self: SocketIoctl;
    }
}

macro_rules! address_ioctls {
    ($($(#[$attribute:meta])* $Type:ident = $code:ident, $summary:literal;)+) => {$(
        #[doc = $summary]
        ///
        #[doc = concat!("`", stringify!($code), "`. Needs an IRP; IRQL <= `DISPATCH_LEVEL`; after the bind. `None` clears the address.")]
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug)]
        pub enum $Type {}

        impl sealed::Ioctl for $Type {
            fn encode(input: &Option<SocketAddr>, family: Family, to: &mut [u8]) -> Result<usize> {
                encode_address(input.as_ref(), family, to)
            }
        }

        impl SocketIoctl for $Type {
            const ROW: Row = $Type::ROW;
            type Rule = state::AfterBind;
            type Input = Option<SocketAddr>;
        }

        impl $Type {
            /// What WSK's pages say of the IOCTL.
            pub const ROW: Row = Row {
                name: stringify!($code),
                kind: Kind::Ioctl { code: wsk_sys::$code },
                get: false,
                set: true,
                value: ValueKind::Address,
                irp: IrpRule::Required,
                state: StateRule::AfterBind,
                families: Families::Both,
                max_irql: MaxIrql::Dispatch,
                summary: $summary,
            };
        }
    )+};
}

address_ioctls! {
    /// Datagrams from anyone else are discarded, replies from a destination given to
    /// [`SendTo`](crate::SendTo) among them. The address is also the destination of a `SendTo` without one.
    /// Source: the page "`SIO_WSK_SET_REMOTE_ADDRESS`".
    #[doc(alias = "SIO_WSK_SET_REMOTE_ADDRESS")]
    SetRemoteAddress = SIO_WSK_SET_REMOTE_ADDRESS,
        "Fixes the remote address: sends go there by default, and only datagrams from there are received.";

    /// It is the destination of a [`SendTo`](crate::SendTo) without one; receives are as before, from anyone.
    /// Source: the page "`SIO_WSK_SET_SENDTO_ADDRESS`".
    #[doc(alias = "SIO_WSK_SET_SENDTO_ADDRESS")]
    SetSendToAddress = SIO_WSK_SET_SENDTO_ADDRESS,
        "Fixes the destination of sends; datagrams from anyone are received.";
}

/// Size and family follow from the address, which must be of the socket's family. None is no bytes.
fn encode_address(address: Option<&SocketAddr>, family: Family, to: &mut [u8]) -> Result<usize> {
    let Some(address) = address else { return Ok(0) };
    if Family::of(address) != family {
        return Err(Error::INVALID_ADDRESS_COMPONENT);
    }
    let (bytes, size) = addr::encode_bytes(address);
    to.get_mut(..size).ok_or(Error::BUFFER_TOO_SMALL)?.copy_from_slice(&bytes[..size]);
    Ok(size)
}
