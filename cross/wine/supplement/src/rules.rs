//! The rules that a driver is seen to break by what this crate keeps of it.

hosted_rule::rules! {
    /// A pool block that is none, or was freed.
    POOL_BAD_ADDRESS = 0xC2, 0x46, "PoolBadAddress", "Bug Check 0xC2: BAD_POOL_CALLER";
    /// A pool block freed with a tag that it was not allocated with.
    POOL_WRONG_TAG = 0xC2, 0x0A, "PoolWrongTag", "Bug Check 0xC2: BAD_POOL_CALLER";
    /// An IRP that is no driver's, or was freed.
    IRP_FREED_TWICE = 0x44, 0, "IrpFreedTwice", "IoFreeIrp";
    /// An IRP freed while it is sent.
    IRP_FREED_IN_USE = 0x44, 1, "IrpFreedInUse", "IoFreeIrp";
    /// Pool that is left at unload.
    POOL_LEAK = 0xC4, 0x62, "PoolLeak", "Bug Check 0xC4: DRIVER_VERIFIER_DETECTED_VIOLATION";
    /// An IRP that is left at unload.
    IRP_LEAK = 0xC4, 0x63, "IrpLeak", "IoFreeIrp";
    /// A timer that is set at unload.
    TIMER_SET = 0xC7, 0, "TimerFreed", "Bug Check 0xC7: TIMER_OR_DPC_INVALID";
}
