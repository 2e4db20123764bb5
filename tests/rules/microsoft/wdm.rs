//! The DDI compliance rules for WDM drivers: what the pages of their rule sets list.

use netio::rules as wsk;
use ntos::{io_rules as io, rule};

use super::{Answer, Section};

const PNP: &str = "about devices of hardware, which the hosted kernel has none of: no plug and play";
const POWER: &str = "about power, which the hosted kernel has no requests for";
const WMI: &str = "about WMI, which the hosted kernel has none of";
const ABSENT: &str =
    "about functions that the hosted kernel does not have: a driver that calls one does not link";
const BELOW: &str = "about a driver above another one, whose requests it passes on; a client of WSK sends IRPs of its own only";
const REMOVE_LOCK: &str = "about remove locks, which guard devices of hardware; the hosted kernel has none";
const START_IO: &str = "about `StartIo`, which the hosted kernel has not";
const HANDLES: &str = "a handle with which a routine returns is seen when the driver is unloaded; two handles to one key are not looked for";
const WAITS: &str = "how a driver waits for its IRP is code of its own, which no kernel sees; a wait that does not end is reported";

#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn sections() -> Vec<Section> {
    vec![
        Section {
            title: "DDI usage",
            source: "DDI usage rule set (WDM)",
            rows: vec![
                ("DebugBreakUsage", Answer::No(ABSENT)),
                ("NullCheck", Answer::By(vec![&rule::ACCESS_VIOLATION])),
                ("SafeStrings", Answer::No("about C's functions for strings, which Rust does not use")),
                ("ObsoleteDDIs", Answer::No(ABSENT)),
            ],
        },
        Section {
            title: "IrpPending",
            source: "IrpPending rule set (WDM)",
            rows: vec![
                ("MarkDevicePower", Answer::No(POWER)),
                (
                    "MarkingInterlockedQueuedIrps",
                    Answer::No(
                        "the mark and the driver's own list are plain memory, which no kernel sees change",
                    ),
                ),
                (
                    "MarkingQueuedIrps",
                    Answer::No(
                        "the mark and the driver's own list are plain memory, which no kernel sees change",
                    ),
                ),
                ("MarkIrpPending", Answer::By(vec![&io::MARKED_NOT_PENDING])),
                ("MarkIrpPending2", Answer::By(vec![&io::PENDING_NOT_MARKED])),
                ("MarkPower", Answer::No(POWER)),
                ("MarkPowerDown", Answer::No(POWER)),
                ("MarkQueryRelations", Answer::No(PNP)),
                ("MarkStartDevice", Answer::No(PNP)),
                (
                    "PendedCompletedRequest",
                    Answer::By(vec![&io::PENDING_NOT_MARKED, &io::DISPATCH_STATUS_DIFFERS]),
                ),
                ("PendedCompletedRequest2", Answer::No(BELOW)),
                (
                    "PendedCompletedRequest3",
                    Answer::Partly(
                        vec![&io::MULTIPLE_COMPLETE],
                        "an IRP that a driver below has may be completed by who has it; hosted sees the second completion",
                    ),
                ),
                ("PendedCompletedRequestEx", Answer::No(BELOW)),
                ("StartDeviceWait", Answer::No(PNP)),
                ("StartDeviceWait2", Answer::No(PNP)),
                ("StartDeviceWait3", Answer::No(PNP)),
                ("StartDeviceWait4", Answer::No(PNP)),
            ],
        },
        Section {
            title: "IrpProcessing",
            source: "IrpProcessing rule set (WDM)",
            rows: vec![
                ("CompleteRequest", Answer::By(vec![&io::MULTIPLE_COMPLETE, &io::COMPLETE_BAD_IRP])),
                (
                    "CompleteRequestStatusCheck",
                    Answer::By(vec![&io::DISPATCH_STATUS_DIFFERS, &io::COMPLETE_BAD_STATUS]),
                ),
                ("CompletionRoutineRegistered", Answer::No(ABSENT)),
                ("DoubleCompletion", Answer::By(vec![&io::MULTIPLE_COMPLETE])),
                ("IoReuseIrp", Answer::By(vec![&io::REUSE_IN_USE, &io::NOT_AN_IRP])),
                ("IoReuseIrp2", Answer::By(vec![&io::REUSE_NOT_ALLOCATED])),
                ("IoSetCompletionExCompleteIrp", Answer::No(ABSENT)),
                ("IoSetCompletionRoutineExCheck", Answer::No(ABSENT)),
                ("IoSetCompletionRoutineExCheckDeviceObject", Answer::No(ABSENT)),
                (
                    "IoSetCompletionRoutineNonPnpDriver",
                    Answer::Partly(
                        vec![&io::IRP_LEAK],
                        "what the rule is for, no completion routine after the unload, is checked by itself: no IRP is left",
                    ),
                ),
                (
                    "IrpCancelField",
                    Answer::Partly(
                        vec![&io::CANCEL_FIELD],
                        "seen when the dispatch routine returns; a request that is made cancelable later is not looked at",
                    ),
                ),
                ("IrpProcessingComplete", Answer::By(vec![&io::DISPATCH_NOT_COMPLETED])),
                ("LowerDriverReturn", Answer::No(BELOW)),
                ("SignalEventInCompletion", Answer::No(BELOW)),
                ("SignalEventInCompletion2", Answer::No(BELOW)),
                ("SignalEventInCompletion3", Answer::No(BELOW)),
                ("StartIoCancel", Answer::No(START_IO)),
                ("StartIoRecursion", Answer::No(START_IO)),
                ("PnpRemove", Answer::No(PNP)),
                ("PnpSurpriseRemove", Answer::No(PNP)),
                ("PowerDownAllocate", Answer::No(POWER)),
                ("PowerDownFail", Answer::No(POWER)),
                ("PowerIrpDDIs", Answer::No(POWER)),
                ("PowerUpFail", Answer::No(POWER)),
                ("PnpIrpCompletion", Answer::No(PNP)),
                ("WmiComplete", Answer::No(WMI)),
                ("WmiForward", Answer::No(WMI)),
            ],
        },
        Section {
            title: "IrpTracking",
            source: "IrpTracking rule set (WDM)",
            rows: vec![
                ("IoReleaseRemoveLockAndWaitOutsideRemoveDevice", Answer::No(REMOVE_LOCK)),
                ("NsRemoveLockMnRemove", Answer::No(REMOVE_LOCK)),
                ("NsRemoveLockMnSurpriseRemove", Answer::No(REMOVE_LOCK)),
                ("NsRemoveLockQueryMnRemove", Answer::No(REMOVE_LOCK)),
                ("RemoveLock", Answer::No(REMOVE_LOCK)),
                ("RemoveLockCheck", Answer::No(REMOVE_LOCK)),
                ("RemoveLockForward", Answer::No(REMOVE_LOCK)),
                ("RemoveLockForward2", Answer::No(REMOVE_LOCK)),
                ("RemoveLockForwardDeviceControl", Answer::No(REMOVE_LOCK)),
                ("RemoveLockForwardDeviceControl2", Answer::No(REMOVE_LOCK)),
                ("RemoveLockForwardDeviceControlInternal", Answer::No(REMOVE_LOCK)),
                ("RemoveLockForwardDeviceControlInternal2", Answer::No(REMOVE_LOCK)),
                ("RemoveLockForwardRead", Answer::No(REMOVE_LOCK)),
                ("RemoveLockForwardRead2", Answer::No(REMOVE_LOCK)),
                ("RemoveLockForwardWrite", Answer::No(REMOVE_LOCK)),
                ("RemoveLockForwardWrite2", Answer::No(REMOVE_LOCK)),
                ("RemoveLockMnRemove", Answer::No(REMOVE_LOCK)),
                ("RemoveLockMnRemove2", Answer::No(REMOVE_LOCK)),
                ("RemoveLockMnSurpriseRemove", Answer::No(REMOVE_LOCK)),
                ("RemoveLockQueryMnRemove", Answer::No(REMOVE_LOCK)),
                ("RemoveLockRelease2", Answer::No(REMOVE_LOCK)),
                ("RemoveLockReleaseCleanup", Answer::No(REMOVE_LOCK)),
                ("RemoveLockReleaseClose", Answer::No(REMOVE_LOCK)),
                ("RemoveLockReleaseCreate", Answer::No(REMOVE_LOCK)),
                ("RemoveLockReleaseDeviceControl", Answer::No(REMOVE_LOCK)),
                ("RemoveLockReleaseInternalDeviceControl", Answer::No(REMOVE_LOCK)),
                ("RemoveLockReleasePnp", Answer::No(REMOVE_LOCK)),
                ("RemoveLockReleasePower", Answer::No(REMOVE_LOCK)),
                ("RemoveLockReleaseRead", Answer::No(REMOVE_LOCK)),
                ("RemoveLockReleaseShutdown", Answer::No(REMOVE_LOCK)),
                ("RemoveLockReleaseSystemControl", Answer::No(REMOVE_LOCK)),
                ("RemoveLockReleaseWrite", Answer::No(REMOVE_LOCK)),
            ],
        },
        Section {
            title: "Irql",
            source: "Irql rule set (WDM)",
            rows: vec![
                ("ForwardedAtBadIrql", Answer::By(vec![&io::FORWARDED_AT_BAD_IRQL, &io::CALL_IRQL])),
                ("ForwardedAtBadIrqlAllocate", Answer::By(vec![&io::FORWARDED_AT_BAD_IRQL, &io::CALL_IRQL])),
                ("ForwardedAtBadIrqlFsdAsync", Answer::No(ABSENT)),
                ("ForwardedAtBadIrqlFsdSync", Answer::No(ABSENT)),
                ("IrqlApcLte", Answer::No(ABSENT)),
                ("IrqlDispatch", Answer::By(vec![&rule::IRQL_DISPATCH])),
                ("IrqlExAllocatePool", Answer::By(vec![&rule::POOL_PAGED_IRQL, &rule::POOL_NON_PAGED_IRQL])),
                ("IrqlExApcLte1", Answer::By(vec![&rule::IRQL_EX_APC_LTE])),
                ("IrqlExApcLte2", Answer::By(vec![&rule::IRQL_EX_APC_LTE_2])),
                ("IrqlExApcLte3", Answer::No(ABSENT)),
                ("IrqlExApcLteInline", Answer::No(ABSENT)),
                ("IrqlExFree1", Answer::By(vec![&rule::POOL_FREE_PAGED_IRQL])),
                ("IrqlExFree2", Answer::By(vec![&rule::POOL_FREE_NON_PAGED_IRQL])),
                (
                    "IrqlExFree3",
                    Answer::By(vec![&rule::POOL_FREE_PAGED_IRQL, &rule::POOL_FREE_NON_PAGED_IRQL]),
                ),
                ("IrqlExPassive", Answer::No(ABSENT)),
                ("IrqlIoApcLte", Answer::By(vec![&io::IRQL_IO_APC_LTE])),
                ("IrqlIoDispatch", Answer::By(vec![&rule::IRQL_IO_DISPATCH])),
                ("IrqlIoPassive1", Answer::By(vec![&io::IRQL_IO_PASSIVE])),
                ("IrqlIoPassive2", Answer::No(ABSENT)),
                ("IrqlIoPassive3", Answer::No(ABSENT)),
                ("IrqlIoPassive4", Answer::By(vec![&io::IRQL_IO_PASSIVE])),
                ("IrqlIoPassive5", Answer::By(vec![&io::IRQL_IO_PASSIVE])),
                ("IrqlKeApcLte1", Answer::By(vec![&rule::IRQL_KE_APC_LTE])),
                ("IrqlKeApcLte2", Answer::By(vec![&rule::IRQL_KE_APC_LTE])),
                (
                    "IrqlKeDispatchLte",
                    Answer::By(vec![
                        &rule::IRQL_KE_DISPATCH_LTE,
                        &rule::WAIT_ABOVE_DISPATCH,
                        &rule::WAIT_AT_DISPATCH,
                        &rule::WAIT_AT_DISPATCH_LIMITED,
                    ]),
                ),
                ("IrqlKeRaiseLower", Answer::By(vec![&rule::RAISE_TO_LOWER, &rule::LOWER_TO_HIGHER])),
                ("IrqlKeRaiseLower2", Answer::By(vec![&rule::LOWER_NOT_SAVED])),
                ("IrqlKeReleaseSpinLock", Answer::By(vec![&rule::IRQL_KE_RELEASE_SPIN_LOCK])),
                ("IrqlKeSetEvent", Answer::By(vec![&rule::IRQL_KE_SET_EVENT])),
                (
                    "IrqlKeWaitForMutexObject",
                    Answer::By(vec![
                        &rule::WAIT_ABOVE_DISPATCH,
                        &rule::WAIT_AT_DISPATCH,
                        &rule::WAIT_AT_DISPATCH_LIMITED,
                    ]),
                ),
                (
                    "IrqlKeWaitForMultipleObjects",
                    Answer::By(vec![
                        &rule::WAIT_ABOVE_DISPATCH,
                        &rule::WAIT_AT_DISPATCH,
                        &rule::WAIT_AT_DISPATCH_LIMITED,
                    ]),
                ),
                ("IrqlMmApcLte", Answer::By(vec![&rule::IRQL_MM_APC_LTE])),
                ("IrqlMmDispatch", Answer::By(vec![&rule::IRQL_MM_DISPATCH])),
                ("IrqlObPassive", Answer::No(ABSENT)),
                ("IrqlPsPassive", Answer::By(vec![&rule::IRQL_PS_PASSIVE])),
                (
                    "IrqlReturn",
                    Answer::By(vec![
                        &rule::IRQL_RETURN,
                        &io::DISPATCH_CHANGED_IRQL,
                        &io::ROUTINE_CHANGED_IRQL,
                    ]),
                ),
                ("IrqlRtlPassive", Answer::By(vec![&rule::IRQL_RTL_PASSIVE])),
                ("IrqlZwPassive", Answer::By(vec![&rule::IRQL_ZW_PASSIVE])),
            ],
        },
        Section {
            title: "LocalIrpProcessing",
            source: "LocalIrpProcessing rule set (WDM)",
            rows: vec![
                ("IoAllocateComplete", Answer::By(vec![&io::COMPLETE_OWN])),
                (
                    "IoAllocateFree",
                    Answer::By(vec![
                        &io::IRP_LEAK,
                        &io::NOT_AN_IRP,
                        &io::FREE_IN_USE,
                        &io::FREE_THREADED_IRP,
                    ]),
                ),
                ("IoAllocateForward", Answer::By(vec![&io::SENT_WITHOUT_ROUTINE])),
                ("IoAllocateIrpSignalEventInCompletion", Answer::Partly(vec![&rule::WAIT_TOO_LONG], WAITS)),
                ("IoAllocateIrpSignalEventInCompletion2", Answer::Partly(vec![&rule::WAIT_TOO_LONG], WAITS)),
                ("IoAllocateIrpSignalEventInCompletion3", Answer::Partly(vec![&rule::WAIT_TOO_LONG], WAITS)),
                (
                    "IoAllocateIrpSignalEventInCompletionTimeout",
                    Answer::Partly(vec![&rule::WAIT_TOO_LONG], WAITS),
                ),
                ("IoBuildDeviceControlNoFree", Answer::No(ABSENT)),
                ("IoBuildDeviceControlWait", Answer::No(ABSENT)),
                ("IoBuildDeviceControlWaitTimeout", Answer::No(ABSENT)),
                ("IoBuildDeviceIoControlSetEvent", Answer::No(ABSENT)),
                ("IoBuildFsdComplete", Answer::No(ABSENT)),
                ("IoBuildFsdForward", Answer::No(ABSENT)),
                ("IoBuildFsdFree", Answer::No(ABSENT)),
                ("IoBuildFsdIrpSignalEventInCompletion", Answer::No(ABSENT)),
                ("IoBuildFsdIrpSignalEventInCompletion2", Answer::No(ABSENT)),
                ("IoBuildFsdIrpSignalEventInCompletion3", Answer::No(ABSENT)),
                ("IoBuildFsdIrpSignalEventInCompletionTimeout", Answer::No(ABSENT)),
                ("IoBuildSynchronousFsdRequestNoFree", Answer::No(ABSENT)),
                ("IoBuildSynchronousFsdRequestWait", Answer::No(ABSENT)),
                ("IoBuildSynchronousFsdRequestWaitTimeout", Answer::No(ABSENT)),
                ("RequestedPowerIrp", Answer::No(POWER)),
            ],
        },
        Section {
            title: "Locking",
            source: "Locking rule set (WDM)",
            rows: vec![
                ("CancelSpinLock", Answer::By(vec![&io::CANCEL_LOCK_KEPT, &rule::SPIN_LOCK_RECURSION])),
                ("CancelSpinlockRelease", Answer::By(vec![&rule::SPIN_LOCK_NOT_OWNED])),
                ("CriticalRegions", Answer::By(vec![&rule::CRITICAL_REGIONS])),
                ("ExclusiveResourceAccess", Answer::No(ABSENT)),
                ("GuardedRegions", Answer::No(ABSENT)),
                ("QueuedSpinLock", Answer::No(ABSENT)),
                ("QueuedSpinLockRelease", Answer::No(ABSENT)),
                ("SpinLock", Answer::By(vec![&rule::SPIN_LOCK_RECURSION, &rule::SPIN_LOCK_AT_RETURN])),
                ("SpinLockDpc", Answer::By(vec![&rule::SPIN_LOCK_AT_DPC, &rule::SPIN_LOCK_FORM])),
                ("SpinlockRelease", Answer::By(vec![&rule::SPIN_LOCK_NOT_OWNED, &rule::SPIN_LOCK_FORM])),
                ("SpinLockSafe", Answer::By(vec![&io::COMPLETE_HOLDING_LOCK, &wsk::CALL_UNDER_SPIN_LOCK])),
                ("WithinCriticalRegion", Answer::No(ABSENT)),
            ],
        },
        Section {
            title: "Miscellaneous",
            source: "Miscellaneous rule set (WDM)",
            rows: vec![
                ("AddDevice", Answer::No(PNP)),
                ("DanglingDeviceObjectReference", Answer::No(ABSENT)),
                ("PnpSameDeviceObject", Answer::No(PNP)),
                ("TargetRelationNeedsRef", Answer::No(PNP)),
                (
                    "ZwRegistryCreate",
                    Answer::Partly(vec![&rule::HANDLE_INVALID, &rule::HANDLE_LEAK], HANDLES),
                ),
                ("ZwRegistryOpen", Answer::Partly(vec![&rule::HANDLE_INVALID, &rule::HANDLE_LEAK], HANDLES)),
            ],
        },
        Section {
            title: "Warning",
            source: "Warning rule set (WDM)",
            rows: vec![
                ("CheckDeviceObjectFlags", Answer::No(PNP)),
                ("CompletionEventChecking", Answer::No(BELOW)),
                (
                    "DeleteDevice",
                    Answer::By(vec![
                        &io::DELETE_BAD_DEVICE,
                        &io::CALL_BAD_DEVICE,
                        &rule::WORK_ITEM_DEVICE_DELETED,
                    ]),
                ),
                ("MultRemoveLock", Answer::No(REMOVE_LOCK)),
                ("PagedCode", Answer::No("no code here is pageable, and Rust has no such macro")),
                ("PagedCodeAtPowerTrans", Answer::No(POWER)),
                ("ReservedDDIs", Answer::No(ABSENT)),
            ],
        },
        Section {
            title: "In the documentation of the bug check only",
            source: "Bug Check 0xC4: DRIVER_VERIFIER_DETECTED_VIOLATION",
            rows: vec![
                (
                    "IrqlIoRtlZwPassive",
                    Answer::Partly(
                        vec![&rule::IRQL_ZW_PASSIVE, &rule::IRQL_RTL_PASSIVE],
                        "of its functions the hosted kernel has some only",
                    ),
                ),
                ("IrqlNtifsApcPassive", Answer::No(ABSENT)),
            ],
        },
    ]
}
