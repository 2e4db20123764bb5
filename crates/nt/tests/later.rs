//! Events, and what runs later: DPCs, timers, work items.
#![allow(missing_docs, reason = "a test")]
#![expect(unsafe_code, reason = "makes work items of a device")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use common::{TAG, bug_check, in_driver, with_device};
use nt::{Dpc, Error, Passive, PassiveTimer, SpinLock, Timer, WorkItem};

type Event = nt::Event<TAG>;

/// What the routines of the tests count, and tell.
struct Counted {
    calls: AtomicU32,
    called: Event,
    /// Whether a wait was possible.
    passive: AtomicU32,
}

impl Counted {
    fn new() -> Counted {
        let called = Event::synchronization().unwrap();
        Counted { calls: AtomicU32::new(0), called, passive: AtomicU32::new(0) }
    }

    fn call(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.passive.fetch_add(Passive::check().is_some().into(), Ordering::Relaxed);
        self.called.set();
    }
}

fn passive() -> Passive {
    Passive::check().expect("a test is at PASSIVE_LEVEL")
}

#[test]
fn an_event_stays_signalled_or_lets_one_go() {
    in_driver(|_| {
        let passive = passive();
        let now = passive.within(Duration::ZERO);
        let stays = Event::notification().unwrap();
        assert_eq!((stays.is_set(), stays.wait(now)), (false, Err(Error::IO_TIMEOUT)));
        stays.set();
        assert_eq!((stays.wait(&passive), stays.wait(&passive), stays.is_set()), (Ok(()), Ok(()), true));
        stays.clear();
        assert_eq!(stays.wait(now), Err(Error::IO_TIMEOUT));
        let one = Event::synchronization().unwrap();
        one.set();
        assert_eq!((one.wait(&passive), one.wait(now)), (Ok(()), Err(Error::IO_TIMEOUT)));
    });
}

/// A proof that was made at `PASSIVE_LEVEL` holds in a critical region, too, whose level is `APC_LEVEL`.
#[test]
fn an_event_is_waited_for_up_to_apc_level() {
    in_driver(|_| {
        let passive = passive();
        let event = Event::notification().unwrap();
        event.set();
        // SAFETY: may be called at this level, and is lowered below.
        let level = unsafe { nt_sys::KfRaiseIrql(nt_sys::APC_LEVEL) };
        let waited = event.wait(&passive);
        // SAFETY: raised above, from this level.
        unsafe { nt_sys::KeLowerIrql(level) };
        assert_eq!(waited, Ok(()));
    });
}

#[test]
fn what_runs_later_shows_its_value() {
    with_device(|_, device| {
        let dpc = Dpc::<_, TAG>::new(7, |_| {}).unwrap();
        assert_eq!(format!("{dpc:?}"), "Dpc(7)");
        // SAFETY: the device is there until the test is over.
        let item = unsafe { WorkItem::<_, TAG>::new(device, 7, |_, _| {}) }.unwrap();
        assert_eq!(format!("{item:?}"), "WorkItem(7)");
    });
}

#[test]
fn an_event_is_for_other_threads() {
    in_driver(|machine| {
        let event = Arc::new(Event::synchronization().unwrap());
        let other = event.clone();
        let waits = machine.spawn("waits", move || other.wait(&passive()));
        event.set();
        assert_eq!(waits.join().unwrap(), Ok(()));
    });
}

#[test]
fn a_dpc_runs_at_dispatch_level() {
    in_driver(|_| {
        let dpc = Dpc::<_, TAG>::new(Counted::new(), Counted::call).unwrap();
        assert!(dpc.queue());
        dpc.context().called.wait(&passive()).unwrap();
        let counted = dpc.context();
        assert_eq!((counted.calls.load(Ordering::Relaxed), counted.passive.load(Ordering::Relaxed)), (1, 0));
    });
}

#[test]
fn a_dpc_comes_once_for_each_time_that_it_was_queued_and_not_taken_back() {
    in_driver(|_| {
        for _ in 0..if cfg!(miri) { 5 } else { 50 } {
            let counted = Arc::new(Counted::new());
            let dpc = Dpc::<_, TAG>::new(counted.clone(), |counted: &Arc<Counted>| counted.call()).unwrap();
            let queued = u32::from(dpc.queue()) + u32::from(dpc.queue());
            // Its drop takes back no more, and waits for what has begun.
            let taken_back = u32::from(dpc.cancel());
            drop(dpc);
            assert_eq!(counted.calls.load(Ordering::Relaxed), queued - taken_back);
        }
        let dpc = Dpc::<_, TAG>::new(Counted::new(), Counted::call).unwrap();
        assert!(!dpc.cancel(), "never queued");
    });
}

