//! `IofCallDriver`: the way of an IRP down into a dispatch routine, and what that routine may return.
#![expect(unsafe_code, reason = "exports the kernel's C interface and calls dispatch routines")]

use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use wsk_sys::{
    DEVICE_OBJECT, DISPATCH_LEVEL, IO_TYPE_IRP, IRP, IRP_MJ_CLEANUP, IRP_MJ_CLOSE, IRP_MJ_CREATE,
    IRP_MJ_DEVICE_CONTROL, IRP_MJ_INTERNAL_DEVICE_CONTROL, IRP_MJ_READ, IRP_MJ_SHUTDOWN, IRP_MJ_WRITE,
    NTSTATUS, NamedStatus, PASSIVE_LEVEL, SL_INVOKE_ON_CANCEL, SL_INVOKE_ON_ERROR, SL_INVOKE_ON_SUCCESS,
    SL_PENDING_RETURNED, STATUS_PENDING,
};

use crate::io::device::{self, Target};
use crate::io::irp::log::IrpEventKind;
use crate::io::irp::packet::{Location, Packet};
use crate::io::irp::registry::{self, Origin, Passage, Record, Registry, State};
use crate::ke::irql::{CallState, level_name};
use crate::machine::Machine;
use crate::machine::bugcheck::{complain, violation};
use crate::machine::routine;
use crate::rule::Rule;
use crate::rule::io::{
    CALL_BAD_DEVICE, CALL_BAD_IRP, CALL_IRQL, CANCEL_FIELD, DISPATCH_CHANGED_IRQL, DISPATCH_NOT_COMPLETED,
    DISPATCH_STATUS_DIFFERS, FORWARD_CANCELABLE, FORWARDED_AT_BAD_IRQL, LOCATION_COPIED, MARKED_NOT_PENDING,
    NEXT_LOCATION_DIRTY, NO_LOCATION_LEFT, PENDING_NOT_MARKED, SENT_NOT_REUSED, SENT_WITHOUT_ROUTINE,
};

/// The conditions of a completion routine: all that a sender may put into the next location's control.
const CONDITIONS: u8 = SL_INVOKE_ON_SUCCESS | SL_INVOKE_ON_ERROR | SL_INVOKE_ON_CANCEL;

/// How long a driver may take to look at `Cancel` after it has set a cancel routine.
const CANCEL_LIMIT: Duration = Duration::from_millis(200);

/// `IofCallDriver`: sends the IRP to the driver of a device. The next stack location is filled in.
///
/// # IRQL
/// `<= DISPATCH_LEVEL`; `PASSIVE_LEVEL` for create, cleanup, close and shutdown.
///
/// # Safety
/// The caller has the IRP, and gives it away. What its locations point to stays valid until it is completed.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn IofCallDriver(DeviceObject: *mut DEVICE_OBJECT, Irp: *mut IRP) -> NTSTATUS {
    let machine = Machine::kernel();
    let Some(target) = device::target(&machine, DeviceObject) else {
        violation(&CALL_BAD_DEVICE, "IofCallDriver to an address that is no device object");
    };
    let registry = registry::of(&machine);
    let call = match registry.with(Irp, |record, packet| send(record, packet, DeviceObject)) {
        Ok(Ok(call)) => call,
        Ok(Err((rule, detail))) => violation(rule, format!("IofCallDriver to {}: {detail}", target.name)),
        Err(missing) => {
            violation(&CALL_BAD_IRP, format!("IofCallDriver to {} with {}", target.name, missing.describe()))
        }
    };
    check_irql(&call, &target);
    registry.log(call.id, call.origin, || IrpEventKind::Sent {
        what: format!("{} to {}", major_name(call.major), target.name),
    });
    let Some(dispatch) = target.dispatch(call.major) else {
        violation(&CALL_BAD_IRP, format!("IRP #{} has major function {}", call.id, call.major));
    };
    let before = CallState::now();
    // SAFETY: the dispatch routine of the device's driver, called as documented; a device with an IRP on its way
    // is not deleted, by its sender's reference.
    let routine = || target.owner.run(|| unsafe { dispatch(DeviceObject, Irp) });
    let what = Routine { target: &target, call: &call };
    let status = routine::call(&what, routine);
    if CallState::now().irql() != before.irql() {
        violation(
            &DISPATCH_CHANGED_IRQL,
            format!(
                "{what} was called at {} and returned at {}",
                level_name(before.irql()),
                level_name(CallState::now().irql())
            ),
        );
    }
    before.check(&what);
    check_status(&registry, Irp, &call, status, &what);
    if status == STATUS_PENDING {
        check_cancel_field(&registry, Irp, &call, &what);
    }
    status
}

