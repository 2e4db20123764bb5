//! Every function that this crate exports has the type that `wsk-sys` declares.

macro_rules! same_type {
    ($($module:ident::$function:ident($($argument:tt),*);)*) => {
        // An array has elements of one type, which both functions become only if their signatures agree.
        $(let _: [unsafe extern "system" fn($($argument),*) -> _; 2] = [ntos::$module::$function, wsk_sys::$function];)*
    };
}

#[test]
fn exports_are_as_declared() {
    same_type! {
        bugcheck::KeBugCheckEx(_, _, _, _, _);
        debug::DbgPrint(_);
        dpc::KeInitializeDpc(_, _, _);
        dpc::KeInsertQueueDpc(_, _, _);
        dpc::KeRemoveQueueDpc(_);
        dpc::KeFlushQueuedDpcs();
        fast_mutex::ExAcquireFastMutex(_);
        fast_mutex::ExTryToAcquireFastMutex(_);
        fast_mutex::ExReleaseFastMutex(_);
        event::KeInitializeEvent(_, _, _);
        event::KeSetEvent(_, _, _);
        event::KeClearEvent(_);
        event::KeResetEvent(_);
        event::KeReadStateEvent(_);
        semaphore::KeInitializeSemaphore(_, _, _);
        semaphore::KeReleaseSemaphore(_, _, _, _);
        semaphore::KeReadStateSemaphore(_);
        mutex::KeInitializeMutex(_, _);
        mutex::KeReleaseMutex(_, _);
        mutex::KeReadStateMutex(_);
        wait::KeWaitForMultipleObjects(_, _, _, _, _, _, _, _);
        irql::KeGetCurrentIrql();
        irql::KfRaiseIrql(_);
        irql::KeLowerIrql(_);
        irql::KeEnterCriticalRegion();
        irql::KeLeaveCriticalRegion();
        mdl::IoAllocateMdl(_, _, _, _, _);
        mdl::IoFreeMdl(_);
        mdl::MmBuildMdlForNonPagedPool(_);
        mdl::MmProbeAndLockPages(_, _, _);
        mdl::MmUnlockPages(_);
        mdl::MmMapLockedPagesSpecifyCache(_, _, _, _, _, _);
        pool::ExAllocatePool2(_, _, _);
        pool::ExAllocatePoolWithTag(_, _, _);
        pool::ExFreePool(_);
        pool::ExFreePoolWithTag(_, _);
        shutdown::IoRegisterShutdownNotification(_);
        shutdown::IoRegisterLastChanceShutdownNotification(_);
        shutdown::IoUnregisterShutdownNotification(_);
        rundown::ExInitializeRundownProtection(_);
        rundown::ExAcquireRundownProtection(_);
        rundown::ExReleaseRundownProtection(_);
        rundown::ExWaitForRundownProtectionRelease(_);
        spinlock::KeInitializeSpinLock(_);
        spinlock::KeAcquireSpinLockRaiseToDpc(_);
        spinlock::KeReleaseSpinLock(_, _);
        spinlock::KeAcquireSpinLockAtDpcLevel(_);
        spinlock::KeReleaseSpinLockFromDpcLevel(_);
        thread::PsCreateSystemThread(_, _, _, _, _, _, _);
        thread::PsGetCurrentThread();
        thread::PsTerminateSystemThread(_);
        thread::ZwClose(_);
        timer::KeInitializeTimerEx(_, _);
        timer::KeInitializeTimer(_);
        timer::KeSetTimer(_, _, _);
        timer::KeSetTimerEx(_, _, _, _);
        timer::KeCancelTimer(_);
        timer::KeQueryInterruptTime();
        wait::KeWaitForSingleObject(_, _, _, _, _);
        wait::KeDelayExecutionThread(_, _, _);
        work_item::IoAllocateWorkItem(_);
        work_item::IoQueueWorkItem(_, _, _, _);
        work_item::IoFreeWorkItem(_);
    }
}
