//! Safe wrappers of the Windows NT kernel, for drivers: what is needed of it whatever the driver does.
//!
//! It needs no WDK, no `std` and no global allocator. The kernel's functions are those of [`nt_sys`]: `ntoskrnl.exe`
//! supplies them in a driver, the hosted kernel (`hosted-ntos`) in a test. Each page of this documentation names the C
//! functions that its calls are, and the IRQL at which they may be called; where none is named, it is any up to
//! `DISPATCH_LEVEL`.
//!
//! | module | contents |
//! |---|---|
//! | [`irql`] | [`Passive`], the proof that a thread may wait, and [`Wait`], with a time limit; [`Passive::sleep`] |
//! | [`error`] | [`Error`] and [`Result`] over `NTSTATUS` |
//! | [`pool`] | [`PoolBox`] and [`Shared`] in non-paged pool, each with a tag of the driver's |
//! | [`lock`] | [`SpinLock`], under which no wait can be written |
//! | [`event`] | [`Event`] |
//! | [`dpc`], [`timer`] | [`Dpc`] and [`Timer`]: a routine at `DISPATCH_LEVEL`, soon or at a time |
//! | [`work_item`], [`passive_timer`] | [`WorkItem`] and [`PassiveTimer`]: a routine at `PASSIVE_LEVEL`, soon or at a time |
//! | [`buffer`] | [`Buffer`]: non-paged memory with its MDL |
//! | [`dispatch_drop`](DispatchDrop) | [`DispatchDrop`]: what may be dropped at `DISPATCH_LEVEL` |
//! | [`time`], [`bug_check`] | intervals; the faults that end the system |
//!
//! # Levels
//!
//! Code at `DISPATCH_LEVEL` must not wait. Three things keep to that:
//!
//! - a call that waits takes a [`Passive`] or a [`Wait`], which only code at `PASSIVE_LEVEL` has: a callback of the system
//!   that comes there asserts it once, and [`Passive::check`] asks the kernel;
//! - what runs at `DISPATCH_LEVEL` cannot bring one along: the closure of a [`SpinLock`] is `Send`, a [`Dpc`]'s routine is
//!   a function of a value that is `Send` and `Sync`, and a proof is neither;
//! - what the types do not see, such as a drop in code that has raised the level, is a bug check at the wait,
//!   `ATTEMPTED_SWITCH_FROM_DPC`, on every machine and at once.
//!
//! # Example
//!
//! A timer's DPC counts, and queues a work item at each tick; `crates/nt/examples/ticks.rs` is all of it.
//!
//! ```
//! # fn main() { hosted(|| driver().unwrap()); }
//! # fn hosted(driver: impl FnOnce()) {
//! #     let machine = ntos::Machine::boot(ntos::Config::default());
//! #     let entered = machine.enter();
//! #     driver();
//! #     drop(entered);
//! #     machine.shutdown();
//! # }
//! use core::time::Duration;
//! use nt::{Passive, SpinLock};
//!
//! const TAG: u32 = nt::pool::tag(b"Demo");
//! type Event = nt::Event<TAG>;
//!
//! struct Ticks { count: SpinLock<u32>, three: Event }
//!
//! fn tick(ticks: &Ticks) {
//!     if ticks.count.with(|count| { *count += 1; *count }) == 3 {
//!         ticks.three.set();
//!     }
//! }
//!
//! fn driver() -> nt::Result {
//!     // In a driver: `unsafe { Passive::assume() }`, in a callback that the system calls at PASSIVE_LEVEL.
//!     let passive = &Passive::check().expect("this may wait");
//!     let ticks = Ticks { count: SpinLock::new(0), three: Event::notification()? };
//!     let timer = nt::Timer::<_, TAG>::new(nt::Dpc::new(ticks, tick)?)?;
//!     timer.set_periodic(Duration::from_millis(1), Duration::from_millis(1));
//!     timer.context().three.wait(passive.within(Duration::from_secs(10)))
//! }
//! ```
#![no_std]

pub mod buffer;
pub mod bug_check;
mod dispatch_drop;
pub mod dpc;
pub mod error;
pub mod event;
pub mod irql;
pub mod lock;
pub mod passive_timer;
pub mod pool;
#[doc(hidden)]
pub mod sync;
pub mod time;
pub mod timer;
pub mod work_item;

pub use buffer::Buffer;
pub use dispatch_drop::DispatchDrop;
#[doc(hidden)]
pub use dispatch_drop::private as __private;
pub use dpc::Dpc;
pub use error::{Error, Result, check};
pub use event::Event;
pub use irql::{IntoWait, Passive, Wait};
pub use lock::SpinLock;
pub use passive_timer::PassiveTimer;
pub use pool::{PoolBox, Shared};
pub use timer::Timer;
pub use work_item::WorkItem;
