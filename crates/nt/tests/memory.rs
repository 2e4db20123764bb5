//! Pool, buffers, and values behind locks.
#![allow(missing_docs, reason = "a test")]
#![expect(unsafe_code, reason = "looks at the MDL, and takes a lock without a closure")]

mod common;

use common::{TAG, bug_check, in_driver};
use nt::{Error, Passive, SpinLock};
use nt_sys::{MmGetMdlByteCount, MmGetSystemAddressForMdlSafe, NormalPagePriority};

type Buffer = nt::Buffer<TAG>;
type PoolBox<T> = nt::PoolBox<T, TAG>;
type Shared<T> = nt::Shared<T, TAG>;

#[test]
fn a_box_owns_a_block() {
    in_driver(|machine| {
        let mut value = PoolBox::new([1_u64; 4]).unwrap();
        assert_eq!(machine.counters().pool_blocks.live, 1);
        value[2] = 7;
        assert_eq!(*value, [1, 1, 7, 1]);
        drop(value);
        assert_eq!(machine.counters().pool_blocks.live, 0);
    });
}

#[test]
fn the_last_handle_drops_the_value() {
    in_driver(|machine| {
        let mut first = Shared::new(Buffer::new(8).unwrap()).unwrap();
        assert!(first.get_mut().is_some());
        let second = first.clone();
        assert!(first.get_mut().is_none(), "there is another");
        drop(second.clone());
        drop(first);
        assert_eq!(second.len(), 8);
        drop(second);
        let left = machine.counters();
        assert_eq!((left.pool_blocks.live, left.mdls.live), (0, 0));
    });
}

#[test]
fn what_cannot_be_allocated_is_an_error() {
    in_driver(|machine| {
        assert_eq!(nt::pool::allocate_bytes(0, TAG).unwrap_err(), Error::INVALID_PARAMETER);
        assert_eq!(nt::pool::allocate_bytes(1, 0).unwrap_err(), Error::INVALID_PARAMETER);
        assert_eq!(Buffer::new(0).unwrap_err(), Error::INVALID_PARAMETER);
        assert_eq!(Buffer::new(1 << 32).unwrap_err(), Error::INVALID_PARAMETER);
        for nth in 0..2 {
            machine.faults().fail_nth(nth);
            assert_eq!(Buffer::new(1).unwrap_err(), Error::INSUFFICIENT_RESOURCES, "{nth}");
            assert!(machine.faults().fired().is_some());
        }
        machine.faults().fail_nth(0);
        assert_eq!(Shared::new(1).unwrap_err(), Error::INSUFFICIENT_RESOURCES);
        machine.faults().disarm();
    });
}

#[test]
fn a_buffer_is_what_its_mdl_describes() {
    in_driver(|_| {
        let mut buffer = Buffer::new(100).unwrap();
        assert_eq!(buffer.fill(&[0; 101]), Err(Error::BUFFER_TOO_SMALL));
        assert_eq!((buffer.fill(&[7; 100]), buffer.len(), buffer[99]), (Ok(()), 100, 7), "it may be full");
        buffer.fill(b"text").unwrap();
        assert_eq!((&buffer[..], buffer.capacity()), (&b"text"[..], 100));
        let mdl = buffer.mdl().as_ptr();
        // SAFETY: the buffer's MDL.
        assert_eq!(unsafe { MmGetMdlByteCount(mdl) }, 100);
        // SAFETY: the buffer's MDL, of non-paged pool.
        let address = unsafe { MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority) };
        assert_eq!(address.cast_const(), buffer.as_ptr().cast());
        buffer.set_len(1000);
        assert_eq!((buffer.len(), &buffer[..6]), (100, &b"text\x07\x07"[..]));
    });
}

#[test]
fn a_lock_raises_the_level_and_no_proof_is_to_be_had_there() {
    in_driver(|_| {
        let (outer, inner) = (SpinLock::new(1), SpinLock::new(2));
        let sum = outer.with(|outer| {
            assert!(Passive::check().is_none());
            *outer + inner.with(|inner| *inner)
        });
        assert!(Passive::check().is_some());
        // SAFETY: nothing waits, and there is no other guard.
        let mut guard = unsafe { outer.lock() };
        *guard += sum;
        assert!(Passive::check().is_none());
        drop(guard);
        assert!(Passive::check().is_some());
        assert_eq!(outer.with(|outer| *outer), 4);
    });
}

#[test]
fn several_threads_take_turns() {
    const TIMES: u32 = if cfg!(miri) { 10 } else { 100 };
    let machine = common::machine();
    let lock = std::sync::Arc::new(SpinLock::new(0_u32));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let lock = lock.clone();
            machine.spawn("counts", move || {
                for _ in 0..TIMES {
                    lock.with(|count| *count += 1);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(std::sync::Arc::into_inner(lock).unwrap().get_mut(), &(4 * TIMES));
    machine.shutdown();
}

#[test]
#[cfg_attr(miri, ignore = "the thread of a bug check stays, which Miri takes for a leak")]
fn a_lock_that_is_taken_twice_is_a_bug_check() {
    let report = bug_check(|| {
        let lock = SpinLock::new(0_u32);
        lock.with(|_| lock.with(|value| *value));
    });
    assert_eq!(report.rule, ntos::rule::SPIN_LOCK_RECURSION);
}
