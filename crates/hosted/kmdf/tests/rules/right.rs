//! Drivers that come close to breaking a rule, and are right: the rule lets them pass.

use std::time::Duration;

use kmdf::{
    _WDF_DEVICE_IO_TYPE as IoType, _WDF_EXECUTION_LEVEL as Level, _WDF_IO_QUEUE_DISPATCH_TYPE as Type,
    _WDF_SYNCHRONIZATION_SCOPE as Scope, STATUS_CANCELLED, STATUS_SUCCESS, STATUS_WDF_BUSY, WDFQUEUE,
    WDFREQUEST, rules,
};
use ntos::Rule;

use super::common::{
    HOLD, Made, Options, Rig, SPECIAL, TIMED, WORK, complete_cancelled, ended, joined, state_changed, trace,
    until, wdf,
};
use super::sender;
use super::users;

/// One right driver, and what a process does with it.
pub(crate) struct Right {
    pub(crate) rule: &'static Rule,
    pub(crate) options: Options,
    pub(crate) act: fn(&Rig),
}

impl Right {
    /// A driver that is right in its handler.
    fn special(rule: &'static Rule, special: fn(&Made, WDFREQUEST)) -> Right {
        Right { rule, options: Options { special: Some(special), ..Options::default() }, act: send_special }
    }

    /// A driver that is right in its `DriverEntry`.
    fn entry(rule: &'static Rule, entry: fn(&Made) -> kmdf::NTSTATUS) -> Right {
        Right { rule, options: Options { entry: Some(entry), ..Options::default() }, act: |_| () }
    }
}

const SDDL: &str = "D:P(A;;GA;;;SY)";

fn send_special(rig: &Rig) {
    let file = rig.open();
    assert_eq!(file.device_io_control(SPECIAL, b"input", &mut [0; 4]).status, STATUS_SUCCESS);
    file.close();
}

fn send_work(rig: &Rig) {
    let file = rig.open();
    assert_eq!(file.device_io_control(WORK, b"", &mut []).status, STATUS_SUCCESS);
    rig.wait_for("done");
    file.close();
}

extern "C" fn tick(_timer: kmdf::WDFTIMER) {}

fn done(request: WDFREQUEST) {
    wdf::complete(request, STATUS_SUCCESS);
}

/// Sends a request to another queue of its device, whose handler sends it back.
extern "C" fn sends_on(queue: WDFQUEUE, request: WDFREQUEST, _output: usize, _input: usize, _code: u32) {
    let made = wdf::made(wdf::queue_device(queue));
    assert_eq!(wdf::forward(request, made.manual), Ok(()));
    done(wdf::retrieve_next(made.manual).expect("just sent there"));
}

/// The cancellation of a request that its handler has marked takes the request; the handler leaves it to the callback.
fn leaves_it_to_the_callback(_: &Made, request: WDFREQUEST) {
    assert_eq!(wdf::mark_ex(request, Some(complete_cancelled)), Ok(()));
    trace("marked");
    until(
        || wdf::unmark_or_again(request, complete_cancelled) == STATUS_CANCELLED,
        "the request is cancelled",
    );
}

fn cancel_while_handled(rig: &Rig) {
    let file = rig.open();
    let sender = rig.send_special(&file, "marked");
    file.cancel_all();
    assert_eq!(joined(sender), STATUS_CANCELLED);
    file.close();
}

extern "C" fn reads_it(_queue: WDFQUEUE, request: WDFREQUEST, _length: usize) {
    assert!(wdf::input(request, 1).is_ok());
    done(request);
}

extern "C" fn knows_its_queue(queue: WDFQUEUE, request: WDFREQUEST) {
    assert_eq!(wdf::request_queue(request), queue);
    done(request);
}

/// Creates go to a queue of the driver's.
fn routes_creates(made: &Made) -> kmdf::NTSTATUS {
    let mut config = wdf::queue_config(Type::WdfIoQueueDispatchSequential, false, None);
    config.EvtIoDefault = Some(knows_its_queue);
    let queue = wdf::queue_create_with(made.device, config).expect("a queue");
    let create = kmdf::_WDF_REQUEST_TYPE::WdfRequestTypeCreate;
    assert_eq!(wdf::queue_of_type(made.device, queue, create), Ok(()));
    STATUS_SUCCESS
}

