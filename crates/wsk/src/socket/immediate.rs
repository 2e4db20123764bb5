//! Requests without an IRP: they complete in the call.
//!
//! The call borrows its buffers, which it does not outlive. What is documented for it: with output of unknown size,
//! `OutputSizeReturned` gets the size, and on `STATUS_BUFFER_OVERFLOW` the size that is needed; and only the disabling of
//! an event callback may end with `STATUS_EVENT_PENDING`, which is a success.
#![expect(unsafe_code, reason = "WSK's functions are C functions behind pointers")]

use core::ffi::c_void;
use core::mem::offset_of;
use core::net::SocketAddr;
use core::ptr::{self, NonNull};

use wsk_sys::{
    GUID, NTSTATUS, SIO_ADDRESS_LIST_QUERY, SIO_ADDRESS_LIST_SORT, SIO_WSK_REGISTER_EXTENSION,
    SOCKET_ADDRESS, SOCKET_ADDRESS_LIST, STATUS_EVENT_PENDING, STATUS_PENDING, ULONG,
    WSK_EXTENSION_CONTROL_IN, WSK_EXTENSION_CONTROL_OUT, WSK_SOCKET, WskIoctl,
};

use super::Socket;
use crate::addr::{self, Family};
use crate::buffer::Buffer;
use crate::error::{Error, Result, check};
use crate::irql::Passive;
use crate::request::control::Parameters;
use crate::row::Kind;

/// How a request without an IRP succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Immediate {
    /// It is done.
    Done,
    /// `STATUS_EVENT_PENDING`: the event callback is disabled when the calls in progress have returned, and nobody will
    /// say when.
    EventPending,
}

impl Immediate {
    /// What a status says. `STATUS_PENDING`, which no request without an IRP can end with, counts as a refusal.
    ///
    /// # Errors
    /// The status.
    pub(crate) fn of(status: NTSTATUS) -> Result<Immediate> {
        check(status)?;
        match status {
            STATUS_EVENT_PENDING => Ok(Immediate::EventPending),
            STATUS_PENDING => Err(Error::REQUEST_NOT_ACCEPTED),
            _ => Ok(Immediate::Done),
        }
    }
}

/// `WskControlSocket` without an IRP: the status, and with `sized` what `OutputSizeReturned` got.
///
/// # Safety
/// As [`Parameters::call`].
pub(crate) unsafe fn control(
    socket: NonNull<WSK_SOCKET>,
    request: &Parameters,
    sized: bool,
) -> Result<(NTSTATUS, usize)> {
    let mut returned = 0;
    let size = if sized { &raw mut returned } else { ptr::null_mut() };
    // SAFETY: passed on; the size goes to this frame. Without an IRP the request is over, and the buffers are free, when
    // the call returns.
    let status = unsafe { request.call(socket, size, ptr::null_mut()) }?;
    Ok((status, returned))
}

/// Room for an address list is asked for so often: the list can grow between two calls.
const TRIES: usize = 8;

