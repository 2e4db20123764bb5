//! A request that holds a security descriptor is waited for, or goes to a queue: dropped, it would release the descriptor
//! within a completion routine.
use wsk::{GetSecurity, Op, Socket};

fn example(socket: Socket<'_>, op: Op<()>) {
    drop(socket.submit(op, GetSecurity::new(&socket).unwrap(), None));
}

fn main() {}
