//! Reads and writes of a process, through `EvtIoRead` and `EvtIoWrite`.

use crate::common::{Opened, Options, complete_cancelled, ended, trace, wdf};
use kmdf::{
    _WDF_DEVICE_IO_TYPE as IoType, STATUS_BUFFER_TOO_SMALL, STATUS_CANCELLED, STATUS_INVALID_DEVICE_REQUEST,
    STATUS_SUCCESS, WDF_IO_QUEUE_CONFIG, WDFQUEUE, WDFREQUEST,
};

/// The offset of a read or write, whose length is that of the callback.
fn offset(request: WDFREQUEST, length: usize) -> i64 {
    let size = u16::try_from(size_of::<kmdf::WDF_REQUEST_PARAMETERS>()).unwrap();
    let (told, offset) = wdf::transfer_parameters(&wdf::parameters(request, size));
    assert_eq!(told, length);
    offset
}

extern "C" fn reads(_: WDFQUEUE, request: WDFREQUEST, length: usize) {
    let first = u8::try_from(offset(request, length)).unwrap();
    let bytes: Vec<u8> = (first..).take(length).collect();
    match wdf::write_output(request, &bytes) {
        Ok(()) => wdf::complete_with(request, STATUS_SUCCESS, length),
        Err(status) => wdf::complete(request, status),
    }
}

extern "C" fn writes(_: WDFQUEUE, request: WDFREQUEST, length: usize) {
    let offset = offset(request, length);
    match wdf::input(request, 1) {
        Ok(bytes) => {
            trace(format!("{bytes:?} at {offset}"));
            wdf::complete_with(request, STATUS_SUCCESS, length);
        }
        Err(status) => wdf::complete(request, status),
    }
}

extern "C" fn holds(_: WDFQUEUE, request: WDFREQUEST, _: usize) {
    wdf::mark(request, Some(complete_cancelled));
}

fn both(config: &mut WDF_IO_QUEUE_CONFIG) {
    config.EvtIoRead = Some(reads);
    config.EvtIoWrite = Some(writes);
}

#[test]
fn bytes_pass_by_either_io_type() {
    for io in [IoType::WdfDeviceIoBuffered, IoType::WdfDeviceIoDirect] {
        let test = Opened::new(Options { io, handlers: Some(both), ..Options::default() });
        let mut buffer = [0; 3];
        assert_eq!(test.file.read(5, &mut buffer), (STATUS_SUCCESS, 3));
        assert_eq!(buffer, [5, 6, 7]);
        assert_eq!(test.file.write(9, &[1, 2]), (STATUS_SUCCESS, 2));
        assert!(test.has_seen("[1, 2] at 9"), "{:?}", test.seen());
        test.end();
    }
}

#[test]
fn requests_of_no_bytes_come_if_the_queue_lets_them() {
    let test = Opened::new(Options { handlers: Some(both), ..Options::default() });
    assert_eq!(test.file.write(0, &[]), (STATUS_SUCCESS, 0));
    test.end();
    let allowing = |config: &mut WDF_IO_QUEUE_CONFIG| {
        both(config);
        config.AllowZeroLengthRequests = 1;
    };
    let test = Opened::new(Options { handlers: Some(allowing), ..Options::default() });
    assert_eq!(test.file.write(0, &[]), (STATUS_BUFFER_TOO_SMALL, 0));
    test.end();
}

#[test]
fn a_driver_without_the_callbacks_refuses() {
    let test = Opened::new(Options::default());
    assert_eq!(test.file.read(0, &mut [0]), (STATUS_INVALID_DEVICE_REQUEST, 0));
    assert_eq!(test.file.write(0, &[0]), (STATUS_INVALID_DEVICE_REQUEST, 0));
    test.end();
}

#[test]
fn a_read_waits_until_it_is_cancelled() {
    let handlers: fn(&mut WDF_IO_QUEUE_CONFIG) = |config| config.EvtIoRead = Some(holds);
    let test = Opened::new(Options { handlers: Some(handlers), ..Options::default() });
    let read = test.file.begin_read(0, vec![0; 4]);
    assert!(!read.is_done());
    read.cancel();
    assert_eq!(ended(read).status, STATUS_CANCELLED);
    test.end();
}
