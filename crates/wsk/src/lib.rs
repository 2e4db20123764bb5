//! A safe Winsock Kernel (WSK) client.
//!
//! WSK is Windows' interface for sockets in the kernel. A driver registers with it as a *client*, captures the
//! *provider*, and makes sockets; each function of a socket takes an I/O request packet (IRP) and completes it, now
//! or later, on any thread, at up to `DISPATCH_LEVEL`. What the call points to must live until then. This crate owns
//! all of that: the IRP, the buffers, the cancellation, the time limits, the order of teardown. It has basic
//! and datagram sockets, their options, IOCTLs and event callbacks; no streams.
//!
//! It needs no WDK, no `std` and no global allocator, and allocates nothing from the submission of an operation to
//! its result. The kernel's functions are those of [`wsk_sys`]: `ntoskrnl.exe` and `netio.sys` supply them in a
//! driver, the hosted kernel in a test.
//!
//! **Nothing here has met a real Windows kernel yet.** The examples and tests run on the hosted kernel, which
//! enforces what Microsoft's pages say; where they are silent, it has made a choice. See "What is checked, and what
//! is not" below.
//!
//! # The life of a client
//!
//! ```
//! use core::time::Duration;
//!
//! use wsk::ioctl::SetRemoteAddress;
//! use wsk::option::socket::ExclusiveAddressUse;
//! use wsk::{Buffer, Family, Op, Passive, ReceiveFrom, Registration, SendTo, Version};
//!
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
//! fn client() -> wsk::Result {
//!     // In a driver: `unsafe { Passive::assume() }`, in a callback that the framework calls at PASSIVE_LEVEL.
//!     let passive = &Passive::check().expect("this may wait");
//!
//!     // 1. A registration, for as long as the driver is loaded; and the provider, waited for if it is not up yet.
//!     let registration = Registration::register(Version::V1_0, passive)?;
//!     let provider = registration.provider(passive)?;
//!
//!     // 2. A socket. Some options come before the bind, some requests after it: the types keep the order.
//!     let socket = provider.datagram(Family::V4, passive)?;
//!     socket.set::<ExclusiveAddressUse>(true, passive)?;
//!     let socket = socket.bind("127.0.0.1:0".parse().unwrap(), passive)?;
//!     let address = socket.local_address(passive)?;
//!     socket.ioctl::<SetRemoteAddress>(Some(address), passive)?;
//!
//!     // 3. Datagrams, by calls that wait. A receive has the buffer's capacity; then the buffer is what came.
//!     let mut buffer = Buffer::new(1500)?;
//!     buffer.fill(b"who is there?")?;
//!     assert_eq!(socket.send_to(&buffer, address, passive)?, 13);
//!     let received = socket.receive_from(&mut buffer, passive.within(Duration::from_secs(1)))?;
//!     assert_eq!((received.from, &buffer[..]), (address, &b"who is there?"[..]));
//!
//!     // Or by operations: made once, submitted many times. Each comes back with its buffers and its result.
//!     let (sent, op) = socket.submit(Op::new(buffer)?, SendTo(None), None).wait(passive);
//!     assert_eq!(sent?, 13);
//!     let (received, op) = socket.submit(op, ReceiveFrom, Duration::from_secs(1)).wait(passive);
//!     assert_eq!((received?.length, &op.buffers()[..]), (13, &b"who is there?"[..]));
//!
//!     // 4. Sockets, then the provider, then the registration: in this order their borrows end.
//!     socket.close(passive)
//! }
//! ```
//!
//! # Two entry points
//!
//! - **Calls that wait**: `set`, `get`, `ioctl`, `bind`, `send_to`, `receive_from`, `close` and others take a [`Call`], which
//!   is `&Passive` or [`passive.within(limit)`](Passive::within), and return when the IRP has completed, never before. Each
//!   allocates an IRP for itself, unless it is lent an operation, which can also be cancelled: see [`Call`].
//! - **Operations**: `submit` and `submit_to` submit an [`Op`] for a request, with a time limit that is a `Duration` or
//!   `None`, and return at once, at any IRQL up to `DISPATCH_LEVEL`. They allocate nothing and cannot fail: a refusal comes as
//!   the operation's result. It comes to the owner of the [`Pending`], or to a [`CompletionQueue`], as a [`Completion`] that
//!   says which request it is of, or as what the driver makes of it ([`FromCompletion`]):
//!
//! ```
//! # use std::ffi::c_void;
//! # use std::sync::atomic::{AtomicBool, Ordering};
//! # use wsk::{Buffer, Completion, CompletionQueue, Doorbell, Family, Op, Passive, ReceiveFrom, Registration, Version};
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
//! # static RUNG: AtomicBool = AtomicBool::new(false);
//! # unsafe fn enqueue_work_item(_: *mut c_void) { RUNG.store(true, Ordering::SeqCst); }
//! # fn client() -> wsk::Result {
//! # let passive = &Passive::check().unwrap();
//! # let registration = Registration::register(Version::V1_0, passive)?;
//! # let provider = registration.provider(passive)?;
//! # let socket = provider.datagram(Family::V4, passive)?;
//! # let socket = socket.bind("127.0.0.1:0".parse().unwrap(), passive)?;
//! # let work_item = std::ptr::null_mut();
//! // Anyone may enqueue a work item, at DISPATCH_LEVEL too, and it exists as long as the queue.
//! let doorbell = unsafe { Doorbell::new(enqueue_work_item, work_item) };
//! let queue = CompletionQueue::new(doorbell, passive)?;
//! for _ in 0..4 {
//!     socket.submit_to(&queue, Op::new(Buffer::new(1500)?)?, ReceiveFrom, None);
//! }
//! # let to = Some(socket.local_address(passive)?);
//! # socket.submit(Op::new(Buffer::new(3)?)?, wsk::SendTo(to), None).wait(passive).0?;
//! # while !RUNG.load(Ordering::SeqCst) { std::thread::yield_now(); }
//!
//! // In the work item:
//! for (completion, op) in queue.drain() { // or `drain_with` a function, which is quicker for many
//!     if let Completion::Receive(received) = completion {
//!         let received = received?;
//!         // ... use the data, in op.buffers() ...
//! #       assert_eq!((received.length, Some(received.from)), (3, to));
//!         socket.submit_to(&queue, op, ReceiveFrom, None);
//!     }
//! }
//! # socket.close(passive)?;
//! # drop(queue);
//! # Ok(())
//! # }
//! ```
//!
//! A driver that has only to tell somebody else, as one does that completes requests, needs no thread for it: a
//! [`CompletionHandler`] is called in the completion itself, at <= `DISPATCH_LEVEL`. What WSK has done when its function
//! returns does not come there: the call that submits gives it back. So does a queue with
//! [`unless_done`](CompletionQueue::unless_done).
//!
//! [`recipe`] has two whole ones: a question with retries, a time limit, a cancel and an unload; and operations of several
//! steps.
//!
//! # Control information, and several datagrams at once
//!
//! Beside its data a datagram has control information: where it came in, with which TTL and marks; on the way out, how
//! to send it. [`ReceiveFrom`] always has room for it, and options ask for it ([`option::ip::PacketInformation`] and
//! others); [`SendTo::with`] sends with it. The crate's [`cmsg`] builds and reads it, and trusts no length in it.
//! [`SendMessages`] sends the parts of one payload as datagrams with one IRP: a [`BufferList`] divides it, without
//! copying.
//!
//! ```
//! use wsk::cmsg::Message;
//! use wsk::option::ip;
//! use wsk::{Buffer, BufferList, ControlInfo, Op, ReceiveFrom, SendMessages};
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
//! # let to = socket.local_address(passive)?;
//! let mut buffer = Buffer::new(1500)?;
//! buffer.fill(b"onetwothree")?;
//! let mut list = BufferList::new(buffer, 8)?;
//! list.divide([3, 3, 5])?;
//! let mut control = ControlInfo::new();
//! control.push(&Message::TypeOfService(0xB8)).expect("there is room");
//! let (sent, _) = socket.submit(Op::new(list)?, SendMessages(Some(to)).with(control), None).wait(passive);
//! assert_eq!(sent?, 11);
//!
//! socket.set::<ip::ReceiveTypeOfService>(true, passive)?;
//! let (received, _) = socket.submit(Op::new(Buffer::new(1500)?)?, ReceiveFrom, None).wait(passive);
//! let received = received?;
//! let first = received.control.messages().next().expect("a message").expect("well formed");
//! assert_eq!((received.length, first.decode()), (3, Ok(Message::TypeOfService(0xB8))));
//! # socket.close(passive)
//! # }
//! ```
//!
//! # Events
//!
//! Datagrams can also come by themselves, in a call of a handler that the socket was made with: see [`event`]. That
//! handler, and a [`CompletionHandler`], are the only code of the driver that runs on WSK's threads. What a driver's requests then wait for is its own
//! memory; [`Waiters`] makes such a wait an operation as well.
//!
//! # An operation's states
//!
//! | state | who has it | how it leaves |
//! |---|---|---|
//! | idle | the owner of the [`Op`], who reads and writes its buffers | `submit`, `submit_to`; or it is dropped |
//! | submitted | the submitter until the call returns, WSK, the timer, cancellers: each may touch the IRP | the last of them is done with the IRP |
//! | delivered | the owner of the [`Pending`], the queue, or the handler in its call | [`Pending::wait`], [`CompletionQueue::drain`] |
//! | abandoned | nobody: the [`Pending`] was dropped, which cancels | it frees itself when the last one is done with the IRP |
//!
//! An IRP that WSK got is completed on every path, whatever the call returned, so the result is read there and nowhere
//! else. The completion routine copies it, and does nothing more than to leave; it calls no code of the driver but a
//! [`CompletionHandler`]'s and no WSK function, and returns `STATUS_MORE_PROCESSING_REQUIRED`.
//!
//! # Time limits and cancellation
//!
//! Both ask, and then wait for the answer. A request that WSK completes all the same is a success, or the failure that
//! WSK gave; only one that was cancelled yields [`Error::CANCELLED`], or [`Error::IO_TIMEOUT`] if it was the
//! time limit that asked. A limit of zero is no timer but a question: the request is made, and only if it has not
//! completed when the call of WSK returns is it cancelled, so a result that is there at once never loses. That holds for
//! [`Passive::within`] and for the limit of `submit` and `submit_to`. Nothing is ever given up while WSK still has it.
//! [`Pending::cancel`] is for the owner,
//! [`Op::canceller`] for everybody else: its cancel may come before the submission, which it then meets, or after the
//! result. A call that waits is cancelled from elsewhere if it is lent an operation: [`Call`].
//!
//! [`Pending::wait_for`] has another limit, of the wait: when it passes, the request goes on.
//!
//! # IRQL
//!
//! | what | IRQL |
//! |---|---|
//! | [`Registration::register`], [`negotiate`](Registration::negotiate), [`provider`](Registration::provider); its drop | `PASSIVE_LEVEL` |
//! | [`Registration::try_provider`], [`characteristics`](Registration::characteristics); drop of a [`Provider`] | <= `DISPATCH_LEVEL` |
//! | [`Provider::transports`], [`Provider::submit_transport_change`]; drop of a [`SecurityDescriptor`] | <= `DISPATCH_LEVEL` |
//! | everything that takes a [`Wait`] or `&Passive` | `PASSIVE_LEVEL`, proven |
//! | `submit`, `submit_to`, [`Create::submit_to`], [`CompletionQueue::drain`], cancels, [`Pending::is_done`] | <= `DISPATCH_LEVEL` |
//! | [`Op::new`], [`Buffer::new`]; drops of these, of a [`Pending`], of a [`Canceller`], of a socket | <= `DISPATCH_LEVEL` |
//! | drop of a [`CompletionQueue`] or a [`CompletionHandler`], which waits | `PASSIVE_LEVEL` |
//! | your buffers' drop, if a submitted operation is abandoned: [`DispatchDrop`]; the [`Doorbell`]; a [`HandleCompletion`], a [`ReceiveHandler`] and its drop | called at <= `DISPATCH_LEVEL` |
//! | everything of [`Waiters`]; drop of an [`event::Retained`] | <= `DISPATCH_LEVEL` |
//!
//! [`Passive`] proves the level for calls. A drop cannot take a proof, so the three drops that wait are for you to place. What
//! the crate itself drops at `DISPATCH_LEVEL`, buffers and handlers, cannot own them: that is what [`DispatchDrop`] is
//! for. And each wait asks for the level first: at `DISPATCH_LEVEL` it is a bug check, `ATTEMPTED_SWITCH_FROM_DPC`, on
//! every machine and at once.
//!
//! # Teardown
//!
//! 1. Sockets: `close` waits, and cancels what is pending; a drop sends the close and leaves, and the close cannot fail
//!    for lack of memory, because its IRP was made with the socket. While a call is in progress the socket cannot be
//!    closed: the call borrows it.
//! 2. Completion queues and handlers: the drop waits for what was submitted to them, which the close of the sockets has
//!    ended.
//! 3. The provider, then the registration. `WskDeregister` waits for every close that is still under way; then the
//!    processors' DPC queues are flushed, so that no routine of this crate runs any more when the driver is unloaded.
//!
//! Sockets, providers and security descriptors borrow the registration, and so do the queues and completions that hold
//! some, so the compiler refuses any other order. One that is leaked on purpose (`mem::forget`) makes `WskDeregister` wait
//! for ever, as in C; it never dangles. So does an [`event::Retained`] that is kept, which has no such borrow: it keeps the
//! close of its socket waiting.
//!
//! # What the documented sample gets wrong
//!
//! Microsoft's page "Performing Control Operations on a Socket" is where many clients start from. `docs/sample-defects.md` of
//! the repository lists what is wrong in its two samples, what makes it impossible here, and the test of each.
//!
//! # What is checked, and what is not
//!
//! On the hosted kernel, with completion inside the call, at `DISPATCH_LEVEL` on another thread, and late in random
//! order: every request, and every call that can fail made to fail. loom explores the interleavings of those
//! who touch an operation on the crate's own code (`tests/loom`), Miri runs the suites. Not on Windows: whether the choices that the
//! hosted kernel makes where the documentation is silent are those of Windows is not known. Such are the statuses of
//! requests that are refused, whether a request can be cancelled at all, and what a truncated datagram's status is.
#![no_std]

