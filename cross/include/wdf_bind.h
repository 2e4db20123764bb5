/* What a driver's entry stub and the framework's loader, wdfldr.sys, tell each other. */
#ifndef CROSS_WDF_BIND_H
#define CROSS_WDF_BIND_H

#include "wdf.h"

typedef struct _WDF_BIND_INFO {
    ULONG Size;
    PWCHAR Component;
    struct {
        ULONG Major;
        ULONG Minor;
        ULONG Build;
    } Version;
    ULONG FuncCount;
    /* Where the loader stores the address of the function table. */
    WDFFUNC *FuncTable;
    /* The loader's own. */
    PVOID Module;
} WDF_BIND_INFO, *PWDF_BIND_INFO;
CROSS_ASSERT_SIZE(WDF_BIND_INFO, 0x30);
CROSS_ASSERT_OFFSET(WDF_BIND_INFO, FuncTable, 0x20);

NTSTATUS NTAPI WdfVersionBind(
    PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath, PWDF_BIND_INFO BindInfo,
    PWDF_DRIVER_GLOBALS *Globals);
NTSTATUS NTAPI WdfVersionUnbind(
    PUNICODE_STRING RegistryPath, PWDF_BIND_INFO BindInfo, PWDF_DRIVER_GLOBALS Globals);

#endif
