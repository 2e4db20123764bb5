//! A DPC runs at `DISPATCH_LEVEL`: no proof of another level comes along.
use nt::{Dpc, Event, Passive};

struct Waits<'p> {
    event: Event<1>,
    passive: &'p Passive,
}

fn dpc(event: Event<1>, passive: &Passive) {
    let _ = Dpc::<_, 1>::new(Waits { event, passive }, |waits| {
        let _ = waits.event.wait(waits.passive);
    });
}

fn main() {}
