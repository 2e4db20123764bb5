//! Drivers that are wrong with handles, locks, levels, and objects that run.

use std::ptr;
use std::time::Duration;

use kmdf::{_WDF_EXECUTION_LEVEL as Level, STATUS_SUCCESS, WDFCONTEXT, WDFQUEUE, WDFREQUEST, rules};

use super::Case;
use super::common::{ECHO, Options, Rig, TIMED, WORK, wdf};

extern "C" fn told(_queue: WDFQUEUE, _context: WDFCONTEXT) {}

extern "C" fn deletes_its_queue(
    queue: WDFQUEUE,
    _request: WDFREQUEST,
    _output: usize,
    _input: usize,
    _code: u32,
) {
    wdf::delete(queue.cast());
}

fn send(rig: &Rig, code: u32) {
    let file = rig.open();
    file.device_io_control(code, b"x", &mut [0]);
    // The callback that is wrong runs later.
    rig.wait_for("never");
}

#[expect(clippy::too_many_lines, reason = "a table")]
pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::special(&rules::INVALID_HANDLE, "null", |_, _| wdf::complete(ptr::null_mut(), STATUS_SUCCESS)),
        Case::special(&rules::INVALID_HANDLE, "0x1235", |_, _| {
            wdf::complete(ptr::without_provenance_mut::<kmdf::WDFREQUEST__>(0x1235), STATUS_SUCCESS);
        }),
        Case::special(&rules::INVALID_HANDLE, "WDFTIMER", |made, _| {
            wdf::delete(made.timer.cast());
            wdf::timer_stop(made.timer, false);
        }),
        Case {
            rule: &rules::INVALID_HANDLE,
            object: "WDFWORKITEM",
            options: Options {
                work: Some(|_, item| {
                    wdf::delete(item.cast());
                    wdf::work_item_enqueue(item);
                }),
                ..Options::default()
            },
            act: |rig| send(rig, WORK),
        },
        Case::special(&rules::INVALID_HANDLE, "which was deleted before", |made, _| {
            wdf::reference(made.timer.cast());
            wdf::delete(made.timer.cast());
            wdf::delete(made.timer.cast());
        }),
        Case::special(&rules::INVALID_HANDLE, "is not started", |made, _| {
            wdf::reference(made.timer.cast());
            wdf::delete(made.timer.cast());
            wdf::timer_start(made.timer, Duration::from_hours(1));
        }),
        Case::special(&rules::WRONG_TYPE, "WDFQUEUE", |made, _| {
            let queue: WDFREQUEST = made.queue.cast();
            wdf::complete(queue, STATUS_SUCCESS);
        }),
        Case::special(&rules::NULL_POINTER, "OutRequest", |made, _| {
            wdf::retrieve_into_null(made.manual);
        }),
        Case::special(&rules::IRQL, "WdfWorkItemFlush", |made, _| {
            wdf::at_dispatch(|| wdf::work_item_flush(made.work));
        }),
        Case::special(&rules::CALLBACK_IRQL, "EvtIoDeviceControl of WDFQUEUE", |_, request| {
            wdf::complete(request, STATUS_SUCCESS);
            wdf::raise();
        }),
        Case::special(&rules::CALLBACK_SPIN_LOCK, "WDFSPINLOCK", |made, request| {
            wdf::complete(request, STATUS_SUCCESS);
            wdf::spin_lock_acquire(made.lock);
        }),
        Case::special(&rules::CALLBACK_CRITICAL_REGION, "WDFWAITLOCK", |made, request| {
            wdf::complete(request, STATUS_SUCCESS);
            let lock = wdf::wait_lock_create(made.device.cast()).expect("a lock");
            wdf::wait_lock_acquire(lock, None);
        }),
        Case::special(&rules::RECURSIVE_LOCK, "WDFSPINLOCK", |made, _| {
            wdf::spin_lock_acquire(made.lock);
            wdf::spin_lock_acquire(made.lock);
        }),
        Case::special(&rules::LOCK_NOT_HELD, "WDFSPINLOCK", |made, _| wdf::spin_lock_release(made.lock)),
        Case::special(&rules::LOCK_NOT_HELD, "WDFDEVICE", |made, _| wdf::release_lock(made.device.cast())),
        Case::special(&rules::NO_LOCK, "WDFTIMER", |made, _| wdf::acquire_lock(made.timer.cast())),
        Case::special(&rules::LAST_REFERENCE, "WDFTIMER", |made, _| wdf::dereference(made.timer.cast())),
        Case::special(&rules::CANNOT_DELETE, "which requests are sent to", |made, _| {
            wdf::delete(made.queue.cast());
        }),
        Case::special(&rules::CANNOT_DELETE, "WDFDRIVER", |made, _| wdf::delete(made.driver.cast())),
        Case::special(&rules::QUEUE_STATE, "WDFQUEUE", |made, _| {
            // The driver has this request, so that the callback of the first one is not due.
            wdf::queue_purge(made.queue, Some(told));
            wdf::queue_purge(made.queue, Some(told));
        }),
        Case::special(&rules::QUEUE_WAIT, "WDFQUEUE", |made, _| wdf::queue_stop_and_wait(made.queue)),
        Case::special(&rules::QUEUE_WAIT, "WDFQUEUE", |made, request| {
            // The handler of the other queue deletes it.
            assert_eq!(wdf::forward(request, wdf::other_queue(made, Some(deletes_its_queue))), Ok(()));
        }),
        Case::special(&rules::MISSING_FUNCTION, "WdfChildListCreate", |_, _| wdf::call_missing()),
        Case {
            rule: &rules::TIMER_WAIT,
            object: "WDFTIMER",
            options: Options {
                level: Level::WdfExecutionLevelPassive,
                timer: Some(|made, _| {
                    wdf::timer_stop(made.timer, true);
                }),
                ..Options::default()
            },
            act: |rig| send(rig, TIMED),
        },
        Case {
            rule: &rules::TIMER_WAIT,
            object: "WDFTIMER",
            options: Options {
                level: Level::WdfExecutionLevelPassive,
                timer: Some(|made, _| wdf::delete(made.timer.cast())),
                ..Options::default()
            },
            act: |rig| send(rig, TIMED),
        },
        Case {
            rule: &rules::WORK_ITEM_FLUSH,
            object: "WDFWORKITEM",
            options: Options { work: Some(|made, _| wdf::work_item_flush(made.work)), ..Options::default() },
            act: |rig| send(rig, WORK),
        },
        Case {
            rule: &rules::OBJECT_LEAK,
            object: "WDFDEVICE",
            options: Options {
                cleanup: Some(|made, _| wdf::reference(made.device.cast())),
                ..Options::default()
            },
            act: |rig| {
                rig.open().device_io_control(ECHO, b"x", &mut [0]);
            },
        },
    ]
}
