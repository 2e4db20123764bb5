//! A driver's own IRPs, sent to a layer below that takes them as a WSK provider does.
#![expect(unsafe_code, reason = "IRPs are used through the kernel's C interface")]

use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU8, AtomicUsize, Ordering};

use crate::io::{self, LONG, complete, set_status};
use ntos::irp::State;
use ntos::{Config, IrpEvent, IrpEventKind, Machine, irp};
use wsk_sys::{
    DEVICE_OBJECT, DISPATCH_LEVEL, IO_STACK_LOCATION, IRP, IoAcquireCancelSpinLock, IoAllocateIrp,
    IoCancelIrp, IoFreeIrp, IoGetCurrentIrpStackLocation, IoInitializeIrp, IoReleaseCancelSpinLock,
    IoReuseIrp, IoSetCancelRoutine, IoSetCompletionRoutine, IoSetNextIrpStackLocation, IoSizeOfIrp,
    KeGetCurrentIrql, KfRaiseIrql, NTSTATUS, NamedStatus, PASSIVE_LEVEL, PVOID, SL_PENDING_RETURNED,
    STATUS_CANCELLED, STATUS_MORE_PROCESSING_REQUIRED, STATUS_NOT_SUPPORTED, STATUS_SUCCESS,
    STATUS_UNSUCCESSFUL,
};

/// What a completion routine saw.
#[derive(Default)]
struct Seen {
    calls: AtomicUsize,
    pending: AtomicU8,
    device: AtomicPtr<DEVICE_OBJECT>,
}

unsafe extern "system" fn keep(device: *mut DEVICE_OBJECT, irp: *mut IRP, context: PVOID) -> NTSTATUS {
    // SAFETY: the context is a `Seen` that outlives the IRP.
    let seen = unsafe { &*context.cast::<Seen>() };
    // SAFETY: the IRP is back in its owner's hands.
    seen.pending.store(unsafe { (*irp).PendingReturned }, Ordering::SeqCst);
    seen.device.store(device, Ordering::SeqCst);
    seen.calls.fetch_add(1, Ordering::SeqCst);
    STATUS_MORE_PROCESSING_REQUIRED
}

fn allocate(stack_size: i8) -> *mut IRP {
    // SAFETY: nothing is asked of the caller.
    let irp = unsafe { IoAllocateIrp(stack_size, 0) };
    assert!(!irp.is_null());
    irp
}

fn free(irp: *mut IRP) {
    // SAFETY: allocated by the test, which has it back.
    unsafe { IoFreeIrp(irp) };
}

fn watch(irp: *mut IRP, seen: &Seen) {
    let context = ptr::from_ref(seen).cast_mut().cast();
    // SAFETY: a fresh IRP; the context outlives it.
    unsafe { IoSetCompletionRoutine(irp, Some(keep), context, true, true, true) };
}

/// What the layer below does on receipt.
fn send(irp: *mut IRP) {
    irp::log::sent(irp, "WskTest");
    // SAFETY: a fresh IRP with a location left.
    unsafe { IoSetNextIrpStackLocation(irp) };
}

fn events(machine: &Machine) -> Vec<IrpEventKind> {
    machine.irp_log().into_iter().map(|event| event.kind).collect()
}

fn completed(status: NTSTATUS, information: usize) -> IrpEventKind {
    IrpEventKind::Completed { status: NamedStatus(status), information }
}

