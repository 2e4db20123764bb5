//! The layout of every structure, asserted at compile time, and offered as [`LAYOUTS`] for comparison with C
//! headers.
//!
//! The numbers are those of 64-bit Windows.

/// A field: its C name (a path, for nested ones) and its offset in bytes.
pub type Field = (&'static str, usize);

/// A structure: its C name, size in bytes, and fields.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// The C name.
    pub name: &'static str,
    /// The size in bytes.
    pub size: usize,
    /// Every field, in order.
    pub fields: &'static [Field],
}

/// Asserts the layouts of a crate's structures, and makes its table of them.
#[doc(hidden)]
#[macro_export]
macro_rules! layouts {
    ($($name:ident = $size:literal { $($($field:ident).+ = $offset:literal),* $(,)? })*) => {
        $(
            #[cfg(target_pointer_width = "64")]
            const _: () = {
                assert!(::core::mem::size_of::<$name>() == $size, stringify!($name));
                $(assert!(
                    ::core::mem::offset_of!($name, $($field).+) == $offset,
                    concat!(stringify!($name), ".", stringify!($($field).+)),
                );)*
            };
        )*

        /// Every structure of this crate that has a C counterpart.
        pub const LAYOUTS: &[$crate::layout::Layout] = &[$($crate::layout::Layout {
            name: stringify!($name),
            size: $size,
            fields: &[$((stringify!($($field).+), $offset)),*],
        }),*];
    };
}

#[allow(clippy::wildcard_imports, reason = "the table has every structure")]
use crate::*;

