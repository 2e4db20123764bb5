//! A result is that of its request: what does not belong to it cannot be asked, whatever the operation was submitted for
//! before.
use wsk::{Buffer, CompletionQueue, Datagram, Get, LocalAddress, Op, Passive, Received, Result, SendTo};

fn waiting(socket: Datagram<'_>, op: Op<Buffer>, passive: &Passive) {
    let (sent, _) = socket.submit(op, SendTo(None), None).wait(passive);
    let _ = sent.map(|sent| sent.from);
}

fn of_a_queue(socket: Datagram<'_>, queue: &CompletionQueue<'_, Buffer, Result<Received>>, op: Op<Buffer>) {
    socket.submit_to(queue, op, LocalAddress, None);
}

fn of_any(socket: Datagram<'_>, queue: &CompletionQueue<'_, (), wsk::Completion<'_>>, op: Op<()>) {
    socket.submit_to(queue, op, Get::<wsk::option::socket::Broadcast>::new(), None);
}

fn main() {}
