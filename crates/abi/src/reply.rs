//! What the driver answers, where the answer is a structure.

use core::mem::{offset_of, size_of};

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Output of [`IOCTL_WSKDRV_VERSION`](crate::IOCTL_WSKDRV_VERSION).
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Version {
    /// [`ABI_MAJOR`](crate::ABI_MAJOR) of the driver.
    pub abi_major: u16,
    /// [`ABI_MINOR`](crate::ABI_MINOR) of the driver.
    pub abi_minor: u16,
    /// The driver's own version, as in its version resource.
    pub driver: [u16; 4],
    /// Zero.
    pub reserved: u32,
}

impl Version {
    /// Whether a driver of this version serves a client built with this crate.
    #[must_use]
    pub const fn serves(&self, client_major: u16, client_minor: u16) -> bool {
        self.abi_major == client_major && self.abi_minor >= client_minor
    }
}

/// Output of [`IOCTL_WSKDRV_STATISTICS`](crate::IOCTL_WSKDRV_STATISTICS): what the driver counted since it was
/// loaded, over all handles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Statistics {
    /// Handles open now.
    pub handles_open: u64,
    /// Sockets open now.
    pub sockets_open: u64,
    /// Operations (an IRP with its buffers) allocated.
    pub operations_allocated: u64,
    /// Operations begun: handed to WSK, or waiting for the queue. When nothing is pending, as many have ended.
    pub operations_submitted: u64,
    /// Operations that have ended, whatever the status.
    pub operations_completed: u64,
    /// Of those, the ones with an error status.
    pub operations_failed: u64,
    /// Of those, the ones with `STATUS_CANCELLED`.
    pub operations_cancelled: u64,
    /// Operations whose time limit passed.
    pub operations_timed_out: u64,
    /// IRPs allocated.
    pub irps_allocated: u64,
    /// IRPs used once more (`IoReuseIrp`).
    pub irps_reused: u64,
    /// IRPs freed.
    pub irps_freed: u64,
    /// Datagrams sent.
    pub datagrams_sent: u64,
    /// Their payload, in bytes.
    pub bytes_sent: u64,
    /// Datagrams received.
    pub datagrams_received: u64,
    /// Their payload, in bytes.
    pub bytes_received: u64,
    /// Datagrams that came by the receive event and were dropped, as far as a drain or the close of the handle has told.
    pub datagrams_dropped: u64,
}

/// Output of [`IOCTL_WSKDRV_PROVIDER`](crate::IOCTL_WSKDRV_PROVIDER): the WSK versions offered, major version in the
/// high byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Provider {
    /// `WSK_PROVIDER_CHARACTERISTICS.LowestVersion`.
    pub lowest_version: u16,
    /// `WSK_PROVIDER_CHARACTERISTICS.HighestVersion`.
    pub highest_version: u16,
    /// Zero.
    pub reserved: u32,
}

/// An entry of the output of [`IOCTL_WSKDRV_TRANSPORTS`](crate::IOCTL_WSKDRV_TRANSPORTS): a `WSK_TRANSPORT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Transport {
    /// The WSK version, major version in the high byte.
    pub version: u16,
    /// `SOCK_STREAM` 1, `SOCK_DGRAM` 2, `SOCK_RAW` 3.
    pub socket_type: u16,
    /// The protocol's number.
    pub protocol: u32,
    /// [`AF_INET`](crate::AF_INET), [`AF_INET6`](crate::AF_INET6), or 0 for both.
    pub family: u16,
    /// Zero.
    pub reserved: u16,
    /// The provider's identifier, a `GUID`.
    pub provider_id: [u8; 16],
}

/// The longest id of a question.
pub const PROBE_ID_MAX: usize = 64;

/// Output of [`IOCTL_WSKDRV_PROBE`](crate::IOCTL_WSKDRV_PROBE).
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Probed {
    /// The name of the reading that WSK follows, and zeros; empty if what was seen is none of those that are known.
    pub reading: [u8; 32],
    /// The statuses that tell, in the order in which they were seen; those that are not used are zero.
    pub seen: [i32; 4],
}

const _: () = {
    assert!(size_of::<Probed>() == 48);
    assert!(offset_of!(Probed, seen) == 32);
    assert!(size_of::<Transport>() == 28);
    assert!(offset_of!(Transport, family) == 8);
    assert!(offset_of!(Transport, provider_id) == 12);
    assert!(size_of::<Version>() == 16);
    assert!(offset_of!(Version, driver) == 4);
    assert!(offset_of!(Version, reserved) == 12);
    assert!(size_of::<Statistics>() == 16 * 8);
    assert!(offset_of!(Statistics, irps_allocated) == 64);
    assert!(size_of::<Provider>() == 8);
};

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn a_driver_serves_its_own_major_version_and_older_minors() {
        let driver = Version { abi_major: 1, abi_minor: 2, driver: [0; 4], reserved: 0 };
        assert!(driver.serves(1, 0));
        assert!(driver.serves(1, 2));
        assert!(!driver.serves(1, 3));
        assert!(!driver.serves(2, 0));
        assert!(!driver.serves(0, 2));
    }
}
