/*
 * The kernel's declarations, from mingw-w64, and what those lack of the names that the wdk crates and a driver use.
 *
 * The compiler must claim to be GNU C: otherwise mingw-w64 drops alignments silently. The assertions at the end see
 * to it that none is lost.
 */
#ifndef CROSS_NTKERNEL_H
#define CROSS_NTKERNEL_H

/* mingw-w64 declares these without the alignment that the allocations of the I/O manager have. */
struct __attribute__((aligned(16))) _IRP;
struct __attribute__((aligned(16))) _DEVICE_OBJECT;

/* Inline there, but exported by ntoskrnl.exe for x64 too: the inlines get other names, the exports follow below. */
#define KeGetCurrentIrql MingwKeGetCurrentIrql
#define KeLowerIrql MingwKeLowerIrql
#define KfRaiseIrql MingwKfRaiseIrql
#define KeInitializeSpinLock MingwKeInitializeSpinLock

#include <ntddk.h>

#undef KeGetCurrentIrql
#undef KeLowerIrql
#undef KfRaiseIrql
#undef KeInitializeSpinLock

NTKERNELAPI KIRQL NTAPI KeGetCurrentIrql(VOID);
NTKERNELAPI VOID NTAPI KeLowerIrql(KIRQL NewIrql);
NTKERNELAPI KIRQL NTAPI KfRaiseIrql(KIRQL NewIrql);
NTKERNELAPI VOID NTAPI KeInitializeSpinLock(PKSPIN_LOCK SpinLock);

/* Of Windows 10, version 2004. */
typedef ULONG64 POOL_FLAGS;
NTKERNELAPI PVOID NTAPI ExAllocatePool2(POOL_FLAGS Flags, SIZE_T NumberOfBytes, ULONG Tag);

#define CROSS_ASSERT_OFFSET(type, field, offset) \
    _Static_assert(__builtin_offsetof(type, field) == (offset), #type "." #field " is not where Windows has it")

CROSS_ASSERT_OFFSET(IO_STACK_LOCATION, Parameters.DeviceIoControl.IoControlCode, 0x18);
CROSS_ASSERT_OFFSET(IO_STACK_LOCATION, CompletionRoutine, 0x38);
CROSS_ASSERT_OFFSET(IRP, Tail.Overlay.CurrentStackLocation, 0xB8);
_Static_assert(sizeof(IRP) == 0xD0, "IRP has the wrong size");
_Static_assert(sizeof(DEVICE_OBJECT) == 0x150, "DEVICE_OBJECT has the wrong size");
_Static_assert(_Alignof(DEVICE_OBJECT) == 16, "DEVICE_OBJECT has the wrong alignment");

#endif
