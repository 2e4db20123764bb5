//! `WSK_PROVIDER_DISPATCH`: its table, its callers, and `WskControlClient`.
#![expect(unsafe_code, reason = "functions that clients call through a C table")]

pub mod deregister;
pub mod registration;
pub(crate) mod transports;

use core::ptr;
use std::sync::Arc;

use readings::{NullClient, UnwantedIrp};
use wsk_sys::{
    IRP, NTSTATUS, PVOID, PWSK_CLIENT, SIZE_T, STATUS_INVALID_HANDLE, STATUS_INVALID_PARAMETER,
    STATUS_SUCCESS, ULONG, USHORT, WSK_CACHE_SD, WSK_PROVIDER_DISPATCH, WSK_RELEASE_SD,
    WSK_SET_STATIC_EVENT_CALLBACKS, WSK_TDI_BEHAVIOR, WSK_TRANSPORT_LIST_CHANGE, WSK_TRANSPORT_LIST_QUERY,
};

use crate::call::check;
use crate::call::control::refusal;
use crate::call::create::wsk_socket;
use crate::call::event_callback;
use crate::call::security;
use crate::call::transport_change;
use crate::call::unsupported::{
    FreeAddressInfo, GetAddressInfo, GetNameInfo, SocketConnect, wsk_free_address_info, wsk_get_address_info,
    wsk_get_name_info, wsk_socket_connect,
};
use crate::functions::WSK_CONTROL_CLIENT;
use crate::platform::{self, Used};
use crate::provider::{Dispatch, Provider};
use crate::rules::{self, Broken, DISPATCH_AFTER_RELEASE, Failure};
use crate::run::request::{Outcome, Request, Target, Work};

/// The provider's table, with the version that it offers.
pub(crate) fn dispatch_table(version: USHORT) -> WSK_PROVIDER_DISPATCH {
    WSK_PROVIDER_DISPATCH {
        Version: version,
        Reserved: 0,
        WskSocket: Some(wsk_socket),
        WskSocketConnect: (wsk_socket_connect as SocketConnect as *const ()).cast_mut().cast(),
        WskControlClient: Some(wsk_control_client),
        WskGetAddressInfo: (wsk_get_address_info as GetAddressInfo as *const ()).cast_mut().cast(),
        WskFreeAddressInfo: (wsk_free_address_info as FreeAddressInfo as *const ()).cast_mut().cast(),
        WskGetNameInfo: (wsk_get_name_info as GetNameInfo as *const ()).cast_mut().cast(),
    }
}

// SAFETY: the table is never written, and its pointers are those of functions.
unsafe impl Send for Dispatch {}
// SAFETY: the table is never written, and its pointers are those of functions.
unsafe impl Sync for Dispatch {}

/// The opaque `Client` of a registration: its number.
#[expect(
    clippy::cast_possible_truncation,
    reason = "it counts objects; pointers have 64 bits wherever WSK exists"
)]
pub(crate) fn handle(number: u64) -> PWSK_CLIENT {
    ptr::without_provenance_mut(number as usize)
}

/// A thread's stay in a function of the provider.
pub(crate) struct Call {
    pub(crate) provider: Arc<Provider>,
    /// The number of the registration.
    pub(crate) client: u64,
}

impl Call {
    /// Enters for a client that has the provider captured.
    ///
    /// # Errors
    /// `STATUS_INVALID_HANDLE`: `Client` is null. [`DISPATCH_AFTER_RELEASE`].
    pub(crate) fn begin(client: PWSK_CLIENT, what: &str) -> Result<Call, Failure> {
        if client.is_null() {
            return Err(STATUS_INVALID_HANDLE.into());
        }
        let (provider, number) = (platform::provider(), client.addr() as u64);
        let mut state = provider.lock();
        let registration =
            state.registrations.get_mut(&number).filter(|registration| registration.captures != 0);
        let captured = registration.map(|registration| registration.calls += 1).is_some();
        drop(state);
        if !captured {
            let detail =
                format!("{what} called by registration #{number}, which has not captured the provider");
            return Err(Broken::new(&DISPATCH_AFTER_RELEASE, detail).into());
        }
        Ok(Call { provider, client: number })
    }

    /// A request of the client as a whole.
    pub(crate) fn target(&self) -> Target {
        Target { client: self.client, socket: None }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Some(registration) = self.provider.lock().registrations.get_mut(&self.client) {
            registration.calls = registration.calls.saturating_sub(1);
        }
        self.provider.notify();
    }
}

