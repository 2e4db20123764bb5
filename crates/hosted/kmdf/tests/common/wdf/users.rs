//! Requests in their sender's context, and what a driver asks the framework about itself and the system.

use super::*;

pub(crate) fn init_set_in_caller_context(
    init: PWDFDEVICE_INIT,
    callback: kmdf::PFN_WDF_IO_IN_CALLER_CONTEXT,
) {
    wdf!(WdfDeviceInitSetIoInCallerContextCallback, init, callback);
}

pub(crate) fn enqueue(device: WDFDEVICE, request: WDFREQUEST) -> Result<(), NTSTATUS> {
    check(wdf!(WdfDeviceEnqueueRequest, device, request))
}

/// A buffer as a process passed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UserBuffer {
    pub(crate) address: PVOID,
    pub(crate) length: usize,
}

pub(crate) fn unsafe_input(request: WDFREQUEST, minimum: usize) -> Result<UserBuffer, NTSTATUS> {
    let (mut address, mut length) = (ptr::dangling_mut(), usize::MAX);
    let (out, size) = (&raw mut address, &raw mut length);
    let status = wdf!(WdfRequestRetrieveUnsafeUserInputBuffer, request, minimum, out, size);
    checked(status, UserBuffer { address, length })
}

pub(crate) fn unsafe_output(request: WDFREQUEST, minimum: usize) -> Result<UserBuffer, NTSTATUS> {
    let (mut address, mut length) = (ptr::dangling_mut(), usize::MAX);
    let (out, size) = (&raw mut address, &raw mut length);
    let status = wdf!(WdfRequestRetrieveUnsafeUserOutputBuffer, request, minimum, out, size);
    checked(status, UserBuffer { address, length })
}

/// A failure leaves neither address nor length.
fn checked(status: NTSTATUS, buffer: UserBuffer) -> Result<UserBuffer, NTSTATUS> {
    if !NT_SUCCESS(status) {
        assert!(buffer.address.is_null() && buffer.length == 0, "{buffer:?}");
    }
    check(status).map(|()| buffer)
}

pub(crate) fn lock_to_read(request: WDFREQUEST, buffer: UserBuffer) -> Result<kmdf::WDFMEMORY, NTSTATUS> {
    let mut memory = ptr::null_mut();
    let UserBuffer { address, length } = buffer;
    check(wdf!(WdfRequestProbeAndLockUserBufferForRead, request, address, length, &raw mut memory))?;
    Ok(memory)
}

pub(crate) fn lock_to_write(request: WDFREQUEST, buffer: UserBuffer) -> Result<kmdf::WDFMEMORY, NTSTATUS> {
    let mut memory = ptr::null_mut();
    let UserBuffer { address, length } = buffer;
    check(wdf!(WdfRequestProbeAndLockUserBufferForWrite, request, address, length, &raw mut memory))?;
    Ok(memory)
}

/// The whole of a memory object.
pub(crate) fn memory_bytes(memory: kmdf::WDFMEMORY) -> Vec<u8> {
    let mut length = 0;
    let address = wdf!(WdfMemoryGetBuffer, memory, &raw mut length);
    assert!(!address.is_null());
    let mut bytes = vec![0; length];
    check(wdf!(WdfMemoryCopyToBuffer, memory, 0, bytes.as_mut_ptr().cast(), length)).expect("all of it");
    bytes
}

/// The memory objects that a driver keeps in a request's context.
pub(crate) fn set_memories(request: WDFREQUEST, memories: [kmdf::WDFMEMORY; 2]) {
    // SAFETY: the context is large enough, aligned to 16, and nobody else's.
    unsafe { memories_of(request).write(memories) };
}

/// What [`set_memories`] has put there.
pub(crate) fn memories(request: WDFREQUEST) -> [kmdf::WDFMEMORY; 2] {
    // SAFETY: as there.
    unsafe { memories_of(request).read() }
}

fn memories_of(request: WDFREQUEST) -> *mut [kmdf::WDFMEMORY; 2] {
    wdf!(WdfObjectGetTypedContextWorker, request.cast(), REQUEST.0.UniqueType).cast()
}

pub(crate) fn init_set_shutdown(
    init: PWDFDEVICE_INIT,
    notification: kmdf::PFN_WDF_DEVICE_SHUTDOWN_NOTIFICATION,
    flags: u8,
) {
    wdf!(WdfControlDeviceInitSetShutdownNotification, init, notification, flags);
}

pub(crate) fn string_create(text: Option<&str>, parent: WDFOBJECT) -> Result<kmdf::WDFSTRING, NTSTATUS> {
    let mut attributes = child_of(parent);
    let attributes = if parent.is_null() { WDF_NO_OBJECT_ATTRIBUTES } else { &raw mut attributes };
    let mut string = ptr::null_mut();
    let create = |text| check(wdf!(WdfStringCreate, text, attributes, &raw mut string));
    match text {
        Some(text) => with_string(text, create)?,
        None => check(wdf!(WdfStringCreate, ptr::null(), attributes, &raw mut string))?,
    }
    Ok(string)
}

pub(crate) fn string_create_from(text: &UNICODE_STRING) -> Result<kmdf::WDFSTRING, NTSTATUS> {
    let mut string = ptr::null_mut();
    check(wdf!(WdfStringCreate, ptr::from_ref(text), WDF_NO_OBJECT_ATTRIBUTES, &raw mut string))?;
    Ok(string)
}

/// The characters of a string object, which end with a zero that is not among them.
pub(crate) fn string(string: kmdf::WDFSTRING) -> String {
    let mut counted = UNICODE_STRING { Length: 0, MaximumLength: 0, Buffer: ptr::null_mut() };
    wdf!(WdfStringGetUnicodeString, string, &raw mut counted);
    assert_eq!(counted.MaximumLength, counted.Length + 2);
    // SAFETY: the framework says that the buffer has that many bytes.
    let units = unsafe { std::slice::from_raw_parts(counted.Buffer, usize::from(counted.MaximumLength) / 2) };
    let (zero, text) = units.split_last().expect("there is room for a zero");
    assert_eq!(*zero, 0);
    String::from_utf16(text).expect("well-formed")
}

pub(crate) fn version_into(driver: WDFDRIVER, string: kmdf::WDFSTRING) -> Result<(), NTSTATUS> {
    check(wdf!(WdfDriverRetrieveVersionString, driver, string))
}

pub(crate) fn has_version(driver: WDFDRIVER, size: u32, major: u32, minor: u32) -> bool {
    let mut asked =
        kmdf::WDF_DRIVER_VERSION_AVAILABLE_PARAMS { Size: size, MajorVersion: major, MinorVersion: minor };
    wdf!(WdfDriverIsVersionAvailable, driver, &raw mut asked) != 0
}

pub(crate) fn init_set_pnp_callbacks(
    init: PWDFDEVICE_INIT,
    mut callbacks: kmdf::WDF_PNPPOWER_EVENT_CALLBACKS,
) {
    wdf!(WdfDeviceInitSetPnpPowerEventCallbacks, init, &raw mut callbacks);
}

pub(crate) fn create_interface(device: WDFDEVICE, class: &kmdf::GUID) -> Result<(), NTSTATUS> {
    check(wdf!(WdfDeviceCreateDeviceInterface, device, ptr::from_ref(class), ptr::null()))
}
