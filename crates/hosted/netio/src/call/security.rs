//! Security descriptors: `WSK_CACHE_SD`, `WSK_RELEASE_SD`, `SO_WSK_SECURITY`.
#![expect(unsafe_code, reason = "descriptors are the client's memory, and pool that the client is given")]

use core::ptr::NonNull;
use std::sync::Arc;

use readings::{CachedTwice, NullDescriptor};
use wsk_descriptor::{Descriptor, sddl};
use wsk_sys::{
    ExAllocatePool2, ExFreePoolWithTag, NTSTATUS, POOL_FLAG_NON_PAGED, PSECURITY_DESCRIPTOR, PVOID, SIZE_T,
    STATUS_BUFFER_TOO_SMALL, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_BUFFER_SIZE,
    STATUS_INVALID_PARAMETER, STATUS_INVALID_SECURITY_DESCR, STATUS_SUCCESS, ULONG,
};

use crate::call::control::refusal;
use crate::platform::{self, Owner};
use crate::provider::{Provider, State};
use crate::rules::{Broken, Failure, SECURITY_NOT_CACHED, SECURITY_RELEASED};
use crate::socket::Socket;

/// The pool tag of cached descriptors.
const TAG: ULONG = u32::from_le_bytes(*b"WskD");

/// How many descriptors are remembered after their release, so that a second one, or a use, is told from any pointer.
pub(crate) const REMEMBERED: usize = 256;

const SIZE: SIZE_T = size_of::<PSECURITY_DESCRIPTOR>();

/// The descriptor of a socket that was given none: it lets nobody share.
fn default() -> Vec<u8> {
    let mut bytes = vec![0; 64];
    let size = sddl::encode("D:P", &mut bytes).unwrap_or(0);
    bytes.truncate(size);
    bytes
}

/// A cached descriptor.
#[derive(Debug)]
pub(crate) struct Cached {
    /// What the client has a pointer to: the same bytes in non-paged pool.
    pointer: NonNull<u8>,
    /// The number of its registration.
    pub(crate) client: u64,
    bytes: Arc<[u8]>,
    /// How many releases it needs.
    pub(crate) references: usize,
}

// SAFETY: a block of pool belongs to no thread, and this one is not written any more.
unsafe impl Send for Cached {}

impl Cached {
    fn new(client: u64, bytes: Arc<[u8]>) -> Result<Cached, NTSTATUS> {
        let pointer = platform::on_behalf_of(Owner::SYSTEM, || {
            // SAFETY: a valid size, one pool, and a tag.
            unsafe { ExAllocatePool2(POOL_FLAG_NON_PAGED, bytes.len(), TAG) }
        });
        let pointer = NonNull::new(pointer.cast::<u8>()).ok_or(STATUS_INSUFFICIENT_RESOURCES)?;
        // SAFETY: a fresh block of this size.
        unsafe { pointer.as_ptr().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        Ok(Cached { pointer, client, bytes, references: 1 })
    }
}

impl Drop for Cached {
    fn drop(&mut self) {
        // SAFETY: from ExAllocatePool2 with this tag, and freed nowhere else.
        unsafe { ExFreePoolWithTag(self.pointer.as_ptr().cast(), TAG) };
    }
}

impl Provider {
    /// Caches a descriptor for a client, who gets the pointer.
    fn cache(&self, client: u64, bytes: Arc<[u8]>) -> Result<PSECURITY_DESCRIPTOR, NTSTATUS> {
        if self.follows(CachedTwice::Shared)
            && let Some(cached) = self.lock().equal(client, &bytes)
        {
            cached.references += 1;
            return Ok(cached.pointer.as_ptr().cast());
        }
        let cached = Cached::new(client, bytes)?;
        let pointer = cached.pointer;
        let mut state = self.lock();
        let address = pointer.addr().get();
        state.released_descriptors.retain(|former| *former != address);
        state.descriptors.insert(address, cached);
        Ok(pointer.as_ptr().cast())
    }

