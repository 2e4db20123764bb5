//! What can be requested of a socket; and the requests for its address: bind, and where it is bound.

use core::net::SocketAddr;

use crate::addr::{self, Family};
use crate::call::Operation;
use crate::error::{Error, Result};
use crate::op::arguments::Arguments;
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

        /// The request has ended, and this many bytes were transferred: none, if it failed.
        fn landed(_buffers: &mut B, _length: usize) {}
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

// WSK takes a bind once: `Datagram` has no `bind`, and a second one does not compile.
impl RequestIn<Unbound> for Bind {}

/// Fills the address of a request, if it is of the socket's family.
pub(crate) fn put_address(address: &SocketAddr, family: Family, arguments: &mut Arguments) -> Result {
    if Family::of(address) != family {
        return Err(Error::INVALID_ADDRESS_COMPONENT);
    }
    arguments.address = addr::encode(address);
    Ok(())
}
