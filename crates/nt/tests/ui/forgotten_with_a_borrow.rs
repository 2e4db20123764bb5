//! What is forgotten is still called: its context borrows nothing.
use core::ptr::NonNull;
use core::sync::atomic::AtomicU32;

use nt::{Dpc, WorkItem};
use nt_sys::DEVICE_OBJECT;

fn dpc(count: &AtomicU32) -> nt::Result {
    let dpc = Dpc::<_, 1>::new(count, |_: &&AtomicU32| ())?;
    dpc.queue();
    core::mem::forget(dpc);
    Ok(())
}

fn work_item(device: NonNull<DEVICE_OBJECT>, count: &AtomicU32) -> nt::Result {
    // SAFETY: a test of the compiler.
    let item = unsafe { WorkItem::<_, 1>::new(device, count, |_: &&AtomicU32, _| ()) }?;
    item.queue();
    core::mem::forget(item);
    Ok(())
}

fn main() {}