#[test]
fn an_irp_goes_down_comes_back_and_is_reused() {
    let machine = Machine::boot(Config::default());
    let _entered = machine.enter();
    let seen = Seen::default();
    let irp = allocate(1);
    assert_eq!((irp::id(irp), irp::state(irp)), (Some(1), Some(State::Idle)));
    for round in 1..=2 {
        watch(irp, &seen);
        send(irp);
        assert_eq!(irp::state(irp), Some(State::Sent));
        complete(irp, STATUS_SUCCESS, 7);
        assert_eq!(seen.calls.load(Ordering::SeqCst), round);
        assert_eq!(irp::state(irp), Some(State::Completed));
        // SAFETY: completed, and the test's own.
        unsafe { (*irp).AllocationFlags = 0x5A };
        // SAFETY: completed, and the test's own.
        unsafe { IoReuseIrp(irp, STATUS_UNSUCCESSFUL) };
        // SAFETY: completed, and the test's own.
        assert_eq!(unsafe { (*irp).AllocationFlags }, 0x5A, "how it was allocated does not change");
        assert_eq!(irp::state(irp), Some(State::Idle));
        // SAFETY: completed, and the test's own.
        assert_eq!(unsafe { (*irp).IoStatus }.Status, STATUS_UNSUCCESSFUL);
    }
    free(irp);
    assert_eq!(irp::state(irp), None);
    let sent = || IrpEventKind::Sent { what: "WskTest".to_owned() };
    let returned = || IrpEventKind::RoutineReturned { status: NamedStatus(STATUS_MORE_PROCESSING_REQUIRED) };
    let round = [sent(), completed(STATUS_SUCCESS, 7), returned(), IrpEventKind::Reused];
    let mut expected = vec![IrpEventKind::Allocated { stack_count: 1 }];
    expected.extend(round.clone());
    expected.extend(round);
    expected.push(IrpEventKind::Freed);
    assert_eq!(events(&machine), expected);
    let counters = machine.counters();
    assert_eq!((counters.irps.live, counters.irps.total), (0, 1));
    machine.shutdown();
}

#[test]
fn the_log_counts_on_and_can_be_off() {
    let machine = Machine::boot(Config::default());
    let _entered = machine.enter();
    free(allocate(1));
    machine.clear_irp_log();
    machine.log_irps(false);
    free(allocate(1));
    machine.log_irps(true);
    // SAFETY: nothing is asked of the caller.
    let irp = unsafe { IoAllocateIrp(3, 0) };
    let kind = IrpEventKind::Allocated { stack_count: 3 };
    let expected = IrpEvent { sequence: 2, irp: 3, system: false, kind, irql: PASSIVE_LEVEL };
    assert_eq!(machine.irp_log(), [expected]);
    free(irp);
    // Slow under Miri, and nothing but a queue.
    if !cfg!(miri) {
        for _ in 0..irp::log::CAPACITY {
            free(allocate(1));
        }
        assert_eq!(machine.irp_log().len(), irp::log::CAPACITY);
    }
    let log = machine.irp_log();
    assert!(log.windows(2).all(|pair| pair[0].sequence + 1 == pair[1].sequence));
    machine.shutdown();
}

#[test]
fn the_routine_of_an_own_irp_gets_no_device() {
    let machine = Machine::boot(Config::default());
    let _entered = machine.enter();
    let seen = Seen::default();
    seen.device.store(ptr::dangling_mut(), Ordering::SeqCst);
    let irp = allocate(1);
    watch(irp, &seen);
    send(irp);
    io::mark_pending(irp);
    complete(irp, STATUS_NOT_SUPPORTED, 0);
    assert!(seen.device.load(Ordering::SeqCst).is_null());
    assert_eq!(seen.pending.load(Ordering::SeqCst), 1);
    free(irp);
    machine.shutdown();
}

/// The conditions under which a routine with one of the three runs.
#[test]
fn a_routine_runs_for_the_outcomes_it_asked_for() {
    for (success, error, cancel, status, cancelled, runs) in [
        (true, false, false, STATUS_SUCCESS, false, true),
        (true, false, false, STATUS_UNSUCCESSFUL, false, false),
        (false, true, false, STATUS_SUCCESS, false, false),
        (false, true, false, STATUS_UNSUCCESSFUL, false, true),
        // A warning is no success.
        (false, true, false, wsk_sys::STATUS_BUFFER_OVERFLOW, false, true),
        (true, false, false, wsk_sys::STATUS_BUFFER_OVERFLOW, false, false),
        (false, false, true, STATUS_CANCELLED, false, false),
        (false, false, true, STATUS_SUCCESS, true, true),
    ] {
        let machine = Machine::boot(Config::default());
        let _entered = machine.enter();
        let (above, below) = (Seen::default(), Seen::default());
        let irp = allocate(2);
        watch(irp, &above);
        send(irp);
        let context = ptr::from_ref(&below).cast_mut().cast();
        // SAFETY: the IRP is with this layer, which has a location left.
        unsafe { IoSetCompletionRoutine(irp, Some(succeed), context, success, error, cancel) };
        // SAFETY: the IRP is with this layer, which has a location left.
        unsafe { IoSetNextIrpStackLocation(irp) };
        if cancelled {
            // SAFETY: the IRP lives.
            assert_eq!(unsafe { IoCancelIrp(irp) }, 0, "there is no cancel routine");
        }
        complete(irp, status, 0);
        let text = format!("{success} {error} {cancel} {status:#x} {cancelled}");
        assert_eq!(below.calls.load(Ordering::SeqCst), usize::from(runs), "{text}");
        assert_eq!(above.calls.load(Ordering::SeqCst), 1, "{text}");
        free(irp);
        machine.shutdown();
    }
}

