//! Every function that this crate exports has the type that `wsk-sys` declares.

use ntos::rtl::{ansi, convert, string, time};
use ntos::*;

macro_rules! same_type {
    ($($module:ident::$function:ident($($argument:tt),*);)*) => {
        // An array has elements of one type, which both functions become only if their signatures agree.
        $(let _: [unsafe extern "system" fn($($argument),*) -> _; 2] = [$module::$function, wsk_sys::$function];)*
    };
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn exports_are_as_declared() {
    same_type! {
        bugcheck::KeBugCheckEx(_, _, _, _, _);
        csq::IoCsqInitialize(_, _, _, _, _, _, _);
        csq::IoCsqInitializeEx(_, _, _, _, _, _, _);
        csq::IoCsqInsertIrp(_, _, _);
        csq::IoCsqInsertIrpEx(_, _, _, _);
        csq::IoCsqRemoveIrp(_, _);
        csq::IoCsqRemoveNextIrp(_, _);
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
        interlocked::ExInterlockedInsertHeadList(_, _, _);
        interlocked::ExInterlockedInsertTailList(_, _, _);
        interlocked::ExInterlockedPopEntryList(_, _);
        interlocked::ExInterlockedPushEntryList(_, _, _);
        interlocked::ExInterlockedRemoveHeadList(_, _);
        lookaside::ExAllocateFromLookasideListEx(_);
        lookaside::ExAllocateFromNPagedLookasideList(_);
        lookaside::ExAllocateFromPagedLookasideList(_);
        lookaside::ExDeleteLookasideListEx(_);
        lookaside::ExDeleteNPagedLookasideList(_);
        lookaside::ExDeletePagedLookasideList(_);
        lookaside::ExFlushLookasideListEx(_);
        lookaside::ExFreeToLookasideListEx(_, _);
        lookaside::ExFreeToNPagedLookasideList(_, _);
        lookaside::ExFreeToPagedLookasideList(_, _);
        lookaside::ExInitializeLookasideListEx(_, _, _, _, _, _, _, _);
        lookaside::ExInitializeNPagedLookasideList(_, _, _, _, _, _, _);
        lookaside::ExInitializePagedLookasideList(_, _, _, _, _, _, _);
        rtl::RtlCompareMemory(_, _, _);
        registry::ZwCreateKey(_, _, _, _, _, _, _);
        registry::ZwDeleteValueKey(_, _);
        registry::ZwOpenKey(_, _, _);
        registry::ZwQueryValueKey(_, _, _, _, _, _);
        registry::ZwSetValueKey(_, _, _, _, _, _);
        ansi::RtlAnsiStringToUnicodeString(_, _, _);
        ansi::RtlFreeAnsiString(_);
        ansi::RtlFreeUnicodeString(_);
        ansi::RtlInitAnsiString(_, _);
        ansi::RtlUnicodeStringToAnsiString(_, _, _);
        convert::RtlIntegerToUnicodeString(_, _, _);
        convert::RtlUnicodeStringToInteger(_, _, _);
        string::RtlAppendUnicodeStringToString(_, _);
        string::RtlAppendUnicodeToString(_, _);
        string::RtlCompareUnicodeString(_, _, _);
        string::RtlCopyUnicodeString(_, _);
        string::RtlEqualUnicodeString(_, _, _);
        string::RtlInitUnicodeString(_, _);
        string::RtlPrefixUnicodeString(_, _, _);
        string::RtlUpcaseUnicodeChar(_);
        time::RtlTimeFieldsToTime(_, _);
        time::RtlTimeToTimeFields(_, _);
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
        slist::ExQueryDepthSList(_);
        slist::ExpInterlockedFlushSList(_);
        slist::ExpInterlockedPopEntrySList(_);
        slist::ExpInterlockedPushEntrySList(_, _);
        slist::InitializeSListHead(_);
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
