//! Objects, locks, and what runs later.

use super::*;

/// A copy of the input.
/// A copy of what is in the output buffer.
/// The handle's type and number, as a report has them.
/// The driver's objects. The held request is not read, as it changes.
/// To be called with the driver's lock held.
/// To be called with the driver's lock held.
pub(crate) fn reference(object: WDFOBJECT) {
    wdf!(WdfObjectReferenceActual, object, ptr::null_mut(), 0, ptr::null());
}

pub(crate) fn dereference(object: WDFOBJECT) {
    wdf!(WdfObjectDereferenceActual, object, ptr::null_mut(), 0, ptr::null());
}

pub(crate) fn delete(object: WDFOBJECT) {
    wdf!(WdfObjectDelete, object);
}

pub(crate) fn spin_lock_create(parent: WDFOBJECT) -> Result<WDFSPINLOCK, NTSTATUS> {
    let mut attributes = child_of(parent);
    let mut lock = ptr::null_mut();
    check(wdf!(WdfSpinLockCreate, &raw mut attributes, &raw mut lock))?;
    Ok(lock)
}

pub(crate) fn with_lock<R>(lock: WDFSPINLOCK, f: impl FnOnce() -> R) -> R {
    wdf!(WdfSpinLockAcquire, lock);
    let result = f();
    wdf!(WdfSpinLockRelease, lock);
    result
}

pub(crate) fn timer_create(
    parent: WDFOBJECT,
    function: PFN_WDF_TIMER,
    period: u32,
    passive: bool,
) -> Result<WDFTIMER, NTSTATUS> {
    let mut config = WDF_TIMER_CONFIG {
        Size: size::<WDF_TIMER_CONFIG>(),
        EvtTimerFunc: function,
        Period: period,
        AutomaticSerialization: 1,
        ..WDF_TIMER_CONFIG::default()
    };
    let mut attributes = child_of(parent);
    if passive {
        attributes.ExecutionLevel = Level::WdfExecutionLevelPassive;
    }
    let mut timer = ptr::null_mut();
    check(wdf!(WdfTimerCreate, &raw mut config, &raw mut attributes, &raw mut timer))?;
    Ok(timer)
}

/// Starts a timer for so long from now.
pub(crate) fn timer_start(timer: WDFTIMER, after: Duration) -> bool {
    let after = i64::try_from(after.as_nanos() / 100).expect("tests are short");
    wdf!(WdfTimerStart, timer, -after) != 0
}

pub(crate) fn timer_stop(timer: WDFTIMER, wait: bool) -> bool {
    wdf!(WdfTimerStop, timer, u8::from(wait)) != 0
}

pub(crate) fn timer_parent(timer: WDFTIMER) -> WDFOBJECT {
    wdf!(WdfTimerGetParentObject, timer)
}

pub(crate) fn work_item_create(
    parent: WDFOBJECT,
    function: PFN_WDF_WORKITEM,
) -> Result<WDFWORKITEM, NTSTATUS> {
    let mut config = WDF_WORKITEM_CONFIG {
        Size: size::<WDF_WORKITEM_CONFIG>(),
        EvtWorkItemFunc: function,
        AutomaticSerialization: 0,
    };
    let mut attributes = child_of(parent);
    let mut item = ptr::null_mut();
    check(wdf!(WdfWorkItemCreate, &raw mut config, &raw mut attributes, &raw mut item))?;
    Ok(item)
}

pub(crate) fn work_item_enqueue(item: WDFWORKITEM) {
    wdf!(WdfWorkItemEnqueue, item);
}

pub(crate) fn work_item_parent(item: WDFWORKITEM) -> WDFOBJECT {
    wdf!(WdfWorkItemGetParentObject, item)
}

pub(crate) fn dpc_create(parent: WDFOBJECT, function: PFN_WDF_DPC) -> Result<WDFDPC, NTSTATUS> {
    let mut config =
        WDF_DPC_CONFIG { Size: size::<WDF_DPC_CONFIG>(), EvtDpcFunc: function, AutomaticSerialization: 0 };
    let mut attributes = child_of(parent);
    let mut dpc = ptr::null_mut();
    check(wdf!(WdfDpcCreate, &raw mut config, &raw mut attributes, &raw mut dpc))?;
    Ok(dpc)
}

pub(crate) fn dpc_enqueue(dpc: WDFDPC) -> bool {
    wdf!(WdfDpcEnqueue, dpc) != 0
}

pub(crate) fn dpc_parent(dpc: WDFDPC) -> WDFOBJECT {
    wdf!(WdfDpcGetParentObject, dpc)
}

/// The calling thread's IRQL.
pub(crate) fn irql() -> u8 {
    // SAFETY: reads a value of the calling thread.
    unsafe { kmdf::ntddk::KeGetCurrentIrql() }
}

