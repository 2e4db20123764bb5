//! Asserts that `nt-sys` and `wdk-sys` mean the same by the types that both define.
//!
//! The driver hands what it gets from one to the other: an MDL from the framework goes to WSK. `nt-sys` was written by
//! hand, `wdk-sys` is generated from headers; where they differ, the driver does not compile.
//!
//! A field is listed if both have it by the same path: what stands in an unnamed union in C has a name of its own in each.

use core::mem::offset_of;

macro_rules! same {
    ($($name:ident { $($($field:ident).+),* $(,)? })*) => {$(
        const _: () = {
            assert!(
                size_of::<nt_sys::$name>() == size_of::<wdk_sys::$name>(),
                concat!("size of ", stringify!($name)),
            );
            assert!(
                align_of::<nt_sys::$name>() == align_of::<wdk_sys::$name>(),
                concat!("alignment of ", stringify!($name)),
            );
            $(assert!(
                offset_of!(nt_sys::$name, $($field).+) == offset_of!(wdk_sys::$name, $($field).+),
                concat!(stringify!($name), ".", stringify!($($field).+)),
            );)*
        };
    )*};
}

// Integers, handles and pointers; what is a union in C is a number in `nt-sys`.
same! {
    NTSTATUS {} BOOLEAN {} KIRQL {} CCHAR {} ULONG {} ULONG_PTR {} LARGE_INTEGER {} HANDLE {} PVOID {} SIZE_T {}
    KSPIN_LOCK {} EVENT_TYPE {} TIMER_TYPE {} KWAIT_REASON {} KPROCESSOR_MODE {} POBJECT_ATTRIBUTES {}
}

same! {
    UNICODE_STRING { Length, MaximumLength, Buffer }
    LIST_ENTRY { Flink, Blink }
    GUID { Data1, Data2, Data3, Data4 }
    OBJECT_ATTRIBUTES {
        Length, RootDirectory, ObjectName, Attributes, SecurityDescriptor, SecurityQualityOfService,
    }
    IO_STATUS_BLOCK { Information }
    DISPATCHER_HEADER { SignalState, WaitListHead }
    KEVENT { Header }
    KTIMER { Header, DueTime, TimerListEntry, Dpc, Period }
    KDPC { DpcListEntry, DeferredRoutine, DeferredContext, SystemArgument1, SystemArgument2, DpcData }
    EX_RUNDOWN_REF {}
    MDL { Next, Size, MdlFlags, Process, MappedSystemVa, StartVa, ByteCount, ByteOffset }
    IRP {
        Type, Size, MdlAddress, Flags, AssociatedIrp, ThreadListEntry, IoStatus, RequestorMode, PendingReturned,
        StackCount, CurrentLocation, Cancel, CancelIrql, ApcEnvironment, UserIosb, UserEvent, Overlay, CancelRoutine,
        UserBuffer, Tail, Tail.Overlay.Thread, Tail.Overlay.AuxiliaryBuffer, Tail.Overlay.OriginalFileObject,
    }
    IO_STACK_LOCATION {
        MajorFunction, MinorFunction, Flags, Control, Parameters,
        Parameters.Create.SecurityContext, Parameters.Create.Options, Parameters.Create.FileAttributes,
        Parameters.Create.ShareAccess, Parameters.Create.EaLength,
        Parameters.Read.Length, Parameters.Read.Key, Parameters.Read.ByteOffset,
        Parameters.Write.Length, Parameters.Write.Key, Parameters.Write.ByteOffset,
        Parameters.DeviceIoControl.OutputBufferLength, Parameters.DeviceIoControl.InputBufferLength,
        Parameters.DeviceIoControl.IoControlCode, Parameters.DeviceIoControl.Type3InputBuffer,
        Parameters.Others.Argument1, Parameters.Others.Argument2, Parameters.Others.Argument3,
        Parameters.Others.Argument4,
        DeviceObject, FileObject, CompletionRoutine, Context,
    }
    DRIVER_EXTENSION { DriverObject, AddDevice, Count, ServiceKeyName }
    DRIVER_OBJECT {
        Type, Size, DeviceObject, Flags, DriverStart, DriverSize, DriverSection, DriverExtension, DriverName,
        HardwareDatabase, FastIoDispatch, DriverInit, DriverStartIo, DriverUnload, MajorFunction,
    }
    DEVICE_OBJECT {
        Type, Size, ReferenceCount, DriverObject, NextDevice, AttachedDevice, CurrentIrp, Timer, Flags,
        Characteristics, Vpb, DeviceExtension, DeviceType, StackSize, Queue, AlignmentRequirement, DeviceQueue, Dpc,
        ActiveThreadCount, SecurityDescriptor, DeviceLock, SectorSize, Spare1, DeviceObjectExtension, Reserved,
    }
    FILE_OBJECT {
        Type, Size, DeviceObject, Vpb, FsContext, FsContext2, SectionObjectPointer, PrivateCacheMap, FinalStatus,
        RelatedFileObject, LockOperation, DeletePending, ReadAccess, WriteAccess, DeleteAccess, SharedRead,
        SharedWrite, SharedDelete, Flags, FileName, CurrentByteOffset, Waiters, Busy, LastLock, Lock, Event,
        CompletionContext, IrpListLock, IrpList, FileObjectExtension,
    }
}
