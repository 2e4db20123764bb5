//! A drop that waits is no drop for `DISPATCH_LEVEL`.
use nt::{Dpc, Timer, WorkItem, dispatch_drop};

struct Later {
    dpc: Dpc<u32, 1>,
}

dispatch_drop!(Later { dpc });

fn dropped_at_dispatch_level<T: nt::DispatchDrop>() {}

fn main() {
    dropped_at_dispatch_level::<Timer<u32, 1>>();
    dropped_at_dispatch_level::<WorkItem<u32, 1>>();
}
