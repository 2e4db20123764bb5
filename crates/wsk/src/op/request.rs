//! What the engine of operations knows of a request: one trait, which each request implements in a file of its own.
#![expect(unsafe_code, reason = "WSK is given pointers into an operation's block")]

use core::mem::MaybeUninit;
use core::ptr::NonNull;

use wsk_sys::{IO_STATUS_BLOCK, IRP, IoCancelIrp, NTSTATUS};

use super::block::Header;
use super::submit;
use crate::error::{Result, check};

/// A request, and what it gives.
pub trait Request {
    /// What a success gives.
    type Output;
}

/// What can be made of a request's result: what a [`CompletionQueue`](super::CompletionQueue) gives for it.
///
/// [`Completion`](crate::Completion) is made of every request, and a `Result` of the requests with that output. A driver
/// implements this for a type of its own to have what it goes on with, for just the requests that it submits. So a queue gives
/// as much as the calls that wait do:
///
/// ```
/// use wsk::option::socket::ReceiveBuffer;
/// use wsk::{CompletionQueue, FromCompletion, Get, LocalAddress, Op, Result};
/// # use std::ffi::c_void;
/// # use std::net::SocketAddr;
/// # use wsk::{Doorbell, Family, Passive, Registration, Version};
///
/// /// What the driver asks of its sockets.
/// enum Answer {
///     ReceiveBuffer(Result<u32>),
///     Address(Result<SocketAddr>),
/// }
///
/// impl FromCompletion<Get<ReceiveBuffer>> for Answer {
///     fn from_completion(result: Result<u32>) -> Answer {
///         Answer::ReceiveBuffer(result)
///     }
/// }
///
/// impl FromCompletion<LocalAddress> for Answer {
///     fn from_completion(result: Result<SocketAddr>) -> Answer {
///         Answer::Address(result)
///     }
/// }
///
/// # unsafe fn enqueue_work_item(_: *mut c_void) {}
/// # fn main() {
/// #     let machine = ntos::Machine::boot(ntos::Config::default());
/// #     let network = netio::Network::Memory(netio::memory::Net::new());
/// #     netio::install(&machine, netio::Config { network, ..Default::default() });
/// #     let entered = machine.enter();
/// #     client().unwrap();
/// #     drop(entered);
/// #     machine.shutdown();
/// # }
/// # fn client() -> Result {
/// # let passive = &Passive::check().unwrap();
/// # let registration = Registration::register(Version::V1_0, passive)?;
/// # let provider = registration.provider(passive)?;
/// # let socket = provider.datagram(Family::V4, passive)?;
/// # let socket = socket.bind("127.0.0.1:0".parse().unwrap(), passive)?;
/// # let doorbell = unsafe { Doorbell::new(enqueue_work_item, std::ptr::null_mut()) };
/// let queue = CompletionQueue::<_, Answer>::new(doorbell, passive)?;
/// socket.submit_to(&queue, Op::new(())?, Get::<ReceiveBuffer>::new(), None);
/// socket.submit_to(&queue, Op::new(())?, LocalAddress, None);
///
/// // In the work item:
/// # let mut answers = 0;
/// # while answers < 2 {
/// for (answer, _op) in queue.drain() {
///     match answer {
///         Answer::ReceiveBuffer(bytes) => assert!(bytes? > 0),
///         Answer::Address(address) => assert!(address?.port() > 0),
///     }
/// #   answers += 1;
/// }
/// # passive.sleep(std::time::Duration::from_millis(1));
/// # }
/// # socket.close(passive)
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "a queue of `{Self}` does not take the result of `{R}`",
    note = "`wsk::Completion` takes that of every request but `Get`, whose value has a type of its own",
    note = "`wsk::Result` takes those of the requests with that output; a type of your own takes what it implements \
            `FromCompletion` for"
)]
pub trait FromCompletion<R: Request> {
    /// Makes one of the result.
    fn from_completion(result: Result<R::Output>) -> Self;

    /// Where the result is to be that is a `Self`, if it is one: then it is made there, and not moved.
    #[doc(hidden)]
    #[must_use]
    fn as_result(_: NonNull<Self>, _: private::Own) -> Option<NonNull<Result<R::Output>>>
    where
        Self: Sized,
    {
        None
    }
}

mod private {
    /// Of this crate: nobody else can say that a type is a result.
    #[derive(Debug)]
    pub struct Own(());

    impl Own {
        pub(in crate::op) const OWN: Own = Own(());
    }
}

pub(super) use private::Own;

impl<R: Request> FromCompletion<R> for Result<R::Output> {
    fn from_completion(result: Result<R::Output>) -> Self {
        result
    }

    fn as_result(this: NonNull<Self>, _: Own) -> Option<NonNull<Result<R::Output>>> {
        Some(this)
    }
}