impl Socket<'_> {
    /// The local addresses of the socket's family (`SIO_ADDRESS_LIST_QUERY`). Without an IRP; at any time.
    ///
    /// # IRQL
    /// `PASSIVE_LEVEL`
    ///
    /// # Errors
    /// What WSK gave; [`INSUFFICIENT_RESOURCES`](Error::INSUFFICIENT_RESOURCES);
    /// [`BUFFER_OVERFLOW`](Error::BUFFER_OVERFLOW): the list kept growing.
    #[doc(alias = "SIO_ADDRESS_LIST_QUERY")]
    pub fn address_list(&self, _: &Passive) -> Result<AddressList> {
        self.list(SIO_ADDRESS_LIST_QUERY, &[])
    }

    /// Sorts addresses by how well they can be reached (`SIO_ADDRESS_LIST_SORT`); some may be missing afterwards.
    ///
    /// They are IPv6 addresses, with IPv4 addresses mapped. WSK's pages say no more of this IOCTL than its IRQL; it is
    /// made without an IRP, as the query is. Winsock's page advises drivers to call `CreateSortedAddressPairs`
    /// instead.
    ///
    /// # IRQL
    /// `PASSIVE_LEVEL`
    ///
    /// # Errors
    /// As for [`Socket::address_list`]; [`INVALID_PARAMETER`](Error::INVALID_PARAMETER): too many.
    #[doc(alias = "SIO_ADDRESS_LIST_SORT")]
    pub fn sort_addresses(&self, addresses: &[SocketAddr], _: &Passive) -> Result<AddressList> {
        let list = AddressList::build(addresses)?;
        self.list(SIO_ADDRESS_LIST_SORT, &list.bytes)
    }

    fn list(&self, code: ULONG, input: &[u8]) -> Result<AddressList> {
        // Room for a few addresses, so that one call is enough for most machines.
        let mut room = 512.max(input.len());
        for _ in 0..TRIES {
            let mut bytes = Buffer::new(room)?;
            let request = Parameters::new(WskIoctl, Kind::Ioctl { code })
                .input(input.as_ptr().cast(), input.len())
                .output(bytes.as_mut_ptr().cast(), bytes.len());
            // SAFETY: the input is an address list or nothing, the output room for one; both are non-paged. PASSIVE_LEVEL is proven to the callers.
            let (status, size) = unsafe { control(self.core().open()?, &request, true) }?;
            match Immediate::of(status) {
                Ok(_) => {
                    bytes.set_len(size);
                    return Ok(AddressList { bytes });
                }
                Err(Error::BUFFER_OVERFLOW) if size > room => room = size,
                Err(error) => return Err(error),
            }
        }
        Err(Error::BUFFER_OVERFLOW)
    }

    /// Registers an extension interface (`SIO_WSK_REGISTER_EXTENSION`). Without an IRP; at any time.
    ///
    /// No extension is documented: it fails with [`NOT_SUPPORTED`](Error::NOT_SUPPORTED).
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    ///
    /// # Errors
    /// What WSK gave.
    ///
    /// # Safety
    /// `dispatch` is the dispatch table that the extension's documentation demands for `npi`, and it and `context` are
    /// valid until the socket is closed.
    #[doc(alias = "SIO_WSK_REGISTER_EXTENSION")]
    pub unsafe fn register_extension(
        &self,
        npi: &'static GUID,
        context: *mut c_void,
        dispatch: *const c_void,
    ) -> Result<Extension> {
        let input = WSK_EXTENSION_CONTROL_IN { NpiId: npi, ClientContext: context, ClientDispatch: dispatch };
        let mut output =
            WSK_EXTENSION_CONTROL_OUT { ProviderContext: ptr::null_mut(), ProviderDispatch: ptr::null() };
        let request = Parameters::new(WskIoctl, Kind::Ioctl { code: SIO_WSK_REGISTER_EXTENSION })
            .input((&raw const input).cast(), size_of_val(&input))
            .output((&raw mut output).cast(), size_of_val(&output));
        // SAFETY: the structures are those of the request, and the caller promises for
        // what they point to.
        let (status, _) = unsafe { control(self.core().open()?, &request, false) }?;
        Immediate::of(status)?;
        Ok(Extension { context: output.ProviderContext, dispatch: output.ProviderDispatch })
    }
}

/// What an extension interface gives: its context and its dispatch table.
#[derive(Clone, Copy, Debug)]
pub struct Extension {
    /// The context that its functions take.
    pub context: *mut c_void,
    /// Its functions.
    pub dispatch: *const c_void,
}

/// A list of socket addresses, as WSK made it.
#[derive(Debug)]
pub struct AddressList {
    /// A `SOCKET_ADDRESS_LIST`; the addresses that it points to are within these bytes too.
    bytes: Buffer,
}

/// Where the entries of a list begin.
const ENTRIES: usize = offset_of!(SOCKET_ADDRESS_LIST, Address);

impl AddressList {
    /// The addresses. An entry that is no IPv4 or IPv6 address, or lies outside of the list, is passed over.
    pub fn iter(&self) -> impl Iterator<Item = SocketAddr> {
        let count = word(&self.bytes, offset_of!(SOCKET_ADDRESS_LIST, iAddressCount)).map(u32::from_ne_bytes);
        // As many entries as there is room for, whatever the count says.
        let room = self.bytes.len().saturating_sub(ENTRIES) / size_of::<SOCKET_ADDRESS>();
        (0..room.min(count.unwrap_or(0) as usize)).filter_map(|entry| self.entry(entry))
    }

    /// An entry, if it is an address.
    fn entry(&self, entry: usize) -> Option<SocketAddr> {
        let at = ENTRIES + entry * size_of::<SOCKET_ADDRESS>();
        let address =
            word(&self.bytes, at + offset_of!(SOCKET_ADDRESS, lpSockaddr)).map(usize::from_ne_bytes)?;
        let size =
            word(&self.bytes, at + offset_of!(SOCKET_ADDRESS, iSockaddrLength)).map(u32::from_ne_bytes)?;
        let bytes = address
            .checked_sub(self.bytes.as_ptr().addr())
            .and_then(|offset| self.bytes.get(offset..)?.get(..size as usize));
        bytes.and_then(addr::decode_bytes)
    }

