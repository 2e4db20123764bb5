//! A process: opens handles, sends requests, cancels and waits for them.

use std::rc::Rc;

use kmdf::WDF_OBJECT_ATTRIBUTES;
use wsk_sys::{METHOD_BUFFERED, METHOD_FROM_CTL_CODE, NT_SUCCESS, NTSTATUS, ULONG};

use super::handle;
use super::object::{Buffers, File, Object, Packet, Part};
use crate::kernel::kernel;

/// An open handle. It is closed, and not dropped.
#[derive(Clone, Copy)]
pub struct Handle(usize);

/// A request of a process.
#[derive(Clone, Copy)]
pub struct Request(usize);

impl Handle {
    /// `CreateFile`
    #[must_use]
    pub fn open() -> Handle {
        let kernel = kernel();
        let framework = &kernel.framework;
        let (config, attributes) = framework.files.borrow().expect("a device");
        let file = framework.add(Part::File(File::default()), Some(&attributes));
        let create = Packet::new(file, 0, Buffers { input: Vec::new(), output: None });
        let create = framework.add(Part::Request(create), framework.requests.borrow().as_ref());
        let callback = config.EvtDeviceFileCreate.expect("EvtDeviceFileCreate");
        framework.object(file).file().state.lock().unwrap().users = 1;
        // SAFETY: called as the framework calls it.
        unsafe { callback(handle(framework.device.get().unwrap()), handle(create), handle(file)) };
        let result = framework.object(create).any_packet().result.get();
        assert!(result.is_some_and(|(status, _)| NT_SUCCESS(status)), "a handle is opened: {result:?}");
        Handle(file)
    }

    /// A request with these buffers, which is yet to be sent.
    #[must_use]
    pub fn request(self, code: ULONG, input: &[u8], output: usize) -> Request {
        let kernel = kernel();
        let framework = &kernel.framework;
        let mut buffers = Buffers { input: input.to_vec(), output: None };
        if METHOD_FROM_CTL_CODE(code) == METHOD_BUFFERED {
            buffers.input.resize(input.len().max(output), 0);
        } else {
            buffers.output = Some(vec![0; output]);
        }
        let packet = Packet::new(self.0, code, buffers);
        let attributes: Option<WDF_OBJECT_ATTRIBUTES> = *framework.requests.borrow();
        let request = framework.add(Part::Request(packet), attributes.as_ref());
        // The I/O manager's reference to the file, for the request.
        framework.object(self.0).file().state.lock().unwrap().users += 1;
        framework.object(request).any_packet().lengths.set((input.len(), output));
        Request(request)
    }

    /// Sends a request and waits for it.
    pub fn call(self, code: ULONG, input: &[u8], output: usize) -> (NTSTATUS, Vec<u8>) {
        let request = self.request(code, input, output);
        request.send();
        request.wait()
    }

    /// `CloseHandle`: the last one.
    pub fn close(self) {
        let (config, _) = kernel().framework.files.borrow().expect("a device");
        let cleanup = config.EvtFileCleanup.expect("EvtFileCleanup");
        // SAFETY: called as the framework calls it, once.
        unsafe { cleanup(handle(self.0)) };
        leave(&kernel().framework.object(self.0));
    }
}

impl Request {
    /// Presents the request to the driver, in this thread.
    pub fn send(self) {
        let kernel = kernel();
        let control = kernel.framework.control.get().expect("EvtIoDeviceControl");
        let object = kernel.framework.object(self.0);
        let packet = object.any_packet();
        let (input, output) = packet.lengths.get();
        // SAFETY: called as the framework calls it, once.
        unsafe { control(handle(0), handle(self.0), output, input, packet.code) };
    }

    /// `CancelIoEx`. The process has not waited for the request.
    pub fn cancel(self) {
        let object = kernel().framework.object(self.0);
        let mut cancel = object.any_packet().cancel.lock().unwrap();
        cancel.asked = true;
        let Some(routine) = cancel.routine.take() else { return };
        cancel.called = true;
        // It stays while its callback runs.
        object.reference();
        drop(cancel);
        // SAFETY: called as the framework calls it, once.
        unsafe { routine(handle(self.0)) };
        object.dereference();
    }

    /// Waits until the request is completed: its status, and its output.
    pub fn wait(self) -> (NTSTATUS, Vec<u8>) {
        let kernel = kernel();
        let object = kernel.framework.object(self.0);
        let packet = object.any_packet();
        kernel.framework.wait_until(|_| packet.result.get().is_some());
        let (status, information) = packet.result.get().expect("it is completed");
        packet.output.with(|_| ());
        let buffers = packet.buffers.borrow();
        let output = buffers.output.as_ref().unwrap_or(&buffers.input);
        let output = output[..information].to_vec();
        leave(&kernel.framework.object(packet.file));
        (status, output)
    }
}

/// One user of a file less. The last sends `IRP_MJ_CLOSE`.
fn leave(file: &Rc<Object>) {
    let mut state = file.file().state.lock().unwrap();
    state.users -= 1;
    let last = state.users == 0;
    drop(state);
    if last {
        let (config, _) = kernel().framework.files.borrow().expect("a device");
        let close = config.EvtFileClose.expect("EvtFileClose");
        // SAFETY: called as the framework calls it, once.
        unsafe { close(handle(file.number())) };
        file.dereference();
    }
}
