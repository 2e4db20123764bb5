//! `WskControlClient`.
#![expect(unsafe_code, reason = "functions of WSK's dispatch table")]

use core::ptr;

use nt::Result;
use wsk_sys::{
    IRP, NPI_WSK_INTERFACE_ID, NTSTATUS, PSECURITY_DESCRIPTOR, PVOID, SIZE_T, ULONG, WSK_CACHE_SD,
    WSK_EVENT_CALLBACK_CONTROL, WSK_EVENT_RECEIVE_FROM, WSK_RELEASE_SD, WSK_SET_STATIC_EVENT_CALLBACKS,
    WSK_TRANSPORT, WSK_TRANSPORT_LIST_QUERY,
};

use super::{Client, Ended};

/// A security descriptor, self-relative, without a list, which lets everybody share: revision 1, `SE_SELF_RELATIVE` and
/// `SE_DACL_PRESENT`, and four offsets that are 0.
type Descriptor = [u32; 5];

impl Client<'_> {
    /// `WSK_CACHE_SD` of a descriptor that lets everybody share.
    ///
    /// # Errors
    /// That of the request.
    pub(crate) fn cache_security(&self) -> Result<PSECURITY_DESCRIPTOR> {
        let mut descriptor: Descriptor = [0x8004_0001, 0, 0, 0, 0];
        let mut uncached: PSECURITY_DESCRIPTOR = (&raw mut descriptor).cast();
        let mut cached: PSECURITY_DESCRIPTOR = ptr::null_mut();
        let (input, output) = ((&raw mut uncached).cast(), (&raw mut cached).cast());
        let size = size_of::<PSECURITY_DESCRIPTOR>();
        // SAFETY: a descriptor, and variables for its address and the cached one's.
        let status = unsafe {
            self.control(WSK_CACHE_SD, (size, input), (size, output), ptr::null_mut(), ptr::null_mut())
        };
        nt::check(status).map(|()| cached)
    }

    /// `WSK_RELEASE_SD` of a descriptor that [`Client::cache_security`] has given.
    pub(crate) fn release_security(&self, mut cached: PSECURITY_DESCRIPTOR) {
        let (size, input) = (size_of::<PSECURITY_DESCRIPTOR>(), (&raw mut cached).cast());
        let (none, irp) = ((0, ptr::null_mut()), ptr::null_mut());
        // SAFETY: a variable with the address of a cached descriptor. That it can fail, no page says.
        let _status = unsafe { self.control(WSK_RELEASE_SD, (size, input), none, ptr::null_mut(), irp) };
    }

    /// `WSK_TRANSPORT_LIST_QUERY`: what it returned, and the size of the list in bytes.
    pub(crate) fn transports(&self, list: &mut [WSK_TRANSPORT]) -> (NTSTATUS, SIZE_T) {
        let mut size = 0;
        let (none, output) = ((0, ptr::null_mut()), (size_of_val(list), list.as_mut_ptr().cast()));
        let (code, irp) = (WSK_TRANSPORT_LIST_QUERY, ptr::null_mut());
        // SAFETY: a buffer of that size, and a variable.
        let status = unsafe { self.control(code, none, output, &raw mut size, irp) };
        (status, size)
    }

    /// `WSK_TRANSPORT_LIST_QUERY` for the size of the list, with an IRP.
    ///
    /// # Errors
    /// There is no memory for the request.
    pub(crate) fn transports_with_irp(&self) -> Result<Ended> {
        let mut size = 0;
        let (none, returned) = ((0, ptr::null_mut()), &raw mut size);
        // SAFETY: no buffer, a variable, and the IRP of this request, within which it is there.
        self.request(|irp| unsafe { self.control(WSK_TRANSPORT_LIST_QUERY, none, none, returned, irp) })
    }

    /// `WSK_SET_STATIC_EVENT_CALLBACKS` for `WskReceiveFromEvent`.
    pub(crate) fn set_static_events(&self) -> NTSTATUS {
        let mut events = WSK_EVENT_CALLBACK_CONTROL {
            NpiId: &raw const NPI_WSK_INTERFACE_ID,
            EventMask: WSK_EVENT_RECEIVE_FROM,
        };
        let (input, none) = ((size_of_val(&events), (&raw mut events).cast()), (0, ptr::null_mut()));
        let (code, irp) = (WSK_SET_STATIC_EVENT_CALLBACKS, ptr::null_mut());
        // SAFETY: the structure of this request, which is there during the call.
        unsafe { self.control(code, input, none, ptr::null_mut(), irp) }
    }

    /// # Safety
    /// The buffers are those that the code asks for, and there until the request has ended.
    unsafe fn control(
        &self,
        code: ULONG,
        input: (SIZE_T, PVOID),
        output: (SIZE_T, PVOID),
        returned: *mut SIZE_T,
        irp: *mut IRP,
    ) -> NTSTATUS {
        let control = self.dispatch().WskControlClient.expect("every provider has it");
        // SAFETY: the client's own NPI; the buffers, says the caller; an IRP that was not sent, or none.
        unsafe { control(self.npi.Client, code, input.0, input.1, output.0, output.1, returned, irp) }
    }
}
