//! What the comparison must know: C spellings that differ, and differences that have a reason.

/// The C expression for a type or constant of another name: helper types are parts of a C structure, and have no
/// name there.
const NAMES: &[(&str, &str)] = &[
    ("IRP_ASSOCIATED_IRP", "__typeof__(((IRP *)0)->AssociatedIrp)"),
    ("IRP_OVERLAY", "__typeof__(((IRP *)0)->Overlay)"),
    ("IRP_TAIL", "__typeof__(((IRP *)0)->Tail)"),
    ("IRP_TAIL_OVERLAY", "__typeof__(((IRP *)0)->Tail.Overlay)"),
    ("IO_STACK_CREATE", "__typeof__(((IO_STACK_LOCATION *)0)->Parameters.Create)"),
    ("IO_STACK_READ_WRITE", "__typeof__(((IO_STACK_LOCATION *)0)->Parameters.Write)"),
    ("IO_STACK_DEVICE_IO_CONTROL", "__typeof__(((IO_STACK_LOCATION *)0)->Parameters.DeviceIoControl)"),
    ("IO_STACK_OTHERS", "__typeof__(((IO_STACK_LOCATION *)0)->Parameters.Others)"),
    ("IO_STACK_PARAMETERS", "__typeof__(((IO_STACK_LOCATION *)0)->Parameters)"),
    ("MAJOR_FUNCTIONS", "IRP_MJ_MAXIMUM_FUNCTION + 1"),
    // "IPPROTO_IPV6 socket options" has IPv4's name for it, and no header has another.
    ("IPV6_ORIGINAL_ARRIVAL_IF", "IP_ORIGINAL_ARRIVAL_IF"),
];

/// Fields whose C path is another one.
const FIELDS: &[(&str, &str, &str)] = &[
    ("IRP_OVERLAY", "UserApcRoutine", "AsynchronousParameters.UserApcRoutine"),
    ("IRP_OVERLAY", "UserApcContext", "AsynchronousParameters.UserApcContext"),
    // Windows 7's headers have a list entry where later ones have a single link and this.
    ("KDPC", "DpcListEntry", "DpcListEntry.Flink"),
    ("KDPC", "ProcessorHistory", "DpcListEntry.Blink"),
    // A union of bit fields, with a name for the whole byte.
    ("DISPATCHER_HEADER", "Reserved1", "TimerMiscFlags"),
];

/// A difference with a reason.
pub(super) struct Known {
    /// The name of the set of headers.
    pub(super) view: &'static str,
    /// The name of the item.
    pub(super) item: &'static str,
    pub(super) there: There,
    pub(super) reason: &'static str,
}

/// What the headers say instead.
pub(super) enum There {
    Value(i128),
    Prototype,
}

const fn value(view: &'static str, item: &'static str, there: i128, reason: &'static str) -> Known {
    Known { view, item, there: There::Value(there), reason }
}

const fn prototype(view: &'static str, item: &'static str, reason: &'static str) -> Known {
    Known { view, item, there: There::Prototype, reason }
}

const IRP: &str = "the WDK aligns the structure to 16 bytes, as every allocation in the kernel is";
const DEVICE_OBJECT: &str = "the WDK aligns the structure to 16 bytes, which adds eight bytes at the end";
const WINE_KDPC: &str =
    "Wine keeps the order of fields of Windows 2000; nothing here uses a KDPC's fields under Wine";
const WINE_KTIMER: &str =
    "Wine lacks Processor, before Period; nothing here uses a KTIMER's fields under Wine";
const WINE_CACHE: &str = "Wine has cache lines of 128 bytes; SYSTEM_CACHE_ALIGNMENT_SIZE is 64 on x64";
const VARIADIC: &str = "variadic in C; a call without further arguments is the same on x64";
const PRIORITY: &str =
    "Priority is an enumeration there; Microsoft's page says ULONG, as flags are or-ed to it";

pub(super) const DIFFERENCES: &[Known] = &[
    value("ddk", "alignof(IRP)", 8, IRP),
    value("wine", "alignof(IRP)", 8, IRP),
    value("ddk", "sizeof(DEVICE_OBJECT)", 0x148, DEVICE_OBJECT),
    value("ddk", "alignof(DEVICE_OBJECT)", 8, DEVICE_OBJECT),
    value("wine", "sizeof(DEVICE_OBJECT)", 0x148, DEVICE_OBJECT),
    value("wine", "alignof(DEVICE_OBJECT)", 8, DEVICE_OBJECT),
    value("wine", "sizeof(FILE_OBJECT)", 0xB8, "Wine's ends before IrpListLock"),
    value("wine", "sizeof(KDPC.Type)", 2, WINE_KDPC),
    value("wine", "KDPC.Importance", 3, WINE_KDPC),
    value("wine", "sizeof(KDPC.Number)", 1, WINE_KDPC),
    value("wine", "KTIMER.Period", 0x38, WINE_KTIMER),
    value("wine", "alignof(GENERAL_LOOKASIDE)", 0x80, WINE_CACHE),
    value("wine", "alignof(NPAGED_LOOKASIDE_LIST)", 0x80, WINE_CACHE),
    value("wine", "alignof(PAGED_LOOKASIDE_LIST)", 0x80, WINE_CACHE),
    prototype("ddk", "DbgPrint()", VARIADIC),
    prototype("wine", "DbgPrint()", VARIADIC),
    prototype("ddk", "MmMapLockedPagesSpecifyCache()", PRIORITY),
    prototype("wine", "MmMapLockedPagesSpecifyCache()", PRIORITY),
    prototype(
        "wine",
        "ObfReferenceObject()",
        "Wine's returns nothing, and the framework, which calls it, does not look",
    ),
    prototype(
        "wine",
        "PFN_WSK_SOCKET()",
        "the security descriptor is a typed pointer there; Microsoft's page says PSECURITY_DESCRIPTOR, a PVOID",
    ),
];

