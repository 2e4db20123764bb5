//! The requests that a socket takes, apart from control requests: bind, address, send, receive.

use core::net::SocketAddr;

use crate::addr::{self, Family};
use crate::call::Operation;
use crate::error::{Error, Result};
use crate::op::arguments::{Arguments, Payload};
use crate::state::{Bound, Unbound};

/// What an operation with the buffers `B` can be submitted for.
///
/// Sealed: the requests of this crate are all there are, because each must agree with what WSK does to memory.
pub trait Request<B>: sealed::Request<B> {
    /// What a success yields.
    type Output;

    /// Reads the output of a successful operation.
    #[doc(hidden)]
    fn output(information: usize, arguments: &Arguments) -> Result<Self::Output>;
}

/// A request that may be made of a socket in the state `S`.
///
/// `S` is [`state::Unbound`](Unbound) or [`state::Bound`](Bound).
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be requested of a socket in the state `{S}`",
    note = "some options can be set before the socket is bound only, some requests made afterwards only"
)]
pub trait RequestIn<S> {}

pub(crate) mod sealed {
    use super::{Arguments, Family, Operation, Result};

    pub trait Request<B> {
        /// Fills the arguments, and names the WSK function to call.
        fn prepare(self, family: Family, arguments: &mut Arguments, buffers: &B) -> Result<Operation>;
    }
}

/// `WskBind`: assigns the local transport address.
///
/// The wildcard address receives on every local address; port 0 lets the stack choose one.
#[derive(Clone, Copy, Debug)]
pub struct Bind(pub SocketAddr);

impl<B> Request<B> for Bind {
    type Output = ();

    fn output(_: usize, _: &Arguments) -> Result {
        Ok(())
    }
}

impl<B> sealed::Request<B> for Bind {
    fn prepare(self, family: Family, arguments: &mut Arguments, _: &B) -> Result<Operation> {
        put_address(&self.0, family, arguments)?;
        Ok(Operation::Bind)
    }
}

/// `WskGetLocalAddress`: asks for the address that the socket is bound to.
#[derive(Clone, Copy, Debug)]
pub struct LocalAddress;

impl<B> Request<B> for LocalAddress {
    type Output = SocketAddr;

    fn output(_: usize, arguments: &Arguments) -> Result<SocketAddr> {
        addr::decode(&arguments.address).ok_or(Error::INVALID_ADDRESS_COMPONENT)
    }
}

impl<B> sealed::Request<B> for LocalAddress {
    fn prepare(self, _: Family, arguments: &mut Arguments, _: &B) -> Result<Operation> {
        arguments.address = Arguments::new().address;
        Ok(Operation::LocalAddress)
    }
}

impl RequestIn<Bound> for LocalAddress {}

/// `WskSendTo`: sends the operation's payload as one datagram.
///
/// WSK does not buffer: the operation completes when the data has been sent.
#[derive(Clone, Copy, Debug)]
pub struct SendTo(
    /// The destination; `None` for the one fixed by
    /// [`SetRemoteAddress`](crate::ioctl::SetRemoteAddress) or [`SetSendToAddress`](crate::ioctl::SetSendToAddress).
    pub Option<SocketAddr>,
);

impl<B: Payload> Request<B> for SendTo {
    /// The number of bytes sent.
    type Output = usize;

    fn output(information: usize, _: &Arguments) -> Result<usize> {
        Ok(information)
    }
}

impl<B: Payload> sealed::Request<B> for SendTo {
    fn prepare(self, family: Family, arguments: &mut Arguments, buffers: &B) -> Result<Operation> {
        if let Some(to) = &self.0 {
            put_address(to, family, arguments)?;
        }
        arguments.buffer = buffers.buffer();
        Ok(Operation::SendTo { fixed: self.0.is_none() })
    }
}

impl RequestIn<Bound> for SendTo {}

/// `WskReceiveFrom`: receives one datagram into the operation's payload.
#[derive(Clone, Copy, Debug)]
pub struct ReceiveFrom;

/// A received datagram; its data is in the operation's payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// The number of bytes received: at most as many as the payload has room for.
    pub length: usize,
    /// The sender.
    pub from: SocketAddr,
    /// `MSG_TRUNC`: the datagram was larger than the payload. `MSG_BCAST`, `MSG_MCAST`: it was sent to many.
    pub flags: u32,
}

impl<B: Payload> Request<B> for ReceiveFrom {
    type Output = Received;

    fn output(information: usize, arguments: &Arguments) -> Result<Received> {
        let from = addr::decode(&arguments.address).ok_or(Error::INVALID_ADDRESS_COMPONENT)?;
        Ok(Received {
            length: information.min(arguments.buffer.Length),
            from,
            flags: arguments.control_flags,
        })
    }
}

impl<B: Payload> sealed::Request<B> for ReceiveFrom {
    fn prepare(self, _: Family, arguments: &mut Arguments, buffers: &B) -> Result<Operation> {
        arguments.address = Arguments::new().address;
        arguments.buffer = buffers.buffer();
        arguments.control_length = 0;
        arguments.control_flags = 0;
        Ok(Operation::ReceiveFrom)
    }
}

impl RequestIn<Bound> for ReceiveFrom {}

// WSK takes a bind once: `Datagram` has no `bind`, and a second one does not compile.
impl RequestIn<Unbound> for Bind {}

fn put_address(address: &SocketAddr, family: Family, arguments: &mut Arguments) -> Result {
    if Family::of(address) != family {
        return Err(Error::INVALID_ADDRESS_COMPONENT);
    }
    arguments.address = addr::encode(address);
    Ok(())
}