/// One call of a dispatch routine.
struct Call {
    id: u64,
    origin: Origin,
    major: u8,
    location: i8,
    passage: Arc<Mutex<Passage>>,
}

/// The routine, for a report.
struct Routine<'a> {
    target: &'a Target,
    call: &'a Call,
}

impl fmt::Display for Routine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the dispatch routine of {} for IRP #{}", self.target.name, self.call.id)
    }
}

/// Makes the next location the current one, if it and the IRP are fit to be sent.
fn send(
    record: &mut Record,
    packet: Packet,
    device: *mut DEVICE_OBJECT,
) -> Result<Call, (&'static Rule, String)> {
    let id = record.id;
    if packet.kind() != IO_TYPE_IRP {
        return Err((&CALL_BAD_IRP, format!("the type of IRP #{id} is {}", packet.kind())));
    }
    if record.state == State::Completed && record.origin != Origin::System {
        return Err((&SENT_NOT_REUSED, format!("IRP #{id} was completed and not reused")));
    }
    if packet.has_cancel_routine() {
        return Err((&FORWARD_CANCELABLE, format!("IRP #{id} has a cancel routine")));
    }
    let Some(next) = packet.next() else {
        return Err((
            &NO_LOCATION_LEFT,
            format!("IRP #{id} has {} stack locations, all in use", packet.stack_count()),
        ));
    };
    check_location(record, packet.current(), next)?;
    if let Some((_, passage)) = record.passages.iter().find(|(at, _)| *at == packet.location()) {
        passage.lock().forwarded = true;
    }
    packet.step_down();
    next.set_device(device);
    record.state = State::Sent;
    let passage = Arc::new(Mutex::new(Passage::default()));
    record.passages.push((packet.location(), Arc::clone(&passage)));
    Ok(Call { id, origin: record.origin, major: next.major(), location: packet.location(), passage })
}

/// What the sender put into the location of the driver below.
fn check_location(
    record: &Record,
    current: Option<Location>,
    next: Location,
) -> Result<(), (&'static Rule, String)> {
    let id = record.id;
    let control = next.control();
    if control & !CONDITIONS != 0 {
        return Err((
            &NEXT_LOCATION_DIRTY,
            format!("the next location of IRP #{id} has control {control:#04x}"),
        ));
    }
    let address = |routine: Location| routine.routine().map(|routine| routine as usize);
    let copied = |current: &Location| {
        address(next).is_some() && address(*current) == address(next) && current.context() == next.context()
    };
    if current.as_ref().is_some_and(copied) {
        return Err((
            &LOCATION_COPIED,
            format!("the next location of IRP #{id} has the completion routine of the driver above"),
        ));
    }
    let own = record.origin != Origin::System && current.is_none();
    if own && (address(next).is_none() || control != CONDITIONS) {
        return Err((
            &SENT_WITHOUT_ROUTINE,
            format!("IRP #{id} is the sender's own and has no completion routine for every outcome"),
        ));
    }
    Ok(())
}

fn check_irql(call: &Call, target: &Target) {
    let irql = CallState::now().irql();
    let at = || format!("{} to {} with IRP #{}", major_name(call.major), target.name, call.id);
    if irql > DISPATCH_LEVEL {
        violation(&CALL_IRQL, format!("{} at {}", at(), level_name(irql)));
    }
    let passive = matches!(call.major, IRP_MJ_CREATE | IRP_MJ_CLEANUP | IRP_MJ_CLOSE | IRP_MJ_SHUTDOWN);
    if passive && irql > PASSIVE_LEVEL {
        complain(&FORWARDED_AT_BAD_IRQL, format!("{} at {}", at(), level_name(irql)));
    }
}