/// What none of the headers declares, by the reason: the names of declarations, or of single items.
///
/// Nothing here is checked by a header: these numbers stand on Microsoft's pages and its published `wsk.h`.
pub(super) const ABSENT: &[(&str, &[&str])] = &[
    (
        "not in Wine's wsk.h: control codes",
        &[
            "WskControlMax",
            "WSK_SO_BASE",
            "SO_WSK_SECURITY",
            "SO_WSK_EVENT_CALLBACK",
            "IOC_WSK",
            "SIO_WSK_SET_REMOTE_ADDRESS",
            "SIO_WSK_REGISTER_EXTENSION",
            "SIO_WSK_QUERY_IDEAL_SEND_BACKLOG",
            "SIO_WSK_QUERY_RECEIVE_BACKLOG",
            "SIO_WSK_QUERY_INSPECT_ID",
            "SIO_WSK_SET_SENDTO_ADDRESS",
            "SIO_WSK_SET_TCP_SILENT_MODE",
            "WSK_TRANSPORT_LIST_QUERY",
            "WSK_TRANSPORT_LIST_CHANGE",
            "WSK_CACHE_SD",
            "WSK_RELEASE_SD",
            "WSK_TDI_DEVICENAME_MAPPING",
            "WSK_SET_STATIC_EVENT_CALLBACKS",
            "WSK_TDI_BEHAVIOR",
            "WSK_TDI_BEHAVIOR_BYPASS_TDI",
        ],
    ),
    (
        "not in Wine's wsk.h: event masks and flags",
        &[
            "WSK_EVENT_SEND_BACKLOG",
            "WSK_EVENT_RECEIVE",
            "WSK_EVENT_DISCONNECT",
            "WSK_EVENT_RECEIVE_FROM",
            "WSK_EVENT_ACCEPT",
            "WSK_EVENT_DISABLE",
            "WSK_FLAG_AT_DISPATCH_LEVEL",
        ],
    ),
    (
        "not in Wine's wsk.h: structures, callbacks, functions",
        &[
            "NPI_WSK_INTERFACE_ID",
            "WSK_PROVIDER_CHARACTERISTICS",
            "WSK_EVENT_CALLBACK_CONTROL",
            "WSK_TRANSPORT",
            "WSK_CLIENT_DATAGRAM_DISPATCH",
            "PFN_WSK_RECEIVE_FROM_EVENT",
            "WskQueryProviderCharacteristics",
        ],
    ),
    (
        "later than mingw-w64's headers for drivers (Windows 8; Windows 10, version 2004)",
        &[
            "MdlMappingNoExecute",
            "POOL_FLAG_UNINITIALIZED",
            "POOL_FLAG_NON_PAGED",
            "POOL_FLAG_PAGED",
            "ExAllocatePool2",
        ],
    ),
    (
        "later than mingw-w64's headers: options and control information (Windows 10; structures of WSK)",
        &[
            "IP_RECVECN",
            "IPV6_RECVECN",
            "UDP_SEND_MSG_SIZE",
            "UDP_RECV_MAX_COALESCED_SIZE",
            "UDP_COALESCED_INFO",
            "SO_TIMESTAMP_ID",
            "SIO_QUERY_WFP_CONNECTION_REDIRECT_RECORDS",
            "SIO_QUERY_WFP_CONNECTION_REDIRECT_CONTEXT",
            "SIO_SET_WFP_CONNECTION_REDIRECT_RECORDS",
            "WSK_EXTENSION_CONTROL_IN",
            "WSK_EXTENSION_CONTROL_OUT",
        ],
    ),
    ("a macro on x64, which reads the shared user data page", &["KeQueryInterruptTime"]),
];

/// The C spelling of a type or constant.
pub(super) fn c_name(name: &'static str) -> &'static str {
    NAMES.iter().find(|row| row.0 == name).map_or(name, |row| row.1)
}

/// The C spelling of a field.
pub(super) fn c_field(structure: &str, field: &'static str) -> &'static str {
    FIELDS.iter().find(|row| (row.0, row.1) == (structure, field)).map_or(field, |row| row.2)
}