unsafe extern "system" fn succeed(_device: *mut DEVICE_OBJECT, _irp: *mut IRP, context: PVOID) -> NTSTATUS {
    // SAFETY: the context is a `Seen` that outlives the IRP.
    let seen = unsafe { &*context.cast::<Seen>() };
    seen.calls.fetch_add(1, Ordering::SeqCst);
    STATUS_SUCCESS
}

unsafe extern "system" fn fail(_device: *mut DEVICE_OBJECT, irp: *mut IRP, _context: PVOID) -> NTSTATUS {
    set_status(irp, STATUS_NOT_SUPPORTED, 0);
    STATUS_SUCCESS
}

#[test]
fn a_routine_may_change_the_outcome_for_those_above() {
    let machine = Machine::boot(Config::default());
    let _entered = machine.enter();
    let (above, middle) = (Seen::default(), Seen::default());
    let irp = allocate(3);
    watch(irp, &above);
    send(irp);
    let context = ptr::from_ref(&middle).cast_mut().cast();
    // Runs on errors only.
    // SAFETY: the IRP is with this layer, which has a location left.
    unsafe { IoSetCompletionRoutine(irp, Some(succeed), context, false, true, false) };
    // SAFETY: the IRP is with this layer, which has a location left.
    unsafe { IoSetNextIrpStackLocation(irp) };
    // SAFETY: the IRP is with this layer, which has a location left.
    unsafe { IoSetCompletionRoutine(irp, Some(fail), ptr::null_mut(), true, false, false) };
    // SAFETY: the IRP is with this layer, which has a location left.
    unsafe { IoSetNextIrpStackLocation(irp) };
    complete(irp, STATUS_SUCCESS, 0);
    assert_eq!(middle.calls.load(Ordering::SeqCst), 1);
    assert_eq!(above.calls.load(Ordering::SeqCst), 1);
    free(irp);
    machine.shutdown();
}

#[test]
fn a_pending_mark_rises_past_a_layer_without_routine() {
    let machine = Machine::boot(Config::default());
    let _entered = machine.enter();
    let above = Seen::default();
    let irp = allocate(2);
    watch(irp, &above);
    send(irp);
    // SAFETY: the IRP is with this layer, which has a location left and no routine of its own.
    unsafe { IoSetNextIrpStackLocation(irp) };
    io::mark_pending(irp);
    complete(irp, STATUS_SUCCESS, 0);
    assert_eq!(above.pending.load(Ordering::SeqCst), 1);
    free(irp);
    machine.shutdown();
}

unsafe extern "system" fn free_it(_device: *mut DEVICE_OBJECT, irp: *mut IRP, _context: PVOID) -> NTSTATUS {
    free(irp);
    STATUS_MORE_PROCESSING_REQUIRED
}

#[test]
fn a_routine_may_free_its_irp() {
    let machine = Machine::boot(Config::default());
    let _entered = machine.enter();
    let irp = allocate(1);
    // SAFETY: a fresh IRP.
    unsafe { IoSetCompletionRoutine(irp, Some(free_it), ptr::null_mut(), true, true, true) };
    send(irp);
    complete(irp, STATUS_SUCCESS, 0);
    assert_eq!(machine.counters().irps.live, 0);
    machine.shutdown();
}