    /// A list of these addresses.
    fn build(addresses: &[SocketAddr]) -> Result<AddressList> {
        const ADDRESS: usize = Family::V6.address_size();
        let count = u32::try_from(addresses.len()).map_err(|_| Error::INVALID_PARAMETER)?;
        let each = size_of::<SOCKET_ADDRESS>() + ADDRESS;
        let size = addresses.len().checked_mul(each).and_then(|size| size.checked_add(ENTRIES));
        let mut bytes = Buffer::new(size.ok_or(Error::INVALID_PARAMETER)?)?;
        let base = bytes.as_ptr().addr();
        let mut put = |at: usize, value: &[u8]| {
            if let Some(to) = bytes.get_mut(at..).and_then(|to| to.get_mut(..value.len())) {
                to.copy_from_slice(value);
            }
        };
        put(offset_of!(SOCKET_ADDRESS_LIST, iAddressCount), &count.to_ne_bytes());
        for (entry, address) in addresses.iter().enumerate() {
            let at = ENTRIES + entry * size_of::<SOCKET_ADDRESS>();
            let place = ENTRIES + addresses.len() * size_of::<SOCKET_ADDRESS>() + entry * ADDRESS;
            let (content, length) = addr::encode_bytes(address);
            put(place, &content[..length]);
            put(at + offset_of!(SOCKET_ADDRESS, lpSockaddr), &(base + place).to_ne_bytes());
            let length = u32::try_from(length).map_err(|_| Error::INVALID_PARAMETER)?;
            put(at + offset_of!(SOCKET_ADDRESS, iSockaddrLength), &length.to_ne_bytes());
        }
        // From here on WSK reads the addresses through the pointers that were made of it.
        let _ = bytes.as_ptr().expose_provenance();
        Ok(AddressList { bytes })
    }
}

fn word<const N: usize>(from: &[u8], at: usize) -> Option<[u8; N]> {
    from.get(at..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use wsk_sys::{
        IRP, PVOID, PWSK_SOCKET, SIZE_T, SO_WSK_EVENT_CALLBACK, SOL_SOCKET, STATUS_BUFFER_OVERFLOW,
        STATUS_SUCCESS, WSK_CONTROL_SOCKET_TYPE, WSK_PROVIDER_BASIC_DISPATCH, WskSetOption,
    };

    use super::*;

    #[test]
    fn only_an_event_can_be_pending() {
        assert_eq!(Immediate::of(STATUS_SUCCESS), Ok(Immediate::Done));
        assert_eq!(Immediate::of(STATUS_EVENT_PENDING), Ok(Immediate::EventPending));
        assert_eq!(Immediate::of(STATUS_PENDING), Err(Error::REQUEST_NOT_ACCEPTED));
        assert_eq!(Immediate::of(STATUS_BUFFER_OVERFLOW), Err(Error::BUFFER_OVERFLOW));
    }

    #[test]
    #[cfg(not(loom))]
    fn a_list_takes_as_much_as_its_addresses() {
        use netio as _;

        let machine = ntos::Machine::boot(ntos::Config::default());
        let entered = machine.enter();
        let addresses = ["[::1]:7", "[fe80::9]:9"].map(|address| address.parse().unwrap());
        let list = AddressList::build(&addresses).unwrap();
        assert_eq!(
            list.bytes.len(),
            ENTRIES + 2 * size_of::<SOCKET_ADDRESS>() + 2 * Family::V6.address_size()
        );
        assert!(list.iter().eq(addresses));
        drop(list);
        drop(entered);
        machine.shutdown();
    }

    /// Checks that the call is as documented; the input's first byte says with what to answer.
    unsafe extern "system" fn answer(
        _: PWSK_SOCKET,
        _: WSK_CONTROL_SOCKET_TYPE,
        code: ULONG,
        _: ULONG,
        input_size: SIZE_T,
        input: PVOID,
        output_size: SIZE_T,
        output: PVOID,
        output_size_returned: *mut SIZE_T,
        irp: *mut IRP,
    ) -> NTSTATUS {
        assert!(irp.is_null());
        assert_eq!((input_size == 0, output_size == 0), (input.is_null(), output.is_null()));
        if code == SO_WSK_EVENT_CALLBACK {
            assert!(output_size_returned.is_null(), "there is no output");
            return STATUS_EVENT_PENDING;
        }
        // SAFETY: with output of unknown size there is a variable for the size.
        unsafe { output_size_returned.write(77) };
        STATUS_BUFFER_OVERFLOW
    }

    #[test]
    fn a_call_without_an_irp_is_as_documented() {
        let table = WSK_PROVIDER_BASIC_DISPATCH { WskControlSocket: Some(answer), WskCloseSocket: None };
        let mut socket = WSK_SOCKET { Dispatch: (&raw const table).cast() };
        let socket = NonNull::from(&mut socket);
        let value = [0_u8; 16];
        let option = Kind::Option { level: SOL_SOCKET, name: SO_WSK_EVENT_CALLBACK };
        // A size of zero is a null pointer, whatever the pointer is.
        let request = Parameters::new(WskSetOption, option)
            .input(value.as_ptr().cast(), value.len())
            .output(ptr::dangling_mut(), 0);
        // SAFETY: the socket lives in this frame, and its function touches no more than is given to it.
        let ended = unsafe { control(socket, &request, false) };
        assert_eq!(ended, Ok((STATUS_EVENT_PENDING, 0)));
        let mut list = [0_u8; 8];
        let request = Parameters::new(WskIoctl, Kind::Ioctl { code: SIO_ADDRESS_LIST_QUERY })
            .output(list.as_mut_ptr().cast(), list.len());
        // SAFETY: the same socket; the list is as large as said.
        let ended = unsafe { control(socket, &request, true) };
        assert_eq!(ended, Ok((STATUS_BUFFER_OVERFLOW, 77)));
    }
}
