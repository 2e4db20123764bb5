//! Options are the crate's: a value that is a kernel pointer would be followed.
use wsk::option::{SetOption, SocketOption};
use wsk::row::Row;

enum Security {}

impl SocketOption for Security {
    type Value = u32;
    type SetRule = wsk::state::BeforeBind;
    const ROW: &'static Row = wsk::option::socket::ReceiveBuffer::ROW;
}

impl SetOption for Security {}

fn main() {}
