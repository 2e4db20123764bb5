//! `WdfDeviceConfigureRequestDispatching`: queues for one type of request.

use kmdf::{
    _WDF_EXECUTION_LEVEL as Level, _WDF_IO_QUEUE_DISPATCH_TYPE as Type, _WDF_REQUEST_TYPE as RequestType,
    _WDF_SYNCHRONIZATION_SCOPE as Scope, NTSTATUS, STATUS_INVALID_DEVICE_REQUEST, STATUS_SUCCESS,
    STATUS_WDF_BUSY, WDF_IO_QUEUE_CONFIG, WDFQUEUE,
};

use super::common::{ECHO, Made, Options, RELEASE, Rig, wdf};
use super::sender::{internal_control, read, write};
use super::{below, driver, ended, every, handled, on, on_any, on_internal, on_read, remember};

/// A driver whose `DriverEntry` does this, after all else.
fn entering(entry: fn(&Made) -> NTSTATUS) -> Options {
    Options { entry: Some(entry), ..driver(|config| config.EvtIoDefault = Some(on_any)) }
}

fn status(result: Result<(), NTSTATUS>) -> NTSTATUS {
    result.err().unwrap_or(STATUS_SUCCESS)
}

/// Another queue of the device, which hands requests out one after the other.
fn queue(made: &Made, handlers: fn(&mut WDF_IO_QUEUE_CONFIG)) -> WDFQUEUE {
    let mut config = wdf::queue_config(Type::WdfIoQueueDispatchSequential, false, None);
    handlers(&mut config);
    wdf::queue_create_with(made.device, config).expect("a queue")
}

fn of_another_device(made: &Made) -> WDFQUEUE {
    let init = wdf::init_allocate(made.driver, "D:P(A;;GA;;;SY)").expect("a description");
    let level = Level::WdfExecutionLevelInheritFromParent;
    let scope = Scope::WdfSynchronizationScopeInheritFromParent;
    let device = wdf::device_create(init, level, scope, None).expect("another device");
    wdf::finish_initializing(device);
    queue(&Made { device, ..*made }, every)
}

#[test]
fn one_type_goes_to_its_queue_and_the_others_to_the_default_queue() {
    fn entry(made: &Made) -> NTSTATUS {
        let queue = queue(made, every);
        remember(made) | status(wdf::queue_of_type(made.device, queue, RequestType::WdfRequestTypeRead))
    }
    on(Rig::new(entering(entry)), |rig| {
        assert_eq!(read(below(), 4).wait(), ended(STATUS_SUCCESS, 4, b"read"));
        assert_eq!(write(below(), b"x").wait(), ended(STATUS_SUCCESS, 0, b""));
        assert_eq!(internal_control(below(), ECHO, b"x", 1).wait(), ended(STATUS_SUCCESS, 0, b"x"));
        let seen = handled(rig);
        assert!(seen[0].starts_with("EvtIoRead 4 "), "{seen:?}");
        assert_eq!(seen[1..], ["EvtIoDefault 4", "EvtIoDefault 15"]);
        // Device controls are still the default queue's.
        let file = rig.open();
        assert_eq!(file.device_io_control(ECHO, b"hi", &mut [0; 2]), (STATUS_SUCCESS, 2));
        file.close();
    });
}

#[test]
fn device_controls_of_either_kind_can_be_sent_elsewhere() {
    fn entry(made: &Made) -> NTSTATUS {
        let internal = queue(made, |config| config.EvtIoInternalDeviceControl = Some(on_internal));
        let control = queue(made, |config| config.EvtIoDefault = Some(on_any));
        remember(made)
            | status(wdf::queue_of_type(
                made.device,
                internal,
                RequestType::WdfRequestTypeDeviceControlInternal,
            ))
            | status(wdf::queue_of_type(made.device, control, RequestType::WdfRequestTypeDeviceControl))
    }
    on(Rig::new(entering(entry)), |rig| {
        assert_eq!(internal_control(below(), ECHO, b"ab", 2).wait(), ended(STATUS_SUCCESS, 2, b"ba"));
        let file = rig.open();
        assert_eq!(file.device_io_control(ECHO, b"hi", &mut [0; 2]), (STATUS_SUCCESS, 0));
        file.close();
        assert_eq!(
            handled(rig),
            [format!("EvtIoInternalDeviceControl 2 2 {ECHO:#x}"), "EvtIoDefault 14".to_owned()]
        );
    });
}

#[test]
fn a_manual_queue_keeps_what_is_sent_to_it() {
    fn entry(made: &Made) -> NTSTATUS {
        remember(made)
            | status(wdf::queue_of_type(made.device, made.manual, RequestType::WdfRequestTypeWrite))
    }
    on(Rig::new(entering(entry)), |rig| {
        let sent = write(below(), b"later");
        assert!(!sent.is_done());
        let file = rig.open();
        assert_eq!(file.device_io_control(RELEASE, b"", &mut []), (STATUS_SUCCESS, 0));
        assert_eq!(sent.wait(), ended(STATUS_SUCCESS, 0, b""));
        file.close();
        assert!(handled(rig).is_empty());
    });
}

#[test]
fn creates_need_a_queue_with_the_default_handler() {
    fn entry(made: &Made) -> NTSTATUS {
        let create = RequestType::WdfRequestTypeCreate;
        let unfit = queue(made, |config| config.EvtIoRead = Some(on_read));
        assert_eq!(wdf::queue_of_type(made.device, unfit, create), Err(STATUS_INVALID_DEVICE_REQUEST));
        let fit = queue(made, |config| config.EvtIoDefault = Some(on_any));
        status(wdf::queue_of_type(made.device, fit, create))
    }
    on(Rig::new(entering(entry)), |rig| {
        rig.open().close();
        assert_eq!(handled(rig), ["EvtIoDefault 0"]);
    });
}

#[test]
fn a_queue_that_cannot_have_the_type_is_refused() {
    fn entry(made: &Made) -> NTSTATUS {
        let reads = queue(made, |config| config.EvtIoRead = Some(on_read));
        let refused = Err(STATUS_INVALID_DEVICE_REQUEST);
        let dispatch = |queue, request_type| wdf::queue_of_type(made.device, queue, request_type);
        // The default queue has every type anyhow.
        assert_eq!(dispatch(made.queue, RequestType::WdfRequestTypeRead), refused);
        for without_handler in [
            RequestType::WdfRequestTypeWrite,
            RequestType::WdfRequestTypeDeviceControl,
            RequestType::WdfRequestTypeDeviceControlInternal,
        ] {
            assert_eq!(dispatch(reads, without_handler), refused, "{without_handler}");
        }
        for no_such_type in [RequestType::WdfRequestTypeClose, RequestType::WdfRequestTypeCleanup, 0x100 + 3]
        {
            assert_eq!(dispatch(reads, no_such_type), refused, "{no_such_type}");
        }
        assert_eq!(dispatch(of_another_device(made), RequestType::WdfRequestTypeRead), refused);
        assert_eq!(dispatch(reads, RequestType::WdfRequestTypeRead), Ok(()));
        for again in [reads, made.manual] {
            assert_eq!(dispatch(again, RequestType::WdfRequestTypeRead), Err(STATUS_WDF_BUSY));
        }
        STATUS_SUCCESS
    }
    on(Rig::new(entering(entry)), |_| ());
}
