//! Drivers that are wrong with requests in their sender's context, and with what they say before a device is made.

use kmdf::{
    _WDF_REQUEST_TYPE as RequestType, CTL_CODE, METHOD_NEITHER, STATUS_SUCCESS, STATUS_WDF_BUSY,
    WDF_PNPPOWER_EVENT_CALLBACKS, WDFDEVICE, WDFREQUEST, rules,
};
use ntos::Rule;

use super::Case;
use super::common::wdf::UserBuffer;
use super::common::{ECHO, Options, Rig, wdf};
use super::right::Right;

/// A device control whose buffers are passed by address.
const BY_ADDRESS: u32 = CTL_CODE(0x8057, 0x820, METHOD_NEITHER, 0);

fn send(rig: &Rig) {
    rig.open().device_io_control(BY_ADDRESS, b"input", &mut [0; 4]);
}

fn asking(rule: &'static Rule, object: &'static str, in_caller: fn(WDFDEVICE, WDFREQUEST)) -> Case {
    let options = Options { in_caller: Some(in_caller), ..Options::default() };
    Case { rule, object, options, act: send }
}

fn init(rule: &'static Rule, object: &'static str, init: fn(kmdf::PWDFDEVICE_INIT)) -> Case {
    Case { rule, object, options: Options { init: Some(init), ..Options::default() }, act: |_| () }
}

extern "C" fn down(_device: WDFDEVICE) {}
extern "C" fn usage(_device: WDFDEVICE, _kind: i32, _is: u8) {}
extern "C" fn usage_ex(_device: WDFDEVICE, _kind: i32, _is: u8) -> i32 {
    STATUS_SUCCESS
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::special(&rules::CALLER_CONTEXT, "WDFREQUEST", |made, request| {
            let _ = wdf::enqueue(made.device, request);
        }),
        Case::special(&rules::CALLER_CONTEXT, "WDFREQUEST", |_, request| {
            let _ = wdf::unsafe_input(request, 0);
        }),
        Case {
            rule: &rules::ENQUEUE,
            object: "which has no queue for it",
            options: Options {
                handlers: Some(|config| config.DefaultQueue = 0),
                in_caller: Some(|device, request| {
                    let _ = wdf::enqueue(device, request);
                }),
                ..Options::default()
            },
            act: send,
        },
        Case {
            act: |rig| {
                rig.open().device_io_control(ECHO, b"input", &mut [0; 8]);
            },
            ..asking(&rules::UNSAFE_BUFFER, "WDFREQUEST", |_, request| {
                let _ = wdf::unsafe_output(request, 0);
            })
        },
        asking(&rules::READ_ONLY_MEMORY, "WDFMEMORY", |_, request| {
            let input = wdf::unsafe_input(request, 1).expect("there is one");
            let memory = wdf::lock_to_read(request, input).expect("it is the process' own");
            wdf::memory_write(memory, 0, &mut [0]);
        }),
        asking(&rules::OUTSTANDING_MEMORY, "WDFMEMORY", |_, request| {
            let input = wdf::unsafe_input(request, 1).expect("there is one");
            let memory = wdf::lock_to_read(request, input).expect("it is the process' own");
            wdf::reference(memory.cast());
            wdf::complete(request, STATUS_SUCCESS);
        }),
        asking(&rules::CANNOT_DELETE, "WDFMEMORY", |_, request| {
            let input = wdf::unsafe_input(request, 1).expect("there is one");
            wdf::delete(wdf::lock_to_read(request, input).expect("it is the process' own").cast());
        }),
        asking(&rules::NULL_POINTER, "Buffer of WdfRequestProbeAndLockUserBufferForRead", |_, request| {
            let none = UserBuffer { address: std::ptr::null_mut(), length: 1 };
            let _ = wdf::lock_to_read(request, none);
        }),
        asking(&rules::IRQL, "WdfRequestRetrieveUnsafeUserInputBuffer", |_, request| {
            wdf::at_dispatch(|| wdf::unsafe_input(request, 0)).expect("the call is refused");
        }),
        asking(&rules::DOUBLE_COMPLETION, "WDFREQUEST", |_, request| {
            wdf::complete(request, STATUS_SUCCESS);
            wdf::complete(request, STATUS_SUCCESS);
        }),
        asking(&rules::NOT_OWNED, "WDFREQUEST", |device, request| {
            let manual = wdf::made(device).manual;
            let kind = RequestType::WdfRequestTypeDeviceControl;
            assert_eq!(wdf::queue_of_type(device, manual, kind), Ok(()));
            assert_eq!(wdf::enqueue(device, request), Ok(()));
            wdf::complete(request, STATUS_SUCCESS);
        }),
        init(&rules::NULL_POINTER, "EvtIoInCallerContext", |init| {
            wdf::init_set_in_caller_context(init, None);
        }),
        init(&rules::NULL_POINTER, "Notification", |init| wdf::init_set_shutdown(init, None, 1)),
        init(&rules::INIT_IGNORED, "the flags", |init| wdf::init_set_shutdown(init, Some(down), 4)),
        init(&rules::INIT_IGNORED, "the size of the callbacks", |init| {
            wdf::init_set_pnp_callbacks(init, WDF_PNPPOWER_EVENT_CALLBACKS::default());
        }),
        init(&rules::INIT_IGNORED, "the pair of usage notifications", |init| {
            let callbacks = WDF_PNPPOWER_EVENT_CALLBACKS {
                Size: wdf::size::<WDF_PNPPOWER_EVENT_CALLBACKS>(),
                EvtDeviceUsageNotification: Some(usage),
                EvtDeviceUsageNotificationEx: Some(usage_ex),
                ..WDF_PNPPOWER_EVENT_CALLBACKS::default()
            };
            wdf::init_set_pnp_callbacks(init, callbacks);
        }),
    ]
}

fn right(rule: &'static Rule, in_caller: fn(WDFDEVICE, WDFREQUEST)) -> Right {
    let options = Options { in_caller: Some(in_caller), ..Options::default() };
    Right { rule, options, act: send_and_close }
}

fn send_and_close(rig: &Rig) {
    let file = rig.open();
    assert_eq!(file.device_io_control(BY_ADDRESS, b"input", &mut [0; 4]).status, STATUS_SUCCESS);
    file.close();
}

fn done(request: WDFREQUEST) {
    wdf::complete(request, STATUS_SUCCESS);
}

pub(crate) fn rights() -> Vec<Right> {
    vec![
        right(&rules::CALLER_CONTEXT, |_, request| {
            // All that the driver needs of the addresses, before it lets the request go.
            assert!(wdf::unsafe_input(request, 1).is_ok() && wdf::unsafe_output(request, 1).is_ok());
            done(request);
        }),
        right(&rules::ENQUEUE, |device, request| {
            // There is a queue, if none that takes it.
            let queue = wdf::made(device).queue;
            wdf::queue_purge(queue, None);
            assert_eq!(wdf::enqueue(device, request), Err(STATUS_WDF_BUSY));
            wdf::queue_start(queue);
            done(request);
        }),
        right(&rules::UNSAFE_BUFFER, |_, request| {
            // An empty one is by address, too.
            assert!(wdf::unsafe_output(request, 0).is_ok());
            done(request);
        }),
        right(&rules::READ_ONLY_MEMORY, |_, request| {
            let output = wdf::unsafe_output(request, 1).expect("there is one");
            let memory = wdf::lock_to_write(request, output).expect("it is the process' own");
            assert_eq!(wdf::memory_write(memory, 0, &mut [0]), STATUS_SUCCESS);
            done(request);
        }),
    ]
}
