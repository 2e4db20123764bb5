/*
 * A subset of KMDF 1.31 for the cross build, written from the framework's documented interface.
 *
 * The driver and the crates `wdk` and `wdk-sys` find here what they use and no more. A function that the driver comes
 * to call needs its type in wdf_calls.h; the table of functions is complete.
 */
#ifndef CROSS_WDF_H
#define CROSS_WDF_H

#include "ntkernel.h"

#if KMDF_VERSION_MAJOR != 1 || KMDF_VERSION_MINOR != 31
#error "these headers are KMDF 1.31's: set target-kmdf-version-minor = 31 in Cargo.toml"
#endif

#include "wdf_calls.h"

/* An entry of the function table; a caller casts it to the function's own type. */
typedef VOID (*WDFFUNC)(VOID);

typedef enum _WDFFUNCENUM {
#define WDF_FUNCTION(index, name) name##TableIndex = index,
#include "wdf_functions.h"
    WdfFunctionTableNumEntries = 458,
} WDFFUNCENUM;

/* Defined by the entry stub, filled in by the loader. */
extern const WDFFUNC *WdfFunctions_01031;
extern PWDF_DRIVER_GLOBALS WdfDriverGlobals;
/* How many functions the framework has. */
extern ULONG WdfFunctionCount;
/* Only set if the framework is older than the driver, which this entry stub does not allow. */
extern BOOLEAN WdfClientVersionHigherThanFramework;

#endif
