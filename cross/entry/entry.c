/*
 * The image's entry point: binds the driver to the framework, then calls its DriverEntry.
 *
 * It stands for the WDK's WdfDriverEntry.lib, for drivers that use no class extension and want at least the version of
 * the framework that they were built for. A build with the WDK links the WDK's library instead of this.
 */
#include "wdf_bind.h"

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath);

/* What the driver calls the framework through; wdf.h says more. */
const WDFFUNC *WdfFunctions_01031;
PWDF_DRIVER_GLOBALS WdfDriverGlobals;
ULONG WdfFunctionCount = WdfFunctionTableNumEntries;
BOOLEAN WdfClientVersionHigherThanFramework = FALSE;

static WCHAR component[] = L"KmdfLibrary";
static WDF_BIND_INFO bind_info = {
    .Size = sizeof(WDF_BIND_INFO),
    .Component = component,
    .Version = {KMDF_VERSION_MAJOR, KMDF_VERSION_MINOR, 0},
    .FuncCount = WdfFunctionTableNumEntries,
    .FuncTable = (WDFFUNC *)&WdfFunctions_01031,
};

/* The system's string does not outlive DriverEntry, but the framework is given the path again at unload. */
static WCHAR path_buffer[260];
static UNICODE_STRING path = {0, sizeof(path_buffer), path_buffer};

/* The framework's unload routine, which this one goes in front of. */
static PDRIVER_UNLOAD framework_unload;

/*
 * Headers of class extensions put a description into this section. The linker sorts by what follows the dollar sign,
 * so the descriptions lie between the two marks, with zeros as padding.
 */
#pragma section(".kmdfclassbind$a", read, write)
#pragma section(".kmdfclassbind$z", read, write)
__declspec(allocate(".kmdfclassbind$a")) static PVOID volatile class_begin = NULL;
__declspec(allocate(".kmdfclassbind$z")) static PVOID volatile class_end = NULL;
#pragma comment(linker, "/merge:.kmdfclassbind=.data")

static BOOLEAN uses_class_extension(VOID)
{
    /* Numbers: the two marks are separate objects to the compiler. */
    ULONG_PTR entry;
    for (entry = (ULONG_PTR)&class_begin; entry < (ULONG_PTR)&class_end; entry += sizeof(PVOID)) {
        if (*(PVOID volatile *)entry != NULL) {
            return TRUE;
        }
    }
    return FALSE;
}

static BOOLEAN copy_path(PCUNICODE_STRING from)
{
    USHORT i;
    USHORT characters = from->Length / sizeof(WCHAR);
    if (characters > sizeof(path_buffer) / sizeof(WCHAR)) {
        return FALSE;
    }
    for (i = 0; i < characters; i++) {
        path_buffer[i] = from->Buffer[i];
    }
    path.Length = from->Length;
    return TRUE;
}

static VOID unbind(VOID)
{
    WdfVersionUnbind(&path, &bind_info, WdfDriverGlobals);
    WdfDriverGlobals = NULL;
}

static VOID NTAPI unload(PDRIVER_OBJECT driver)
{
    if (framework_unload != NULL) {
        framework_unload(driver);
    }
    unbind();
}

NTSTATUS NTAPI FxDriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING registry_path)
{
    NTSTATUS status;

    if (driver == NULL || registry_path == NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    if (uses_class_extension()) {
        DbgPrint("FxDriverEntry: no support for class extensions of the framework: link the driver with the WDK\n");
        return STATUS_NOT_SUPPORTED;
    }
    if (!copy_path(registry_path)) {
        return STATUS_NAME_TOO_LONG;
    }
    status = WdfVersionBind(driver, &path, &bind_info, &WdfDriverGlobals);
    if (!NT_SUCCESS(status)) {
        DbgPrint("FxDriverEntry: the framework, KMDF 1.31 or later, refused with status %08x\n", status);
        return status;
    }
    status = DriverEntry(driver, registry_path);
    if (!NT_SUCCESS(status)) {
        /* The framework deletes what the driver has made. */
        unbind();
        return status;
    }
    if (WdfDriverGlobals->DisplaceDriverUnload) {
        framework_unload = driver->DriverUnload;
        driver->DriverUnload = unload;
    }
    return status;
}
