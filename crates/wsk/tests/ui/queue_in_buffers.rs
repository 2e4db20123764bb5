//! The same of a queue, whose drop waits for its operations; and of a socket, whose drop calls WSK.
use wsk::{Completion, CompletionQueue, Op, Shared, Socket};

fn queue(queue: Shared<CompletionQueue<'static, (), Completion<'static>>>) {
    let _ = Op::new(queue);
}

fn socket(socket: Socket<'static>) {
    let _ = Op::new([socket]);
}

fn main() {}
