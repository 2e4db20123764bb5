//! Close: the last handle is closed. The socket goes, and with it what is pending; what is no socket's is cancelled here.

use core::mem;

use crate::file::{File, State};
use crate::inbox::Inbox;

/// `EvtFileCleanup`: closes the handle. Its requests complete later, each with its operation.
pub(crate) fn close(file: &File) {
    let counters = &file.driver().counters;
    let (state, transport_change) =
        file.with(|inner| (mem::replace(&mut inner.state, State::Closed), inner.transport_change.take()));
    if let Some(transport_change) = transport_change {
        transport_change.cancel();
    }
    match &state {
        State::Creating(canceller) => canceller.cancel(),
        State::Unbound(socket) | State::Binding(socket) | State::Bound(socket) => {
            counters.sockets_open.decrement();
            // Drains wait no more.
            let dropped = Inbox::of(socket).map_or(0, |inbox| inbox.close());
            counters.datagrams_dropped.add(dropped);
        }
        State::NoSocket | State::Closed => {}
    }
    file.drop_spare();
    // The socket's last reference sends its close and does not wait: the pending operations complete with
    // STATUS_CANCELLED, and so do their requests; WskDeregister waits for the rest.
    drop(state);
}