/// What an operation with the buffers `B` can be submitted for.
///
/// Sealed: the requests of this crate are all there are, because each must agree with what WSK does to memory.
///
/// # Safety
/// - [`prepare`](Submit::prepare) has written the state if it succeeds.
/// - [`call`](Submit::call) has given the IRP away if it succeeds, and then it is completed once, whatever happens; if it
///   fails, nobody has the IRP or any pointer that it was to be given with.
/// - What the call points to and its callee uses after it has returned is in the state, or is memory that the buffers
///   promise (as [`Payload`](crate::Payload) does), or outlives every operation.
/// - [`complete_to`](Submit::complete_to) has written the result.
/// - The state may be used and dropped on any thread, at IRQL <= `DISPATCH_LEVEL`.
pub unsafe trait Submit<B>: Request + Sized {
    /// What the request is made of: a socket, a provider.
    type Target: ?Sized;

    /// What must live until the IRP has completed: addresses, values, lengths, and what is used or owned by then.
    ///
    /// A state that is `Copy` owns nothing: such a request may be [`Abandonable`].
    type State;

    /// Prepares the request, for which the buffers are still the owner's: writes its state, where it stays.
    ///
    /// # Errors
    /// The request is refused, and this is its result. WSK is not called. The state, written or not, is none.
    fn prepare(self, target: &Self::Target, buffers: &mut B, state: &mut MaybeUninit<Self::State>) -> Result;

    /// Calls the function of WSK that takes the IRP.
    ///
    /// # Errors
    /// WSK was not called: [`NOT_SUPPORTED`](crate::Error::NOT_SUPPORTED), the provider lacks the function.
    ///
    /// # Safety
    /// `state` is what [`prepare`](Submit::prepare) has made with this target, in the operation's block, and nobody else
    /// uses it until the IRP has completed. The IRP is that of the operation, which has been submitted, and has its
    /// completion routine.
    unsafe fn call(target: &Self::Target, state: NonNull<Self::State>, irp: Irp) -> Result;

    /// Asks for the cancellation of the IRP, which the call may have given away by now or not.
    ///
    /// # Safety
    /// `state` and `irp` are those of the call; the caller holds a reference to the submission.
    unsafe fn cancel(_state: NonNull<Self::State>, irp: Irp) {
        // SAFETY: the caller's reference keeps the IRP from being freed or re-armed.
        unsafe { IoCancelIrp(irp.as_ptr()) };
    }

    /// Ends the request: takes what it gives out of the state, and gives the buffers back.
    ///
    /// The engine drops the state and [wipes](Submit::wipe) its memory afterwards. What a provider says of lengths is not relied on.
    ///
    /// # Errors
    /// That of `status`; or that WSK's answer is none.
    fn complete(state: &mut Self::State, buffers: &mut B, status: IoStatus) -> Result<Self::Output>;

    /// As [`complete`](Submit::complete), with the result where it is to be, which is written: for those that are large.
    #[inline]
    fn complete_to(
        state: &mut Self::State,
        buffers: &mut B,
        status: IoStatus,
        to: &mut MaybeUninit<Result<Self::Output>>,
    ) {
        to.write(Self::complete(state, buffers, status));
    }

    /// Wipes the memory of a state that is gone: no address and no input of the request stays.
    ///
    /// # Safety
    /// It was a state, which was dropped, and is as that has left it.
    #[inline]
    unsafe fn wipe(state: &mut MaybeUninit<Self::State>) {
        *state = MaybeUninit::zeroed();
    }
}

/// A request that may be abandoned when it is submitted: its state owns nothing.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be abandoned, as whoever waits for a submitted operation may do",
    note = "it has, or gives, what is to be released at PASSIVE_LEVEL",
    note = "submit it to a `CompletionQueue`, or make the call that waits"
)]
pub trait Abandonable<B>: Submit<B, State: Copy + 'static> {}

/// The IRP of a submitted operation.
#[derive(Clone, Copy, Debug)]
pub struct Irp(NonNull<Header>);

impl Irp {
    pub(super) const fn new(header: NonNull<Header>) -> Irp {
        Irp(header)
    }

    /// The IRP, as WSK takes it.
    pub(crate) fn as_ptr(self) -> *mut IRP {
        // SAFETY: the IRP's submission keeps the block.
        unsafe { self.0.as_ref() }.irp.as_ptr()
    }

    /// Completes the IRP in WSK's place.
    ///
    /// # Safety
    /// The operation was submitted with a call that succeeded, and that gave WSK nothing. This is done once.
    pub(crate) unsafe fn complete(self, status: NTSTATUS) {
        // SAFETY: the provider's reference is the caller's.
        unsafe { submit::complete_with(self.0, status) };
    }
}

/// How an IRP was completed: its `IoStatus`, with `STATUS_IO_TIMEOUT` where the time limit has cancelled it.
#[derive(Clone, Copy, Debug)]
pub struct IoStatus {
    pub(crate) status: NTSTATUS,
    /// Whatever WSK wrote.
    pub(crate) information: usize,
}

impl IoStatus {
    pub(super) const fn new(block: IO_STATUS_BLOCK) -> IoStatus {
        IoStatus { status: block.Status, information: block.Information }
    }

    /// The result of a request that transfers nothing.
    ///
    /// # Errors
    /// The status.
    pub(crate) fn check(self) -> Result {
        check(self.status)
    }

    /// The result of a request that transfers at most `limit` bytes: how many it has transferred.
    ///
    /// # Errors
    /// The status.
    pub(crate) fn transferred(self, limit: usize) -> Result<usize> {
        self.check().map(|()| self.information.min(limit))
    }
}
