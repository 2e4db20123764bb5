//! A time limit alone is no permission to wait.
use core::time::Duration;

use wsk::{Datagram, Result};

fn example(socket: &Datagram<'_>) -> Result {
    socket.local_address(Duration::from_secs(1)).map(drop)
}

fn main() {}