pub(crate) fn rights() -> Vec<Right> {
    let first = requests().into_iter().chain(objects()).chain(waits()).chain(start());
    first.chain(users::rights()).collect()
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn requests() -> Vec<Right> {
    vec![
        Right::special(&rules::OUTSTANDING_MEMORY, |_, request| {
            let memory = wdf::input_memory(request).expect("there is input");
            wdf::reference(memory.cast());
            wdf::dereference(memory.cast());
            done(request);
        }),
        Right::special(&rules::INFORMATION, |_, request| wdf::complete_with(request, STATUS_SUCCESS, 4)),
        Right {
            act: |rig| {
                let file = rig.open();
                assert_eq!(file.device_io_control(SPECIAL, b"input", &mut []), (STATUS_SUCCESS, 5));
                file.close();
            },
            ..Right::special(&rules::INFORMATION, |_, request| {
                wdf::complete_with(request, STATUS_SUCCESS, 5);
            })
        },
        Right::special(&rules::STRUCTURE_SIZE, |_, request| {
            wdf::parameters(request, 0x28);
            done(request);
        }),
        Right::special(&rules::DOUBLE_COMPLETION, |_, request| {
            wdf::reference(request.cast());
            done(request);
            wdf::dereference(request.cast());
        }),
        Right::special(&rules::COMPLETED_ACCESS, |_, request| {
            wdf::reference(request.cast());
            done(request);
            assert!(!wdf::context(request.cast(), &wdf::REQUEST).is_null(), "kept by the reference");
            wdf::dereference(request.cast());
        }),
        Right {
            rule: &rules::COMPLETE_CANCELED,
            options: Options {
                level: Level::WdfExecutionLevelPassive,
                scope: Scope::WdfSynchronizationScopeDevice,
                special: Some(leaves_it_to_the_callback),
                ..Options::default()
            },
            act: cancel_while_handled,
        },
        Right::special(&rules::NOT_OWNED, |made, request| {
            wdf::queue_purge(made.manual, None);
            assert_eq!(wdf::forward(request, made.manual), Err(STATUS_WDF_BUSY));
            // Still the driver's.
            done(request);
        }),
        Right::special(&rules::STILL_CANCELABLE, |_, request| {
            assert_eq!(wdf::mark_ex(request, Some(complete_cancelled)), Ok(()));
            assert_eq!(wdf::unmark(request), STATUS_SUCCESS);
            done(request);
        }),
        Right::special(&rules::MARKED_TWICE, |_, request| {
            for _ in 0..2 {
                assert_eq!(wdf::mark_ex(request, Some(complete_cancelled)), Ok(()));
                assert_eq!(wdf::unmark(request), STATUS_SUCCESS);
            }
            done(request);
        }),
        Right::special(&rules::NOT_MARKED, |_, request| {
            wdf::mark(request, Some(complete_cancelled));
            assert_eq!(wdf::unmark(request), STATUS_SUCCESS);
            done(request);
        }),
        Right::special(&rules::IS_CANCELED_MARKED, |_, request| {
            assert!(!wdf::is_canceled(request));
            assert_eq!(wdf::mark_ex(request, Some(complete_cancelled)), Ok(()));
            assert_eq!(wdf::unmark(request), STATUS_SUCCESS);
            assert!(!wdf::is_canceled(request));
            done(request);
        }),
        Right::special(&rules::FORWARD, |made, request| {
            assert_eq!(wdf::forward(request, wdf::other_queue(made, Some(sends_on))), Ok(()));
        }),
        Right::special(&rules::REQUEUE, |made, request| {
            assert_eq!(wdf::forward(request, made.manual), Ok(()));
            let again = wdf::retrieve_next(made.manual).expect("just sent there");
            assert_eq!(wdf::requeue(again), Ok(()));
            done(wdf::retrieve_next(made.manual).expect("just put there"));
        }),
        Right {
            rule: &rules::USER_BUFFER,
            options: Options {
                io: IoType::WdfDeviceIoNeither,
                handlers: Some(|config| config.EvtIoWrite = Some(reads_it)),
                entry: Some(sender::remember),
                ..Options::default()
            },
            act: |rig| {
                let _entered = rig.machine.enter();
                assert_eq!(sender::write(sender::below(), b"x").wait().status, STATUS_SUCCESS);
            },
        },
        Right {
            rule: &rules::CREATE_QUEUE,
            options: Options { entry: Some(routes_creates), ..Options::default() },
            act: |rig| rig.open().close(),
        },
        Right {
            rule: &rules::RETRIEVE_SEQUENTIAL,
            options: Options {
                queue: Type::WdfIoQueueDispatchSequential,
                special: Some(|made, request| {
                    assert!(wdf::retrieve_next(made.queue).is_err(), "nothing waits");
                    done(request);
                }),
                ..Options::default()
            },
            act: send_special,
        },
        Right::special(&rules::PASSIVE_CHILD, |_, request| {
            wdf::timer_create(request.cast(), Some(tick), 0, false).expect("a timer");
            done(request);
        }),
    ]
}

fn objects() -> Vec<Right> {
    vec![
        Right::special(&rules::INVALID_HANDLE, |made, request| {
            wdf::reference(made.timer.cast());
            wdf::delete(made.timer.cast());
            // Deleted, and kept by the reference.
            assert_eq!(wdf::timer_parent(made.timer), made.device.cast());
            wdf::dereference(made.timer.cast());
            done(request);
        }),
        Right::special(&rules::WRONG_TYPE, |made, request| {
            // Any type will do.
            wdf::reference(made.queue.cast());
            wdf::dereference(made.queue.cast());
            done(request);
        }),
        Right::special(&rules::NULL_POINTER, |_, request| {
            // Does not ask for the length.
            assert_eq!(wdf::write_output(request, b"x"), Ok(()));
            done(request);
        }),
        Right::special(&rules::LAST_REFERENCE, |made, request| {
            wdf::reference(made.timer.cast());
            wdf::dereference(made.timer.cast());
            done(request);
        }),
        Right::special(&rules::OBJECT_LEAK, |made, request| {
            wdf::reference(made.device.cast());
            wdf::dereference(made.device.cast());
            done(request);
        }),
        Right::special(&rules::CANNOT_DELETE, |made, request| {
            wdf::delete(made.manual.cast());
            done(request);
        }),
        Right::special(&rules::RECURSIVE_LOCK, |made, request| {
            let other = wdf::spin_lock_create(made.device.cast()).expect("a lock");
            for _ in 0..2 {
                wdf::with_lock(made.lock, || wdf::with_lock(other, || ()));
            }
            done(request);
        }),
        Right::special(&rules::LOCK_NOT_HELD, |made, request| {
            wdf::spin_lock_acquire(made.lock);
            wdf::spin_lock_release(made.lock);
            done(request);
        }),
        Right::special(&rules::NO_LOCK, |made, request| {
            for object in [made.device.cast(), made.queue.cast()] {
                wdf::acquire_lock(object);
                wdf::release_lock(object);
            }
            done(request);
        }),
        Right::special(&rules::CALLBACK_IRQL, |_, request| wdf::at_dispatch(|| done(request))),
        Right::special(&rules::CALLBACK_SPIN_LOCK, |made, request| {
            wdf::spin_lock_acquire(made.lock);
            wdf::spin_lock_release(made.lock);
            done(request);
        }),
        Right::special(&rules::CALLBACK_CRITICAL_REGION, |made, request| {
            let lock = wdf::wait_lock_create(made.device.cast()).expect("a lock");
            wdf::wait_lock_acquire(lock, None);
            done(request);
            wdf::wait_lock_release(lock);
        }),
        Right::special(&rules::IRQL, |made, request| {
            wdf::at_dispatch(|| {
                wdf::timer_stop(made.timer, false);
                wdf::timer_start(made.timer, Duration::from_hours(1));
            });
            done(request);
        }),
        Right::special(&rules::MISSING_FUNCTION, |made, request| {
            assert!(!wdf::driver_object(made.driver).is_null());
            done(request);
        }),
    ]
}

fn waits() -> Vec<Right> {
    vec![
        Right::special(&rules::QUEUE_STATE, |made, request| {
            // A stop and a purge have a callback each.
            wdf::queue_stop(made.queue, Some(state_changed));
            wdf::queue_purge(made.queue, Some(state_changed));
            done(request);
        }),
        Right::special(&rules::QUEUE_WAIT, |made, request| {
            wdf::queue_stop_and_wait(made.manual);
            done(request);
        }),
        Right {
            rule: &rules::TIMER_WAIT,
            options: Options {
                timer: Some(|_, timer| {
                    wdf::timer_stop(timer, false);
                    trace("done");
                }),
                ..Options::default()
            },
            act: |rig| {
                let file = rig.open();
                assert_eq!(file.device_io_control(TIMED, b"", &mut []).status, STATUS_SUCCESS);
                rig.wait_for("done");
                file.close();
            },
        },
        Right::special(&rules::WORK_ITEM_FLUSH, |made, request| {
            wdf::work_item_enqueue(made.work);
            wdf::work_item_flush(made.work);
            done(request);
        }),
        Right {
            rule: &rules::NOT_COMPLETED,
            options: Options {
                work: Some(|made, _| {
                    // What the driver holds is cancelled by the purge.
                    wdf::queue_purge_and_wait(made.queue);
                    trace("done");
                }),
                ..Options::default()
            },
            act: |rig| {
                let file = rig.open();
                let held = file.begin(HOLD, vec![], vec![]);
                assert_eq!(file.device_io_control(WORK, b"", &mut []).status, STATUS_SUCCESS);
                assert_eq!(ended(held).status, STATUS_CANCELLED);
                rig.wait_for("done");
                file.close();
            },
        },
        Right {
            rule: &rules::CALLBACK_STUCK,
            options: Options {
                work: Some(|_, _| trace("done")),
                cleanup: Some(|made, _| wdf::work_item_flush(made.work)),
                ..Options::default()
            },
            act: send_work,
        },
        Right {
            rule: &rules::LOCK_STUCK,
            options: Options {
                level: Level::WdfExecutionLevelPassive,
                work: Some(|made, _| {
                    wdf::acquire_lock(made.device.cast());
                    wdf::release_lock(made.device.cast());
                    trace("done");
                }),
                special: Some(|made, request| {
                    // The work item waits for the lock, and gets it.
                    wdf::acquire_lock(made.device.cast());
                    wdf::work_item_enqueue(made.work);
                    wdf::release_lock(made.device.cast());
                    wdf::work_item_flush(made.work);
                    done(request);
                }),
                ..Options::default()
            },
            act: send_special,
        },
    ]
}

fn start() -> Vec<Right> {
    vec![
        Right::entry(&rules::DRIVER_CREATE, |made| {
            assert!(!made.driver.is_null(), "created once");
            STATUS_SUCCESS
        }),
        Right::entry(&rules::FINISH_INITIALIZING, |made| {
            // Of a device that nobody can open the driver thinks better before it returns.
            let init = wdf::init_allocate(made.driver, SDDL).expect("a description");
            let level = Level::WdfExecutionLevelInheritFromParent;
            let scope = Scope::WdfSynchronizationScopeInheritFromParent;
            wdf::init_assign_name(init, r"\Device\KmdfSecond").expect("a name");
            let device = wdf::device_create(init, level, scope, None).expect("a second device");
            wdf::delete(device.cast());
            STATUS_SUCCESS
        }),
        Right::entry(&rules::INIT_LEAK, |made| {
            let init = wdf::init_allocate(made.driver, SDDL).expect("a description");
            wdf::init_free(init);
            STATUS_SUCCESS
        }),
        Right::entry(&rules::INIT_GONE, |made| {
            let init = wdf::init_allocate(made.driver, SDDL).expect("a description");
            wdf::init_set_exclusive(init, true);
            wdf::init_free(init);
            STATUS_SUCCESS
        }),
        Right::entry(&rules::INIT_IGNORED, |made| {
            let init = wdf::init_allocate(made.driver, SDDL).expect("a description");
            wdf::init_set_io_type(init, IoType::WdfDeviceIoDirect);
            wdf::init_set_auto_forward(init, kmdf::_WDF_TRI_STATE::WdfUseDefault);
            wdf::init_free(init);
            STATUS_SUCCESS
        }),
    ]
}