#[test]
fn completion_comes_at_dispatch_level_from_another_thread() {
    let machine = Machine::boot(Config::default());
    let _entered = machine.enter();
    let seen = Seen::default();
    let irp = allocate(1);
    watch(irp, &seen);
    send(irp);
    let moved = AtomicPtr::new(irp);
    let thread = machine.spawn("provider", move || {
        // SAFETY: this thread is at passive level.
        unsafe { KfRaiseIrql(DISPATCH_LEVEL) };
        complete(moved.load(Ordering::SeqCst), STATUS_SUCCESS, 0);
        // SAFETY: nothing is asked of the caller.
        unsafe { KeGetCurrentIrql() }
    });
    assert_eq!(thread.join().unwrap(), DISPATCH_LEVEL);
    assert_eq!(seen.calls.load(Ordering::SeqCst), 1);
    free(irp);
    machine.shutdown();
}

unsafe extern "system" fn cancel(_device: *mut DEVICE_OBJECT, irp: *mut IRP) {
    // SAFETY: called on a living IRP, with the cancel spin lock held.
    let irql = unsafe { (*irp).CancelIrql };
    assert_eq!(irql, PASSIVE_LEVEL);
    // SAFETY: nothing is asked of the caller.
    assert_eq!(unsafe { KeGetCurrentIrql() }, DISPATCH_LEVEL);
    // SAFETY: the lock is held, for this routine to release.
    unsafe { IoReleaseCancelSpinLock(irql) };
    complete(irp, STATUS_CANCELLED, 0);
}

#[test]
fn cancelling_calls_the_routine_once() {
    let machine = Machine::boot(Config::default());
    let _entered = machine.enter();
    let seen = Seen::default();
    let irp = allocate(1);
    watch(irp, &seen);
    send(irp);
    // SAFETY: the layer below has the IRP.
    unsafe { IoSetCancelRoutine(irp, Some(cancel)) };
    // SAFETY: the IRP lives.
    assert_eq!(unsafe { IoCancelIrp(irp) }, 1);
    assert_eq!(seen.calls.load(Ordering::SeqCst), 1);
    // SAFETY: the IRP lives, and is complete.
    assert_eq!(unsafe { IoCancelIrp(irp) }, 0);
    // SAFETY: the IRP lives, and is complete.
    assert_eq!(unsafe { (*irp).Cancel }, 1);
    // SAFETY: completed, and the test's own.
    unsafe { IoReuseIrp(irp, STATUS_SUCCESS) };
    // SAFETY: completed, and the test's own.
    assert_eq!(unsafe { (*irp).Cancel }, 0, "reuse forgets the cancellation");
    free(irp);
    assert!(events(&machine).contains(&IrpEventKind::Cancelled));
    machine.shutdown();
}

#[test]
fn the_cancel_spin_lock_is_a_spin_lock() {
    let machine = Machine::boot(Config::default());
    let _entered = machine.enter();
    let mut irql = 0xFF;
    // SAFETY: a variable of this frame.
    unsafe { IoAcquireCancelSpinLock(&raw mut irql) };
    // SAFETY: nothing is asked of the caller.
    assert_eq!((irql, unsafe { KeGetCurrentIrql() }), (PASSIVE_LEVEL, DISPATCH_LEVEL));
    let other = machine.spawn("other", || {
        let mut irql = 0;
        // SAFETY: a variable of this frame.
        unsafe { IoAcquireCancelSpinLock(&raw mut irql) };
        // SAFETY: acquired above.
        unsafe { IoReleaseCancelSpinLock(irql) };
    });
    std::thread::sleep(io::SHORT);
    assert!(!other.is_finished());
    // SAFETY: acquired above.
    unsafe { IoReleaseCancelSpinLock(irql) };
    other.join().unwrap();
    machine.shutdown();
}

#[test]
fn an_irp_in_the_drivers_memory() {
    /// An IRP with two locations.
    #[repr(C, align(16))]
    struct Memory(IRP, [IO_STACK_LOCATION; 2]);

    let machine = Machine::boot(Config::default());
    let _entered = machine.enter();
    let mut memory = MaybeUninit::<Memory>::uninit();
    let irp: *mut IRP = memory.as_mut_ptr().cast();
    let seen = Seen::default();
    for _ in 0..2 {
        // SAFETY: the memory is that large, and the test's.
        unsafe { IoInitializeIrp(irp, IoSizeOfIrp(2), 2) };
        watch(irp, &seen);
        send(irp);
        complete(irp, STATUS_SUCCESS, 0);
    }
    assert_eq!(seen.calls.load(Ordering::SeqCst), 2);
    machine.shutdown();
}