/// A routine that runs until it is let go: at `DISPATCH_LEVEL` it cannot wait.
#[derive(Default)]
struct Busy {
    begun: AtomicBool,
    go: AtomicBool,
    ended: AtomicBool,
}

impl Busy {
    fn run_by(this: &Arc<Busy>) {
        this.begun.store(true, Ordering::Release);
        spin_until(&this.go);
        this.ended.store(true, Ordering::Release);
    }
}

fn spin_until(flag: &AtomicBool) {
    while !flag.load(Ordering::Acquire) {
        std::thread::yield_now();
    }
}

#[test]
fn a_dpc_that_waits_for_another_is_taken_back() {
    in_driver(|_| {
        let busy = Arc::new(Busy::default());
        let first = Dpc::<_, TAG>::new(busy.clone(), Busy::run_by).unwrap();
        first.queue();
        spin_until(&busy.begun);
        let second = Dpc::<_, TAG>::new(Counted::new(), Counted::call).unwrap();
        // Once queued, it is not queued again; once taken back, there is nothing to take.
        let told = [second.queue(), second.queue(), second.cancel(), second.cancel()];
        busy.go.store(true, Ordering::Release);
        drop(first);
        assert_eq!(told, [true, false, true, false]);
        assert_eq!(second.context().calls.load(Ordering::Relaxed), 0);
    });
}

#[test]
fn the_drop_of_a_dpc_waits_for_its_routine() {
    in_driver(|machine| {
        let busy = Arc::new(Busy::default());
        let dpc = Dpc::<_, TAG>::new(busy.clone(), Busy::run_by).unwrap();
        dpc.queue();
        spin_until(&busy.begun);
        let other = busy.clone();
        let goes = machine.spawn("lets it go", move || other.go.store(true, Ordering::Release));
        drop(dpc);
        assert!(busy.ended.load(Ordering::Acquire), "the drop has waited");
        goes.join().unwrap();
    });
}

#[test]
fn a_timer_queues_its_dpc_once_or_again() {
    in_driver(|_| {
        let dpc = Dpc::new(Counted::new(), Counted::call).unwrap();
        let timer = Timer::<_, TAG>::new(dpc).unwrap();
        assert!(!timer.set(Duration::from_millis(1)));
        timer.context().called.wait(&passive()).unwrap();
        assert!(!timer.cancel(), "it has expired");
        timer.set_periodic(Duration::ZERO, Duration::from_nanos(1));
        for _ in 0..3 {
            timer.context().called.wait(&passive()).unwrap();
        }
        assert!(timer.cancel(), "it would come again");
    });
}

#[test]
fn a_timer_that_is_cancelled_does_not_come() {
    in_driver(|_| {
        let timer = Timer::<_, TAG>::new(Dpc::new(Counted::new(), Counted::call).unwrap()).unwrap();
        assert!(!timer.set(Duration::from_hours(1)));
        assert!(timer.set(Duration::from_hours(2)), "it was set");
        assert!(timer.cancel());
        assert!(!timer.cancel());
        assert_eq!(timer.context().calls.load(Ordering::Relaxed), 0);
        // The drop cancels as well: the machine finds a timer that is set when its memory is freed.
        timer.set(Duration::from_hours(1));
    });
}

#[test]
fn a_work_item_runs_at_passive_level_and_can_be_queued_again() {
    with_device(|_, device| {
        // SAFETY: the device is there until the test is over.
        let item = unsafe { WorkItem::<_, TAG>::new(device, Counted::new(), |counted, _| counted.call()) };
        let item = item.unwrap();
        for calls in 1..=3 {
            assert!(item.queue());
            item.context().called.wait(&passive()).unwrap();
            let counted = item.context();
            assert_eq!(counted.calls.load(Ordering::Relaxed), calls);
            assert_eq!(counted.passive.load(Ordering::Relaxed), calls);
        }
    });
}

/// A routine that tells that it has begun, and waits until it may go.
struct Slow {
    begun: Event,
    go: Event,
    ended: AtomicU32,
}

impl Slow {
    fn new() -> Slow {
        Slow {
            begun: Event::synchronization().unwrap(),
            go: Event::notification().unwrap(),
            ended: AtomicU32::new(0),
        }
    }

