//! `IofCompleteRequest`: the walk of a finished IRP up through the completion routines.
#![expect(unsafe_code, reason = "exports the kernel's C interface and calls completion routines")]

use std::ptr;
use std::sync::Arc;

use wsk_sys::{
    CCHAR, DEVICE_OBJECT, DISPATCH_LEVEL, IRP, NT_SUCCESS, NTSTATUS, NamedStatus, SL_INVOKE_ON_CANCEL,
    SL_INVOKE_ON_ERROR, SL_INVOKE_ON_SUCCESS, SL_PENDING_RETURNED, STATUS_MORE_PROCESSING_REQUIRED,
    STATUS_PENDING,
};

use crate::io::device;
use crate::io::irp::log::IrpEventKind;
use crate::io::irp::packet::{Location, Packet};
use crate::io::irp::registry::{self, Missing, Origin, Record, Registry, State};
use crate::ke::irql::{CallState, level_name};
use crate::machine::Machine;
use crate::machine::bugcheck::{Broken, complain, require, violation};
use crate::machine::owner::Owner;
use crate::machine::routine;
use crate::mm::in_flight;
use crate::process::request::Request;
use crate::rule::Rule;
use crate::rule::io::{
    COMPLETE_BAD_IRP, COMPLETE_BAD_STATUS, COMPLETE_CANCELABLE, COMPLETE_HOLDING_LOCK, COMPLETE_IRQL,
    COMPLETE_OWN, GONE_IN_ROUTINE, MULTIPLE_COMPLETE, OWN_IRP_PAST_TOP, ROUTINE_CHANGED_IRQL,
};

/// `IofCompleteRequest`: gives a finished IRP back to whoever sent it.
///
/// # IRQL
/// `<= DISPATCH_LEVEL`
///
/// # Safety
/// The caller has the IRP, and touches it no more.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn IofCompleteRequest(Irp: *mut IRP, _PriorityBoost: CCHAR) {
    let machine = Machine::kernel();
    let registry = registry::of(&machine);
    let walk = require(begin(&registry, Irp));
    check_caller(&walk);
    // What the IRP's sender lent is its own again, before it is told.
    in_flight::end_on(&machine, Irp);
    walk.up(&machine);
}

/// An IRP on its way up.
struct Walk {
    registry: Arc<Registry>,
    packet: Packet,
    id: u64,
    origin: Origin,
    /// [`Record::turn`] of this completion.
    turn: u64,
}

/// Takes the IRP from the caller, if it is his to complete.
///
/// # Errors
/// [`MULTIPLE_COMPLETE`], [`COMPLETE_OWN`], [`COMPLETE_BAD_IRP`].
fn begin(registry: &Arc<Registry>, irp: *mut IRP) -> Result<Walk, Broken> {
    let found = registry.with(irp, |record, packet| {
        let id = record.id;
        let again = || Broken::new(&MULTIPLE_COMPLETE, format!("IRP #{id} completed again"));
        if record.walking || (record.state == State::Completed) {
            return Err(again());
        }
        if packet.location() > packet.stack_count() {
            if record.origin == Origin::System {
                return Err(again());
            }
            let detail = format!("IRP #{id} completed by its owner; it was sent to nobody");
            return Err(Broken::new(&COMPLETE_OWN, detail));
        }
        record.walking = true;
        record.turn += 1;
        Ok(Walk { registry: Arc::clone(registry), packet, id, origin: record.origin, turn: record.turn })
    });
    found.unwrap_or_else(|missing| {
        Err(match missing {
            Missing::Freed(id) => {
                let detail = format!("IRP #{id} completed again; it was freed after its first completion");
                Broken::new(&MULTIPLE_COMPLETE, detail)
            }
            Missing::Unknown => {
                Broken::new(&COMPLETE_BAD_IRP, format!("IofCompleteRequest of {}", missing.describe()))
            }
        })
    })
}

/// What holds for every completion, whatever the IRP.
fn check_caller(walk: &Walk) {
    let Walk { id, packet, .. } = walk;
    let before = CallState::now();
    if before.irql() > DISPATCH_LEVEL {
        violation(&COMPLETE_IRQL, format!("IRP #{id} completed at {}", level_name(before.irql())));
    }
    if before.spin_locks() != 0 {
        complain(&COMPLETE_HOLDING_LOCK, format!("IRP #{id} completed with a spin lock held"));
    }
    if packet.has_cancel_routine() {
        violation(&COMPLETE_CANCELABLE, format!("IRP #{id} completed with a cancel routine set"));
    }
    let status = packet.io_status();
    walk.registry.log(*id, walk.origin, || IrpEventKind::Completed {
        status: NamedStatus(status.Status),
        information: status.Information,
    });
}

/// Whether the location's routine wants to hear of this outcome.
fn invokes(control: u8, status: NTSTATUS, cancelled: bool) -> bool {
    let outcome = if NT_SUCCESS(status) { SL_INVOKE_ON_SUCCESS } else { SL_INVOKE_ON_ERROR };
    control & outcome != 0 || (cancelled && control & SL_INVOKE_ON_CANCEL != 0)
}