    /// The bytes behind a pointer that a client passes as that of a cached descriptor.
    ///
    /// # Errors
    /// [`SECURITY_RELEASED`], [`SECURITY_NOT_CACHED`].
    fn descriptor(
        &self,
        client: u64,
        pointer: PSECURITY_DESCRIPTOR,
        what: &str,
    ) -> Result<Arc<[u8]>, Broken> {
        let state = self.lock();
        let found = state.descriptors.get(&pointer.addr()).filter(|cached| cached.client == client);
        found.map(|cached| Arc::clone(&cached.bytes)).ok_or_else(|| state.not_cached(client, pointer, what))
    }

    /// Takes back a cached descriptor.
    ///
    /// # Errors
    /// [`SECURITY_RELEASED`], [`SECURITY_NOT_CACHED`].
    fn release(&self, client: u64, pointer: PSECURITY_DESCRIPTOR) -> Result<(), Broken> {
        let mut state = self.lock();
        let address = pointer.addr();
        let found = state.descriptors.get_mut(&address).filter(|cached| cached.client == client);
        let Some(references) = found.map(|cached| &mut cached.references) else {
            return Err(state.not_cached(client, pointer, "WSK_RELEASE_SD"));
        };
        *references -= 1;
        if *references != 0 {
            return Ok(());
        }
        let cached = state.descriptors.remove(&address);
        if state.released_descriptors.len() == REMEMBERED {
            state.released_descriptors.pop_front();
        }
        state.released_descriptors.push_back(address);
        drop(state);
        drop(cached);
        Ok(())
    }
}

impl State {
    /// The descriptor with these bytes that a client has cached.
    fn equal(&mut self, client: u64, bytes: &[u8]) -> Option<&mut Cached> {
        self.descriptors.values_mut().find(|cached| cached.client == client && *cached.bytes == *bytes)
    }

