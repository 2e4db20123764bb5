//! Functions exported by `netio.sys`.

use crate::wsk::{WSK_CLIENT_NPI, WSK_PROVIDER_CHARACTERISTICS, WSK_PROVIDER_NPI, WSK_REGISTRATION};
use nt_sys::{NTSTATUS, ULONG};

unsafe extern "system" {
    /// Registers a WSK client. `PASSIVE_LEVEL`.
    pub fn WskRegister(WskClientNpi: *mut WSK_CLIENT_NPI, WskRegistration: *mut WSK_REGISTRATION)
    -> NTSTATUS;
    /// Ends a registration; waits until every capture is released, every socket closed. `PASSIVE_LEVEL`.
    pub fn WskDeregister(WskRegistration: *mut WSK_REGISTRATION);
    /// Captures the provider. `WaitTimeout` is in milliseconds. `PASSIVE_LEVEL`; with `WSK_NO_WAIT` <= `DISPATCH_LEVEL`.
    pub fn WskCaptureProviderNPI(
        WskRegistration: *mut WSK_REGISTRATION,
        WaitTimeout: ULONG,
        WskProviderNpi: *mut WSK_PROVIDER_NPI,
    ) -> NTSTATUS;
    /// Gives a captured provider back. IRQL <= `DISPATCH_LEVEL`.
    pub fn WskReleaseProviderNPI(WskRegistration: *mut WSK_REGISTRATION);
    /// Tells which versions the provider offers. IRQL <= `DISPATCH_LEVEL`.
    pub fn WskQueryProviderCharacteristics(
        WskRegistration: *mut WSK_REGISTRATION,
        WskProviderCharacteristics: *mut WSK_PROVIDER_CHARACTERISTICS,
    ) -> NTSTATUS;
}
