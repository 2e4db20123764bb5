//! How a call that waits is made: with which limit, and in whose operation.

use super::Op;
use crate::irql::{IntoWait, Passive, Wait};

/// How a call that waits is made: with or without a time limit, in an operation of its own or in one that the caller lends it.
///
/// `&Passive` and [`Wait`] are such calls as well. A call makes an operation for itself, which nobody else knows of, so
/// nobody can cancel it. One that is lent an operation ([`Op::call`]) ends with [`CANCELLED`](crate::Error::CANCELLED) when
/// the operation's [`Canceller`](crate::Canceller) asks; and it allocates nothing.
///
/// ```
/// use wsk::{Buffer, Error, Op};
///
/// # use wsk::{Family, Passive, Registration, Version};
/// # fn main() {
/// #     let machine = ntos::Machine::boot(ntos::Config::default());
/// #     let network = netio::Network::Memory(netio::memory::Net::new());
/// #     netio::install(&machine, netio::Config { network, ..Default::default() });
/// #     let entered = machine.enter();
/// #     client(&machine).unwrap();
/// #     drop(entered);
/// #     machine.shutdown();
/// # }
/// # fn client(machine: &ntos::Machine) -> wsk::Result {
/// # let passive = &Passive::check().unwrap();
/// # let registration = Registration::register(Version::V1_0, passive)?;
/// # let provider = registration.provider(passive)?;
/// # let socket = provider.datagram(Family::V4, passive)?;
/// # let socket = socket.bind("127.0.0.1:0".parse().unwrap(), passive)?;
/// let mut op = Op::new(())?;
/// let canceller = op.canceller();
/// // Another thread: the cancel of a process' request, an unload.
/// # let other =
/// machine.spawn("canceller", move || canceller.cancel());
///
/// let mut buffer = Buffer::new(1500)?;
/// let received = socket.receive_from(&mut buffer, op.call(passive));
/// assert_eq!(received.map(drop), Err(Error::CANCELLED));
/// # other.join().unwrap();
/// # socket.close(passive)
/// # }
/// ```
#[derive(Debug)]
pub struct Call<'p> {
    pub(super) wait: Wait<'p>,
    pub(super) lent: Option<&'p mut Op<()>>,
}

/// How a call that waits is made: `&Passive`, a [`Wait`], or a [`Call`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not prove that the thread may wait",
    label = "no permission to wait",
    note = "`passive`, a `&Passive`, is permission without a limit; with one it is `passive.within(limit)`"
)]
pub trait IntoCall<'p> {
    /// The call.
    fn into_call(self) -> Call<'p>;
}

impl<'p> IntoCall<'p> for &'p Passive {
    fn into_call(self) -> Call<'p> {
        self.into_wait().into_call()
    }
}

impl<'p> IntoCall<'p> for Wait<'p> {
    fn into_call(self) -> Call<'p> {
        Call { wait: self, lent: None }
    }
}

impl<'p> IntoCall<'p> for Call<'p> {
    fn into_call(self) -> Call<'p> {
        self
    }
}

impl Op<()> {
    /// Lends the operation to a call that waits, so that a [`Canceller`](crate::Canceller) of it can end the call: see [`Call`].
    ///
    /// A cancel that was asked for since the last call takes effect in this one. What is several calls one after the other has
    /// a flag beside the canceller, which is set before the cancel, and looked at before each call.
    pub fn call<'p>(&'p mut self, wait: impl IntoWait<'p>) -> Call<'p> {
        Call { wait: wait.into_wait(), lent: Some(self) }
    }
}
