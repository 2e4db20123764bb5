//! Drivers that are wrong with requests.

use std::time::Duration;

use kmdf::rules;
use kmdf::{
    _WDF_DEVICE_IO_TYPE as IoType, _WDF_EXECUTION_LEVEL as Level, _WDF_IO_QUEUE_DISPATCH_TYPE as Type,
    _WDF_SYNCHRONIZATION_SCOPE as Scope, NTSTATUS, STATUS_CANCELLED, STATUS_SUCCESS, WDFREQUEST,
};

use super::common::{FINISH, HOLD, Made, NEITHER, Options, PEND, Rig, SPECIAL, WORK, trace, until, wdf};
use super::{Case, sender};

extern "C" fn cancel(request: WDFREQUEST) {
    wdf::complete(request, STATUS_CANCELLED);
}

pub(crate) fn mark(request: WDFREQUEST) -> Result<(), NTSTATUS> {
    wdf::mark_ex(request, Some(cancel))
}

/// Completes the request while its cancel callback waits for the device's lock, which this handler holds.
fn complete_canceled(_made: &Made, request: WDFREQUEST) {
    assert_eq!(mark(request), Ok(()));
    trace("marked");
    until(|| wdf::irp_is_cancelled(request), "the request is cancelled");
    // The canceller takes the request right after it has set the flag.
    std::thread::sleep(Duration::from_millis(50));
    wdf::complete(request, STATUS_SUCCESS);
}

fn cancel_while_handled(rig: &Rig) {
    let file = rig.open();
    let sender = {
        let file = file.clone();
        rig.machine.spawn("sender", move || file.begin(SPECIAL, vec![], vec![]).wait())
    };
    rig.wait_for("marked");
    file.cancel_all();
    drop(sender.join());
}

