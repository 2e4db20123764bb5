//! The states of a socket, and when a request may be made.

/// The state of a basic socket, which never has a local address.
#[derive(Clone, Copy, Debug)]
pub enum Basic {}

/// The state of a socket that has no local address.
#[derive(Clone, Copy, Debug)]
pub enum Unbound {}

/// The state of a socket that is bound to a local address.
#[derive(Clone, Copy, Debug)]
pub enum Bound {}

/// The rule of options that can be set before the bind only.
#[derive(Clone, Copy, Debug)]
pub enum BeforeBind {}

/// The rule of requests that need a local address.
#[derive(Clone, Copy, Debug)]
pub enum AfterBind {}

/// The rule of options that can be set at any time.
#[derive(Clone, Copy, Debug)]
pub enum AnyTime {}

/// That a rule permits a request in the state `S`.
#[diagnostic::on_unimplemented(
    message = "the rule `{Self}` does not permit this on a socket in the state `{S}`",
    note = "set it before the socket is bound (`BeforeBind`), or bind the socket first (`AfterBind`)"
)]
pub trait Permits<S> {}

impl Permits<Basic> for AnyTime {}
impl Permits<Unbound> for BeforeBind {}
impl Permits<Bound> for AfterBind {}
impl Permits<Unbound> for AnyTime {}
impl Permits<Bound> for AnyTime {}
