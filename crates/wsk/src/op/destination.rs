//! Where the result of an operation goes that nobody waits for.
#![expect(unsafe_code, reason = "an operation is handed on as a pointer to its block")]

use core::ptr::NonNull;

use super::block::Header;
use super::handler::{AtDispatch, CompletionHandler, Handling};
use super::queue::{CompletionQueue, Expecting};
use super::request::{FromCompletion, Request};
use super::{Op, Submit};
use crate::pool::Shared;

/// The part of a destination that a submitted operation keeps.
#[derive(Debug)]
pub enum Target {
    /// A queue.
    Queue(Expecting),
    /// A handler.
    Handler(Shared<Handling>),
}

impl Target {
    /// Hands a finished operation on.
    ///
    /// # Safety
    /// `header` is that of an operation that was submitted to this destination, with the owner's handle.
    pub(crate) unsafe fn deliver(self, header: NonNull<Header>) {
        match self {
            // SAFETY: passed on.
            Target::Queue(queue) => unsafe { queue.push(header) },
            // SAFETY: passed on.
            Target::Handler(handler) => unsafe { handler.call(header) },
        }
    }

    /// The operation has finished, and stays with whoever has submitted it.
    pub(crate) fn forget(self) {
        match self {
            Target::Queue(queue) => queue.forget(),
            Target::Handler(handler) => handler.step(),
        }
    }
}

/// Where the result of the request `R` goes, as a `T`, with the operation and its buffers `B`: a [`CompletionQueue`], a
/// [`CompletionHandler`], or [`UnlessDone`].
///
/// Sealed: these are all there are.
#[diagnostic::on_unimplemented(
    message = "the result of `{R}` with the buffers `{B}` cannot go to `{Self}`",
    note = "a queue takes what it can make a `{T}` of (`FromCompletion`); a handler takes no result that is to be \
            released by a call of WSK, which a completion routine must not make: that of `Create`, `GetSecurity` and \
            `SetSecurity`"
)]
pub trait Destination<'r, B, R: Request, T>: sealed::Sealed {
    /// What the call that submits gives: nothing; or the result with the operation, if it is there when WSK has returned.
    type Submitted;

    /// Whether that is the result.
    #[doc(hidden)]
    const KEEPS: bool;

    #[doc(hidden)]
    fn target(&self) -> Target;

    #[doc(hidden)]
    fn submitted(done: Option<(T, Op<B>)>) -> Self::Submitted;
}

mod sealed {
    pub trait Sealed {}
    impl<B: Send + 'static, T> Sealed for super::CompletionQueue<'_, B, T> {}
    impl<B: Send + 'static, T> Sealed for super::UnlessDone<'_, '_, B, T> {}
    impl<B: Send + 'static, T, H> Sealed for super::CompletionHandler<B, T, H> {}
}

impl<'r, B, R, T> Destination<'r, B, R, T> for CompletionQueue<'r, B, T>
where
    B: Send + 'static,
    R: Submit<B, State: 'r>,
    T: FromCompletion<R>,
{
    type Submitted = ();
    const KEEPS: bool = false;

    fn target(&self) -> Target {
        Target::Queue(self.expect())
    }

    fn submitted(_: Option<(T, Op<B>)>) {}
}

/// A queue, for results that are not there when WSK has returned; one that is there is given back by the call. So nobody
/// is rung for, and no thread is switched to, for what WSK does at once.
///
/// [`CompletionQueue::unless_done`] makes one.
#[derive(Debug)]
pub struct UnlessDone<'q, 'r, B: Send + 'static, T>(pub(super) &'q CompletionQueue<'r, B, T>);

impl<'r, B, R, T> Destination<'r, B, R, T> for UnlessDone<'_, 'r, B, T>
where
    B: Send + 'static,
    R: Submit<B, State: 'r>,
    T: FromCompletion<R>,
{
    type Submitted = Option<(T, Op<B>)>;
    const KEEPS: bool = true;

    fn target(&self) -> Target {
        Target::Queue(self.0.expect())
    }

    fn submitted(done: Option<(T, Op<B>)>) -> Option<(T, Op<B>)> {
        done
    }
}

impl<B, R, T, H> Destination<'_, B, R, T> for CompletionHandler<B, T, H>
where
    B: Send + 'static,
    R: Submit<B> + AtDispatch,
    T: FromCompletion<R>,
{
    type Submitted = Option<(T, Op<B>)>;
    const KEEPS: bool = true;

    fn target(&self) -> Target {
        Target::Handler(self.expect())
    }

    fn submitted(done: Option<(T, Op<B>)>) -> Option<(T, Op<B>)> {
        done
    }
}