#[expect(clippy::too_many_lines, reason = "a table")]
pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::special(&rules::DOUBLE_COMPLETION, "WDFREQUEST", |_, request| {
            wdf::complete(request, STATUS_SUCCESS);
            wdf::complete(request, STATUS_SUCCESS);
        }),
        Case::special(&rules::DOUBLE_COMPLETION, "WDFREQUEST", |_, request| {
            wdf::reference(request.cast());
            wdf::complete(request, STATUS_SUCCESS);
            wdf::complete(request, STATUS_SUCCESS);
        }),
        Case::special(&rules::COMPLETED_ACCESS, "WDFREQUEST", |_, request| {
            wdf::complete(request, STATUS_SUCCESS);
            wdf::request_file(request);
        }),
        Case::special(&rules::COMPLETED_ACCESS, "WDFREQUEST", |_, request| {
            wdf::reference(request.cast());
            wdf::complete(request, STATUS_SUCCESS);
            let _ = wdf::input(request, 1);
        }),
        Case {
            rule: &rules::COMPLETE_CANCELED,
            object: "WDFREQUEST",
            options: Options {
                level: Level::WdfExecutionLevelPassive,
                scope: Scope::WdfSynchronizationScopeDevice,
                special: Some(complete_canceled),
                ..Options::default()
            },
            act: cancel_while_handled,
        },
        Case::special(&rules::NOT_OWNED, "WDFREQUEST", |made, request| {
            assert_eq!(wdf::forward(request, made.manual), Ok(()));
            wdf::complete(request, STATUS_SUCCESS);
        }),
        Case::special(&rules::NOT_OWNED, "WDFREQUEST", |made, request| {
            assert_eq!(wdf::forward(request, made.manual), Ok(()));
            let _ = wdf::input(request, 1);
        }),
        Case::special(&rules::STILL_CANCELABLE, "WDFREQUEST", |_, request| {
            assert_eq!(mark(request), Ok(()));
            wdf::complete(request, STATUS_SUCCESS);
        }),
        Case::special(&rules::STILL_CANCELABLE, "WDFREQUEST", |made, request| {
            assert_eq!(mark(request), Ok(()));
            let _ = wdf::forward(request, made.manual);
        }),
        Case::special(&rules::MARKED_TWICE, "WDFREQUEST", |_, request| {
            assert_eq!(mark(request), Ok(()));
            let _ = mark(request);
        }),
        Case::special(&rules::NOT_MARKED, "WDFREQUEST", |_, request| {
            wdf::unmark(request);
        }),
        Case::special(&rules::IS_CANCELED_MARKED, "WDFREQUEST", |_, request| {
            assert_eq!(mark(request), Ok(()));
            wdf::is_canceled(request);
        }),
        Case::special(&rules::FORWARD, "its own queue", |made, request| {
            let _ = wdf::forward(request, made.queue);
        }),
        Case::special(&rules::REQUEUE, "WDFQUEUE", |_, request| {
            let _ = wdf::requeue(request);
        }),
        Case::special(&rules::INFORMATION, "4 bytes out", |_, request| {
            wdf::complete_with(request, STATUS_SUCCESS, 5);
        }),
        Case::special(&rules::OUTSTANDING_MEMORY, "WDFMEMORY", |_, request| {
            let memory = wdf::input_memory(request).expect("there is input");
            wdf::reference(memory.cast());
            wdf::complete(request, STATUS_SUCCESS);
        }),
        Case::special(&rules::PASSIVE_CHILD, "WDFTIMER", |_, request| {
            wdf::timer_create(request.cast(), Some(tick), 0, false).expect("a timer");
            wdf::at_dispatch(|| wdf::complete(request, STATUS_SUCCESS));
        }),
        Case::special(&rules::STRUCTURE_SIZE, "WDFREQUEST", |_, request| {
            wdf::parameters(request, 0);
        }),
        Case::special(&rules::CANNOT_DELETE, "WDFREQUEST", |_, request| wdf::delete(request.cast())),
        Case::special(&rules::INFORMATION, "4 bytes out", |_, request| {
            wdf::complete_with(request, STATUS_SUCCESS, 5);
        })
        .sending(|rig| {
            rig.open().device_io_control(NEITHER, b"input", &mut [0; 4]);
        }),
        Case {
            rule: &rules::USER_BUFFER,
            object: "write of 1 bytes",
            options: Options {
                io: IoType::WdfDeviceIoNeither,
                handlers: Some(|config| config.EvtIoWrite = Some(reads_it)),
                entry: Some(sender::remember),
                ..Options::default()
            },
            act: |rig| {
                let _entered = rig.machine.enter();
                drop(sender::write_of_a_process(sender::below(), b"x"));
            },
        },
        Case {
            rule: &rules::CREATE_QUEUE,
            object: "WDFREQUEST",
            options: Options {
                creating: Some(|request| {
                    wdf::request_queue(request);
                }),
                ..Options::default()
            },
            act: |rig| drop(rig.open()),
        },
        Case {
            rule: &rules::RETRIEVE_SEQUENTIAL,
            object: "WDFQUEUE",
            options: Options {
                queue: Type::WdfIoQueueDispatchSequential,
                entry: Some(|made| {
                    let _ = wdf::retrieve_next(made.queue);
                    STATUS_SUCCESS
                }),
                ..Options::default()
            },
            act: |_| (),
        },
        Case {
            rule: &rules::COMPLETED_ACCESS,
            object: "WdfRequestUnmarkCancelable",
            options: Options {
                // Completes it without taking it from the one who unmarks it.
                cancelled: Some(|request| wdf::complete(request, STATUS_CANCELLED)),
                ..Options::default()
            },
            act: |rig| {
                let file = rig.open();
                let held = file.begin(HOLD, vec![], vec![]);
                held.cancel();
                file.device_io_control(FINISH, b"", &mut []);
            },
        },
        Case {
            rule: &rules::IS_CANCELED_MARKED,
            object: "WDFREQUEST",
            options: Options {
                cancelled: Some(|request| {
                    wdf::is_canceled(request);
                }),
                ..Options::default()
            },
            act: |rig| {
                let file = rig.open();
                file.begin(HOLD, vec![], vec![]).cancel();
            },
        },
        Case {
            rule: &rules::NOT_COMPLETED,
            object: "WDFREQUEST",
            options: Options::default(),
            act: |rig| {
                let file = rig.open();
                let _held = file.begin(HOLD, vec![], vec![]);
                kmdf::check_requests_completed(&rig.machine);
            },
        },
        Case {
            rule: &rules::NOT_COMPLETED,
            object: "WDFREQUEST",
            options: Options {
                special: Some(|_, _| trace("forgotten")),
                work: Some(|made, _| wdf::queue_purge_and_wait(made.queue)),
                ..Options::default()
            },
            act: |rig| {
                kmdf::set_wait_limit(&rig.machine, 1);
                let file = rig.open();
                // In the manual queue when the work item runs; the forgotten one is the driver's.
                let _waiting = file.begin(PEND, vec![], vec![]);
                let forgotten = file.begin(SPECIAL, vec![], vec![]);
                file.device_io_control(WORK, b"", &mut []);
                let _ = forgotten.wait();
            },
        },
    ]
}

extern "C" fn reads_it(_queue: kmdf::WDFQUEUE, request: WDFREQUEST, _length: usize) {
    let _ = wdf::input(request, 1);
}

extern "C" fn tick(_timer: kmdf::WDFTIMER) {}
