//! The framework's own `NTSTATUS` values, and what the I/O manager may see of them.

use wsk_sys::{NTSTATUS, STATUS_DEVICE_BUSY, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_DEVICE_REQUEST};

macro_rules! statuses {
    ($($name:ident = $value:literal, $meaning:literal;)*) => {$(
        #[doc = $meaning]
        pub const $name: NTSTATUS = NTSTATUS::from_ne_bytes(u32::to_ne_bytes($value));
    )*};
}

statuses! {
    STATUS_INTERNAL_ERROR = 0xC000_00E5, "An internal error occurred.";
    STATUS_INVALID_DEVICE_OBJECT_PARAMETER = 0xC000_0369, "The device object is not of the expected kind.";
    STATUS_WDF_INTERNAL_ERROR = 0xC020_0201, "The framework met an inconsistent state of its own.";
    STATUS_WDF_PAUSED = 0xC020_0203, "The queue is stopped.";
    STATUS_WDF_BUSY = 0xC020_0204, "The object is in use, or does not accept requests.";
    STATUS_WDF_OBJECT_ATTRIBUTES_INVALID = 0xC020_0209, "The object attributes contradict themselves.";
    STATUS_WDF_TOO_FRAGMENTED = 0xC020_020A, "The transfer has too many elements.";
    STATUS_WDF_NO_CALLBACK = 0xC020_020B, "A required callback is missing.";
    STATUS_WDF_INCOMPATIBLE_EXECUTION_LEVEL = 0xC020_020C, "The callback cannot be serialised with its parent.";
    STATUS_WDF_PARENT_ASSIGNMENT_NOT_ALLOWED = 0xC020_020F, "The driver cannot choose this object's parent.";
    STATUS_WDF_SYNCHRONIZATION_SCOPE_INVALID = 0xC020_0210, "The object has no synchronisation scope.";
    STATUS_WDF_EXECUTION_LEVEL_INVALID = 0xC020_0211, "The object has no execution level.";
    STATUS_WDF_PARENT_NOT_SPECIFIED = 0xC020_0212, "The object needs a parent.";
    STATUS_WDF_TOO_MANY_TRANSFERS = 0xC020_0213, "The request needs too many transfers.";
    STATUS_WDF_NOT_ENOUGH_MAP_REGISTERS = 0xC020_0214, "There are not enough map registers.";
}

/// The facility number of the framework's statuses.
const FACILITY: u32 = 0x020;

/// The status that leaves the driver: the framework's own are not for callers.
pub(crate) fn outside(status: NTSTATUS) -> NTSTATUS {
    let facility = status.cast_unsigned() >> 16 & 0xFFF;
    if facility != FACILITY || status >= 0 {
        return status;
    }
    match status {
        STATUS_WDF_PAUSED | STATUS_WDF_BUSY => STATUS_DEVICE_BUSY,
        STATUS_WDF_INTERNAL_ERROR => STATUS_INTERNAL_ERROR,
        STATUS_WDF_NOT_ENOUGH_MAP_REGISTERS => STATUS_INSUFFICIENT_RESOURCES,
        _ => STATUS_INVALID_DEVICE_REQUEST,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn framework_statuses_do_not_leave_the_driver() {
        assert_eq!(outside(STATUS_WDF_PAUSED), STATUS_DEVICE_BUSY);
        assert_eq!(outside(STATUS_WDF_TOO_FRAGMENTED), STATUS_INVALID_DEVICE_REQUEST);
        assert_eq!(outside(STATUS_INSUFFICIENT_RESOURCES), STATUS_INSUFFICIENT_RESOURCES);
        assert_eq!(outside(0x4020_0000), 0x4020_0000, "a success is left as it is");
    }
}
