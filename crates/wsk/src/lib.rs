//! A safe Winsock Kernel (WSK) client.
#![no_std]

mod addr;
pub mod buffer;
mod call;
mod control;
mod error;
pub mod ioctl;
mod irql;
pub mod op;
pub mod option;
mod pool;
mod registration;
mod request;
pub mod row;
mod socket;
pub mod state;
mod sync;
mod time;

pub use addr::Family;
pub use buffer::Buffer;
pub use control::{Control, Get, Ioctl, Set};
pub use error::{Error, Result, check};
pub use irql::{Passive, Wait};
pub use op::{CONTROL_MAX, Canceller, Completion, CompletionQueue, Doorbell, Op, Payload, Pending};
pub use pool::POOL_TAG;
pub use registration::{Provider, Registration, Version};
pub use request::{Bind, LocalAddress, ReceiveFrom, Received, Request, RequestIn, SendTo};
pub use socket::{Datagram, Socket, Unbound};