/// Compares what the dispatch routine returned with what it did.
fn check_status(registry: &Registry, irp: *mut IRP, call: &Call, status: NTSTATUS, what: &Routine<'_>) {
    // The record decides whether the IRP is still there; the walk up changes it under the same lock.
    let mark = registry.with(irp, |record, packet| {
        let here = record.id == call.id && call.passage.lock().done.is_none();
        let current = packet.current().filter(|_| here && packet.location() == call.location);
        current.map(|location| location.control() & SL_PENDING_RETURNED != 0)
    });
    let Passage { done, forwarded } = *call.passage.lock();
    let named = NamedStatus(status);
    let (rule, fault): (&'static Rule, String) = match done {
        Some((completed, pending)) => match (status == STATUS_PENDING, pending) {
            (true, true) => return,
            // n/d: a driver that passed the IRP on without a routine of its own has nothing to mark.
            (true, false) if forwarded => return,
            (true, false) => (&PENDING_NOT_MARKED, "STATUS_PENDING without a mark on the IRP".to_owned()),
            (false, true) => (&MARKED_NOT_PENDING, format!("{named}; it had marked the IRP pending")),
            (false, false) if completed == status => return,
            (false, false) => (
                &DISPATCH_STATUS_DIFFERS,
                format!("{named}; it had completed the IRP with {}", NamedStatus(completed)),
            ),
        },
        None if forwarded && status == STATUS_PENDING => return,
        None => match (status == STATUS_PENDING, mark) {
            (true, Ok(Some(false))) => {
                (&PENDING_NOT_MARKED, "STATUS_PENDING without a mark on the IRP".to_owned())
            }
            (true, _) => return,
            (false, Ok(Some(true))) => {
                (&MARKED_NOT_PENDING, format!("{named}; it had marked the IRP pending"))
            }
            (false, _) => {
                (&DISPATCH_NOT_COMPLETED, format!("{named}; the IRP is neither completed nor pending"))
            }
        },
    };
    complain(rule, format!("{what} returned {fault}"));
}

/// Who sets a cancel routine looks at `Cancel` afterwards: of an IRP that was cancelled before, nobody calls the routine.
fn check_cancel_field(registry: &Registry, irp: *mut IRP, call: &Call, what: &Routine<'_>) {
    let is_forgotten = || {
        let forgotten = registry.with(irp, |record, packet| {
            record.id == call.id && packet.is_cancelled() && packet.has_cancel_routine()
        });
        forgotten == Ok(true)
    };
    let begun = Instant::now();
    while is_forgotten() {
        // Another thread may be about to look.
        if begun.elapsed() > CANCEL_LIMIT {
            let detail = format!(
                "{what} pended it with a cancel routine, which nobody will call: it was cancelled before"
            );
            complain(&CANCEL_FIELD, detail);
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// The C name of a major function.
pub(crate) fn major_name(major: u8) -> String {
    let name = match major {
        IRP_MJ_CREATE => "IRP_MJ_CREATE",
        IRP_MJ_CLOSE => "IRP_MJ_CLOSE",
        IRP_MJ_READ => "IRP_MJ_READ",
        IRP_MJ_WRITE => "IRP_MJ_WRITE",
        IRP_MJ_DEVICE_CONTROL => "IRP_MJ_DEVICE_CONTROL",
        IRP_MJ_INTERNAL_DEVICE_CONTROL => "IRP_MJ_INTERNAL_DEVICE_CONTROL",
        IRP_MJ_CLEANUP => "IRP_MJ_CLEANUP",
        IRP_MJ_SHUTDOWN => "IRP_MJ_SHUTDOWN",
        other => return format!("major function {other:#04x}"),
    };
    name.to_owned()
}