layouts! {
    UNICODE_STRING = 0x10 { Length = 0, MaximumLength = 2, Buffer = 8 }
    STRING = 0x10 { Length = 0, MaximumLength = 2, Buffer = 8 }
    TIME_FIELDS = 0x10 {
        Year = 0, Month = 2, Day = 4, Hour = 6, Minute = 8, Second = 10, Milliseconds = 12, Weekday = 14,
    }
    KEY_VALUE_BASIC_INFORMATION = 0x10 { TitleIndex = 0, Type = 4, NameLength = 8, Name = 12 }
    KEY_VALUE_FULL_INFORMATION = 0x18 {
        TitleIndex = 0, Type = 4, DataOffset = 8, DataLength = 12, NameLength = 16, Name = 20,
    }
    KEY_VALUE_PARTIAL_INFORMATION = 0x10 { TitleIndex = 0, Type = 4, DataLength = 8, Data = 12 }
    LIST_ENTRY = 0x10 { Flink = 0, Blink = 8 }
    SINGLE_LIST_ENTRY = 8 { Next = 0 }
    SLIST_ENTRY = 0x10 { Next = 0 }
    SLIST_HEADER = 0x10 { Alignment = 0, Region = 8 }
    GENERAL_LOOKASIDE = 0x80 {
        ListHead = 0, Depth = 0x10, MaximumDepth = 0x12, TotalAllocates = 0x14, AllocateMisses = 0x18, TotalFrees = 0x1C,
        FreeMisses = 0x20, Type = 0x24, Tag = 0x28, Size = 0x2C, Allocate = 0x30, Free = 0x38, ListEntry = 0x40,
        LastTotalAllocates = 0x50, LastAllocateMisses = 0x54, Future = 0x58,
    }
    NPAGED_LOOKASIDE_LIST = 0x80 { L = 0 }
    PAGED_LOOKASIDE_LIST = 0x80 { L = 0 }
    GENERAL_LOOKASIDE_POOL = 0x60 {
        ListHead = 0, Depth = 0x10, MaximumDepth = 0x12, TotalAllocates = 0x14, AllocateMisses = 0x18, TotalFrees = 0x1C,
        FreeMisses = 0x20, Type = 0x24, Tag = 0x28, Size = 0x2C, AllocateEx = 0x30, FreeEx = 0x38, ListEntry = 0x40,
        LastTotalAllocates = 0x50, LastAllocateMisses = 0x54, Future = 0x58,
    }
    LOOKASIDE_LIST_EX = 0x60 { L = 0 }
    GUID = 0x10 { Data1 = 0, Data2 = 4, Data3 = 6, Data4 = 8 }
    OBJECT_ATTRIBUTES = 0x30 {
        Length = 0, RootDirectory = 8, ObjectName = 0x10, Attributes = 0x18, SecurityDescriptor = 0x20,
        SecurityQualityOfService = 0x28,
    }
    IO_STATUS_BLOCK = 0x10 { Status = 0, Information = 8 }
    DISPATCHER_HEADER = 0x18 { Type = 0, Signalling = 1, Size = 2, Reserved1 = 3, SignalState = 4, WaitListHead = 8 }
    KEVENT = 0x18 { Header = 0 }
    KSEMAPHORE = 0x20 { Header = 0, Limit = 0x18 }
    KMUTANT = 0x38 { Header = 0, MutantListEntry = 0x18, OwnerThread = 0x28, Abandoned = 0x30, ApcDisable = 0x31 }
    FAST_MUTEX = 0x38 { Count = 0, Owner = 8, Contention = 0x10, Event = 0x18, OldIrql = 0x30 }
    KWAIT_BLOCK = 0x30 {}
    KTIMER = 0x40 { Header = 0, DueTime = 0x18, TimerListEntry = 0x20, Dpc = 0x30, Processor = 0x38, Period = 0x3C }
    KDPC = 0x40 {
        Type = 0, Importance = 1, Number = 2, DpcListEntry = 8, ProcessorHistory = 0x10, DeferredRoutine = 0x18,
        DeferredContext = 0x20, SystemArgument1 = 0x28, SystemArgument2 = 0x30, DpcData = 0x38,
    }
    EX_RUNDOWN_REF = 8 { Count = 0 }
    KLOCK_QUEUE_HANDLE = 0x18 { LockQueue = 0, OldIrql = 0x10 }
    IO_CSQ = 0x40 {
        Type = 0, CsqInsertIrp = 8, CsqRemoveIrp = 0x10, CsqPeekNextIrp = 0x18, CsqAcquireLock = 0x20,
        CsqReleaseLock = 0x28, CsqCompleteCanceledIrp = 0x30, ReservePointer = 0x38,
    }
    IO_CSQ_IRP_CONTEXT = 0x18 { Type = 0, Irp = 8, Csq = 0x10 }
    MDL = 0x30 {
        Next = 0, Size = 8, MdlFlags = 0xA, Process = 0x10, MappedSystemVa = 0x18, StartVa = 0x20,
        ByteCount = 0x28, ByteOffset = 0x2C,
    }
    IRP = 0xD0 {
        Type = 0, Size = 2, MdlAddress = 8, Flags = 0x10, AssociatedIrp = 0x18, ThreadListEntry = 0x20,
        IoStatus = 0x30, IoStatus.Status = 0x30, IoStatus.Information = 0x38, RequestorMode = 0x40,
        PendingReturned = 0x41, StackCount = 0x42, CurrentLocation = 0x43, Cancel = 0x44, CancelIrql = 0x45,
        ApcEnvironment = 0x46, AllocationFlags = 0x47, UserIosb = 0x48, UserEvent = 0x50, Overlay = 0x58,
        CancelRoutine = 0x68, UserBuffer = 0x70, Tail = 0x78, Tail.Overlay.DriverContext = 0x78,
        Tail.Overlay.Thread = 0x98, Tail.Overlay.AuxiliaryBuffer = 0xA0, Tail.Overlay.ListEntry = 0xA8,
        Tail.Overlay.CurrentStackLocation = 0xB8, Tail.Overlay.OriginalFileObject = 0xC0,
    }
    IO_STACK_LOCATION = 0x48 {
        MajorFunction = 0, MinorFunction = 1, Flags = 2, Control = 3, Parameters = 8,
        Parameters.Create.SecurityContext = 8, Parameters.Create.Options = 0x10,
        Parameters.Create.FileAttributes = 0x18, Parameters.Create.ShareAccess = 0x1A,
        Parameters.Create.EaLength = 0x20,
        Parameters.Read.Length = 8, Parameters.Read.Key = 0x10, Parameters.Read.ByteOffset = 0x18,
        Parameters.Write.Length = 8, Parameters.Write.Key = 0x10, Parameters.Write.ByteOffset = 0x18,
        Parameters.DeviceIoControl.OutputBufferLength = 8, Parameters.DeviceIoControl.InputBufferLength = 0x10,
        Parameters.DeviceIoControl.IoControlCode = 0x18, Parameters.DeviceIoControl.Type3InputBuffer = 0x20,
        Parameters.Others.Argument1 = 8, Parameters.Others.Argument2 = 0x10, Parameters.Others.Argument3 = 0x18,
        Parameters.Others.Argument4 = 0x20,
        DeviceObject = 0x28, FileObject = 0x30, CompletionRoutine = 0x38, Context = 0x40,
    }
    DRIVER_EXTENSION = 0x28 { DriverObject = 0, AddDevice = 8, Count = 0x10, ServiceKeyName = 0x18 }
    DRIVER_OBJECT = 0x150 {
        Type = 0, Size = 2, DeviceObject = 8, Flags = 0x10, DriverStart = 0x18, DriverSize = 0x20,
        DriverSection = 0x28, DriverExtension = 0x30, DriverName = 0x38, HardwareDatabase = 0x48,
        FastIoDispatch = 0x50, DriverInit = 0x58, DriverStartIo = 0x60, DriverUnload = 0x68, MajorFunction = 0x70,
    }
    DEVICE_OBJECT = 0x150 {
        Type = 0, Size = 2, ReferenceCount = 4, DriverObject = 8, NextDevice = 0x10, AttachedDevice = 0x18,
        CurrentIrp = 0x20, Timer = 0x28, Flags = 0x30, Characteristics = 0x34, Vpb = 0x38, DeviceExtension = 0x40,
        DeviceType = 0x48, StackSize = 0x4C, Queue = 0x50, AlignmentRequirement = 0x98, DeviceQueue = 0xA0,
        Dpc = 0xC8, ActiveThreadCount = 0x108, SecurityDescriptor = 0x110, DeviceLock = 0x118, SectorSize = 0x130,
        Spare1 = 0x132, DeviceObjectExtension = 0x138, Reserved = 0x140,
    }
    FILE_OBJECT = 0xD8 {
        Type = 0, Size = 2, DeviceObject = 8, Vpb = 0x10, FsContext = 0x18, FsContext2 = 0x20,
        SectionObjectPointer = 0x28, PrivateCacheMap = 0x30, FinalStatus = 0x38, RelatedFileObject = 0x40,
        LockOperation = 0x48, DeletePending = 0x49, ReadAccess = 0x4A, WriteAccess = 0x4B, DeleteAccess = 0x4C,
        SharedRead = 0x4D, SharedWrite = 0x4E, SharedDelete = 0x4F, Flags = 0x50, FileName = 0x58,
        CurrentByteOffset = 0x68, Waiters = 0x70, Busy = 0x74, LastLock = 0x78, Lock = 0x80, Event = 0x98,
        CompletionContext = 0xB0, IrpListLock = 0xB8, IrpList = 0xC0, FileObjectExtension = 0xD0,
    }
}