    /// The rule that a client breaks which passes a pointer that is no cached descriptor's.
    fn not_cached(&self, client: u64, pointer: PSECURITY_DESCRIPTOR, what: &str) -> Broken {
        let (rule, why) = if self.released_descriptors.contains(&pointer.addr()) {
            (&SECURITY_RELEASED, "is released")
        } else {
            (&SECURITY_NOT_CACHED, "WSK has not cached for it")
        };
        Broken::new(rule, format!("{what} by registration #{client} with a security descriptor that {why}"))
    }
}

/// A variable of the client's: its size, and where it is.
type Variable = (SIZE_T, PVOID);

/// Reads a pointer from a variable of the client's. n/d: the statuses
///
/// # Safety
/// The variable is the client's, of this size.
unsafe fn read(provider: &Provider, (size, pointer): Variable) -> Result<PSECURITY_DESCRIPTOR, NTSTATUS> {
    if pointer.is_null() || size != SIZE {
        return Err(STATUS_INVALID_PARAMETER);
    }
    // SAFETY: this function's contract.
    let pointer = unsafe { pointer.cast::<PSECURITY_DESCRIPTOR>().read_unaligned() };
    if !pointer.is_null() {
        return Ok(pointer);
    }
    Err(match provider.reading() {
        NullDescriptor::InvalidDescriptor => STATUS_INVALID_SECURITY_DESCR,
        NullDescriptor::InvalidParameter => STATUS_INVALID_PARAMETER,
    })
}

/// `WSK_CACHE_SD`. n/d: all statuses
///
/// # Safety
/// The variables are the client's, in this call; the first has a pointer to a descriptor.
pub(crate) unsafe fn cache(provider: &Provider, client: u64, input: Variable, output: Variable) -> NTSTATUS {
    // SAFETY: this function's contract.
    let uncached = match unsafe { read(provider, input) } {
        Ok(uncached) => uncached,
        Err(status) => return status,
    };
    if output.0 != SIZE || output.1.is_null() {
        return STATUS_INVALID_PARAMETER;
    }
    if platform::fault("WskControlClient") {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    // SAFETY: the client's descriptor, in this call.
    let cached = unsafe { copied(uncached) }.and_then(|bytes| provider.cache(client, bytes));
    match cached {
        Ok(cached) => {
            // SAFETY: the client's variable.
            unsafe { output.1.cast::<PSECURITY_DESCRIPTOR>().write_unaligned(cached) };
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

/// The self-relative form of a client's descriptor.
///
/// # Safety
/// `descriptor` points to a descriptor of either form.
unsafe fn copied(descriptor: PSECURITY_DESCRIPTOR) -> Result<Arc<[u8]>, NTSTATUS> {
    let descriptor = NonNull::new(descriptor.cast()).ok_or(STATUS_INVALID_SECURITY_DESCR)?;
    // SAFETY: this function's contract.
    let size = unsafe { wsk_descriptor::copy(descriptor, &mut []) };
    let mut bytes = vec![0; size.map_err(|_| STATUS_INVALID_SECURITY_DESCR)?];
    // SAFETY: this function's contract.
    let copied = unsafe { wsk_descriptor::copy(descriptor, &mut bytes) };
    if copied != Ok(bytes.len()) || Descriptor::parse(&bytes).is_err() {
        return Err(STATUS_INVALID_SECURITY_DESCR);
    }
    Ok(bytes.into())
}

/// `WSK_RELEASE_SD`. n/d: all statuses
///
/// # Safety
/// The variable is the client's, in this call.
pub(crate) unsafe fn release(
    provider: &Provider,
    client: u64,
    input: Variable,
    has_output: bool,
) -> Result<(), Failure> {
    // SAFETY: this function's contract.
    let cached = unsafe { read(provider, input) }?;
    if has_output {
        return Err(STATUS_INVALID_PARAMETER.into());
    }
    Ok(provider.release(client, cached)?)
}

/// `SO_WSK_SECURITY`, set. n/d: all statuses
///
/// # Safety
/// The variable is the client's, of a request that is not completed.
pub(crate) unsafe fn set(provider: &Provider, socket: &Socket, input: Variable) -> Result<(), Failure> {
    let datagram = socket.datagram()?;
    match input.0 {
        size if size < SIZE => return Err(STATUS_BUFFER_TOO_SMALL.into()),
        size if size > SIZE => return Err(STATUS_INVALID_BUFFER_SIZE.into()),
        _ => {}
    }
    // SAFETY: this function's contract.
    let pointer = unsafe { read(provider, input) }?;
    let descriptor = provider.descriptor(socket.client, pointer, "SO_WSK_SECURITY")?;
    let mut settings = datagram.settings();
    if settings.endpoint.is_some() {
        return Ok(refusal::late(provider)?);
    }
    settings.security = Some(descriptor);
    Ok(())
}

/// `SO_WSK_SECURITY`, got: a cached copy, which the client is to release. n/d: all statuses
///
/// # Safety
/// The variable is the client's, of a request that is not completed.
pub(crate) unsafe fn get(provider: &Provider, socket: &Socket, output: Variable) -> Result<SIZE_T, NTSTATUS> {
    let datagram = socket.datagram()?;
    if output.0 < SIZE || output.1.is_null() {
        return Err(STATUS_BUFFER_TOO_SMALL);
    }
    let own = datagram.settings().security.clone();
    let pointer = provider.cache(socket.client, own.unwrap_or_else(|| default().into()))?;
    // SAFETY: the client's variable, large enough.
    unsafe { output.1.cast::<PSECURITY_DESCRIPTOR>().write_unaligned(pointer) };
    Ok(SIZE)
}

/// The descriptor that `WskSocket` was given; none if that was null.
pub(crate) fn of_new_socket(
    provider: &Provider,
    client: u64,
    pointer: PSECURITY_DESCRIPTOR,
) -> Result<Option<Arc<[u8]>>, Broken> {
    if pointer.is_null() { Ok(None) } else { provider.descriptor(client, pointer, "WskSocket").map(Some) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_descriptor_is_one() {
        assert!(Descriptor::parse(&default()).is_ok());
    }
}
