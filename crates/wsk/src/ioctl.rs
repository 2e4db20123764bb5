//! Socket IOCTLs, each a type.
//!
//! Those that no IRP goes with are methods of the socket, which complete in the call:
//! [`address_list`](crate::Socket::address_list), [`sort_addresses`](crate::Socket::sort_addresses),
//! [`register_extension`](crate::Socket::register_extension). The one that pends without limit, and is for
//! `PASSIVE_LEVEL`, is a request of its own: [`AddressListChange`](crate::AddressListChange).
//!
//! ```
//! use core::time::Duration;
//!
//! use wsk::ioctl::{SetRemoteAddress, SetSendToAddress};
//! use wsk::{Buffer, Ioctl, Op};
//!
//! # use wsk::{Family, Passive, Registration, Version};
//! # fn main() { hosted(|| client().unwrap()); }
//! # fn hosted(driver: impl FnOnce()) {
//! #     let machine = ntos::Machine::boot(ntos::Config::default());
//! #     let network = netio::Network::Memory(netio::memory::Net::new());
//! #     netio::install(&machine, netio::Config { network, ..Default::default() });
//! #     let entered = machine.enter();
//! #     driver();
//! #     drop(entered);
//! #     machine.shutdown();
//! # }
//! # fn client() -> wsk::Result {
//! # let passive = &Passive::check().unwrap();
//! # let registration = Registration::register(Version::V1_0, passive)?;
//! # let provider = registration.provider(passive)?;
//! # let socket = provider.datagram(Family::V4, passive)?;
//! # let socket = socket.bind("127.0.0.1:0".parse().unwrap(), passive)?;
//! # let address = socket.local_address(passive)?;
//! # let peer = address;
//! // From here on only the peer's datagrams come, and what is sent without an address goes there.
//! socket.ioctl::<SetRemoteAddress>(Some(peer), passive)?;
//! let mut buffer = Buffer::new(1500)?;
//! buffer.fill(b"hello")?;
//! assert_eq!(socket.send(&buffer, passive)?, 5);
//! assert_eq!(socket.receive(&mut buffer, passive.within(Duration::from_secs(1)))?, 5);
//! socket.ioctl::<SetRemoteAddress>(None, passive)?; // everybody's again
//!
//! // The same without waiting, as an operation.
//! let pending = socket.submit(Op::new(())?, Ioctl::<SetSendToAddress>::new(Some(peer)), None);
//! pending.wait(passive).0?;
//!
//! // No IRP: it completes in the call.
//! let addresses = socket.address_list(passive)?;
//! assert!(addresses.iter().next().is_some());
//! # socket.close(passive)
//! # }
//! ```

use core::net::SocketAddr;

use crate::addr::{self, Family};
use crate::error::{Error, Result};
use crate::row::Row;
use crate::state;

/// An IOCTL of a datagram socket. The types of this module implement it; no others can.
pub trait SocketIoctl: sealed::Ioctl {
    /// What is documented of it.
    const ROW: &'static Row;
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

/// Makes the types of the IOCTLs that set an address; the others are elsewhere, by the module's documentation.
macro_rules! typed {
    ($(
        $(#[$attribute:meta])* $Type:ident = $name:ident $input:ident $output:ident $state:ident $irp:ident
            $irql:ident $sockets:ident $hosted:ident $source:ident $handled:tt, $summary:literal;
    )+) => {$(
        typed! { @$input $(#[$attribute])* $Type $name $state $summary }
    )+};
    (@Address $(#[$attribute:meta])* $Type:ident $name:ident $state:ident $summary:literal) => {
        #[doc = $summary]
        ///
        #[doc = concat!("`", stringify!($name), "`. Needs an IRP; IRQL <= `DISPATCH_LEVEL`; after the bind.")]
        $(#[$attribute])*
        ///
        #[doc = concat!("Source: WSK's page \"`", stringify!($name), "`\".")]
        #[derive(Clone, Copy, Debug)]
        pub enum $Type {}

        impl sealed::Ioctl for $Type {
            fn encode(input: &Option<SocketAddr>, family: Family, to: &mut [u8]) -> Result<usize> {
                encode_address(input.as_ref(), family, to)
            }
        }

        impl SocketIoctl for $Type {
            const ROW: &'static Row = $Type::ROW;
            type Rule = state::$state;
            type Input = Option<SocketAddr>;
        }

        impl $Type {
            /// What is documented of the IOCTL.
            pub const ROW: &'static Row = &wsk_requests::rows::ioctl::$name;
        }
    };
    (@$other:ident $($rest:tt)*) => {};
}

wsk_requests::socket_ioctls!(typed);

/// Size and family follow from the address, which must be of the socket's family. None is no bytes.
fn encode_address(address: Option<&SocketAddr>, family: Family, to: &mut [u8]) -> Result<usize> {
    let Some(address) = address else { return Ok(0) };
    if Family::of(address) != family {
        return Err(Error::INVALID_ADDRESS_COMPONENT);
    }
    addr::write(address, to).ok_or(Error::BUFFER_TOO_SMALL)
}