/// Takes the IRP of a call of a client, and runs the request, now or later. `work` is told the client.
///
/// # Safety
/// `irp` is the one that the client has passed to this call.
pub(crate) unsafe fn submit(
    client: PWSK_CLIENT,
    irp: *mut IRP,
    what: &'static str,
    used: impl FnOnce() -> Vec<Used>,
    work: impl FnOnce(u64) -> Work,
) -> NTSTATUS {
    if irp.is_null() {
        return STATUS_INVALID_PARAMETER;
    }
    // SAFETY: not null, and the caller's.
    rules::require(unsafe { check::irp(irp, what) });
    match Call::begin(client, what) {
        Ok(call) => {
            // SAFETY: the client has just passed it, and it was checked.
            let request = rules::require(unsafe { Request::take(irp, call.target(), what, used) });
            call.provider.submit(request, what, work(call.client))
        }
        Err(failure) => {
            let status = failure.status();
            if platform::provider().follows(NullClient::Returned) {
                return status;
            }
            // There is no client to count it for.
            let target = Target { client: 0, socket: None };
            // SAFETY: the client has just passed it, and it was checked.
            let request = rules::require(unsafe { Request::take(irp, target, what, Vec::new) });
            platform::provider().complete(request, status, 0);
            status
        }
    }
}

/// `WskControlClient`: of its codes, only `WSK_TDI_DEVICENAME_MAPPING` is not supported.
///
/// # IRQL
/// `<= DISPATCH_LEVEL`
unsafe extern "system" fn wsk_control_client(
    client: PWSK_CLIENT,
    control_code: ULONG,
    input_size: SIZE_T,
    input_buffer: PVOID,
    output_size: SIZE_T,
    output_buffer: PVOID,
    output_size_returned: *mut SIZE_T,
    irp: *mut IRP,
) -> NTSTATUS {
    const WHAT: &str = WSK_CONTROL_CLIENT.name;
    check::caller(&WSK_CONTROL_CLIENT);
    let provider = platform::provider();
    let (input, output) = ((input_size, input_buffer), (output_size, output_buffer));
    let has_output = output_size != 0 || !output_buffer.is_null();
    // n/d: that there is neither input nor output.
    let absent = input_size == 0 && input_buffer.is_null() && !has_output;
    let unwanted = (control_code != WSK_TRANSPORT_LIST_CHANGE).then(|| provider.reading());
    if !irp.is_null() && unwanted != Some(UnwantedIrp::Ignored) {
        let work = |client| match unwanted {
            None if absent => transport_change::work(client),
            Some(UnwantedIrp::Result) => Work::new(move |provider| {
                // SAFETY: the client's buffers, valid until the request is completed.
                let done =
                    unsafe { control(provider, client, control_code, input, output, output_size_returned) };
                Outcome::from(done.map(|status| (status, 0)))
            }),
            None | Some(UnwantedIrp::Refused | UnwantedIrp::Ignored) => {
                Work::refuse(STATUS_INVALID_PARAMETER)
            }
        };
        // SAFETY: the IRP of this call.
        return unsafe { submit(client, irp, WHAT, Vec::new, work) };
    }
    let done = Call::begin(client, WHAT).and_then(|call| {
        // SAFETY: the client's buffers, in this call.
        unsafe { control(&call.provider, call.client, control_code, input, output, output_size_returned) }
    });
    done.unwrap_or_else(Failure::status)
}

/// Does what a client control code asks for; returns the status.
///
/// # Safety
/// The buffers and `returned` are the client's, in this call.
unsafe fn control(
    provider: &Provider,
    client: u64,
    control_code: ULONG,
    input: (SIZE_T, PVOID),
    output: (SIZE_T, PVOID),
    returned: *mut SIZE_T,
) -> Result<NTSTATUS, Failure> {
    let has_output = output.0 != 0 || !output.1.is_null();
    Ok(match control_code {
        // The only code that takes an IRP must have one. n/d: the status
        WSK_TRANSPORT_LIST_CHANGE => STATUS_INVALID_PARAMETER,
        WSK_SET_STATIC_EVENT_CALLBACKS => {
            // SAFETY: the client's buffer, in this call.
            unsafe { event_callback::set_static(provider, client, input, has_output) }
        }
        WSK_TRANSPORT_LIST_QUERY => {
            // SAFETY: the client's buffer and variable, in this call.
            unsafe { transports::query(provider, output, returned) }
        }
        WSK_CACHE_SD => {
            // SAFETY: the client's variables, in this call, and the descriptor that the first points to.
            unsafe { security::cache(provider, client, input, output) }
        }
        WSK_RELEASE_SD => {
            // SAFETY: the client's variable, in this call.
            unsafe { security::release(provider, client, input, has_output) }?;
            STATUS_SUCCESS
        }
        WSK_TDI_BEHAVIOR => {
            // SAFETY: the client's variable, in this call.
            unsafe { transports::tdi_behavior(provider, client, input, has_output) }
        }
        _ => refusal::of_client(provider),
    })
}