impl Walk {
    fn up(self, machine: &Machine) {
        while let Some(location) = self.packet.current() {
            let status = self.status();
            let control = self.leave(location, status);
            let routine = location.routine();
            let Some(routine) = routine.filter(|_| invokes(control, status, self.packet.is_cancelled()))
            else {
                location.wipe();
                if let Some(above) = self.packet.current().filter(|_| control & SL_PENDING_RETURNED != 0) {
                    self.mark_pending(above);
                }
                continue;
            };
            let context = location.context();
            location.wipe();
            let device = self.packet.current().map_or(ptr::null_mut(), Location::device);
            let (at_top, owner) = self.hand_over(machine, device);
            let before = CallState::now();
            // SAFETY: the routine that the sender set in its location, called as documented, with what it set.
            let call = || owner.run(|| unsafe { routine(device, self.packet.as_ptr(), context) });
            let returned = routine::call(&format_args!("the completion routine of IRP #{}", self.id), call);
            // From here on the IRP may be gone: only the registry may tell.
            self.registry.log(self.id, self.origin, || IrpEventKind::RoutineReturned {
                status: NamedStatus(returned),
            });
            self.check_routine(before);
            if returned == STATUS_MORE_PROCESSING_REQUIRED {
                return;
            }
            self.take_back(returned, at_top);
        }
        self.finish(machine);
    }

    /// The outcome as it is now: a completion routine may have changed it.
    fn status(&self) -> NTSTATUS {
        let status = self.packet.status();
        if status == STATUS_PENDING || status == -1 {
            violation(
                &COMPLETE_BAD_STATUS,
                format!("IRP #{} completed with {}", self.id, NamedStatus(status)),
            );
        }
        status
    }

    /// Steps up out of `location`, and tells the dispatch routine's caller; returns the location's control bits.
    fn leave(&self, location: Location, status: NTSTATUS) -> u8 {
        self.record(|record, packet| {
            let control = location.control();
            let pending = control & SL_PENDING_RETURNED != 0;
            let number = packet.location();
            if let Some(index) = record.passages.iter().position(|(at, _)| *at == number) {
                let (_, passage) = record.passages.swap_remove(index);
                passage.lock().done = Some((status, pending));
            }
            packet.set_pending_returned(pending);
            packet.step_up();
            control
        })
    }

    fn mark_pending(&self, above: Location) {
        // Under the registry's lock, as the dispatch routine's caller looks at the mark at the same time.
        self.record(|_, _| above.set_control(above.control() | SL_PENDING_RETURNED));
    }

    /// Gives the IRP to the routine's driver; tells whether that is the owner of the IRP itself, and who it is.
    fn hand_over(&self, machine: &Machine, device: *mut DEVICE_OBJECT) -> (bool, Owner) {
        let (at_top, owner) = self.record(|record, packet| {
            record.walking = false;
            let at_top = packet.location() > packet.stack_count();
            if at_top {
                record.state = State::Completed;
            }
            (at_top, record.owner)
        });
        if at_top {
            return (true, owner);
        }
        (false, device::target(machine, device).map_or(Owner::current(), |target| target.owner))
    }

    fn check_routine(&self, before: CallState) {
        let irql = CallState::now().irql();
        if irql != before.irql() {
            violation(
                &ROUTINE_CHANGED_IRQL,
                format!(
                    "the completion routine of IRP #{} was called at {} and returned at {}",
                    self.id,
                    level_name(before.irql()),
                    level_name(irql)
                ),
            );
        }
        before.check(format_args!("the completion routine of IRP #{}", self.id));
    }

    /// Goes on with an IRP that its completion routine left to us.
    fn take_back(&self, returned: NTSTATUS, at_top: bool) {
        let found = self.registry.with(self.packet.as_ptr(), |record, _| {
            if record.id != self.id || record.turn != self.turn || record.walking {
                return false;
            }
            record.walking = true;
            true
        });
        let text = format!("the completion routine of IRP #{} returned {}", self.id, NamedStatus(returned));
        if found != Ok(true) {
            violation(&GONE_IN_ROUTINE, format!("{text} after it had freed the IRP or completed it again"));
        }
        if at_top {
            self.refuse_past_top(&text);
        }
    }

    /// An own IRP has nobody above its completion routine.
    fn refuse_past_top(&self, text: &str) {
        if self.origin != Origin::System {
            violation(&OWN_IRP_PAST_TOP, format!("{text}, and the IRP belongs to a driver, not to a thread"));
        }
    }

    /// The I/O manager's part, above the topmost location.
    fn finish(self, machine: &Machine) {
        self.refuse_past_top(&format!("no completion routine ran for IRP #{}", self.id));
        let request = self.record(|record, _| {
            record.state = State::Completed;
            record.request.take()
        });
        if let Some(request) = request {
            Request::finish(&request, machine, self.packet);
        }
    }

    /// The record, which exists while the walk has the IRP.
    fn record<R>(&self, f: impl FnOnce(&mut Record, Packet) -> R) -> R {
        match self.registry.with(self.packet.as_ptr(), f) {
            Ok(result) => result,
            Err(missing) => {
                let rule: &'static Rule = &GONE_IN_ROUTINE;
                violation(rule, format!("{} while IofCompleteRequest had it", missing.describe()))
            }
        }
    }
}