#[test]
fn allocation_fails_when_told_and_for_impossible_sizes() {
    let machine = Machine::boot(Config::default());
    let _entered = machine.enter();
    machine.faults().fail_nth(0);
    // SAFETY: nothing is asked of the caller.
    assert!(unsafe { IoAllocateIrp(1, 0) }.is_null());
    assert_eq!(machine.faults().fired(), Some("IoAllocateIrp"));
    for size in [-1, i8::MIN, i8::MAX] {
        // SAFETY: nothing is asked of the caller.
        assert!(unsafe { IoAllocateIrp(size, 0) }.is_null(), "{size}");
    }
    free(allocate(126));
    free(allocate(0));
    machine.shutdown();
}

/// Hands one IRP back and forth between threads, with cancellation at any point.
#[test]
fn cancelling_races_with_completing() {
    let machine = Machine::boot(Config::default());
    let _entered = machine.enter();
    let seen = Seen::default();
    let irp = allocate(1);
    let rounds = if cfg!(miri) { 5 } else { 300 };
    for _ in 0..rounds {
        let calls = seen.calls.load(Ordering::SeqCst);
        watch(irp, &seen);
        send(irp);
        // SAFETY: the layer below has the IRP.
        unsafe { IoSetCancelRoutine(irp, Some(cancel)) };
        let moved = AtomicPtr::new(irp);
        let provider = machine.spawn("provider", move || {
            let irp = moved.load(Ordering::SeqCst);
            // SAFETY: not freed before this thread is joined.
            if unsafe { IoSetCancelRoutine(irp, None) }.is_some() {
                complete(irp, STATUS_SUCCESS, 0);
            }
        });
        // SAFETY: not freed yet.
        unsafe { IoCancelIrp(irp) };
        provider.join().unwrap();
        let start = std::time::Instant::now();
        while seen.calls.load(Ordering::SeqCst) == calls {
            assert!(start.elapsed() < LONG);
        }
        assert_eq!(seen.calls.load(Ordering::SeqCst), calls + 1);
        // SAFETY: completed, and the test's own.
        unsafe { IoReuseIrp(irp, STATUS_SUCCESS) };
    }
    free(irp);
    machine.shutdown();
}

/// The finished location keeps nothing of its request.
#[test]
fn finished_locations_are_wiped() {
    let machine = Machine::boot(Config::default());
    let _entered = machine.enter();
    let seen = Seen::default();
    let irp = allocate(1);
    watch(irp, &seen);
    send(irp);
    io::mark_pending(irp);
    // SAFETY: the layer below has the IRP.
    let location = unsafe { IoGetCurrentIrpStackLocation(irp) };
    // SAFETY: the layer below has the IRP; only the address is taken.
    let parameters = unsafe { &raw mut (*location).Parameters }.cast::<u64>();
    // SAFETY: the first bytes of the parameters, as of any major function.
    unsafe { parameters.write(u64::MAX) };
    complete(irp, STATUS_SUCCESS, 0);
    // SAFETY: the IRP is back, and its memory stays.
    assert_eq!(unsafe { (*location).Control } & SL_PENDING_RETURNED, 0);
    // SAFETY: the IRP is back, and its memory stays.
    assert_eq!(unsafe { parameters.read() }, 0);
    free(irp);
    machine.shutdown();
}

#[test]
fn a_failed_request_shows_its_status_by_name() {
    let status = NamedStatus(STATUS_CANCELLED);
    let completed = ntos::Completed { status, information: 0, output: Vec::new() };
    let shown = format!("{completed:?}");
    assert_eq!(shown, "Completed { status: STATUS_CANCELLED (0xC0000120), information: 0, output: [] }");
    let kind = IrpEventKind::Completed { status, information: 2 };
    assert_eq!(format!("{kind:?}"), "Completed { status: STATUS_CANCELLED (0xC0000120), information: 2 }");
}
