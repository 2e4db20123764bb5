//! Drivers that let the framework wait for ever.

use kmdf::{
    _WDF_EXECUTION_LEVEL as Level, _WDF_SYNCHRONIZATION_SCOPE as Scope, STATUS_SUCCESS, WDFREQUEST, rules,
};

use super::Case;
use super::common::{ECHO, Made, Options, Rig, SPECIAL, WORK, trace, wdf};

fn never_returns() {
    loop {
        std::thread::park();
    }
}

fn stays(_made: &Made, _request: WDFREQUEST) {
    trace("stays");
    never_returns();
}

/// Another request comes while the handler stays.
fn send_two(rig: &Rig) {
    kmdf::set_wait_limit(&rig.machine, 1);
    let (first, second) = (rig.open(), rig.open());
    drop(rig.machine.spawn("first", move || first.device_io_control(SPECIAL, b"", &mut [])));
    rig.wait_for("stays");
    second.device_io_control(ECHO, b"x", &mut [0]);
}

fn apart(level: Level::Type, scope: Scope::Type, object: &'static str) -> Case {
    let options = Options { level, scope, special: Some(stays), ..Options::default() };
    Case { rule: &rules::LOCK_STUCK, object, options, act: send_two }
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case {
            rule: &rules::CALLBACK_STUCK,
            object: "WDFWORKITEM",
            options: Options {
                special: Some(|made, _| {
                    wdf::work_item_enqueue(made.work);
                    wdf::work_item_flush(made.work);
                }),
                work: Some(|_, _| never_returns()),
                ..Options::default()
            },
            act: |rig| {
                kmdf::set_wait_limit(&rig.machine, 1);
                rig.open().device_io_control(SPECIAL, b"", &mut []);
            },
        },
        Case {
            rule: &rules::CALLBACK_STUCK,
            object: "for a callback of the queue to return",
            options: Options {
                special: Some(|_, request| {
                    wdf::complete(request, STATUS_SUCCESS);
                    trace("completed");
                    never_returns();
                }),
                work: Some(|made, _| wdf::queue_purge_and_wait(made.queue)),
                ..Options::default()
            },
            act: |rig| {
                kmdf::set_wait_limit(&rig.machine, 1);
                let file = rig.open();
                let other = file.clone();
                drop(rig.machine.spawn("first", move || other.device_io_control(SPECIAL, b"", &mut [])));
                rig.wait_for("completed");
                file.device_io_control(WORK, b"", &mut []);
                rig.wait_for("never");
            },
        },
        apart(Level::WdfExecutionLevelPassive, Scope::WdfSynchronizationScopeDevice, "WDFDEVICE"),
        apart(Level::WdfExecutionLevelPassive, Scope::WdfSynchronizationScopeQueue, "WDFQUEUE"),
        apart(Level::WdfExecutionLevelDispatch, Scope::WdfSynchronizationScopeDevice, "WDFDEVICE"),
    ]
}
