//! The table of control requests: what is documented of each, as data.
//!
//! It is the crate `wsk_requests`, which says more of it. The typed requests ([`option`](mod@crate::option),
//! [`ioctl`](crate::ioctl)) are made from its rows, and so is everything that handles requests by number: a driver's
//! checks of what user mode asks for, a harness, a page of documentation.

pub use wsk_requests::{
    Direction, EXCLUDED, Excluded, Families, IrpRule, Kind, MaxIrql, ROWS, Request, Row, Sockets, StateRule,
    ValueKind,
};