// What is the kernel's and not WSK's, under the names of the crate that has it.
use nt::{bug_check as fatal, error, irql};

mod addr;
pub mod buffer;
pub mod buffer_list;
mod client;
mod dispatch_drop;
pub mod event;
pub mod ioctl;
pub mod op;
pub mod option;
mod payload;
mod pool;
mod provider;
pub mod recipe;
mod registration;
mod request;
pub mod row;
mod security;
mod socket;
pub mod state;
mod time;

pub use addr::Family;
pub use buffer::Buffer;
pub use buffer_list::BufferList;
pub use client::{Transport, Transports};
pub use event::ReceiveHandler;
pub use nt::{DispatchDrop, Error, IntoWait, Passive, Result, Wait, check, dispatch_drop};
pub use op::{
    Call, Canceller, CompletionHandler, CompletionQueue, Destination, Doorbell, Drain, FromCompletion,
    HandleCompletion, IntoCall, Op, Pending, Request, UnlessDone,
};
pub use payload::{Payload, PayloadList};
pub use pool::{POOL_TAG, Shared};
pub use provider::Provider;
pub use registration::{Registration, Version};
pub use request::address_change::AddressListChange;
pub use request::bind::Bind;
pub use request::control::untyped::Control;
pub use request::control::{CONTROL_MAX, Get, Ioctl, Output, Set};
pub use request::create::Create;
pub use request::disable_receive::DisableReceive;
pub use request::local_address::LocalAddress;
pub use request::receive::{ReceiveFrom, WithRoom};
pub use request::received::{Received, ReceivedControl};
pub use request::security::{GetSecurity, SetSecurity};
pub use request::send::{CONTROL_INFO_MAX, ControlInfo, SendMessages, SendTo, WithControl};
pub use request::transport_change::TransportListChange;
pub use request::wait::{WaitRequest, Waiters};
pub use request::{Completion, RequestIn, SocketRequest};
pub use security::SecurityDescriptor;
pub use socket::immediate::{AddressList, Extension};
pub use socket::{Basic, BindError, Builder, Datagram, Socket, Unbound};
pub use time::IntoLimit;
/// Control messages, to be read from and written to [`ControlInfo`].
pub use wsk_cmsg as cmsg;
/// Security descriptors as bytes, and as text.
pub use wsk_descriptor as descriptor;

/// The example of the repository's README, as a test; not for Miri, which has no UDP sockets.
#[cfg(all(doctest, not(miri)))]
#[doc = include_str!("../../../README.md")]
struct Readme;
