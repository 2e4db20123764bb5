//! The types of framework objects.

use crate::types::{
    WDFDEVICE__, WDFDPC__, WDFDRIVER__, WDFFILEOBJECT__, WDFMEMORY__, WDFQUEUE__, WDFREQUEST__,
    WDFSPINLOCK__, WDFSTRING__, WDFTIMER__, WDFWAITLOCK__, WDFWORKITEM__,
};

/// The type of an object, which its handle carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Driver = 1,
    Device = 2,
    Queue = 3,
    Request = 4,
    File = 5,
    General = 6,
    SpinLock = 7,
    WaitLock = 8,
    WorkItem = 9,
    Timer = 10,
    Dpc = 11,
    Memory = 12,
    DeviceInit = 13,
    String = 14,
}

const KINDS: [Kind; 14] = [
    Kind::Driver,
    Kind::Device,
    Kind::Queue,
    Kind::Request,
    Kind::File,
    Kind::General,
    Kind::SpinLock,
    Kind::WaitLock,
    Kind::WorkItem,
    Kind::Timer,
    Kind::Dpc,
    Kind::Memory,
    Kind::DeviceInit,
    Kind::String,
];

/// Handles are numbers, not addresses, and no number is used twice: a stale handle is always noticed. The lowest
/// bits tell the type, and two zero bits follow the address-like shape.
const KIND_BITS: u32 = 8;

impl Kind {
    /// The C name of the handle's type.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Driver => "WDFDRIVER",
            Kind::Device => "WDFDEVICE",
            Kind::Queue => "WDFQUEUE",
            Kind::Request => "WDFREQUEST",
            Kind::File => "WDFFILEOBJECT",
            Kind::General => "WDFOBJECT",
            Kind::SpinLock => "WDFSPINLOCK",
            Kind::WaitLock => "WDFWAITLOCK",
            Kind::WorkItem => "WDFWORKITEM",
            Kind::Timer => "WDFTIMER",
            Kind::Dpc => "WDFDPC",
            Kind::Memory => "WDFMEMORY",
            Kind::DeviceInit => "WDFDEVICE_INIT",
            Kind::String => "WDFSTRING",
        }
    }

    /// The handle of the `serial`-th object.
    pub(crate) fn handle(self, serial: usize) -> usize {
        serial << KIND_BITS | (self as usize) << 3
    }

    /// The type and serial number that a handle carries, if it can be one.
    pub(crate) fn of_handle(handle: usize) -> Option<(Kind, usize)> {
        let code = handle & ((1 << KIND_BITS) - 1);
        let kind = KINDS.into_iter().find(|kind| (*kind as usize) << 3 == code)?;
        Some((kind, handle >> KIND_BITS))
    }
}

/// The structure that a typed handle points to by its C type.
pub(crate) trait Tag {
    /// The type of the objects that have such handles; `None` for `WDFOBJECT`, which is any.
    const KIND: Option<Kind>;
}

macro_rules! tags {
    ($($tag:ty => $kind:ident;)*) => {$(
        impl Tag for $tag {
            const KIND: Option<Kind> = Some(Kind::$kind);
        }
    )*};
}

tags! {
    WDFDRIVER__ => Driver;
    WDFDEVICE__ => Device;
    WDFQUEUE__ => Queue;
    WDFREQUEST__ => Request;
    WDFFILEOBJECT__ => File;
    WDFSPINLOCK__ => SpinLock;
    WDFWAITLOCK__ => WaitLock;
    WDFWORKITEM__ => WorkItem;
    WDFTIMER__ => Timer;
    WDFDPC__ => Dpc;
    WDFMEMORY__ => Memory;
    WDFSTRING__ => String;
}

impl Tag for core::ffi::c_void {
    const KIND: Option<Kind> = None;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_tells_its_kind_and_number() {
        for kind in KINDS {
            assert_eq!(Kind::of_handle(kind.handle(77)), Some((kind, 77)));
        }
        assert_eq!(Kind::of_handle(0x1001), None);
        assert_eq!(Kind::of_handle(0), None);
    }
}