    fn run(&self, passive: &Passive) {
        self.begun.set();
        self.go.wait(passive).unwrap();
        self.ended.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_work_item_is_queued_once_until_it_has_begun() {
    with_device(|_, device| {
        // SAFETY: the device is there until the test is over.
        let item = unsafe { WorkItem::<_, TAG>::new(device, Slow::new(), Slow::run) }.unwrap();
        assert!(item.queue());
        item.context().begun.wait(&passive()).unwrap();
        // It runs: another call can be queued, and runs beside it.
        assert!(item.queue());
        item.context().begun.wait(&passive()).unwrap();
        item.context().go.set();
    });
}

#[test]
fn the_drop_of_a_work_item_waits_for_its_calls() {
    with_device(|machine, device| {
        let ended = Arc::new(AtomicU32::new(0));
        let slow = Arc::new(Slow::new());
        let context = (slow.clone(), ended.clone());
        // SAFETY: the device is there until the test is over.
        let item = unsafe {
            WorkItem::<_, TAG>::new(device, context, |(slow, ended), passive| {
                slow.run(passive);
                ended.store(1, Ordering::Relaxed);
            })
        };
        let item = item.unwrap();
        item.queue();
        slow.begun.wait(&passive()).unwrap();
        let let_go = slow.clone();
        let goes = machine.spawn("lets it go", move || let_go.go.set());
        drop(item);
        assert_eq!(ended.load(Ordering::Relaxed), 1, "the drop has waited");
        goes.join().unwrap();
    });
}

#[test]
fn what_cannot_be_allocated_is_an_error() {
    with_device(|machine, device| {
        let nothing = |(): &(), _: &Passive| {};
        // The event, the work item, the block.
        for nth in 0..3 {
            machine.faults().fail_nth(nth);
            // SAFETY: the device is there until the test is over.
            let item = unsafe { WorkItem::<_, TAG>::new(device, (), nothing) };
            assert_eq!(item.map(drop), Err(Error::INSUFFICIENT_RESOURCES), "{nth}");
        }
        machine.faults().disarm();
    });
}

#[test]
#[cfg_attr(miri, ignore = "the thread of a bug check stays, which Miri takes for a leak")]
fn a_drop_that_waits_at_dispatch_level_is_a_bug_check() {
    let report = bug_check(|| {
        let dpc = Dpc::<_, TAG>::new((), |()| {}).unwrap();
        SpinLock::new(()).with(move |()| drop(dpc));
    });
    assert_eq!(report.rule.code, 0xB8, "ATTEMPTED_SWITCH_FROM_DPC");
}

#[test]
fn a_sleep_lasts_as_long() {
    in_driver(|_| {
        let (began, limit) = (Instant::now(), Duration::from_millis(20));
        passive().sleep(limit);
        assert!(began.elapsed() >= limit);
    });
}

#[test]
#[cfg_attr(miri, ignore = "the thread of a bug check stays, which Miri takes for a leak")]
fn a_sleep_at_dispatch_level_is_a_bug_check() {
    let report = bug_check(|| {
        let passive = passive();
        // SAFETY: any level may be raised from, and nothing is lowered: the machine ends.
        unsafe { nt_sys::KfRaiseIrql(nt_sys::DISPATCH_LEVEL) };
        passive.sleep(Duration::ZERO);
    });
    assert_eq!(report.rule.code, 0xB8, "ATTEMPTED_SWITCH_FROM_DPC");
}

#[test]
fn a_passive_timer_calls_where_a_wait_is_possible() {
    with_device(|_, device| {
        let passive = &passive();
        let counted = Arc::new(Counted::new());
        let routine = |counted: &Arc<Counted>, passive: &Passive| {
            passive.sleep(Duration::ZERO);
            counted.call();
        };
        // SAFETY: the device is there until the driver is unloaded.
        let timer =
            unsafe { PassiveTimer::<_, TAG>::new(device, counted.clone(), routine, passive) }.unwrap();
        assert!(!timer.set(Duration::from_millis(1)));
        timer.context().called.wait(passive).unwrap();
        assert!(!timer.cancel(), "it has expired");
        timer.set_periodic(Duration::from_millis(1), Duration::from_millis(1));
        for _ in 0..3 {
            counted.called.wait(passive).unwrap();
        }
        assert!(timer.cancel());
        drop(timer);
        let calls = counted.calls.load(Ordering::Relaxed);
        assert!(calls >= 4, "{calls}");
        assert_eq!(counted.passive.load(Ordering::Relaxed), calls);
    });
}

#[test]
fn the_drop_of_a_passive_timer_waits_for_its_routine() {
    static RETURNED: AtomicBool = AtomicBool::new(false);
    with_device(|_, device| {
        let passive = &passive();
        let routine = |begun: &Event, passive: &Passive| {
            begun.set();
            passive.sleep(Duration::from_millis(20));
            RETURNED.store(true, Ordering::Release);
        };
        let begun = Event::notification().unwrap();
        // SAFETY: the device is there until the driver is unloaded.
        let timer = unsafe { PassiveTimer::<_, TAG>::new(device, begun, routine, passive) }.unwrap();
        timer.set(Duration::ZERO);
        timer.context().wait(passive).unwrap();
        drop(timer);
        assert!(RETURNED.load(Ordering::Acquire));
    });
}