pub(crate) fn work_item_flush(item: WDFWORKITEM) {
    wdf!(WdfWorkItemFlush, item);
}

pub(crate) fn object_create(attributes: &mut WDF_OBJECT_ATTRIBUTES) -> Result<WDFOBJECT, NTSTATUS> {
    let mut object = ptr::null_mut();
    check(wdf!(WdfObjectCreate, &raw mut *attributes, &raw mut object))?;
    Ok(object)
}

/// Calls `f` at `DISPATCH_LEVEL`.
pub(crate) fn at_dispatch<R>(f: impl FnOnce() -> R) -> R {
    // SAFETY: raises the calling thread's level.
    let before = unsafe { kmdf::ntddk::KfRaiseIrql(kmdf::DISPATCH_LEVEL) };
    let result = f();
    // SAFETY: the level from before.
    unsafe { kmdf::ntddk::KeLowerIrql(before) };
    result
}

pub(crate) fn wait_lock_create(parent: WDFOBJECT) -> Result<kmdf::WDFWAITLOCK, NTSTATUS> {
    let mut attributes = child_of(parent);
    let mut lock = ptr::null_mut();
    check(wdf!(WdfWaitLockCreate, &raw mut attributes, &raw mut lock))?;
    Ok(lock)
}

pub(crate) fn wait_lock_acquire(lock: kmdf::WDFWAITLOCK, timeout: Option<i64>) -> NTSTATUS {
    let mut timeout = timeout;
    let timeout = timeout.as_mut().map_or(ptr::null_mut(), ptr::from_mut);
    wdf!(WdfWaitLockAcquire, lock, timeout)
}

pub(crate) fn wait_lock_release(lock: kmdf::WDFWAITLOCK) {
    wdf!(WdfWaitLockRelease, lock);
}

pub(crate) fn spin_lock_acquire(lock: WDFSPINLOCK) {
    wdf!(WdfSpinLockAcquire, lock);
}

pub(crate) fn spin_lock_release(lock: WDFSPINLOCK) {
    wdf!(WdfSpinLockRelease, lock);
}

/// Whether the sender cancelled the request, without asking the framework.
/// Raises the calling thread's level, and leaves it there.
pub(crate) fn raise() {
    // SAFETY: raises the calling thread's level.
    unsafe { kmdf::ntddk::KfRaiseIrql(kmdf::DISPATCH_LEVEL) };
}

pub(crate) fn acquire_lock(object: WDFOBJECT) {
    wdf!(WdfObjectAcquireLock, object);
}

pub(crate) fn release_lock(object: WDFOBJECT) {
    wdf!(WdfObjectReleaseLock, object);
}

pub(crate) fn allocate_context(object: WDFOBJECT, info: &TypeInfo) -> (NTSTATUS, PVOID) {
    let mut attributes = WDF_OBJECT_ATTRIBUTES { ContextTypeInfo: info.0.UniqueType, ..attributes() };
    let mut context = ptr::null_mut();
    let status = wdf!(WdfObjectAllocateContext, object, &raw mut attributes, &raw mut context);
    (status, context)
}

pub(crate) fn object_of(context: PVOID) -> WDFOBJECT {
    wdf!(WdfObjectContextGetObject, context)
}

/// `size` bytes of the driver's, and where they are.
pub(crate) fn memory_create(size: usize) -> Result<(kmdf::WDFMEMORY, PVOID), NTSTATUS> {
    let (mut memory, mut buffer) = (ptr::null_mut(), ptr::null_mut());
    let pool = kmdf::_POOL_TYPE::NonPagedPoolNx;
    check(wdf!(WdfMemoryCreate, WDF_NO_OBJECT_ATTRIBUTES, pool, 0, size, &raw mut memory, &raw mut buffer))?;
    Ok((memory, buffer))
}

/// `size` bytes that go with an object.
pub(crate) fn memory_under(parent: WDFOBJECT, size: usize) -> Result<kmdf::WDFMEMORY, NTSTATUS> {
    let mut attributes = child_of(parent);
    let mut memory = ptr::null_mut();
    let pool = kmdf::_POOL_TYPE::NonPagedPoolNx;
    check(wdf!(WdfMemoryCreate, &raw mut attributes, pool, 0, size, &raw mut memory, ptr::null_mut()))?;
    Ok(memory)
}

pub(crate) fn memory_write(memory: kmdf::WDFMEMORY, offset: usize, bytes: &mut [u8]) -> NTSTATUS {
    wdf!(WdfMemoryCopyFromBuffer, memory, offset, bytes.as_mut_ptr().cast(), bytes.len())
}

pub(crate) fn memory_read(memory: kmdf::WDFMEMORY, offset: usize, bytes: &mut [u8]) -> NTSTATUS {
    wdf!(WdfMemoryCopyToBuffer, memory, offset, bytes.as_mut_ptr().cast(), bytes.len())
}
