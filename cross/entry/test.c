/*
 * Runs the entry stub in user mode, between a loader and a driver that note what is called:
 * B bind, D DriverEntry, U the framework's unload, b unbind, P a message; ? an unbind with the wrong arguments.
 */
#include "wdf_bind.h"

int printf(const char *format, ...);

NTSTATUS NTAPI FxDriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath);

static char calls[64];
static int count;
static int failures;

static VOID note(char call)
{
    calls[count++] = call;
    calls[count] = '\0';
}

/* What the loader and the driver do, set by each case. */
static NTSTATUS bind_status;
static NTSTATUS entry_status;
static BOOLEAN displace;

/* What the loader was given. */
static PWDF_BIND_INFO bind_info;
static PUNICODE_STRING bound_path;
static WDF_DRIVER_GLOBALS globals;

static VOID NTAPI framework_unload(PDRIVER_OBJECT driver)
{
    UNREFERENCED_PARAMETER(driver);
    note('U');
}

NTSTATUS NTAPI WdfVersionBind(
    PDRIVER_OBJECT driver, PUNICODE_STRING path, PWDF_BIND_INFO info, PWDF_DRIVER_GLOBALS *result)
{
    UNREFERENCED_PARAMETER(driver);
    note('B');
    bind_info = info;
    bound_path = path;
    if (NT_SUCCESS(bind_status)) {
        globals.DisplaceDriverUnload = FALSE;
        *result = &globals;
    }
    return bind_status;
}

NTSTATUS NTAPI WdfVersionUnbind(PUNICODE_STRING path, PWDF_BIND_INFO info, PWDF_DRIVER_GLOBALS given)
{
    note(path == bound_path && info == bind_info && given == &globals ? 'b' : '?');
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    UNREFERENCED_PARAMETER(path);
    note('D');
    driver->DriverUnload = framework_unload;
    globals.DisplaceDriverUnload = displace;
    return entry_status;
}

ULONG __cdecl DbgPrint(PCSTR format, ...)
{
    UNREFERENCED_PARAMETER(format);
    note('P');
    return 0;
}

#ifdef CLASS_EXTENSION
#pragma section(".kmdfclassbind$c", read, write)
__declspec(allocate(".kmdfclassbind$c")) PVOID volatile class_description = &globals;
#endif

static VOID expect(const char *what, BOOLEAN holds)
{
    if (!holds) {
        printf("FAILED: %s; calls %s\n", what, calls);
        failures++;
    }
    count = 0;
    calls[0] = '\0';
}

static BOOLEAN same(const char *wanted)
{
    int i;
    for (i = 0; wanted[i] == calls[i]; i++) {
        if (wanted[i] == '\0') {
            return TRUE;
        }
    }
    return FALSE;
}

int main(void)
{
    static WCHAR text[300];
    static DRIVER_OBJECT driver;
    UNICODE_STRING path = {0, sizeof(text), text};

#ifdef CLASS_EXTENSION
    expect("a class extension is refused", FxDriverEntry(&driver, &path) == STATUS_NOT_SUPPORTED && same("P"));
    return failures;
#endif
    expect("no driver object", FxDriverEntry(NULL, &path) == STATUS_INVALID_PARAMETER && same(""));

    path.Length = 261 * sizeof(WCHAR);
    expect("a path that does not fit", FxDriverEntry(&driver, &path) == STATUS_NAME_TOO_LONG && same(""));

    path.Length = 260 * sizeof(WCHAR);
    text[259] = L'z';
    bind_status = STATUS_UNSUCCESSFUL;
    expect("bind fails", FxDriverEntry(&driver, &path) == STATUS_UNSUCCESSFUL && same("BP"));
    expect("the path is a copy", bound_path != &path && bound_path->Buffer != text);
    expect("the path is whole", bound_path->Length == path.Length && bound_path->Buffer[259] == L'z');
    expect("what is asked for", bind_info->Size == 0x30 && bind_info->Version.Major == 1 && bind_info->Version.Minor == 31
        && bind_info->FuncCount == 458 && (PVOID)bind_info->FuncTable == (PVOID)&WdfFunctions_01031);
    expect("functions are counted", WdfFunctionCount == 458 && !WdfClientVersionHigherThanFramework);

    bind_status = STATUS_SUCCESS;
    entry_status = STATUS_INSUFFICIENT_RESOURCES;
    expect("DriverEntry fails", FxDriverEntry(&driver, &path) == STATUS_INSUFFICIENT_RESOURCES && same("BDb"));

    entry_status = STATUS_SUCCESS;
    expect("loaded, cannot be unloaded", FxDriverEntry(&driver, &path) == STATUS_SUCCESS && same("BD"));
    expect("the unload routine is the driver's", driver.DriverUnload == framework_unload);

    displace = TRUE;
    expect("loaded", FxDriverEntry(&driver, &path) == STATUS_SUCCESS && same("BD"));
    driver.DriverUnload(&driver);
    expect("unload goes to the framework first, then unbinds", same("Ub"));
    return failures;
}
