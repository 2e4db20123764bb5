//! A request: an IRP, an event, a completion routine.
#![expect(unsafe_code, reason = "an IRP of a driver's own, from IoAllocateIrp to IoFreeIrp")]

use core::ptr::{self, NonNull};
use core::time::Duration;

use nt::{Error, Event, Passive, PoolBox, Result};
use wsk_sys::{
    DEVICE_OBJECT, FALSE, IRP, IoAllocateIrp, IoCancelIrp, IoFreeIrp, IoSetCompletionRoutine, NTSTATUS,
    PVOID, STATUS_MORE_PROCESSING_REQUIRED, STATUS_PENDING,
};

use super::TAG;

/// How long something may take that comes if all is well, before the probe gives up: long, as the machine may be busy.
pub(super) const LIMIT: Duration = Duration::from_secs(3);
/// How long is waited for what comes at once or not at all: the completion of a request that has returned something else than
/// `STATUS_PENDING`, which was completed within the call unless WSK takes no notice of the IRP; and an ICMP error on the
/// loopback interface, where a datagram is waited for afterwards. And for an event, before its datagram is sent again.
pub(super) const NOTICE: Duration = Duration::from_millis(100);

/// How a request has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    /// What the call returned.
    pub(crate) returned: NTSTATUS,
    /// Status and `Information` of the IRP; none if it was not completed.
    pub(crate) completed: Option<(NTSTATUS, usize)>,
}

impl Ended {
    /// The status of the request: that of the IRP if it was completed.
    pub(crate) fn status(&self) -> NTSTATUS {
        self.completed.map_or(self.returned, |completed| completed.0)
    }

    /// `Information` of the IRP.
    pub(crate) fn information(&self) -> usize {
        self.completed.map_or(0, |completed| completed.1)
    }
}

/// A request that is on its way, or is about to be.
#[derive(Debug)]
pub(crate) struct Call {
    irp: NonNull<IRP>,
    /// Set by the completion routine, which has its address.
    done: PoolBox<Event<TAG>, TAG>,
    returned: NTSTATUS,
}

impl Call {
    /// A request that was not sent.
    ///
    /// # Errors
    /// `STATUS_INSUFFICIENT_RESOURCES`
    pub(crate) fn new() -> Result<Call> {
        let done = PoolBox::new(Event::notification()?)?;
        // SAFETY: IRQL is at most DISPATCH_LEVEL.
        let irp = NonNull::new(unsafe { IoAllocateIrp(1, FALSE) }).ok_or(Error::INSUFFICIENT_RESOURCES)?;
        Ok(Call { irp, done, returned: STATUS_PENDING })
    }

    /// Sends it.
    pub(crate) fn send(mut self, call: impl FnOnce(*mut IRP) -> NTSTATUS) -> Call {
        let done = ptr::from_ref::<Event<TAG>>(&self.done).cast_mut().cast();
        // SAFETY: the IRP is this value's, with one location.
        unsafe { IoSetCompletionRoutine(self.irp.as_ptr(), Some(completed), done, true, true, true) };
        self.returned = call(self.irp.as_ptr());
        self
    }

    /// Cancels it, if it can be; whether there was a cancel routine.
    pub(crate) fn cancel(&self) -> bool {
        // SAFETY: the IRP was not freed.
        (unsafe { IoCancelIrp(self.irp.as_ptr()) }) != 0
    }

    /// Whether its completion routine has run.
    pub(crate) fn is_done(&self, passive: &Passive) -> bool {
        self.done.wait(passive.within(Duration::ZERO)).is_ok()
    }

    /// Whether its completion routine runs soon.
    pub(crate) fn is_done_soon(&self, passive: &Passive) -> bool {
        self.done.wait(passive.within(NOTICE)).is_ok()
    }

    /// Waits for its end; a request that takes too long is cancelled.
    ///
    /// What is cancelled is completed, and until then WSK uses what the request was given: that wait has no limit.
    pub(crate) fn end(self, passive: &Passive) -> Ended {
        let pending = self.returned == STATUS_PENDING;
        let mut done = self.done.wait(passive.within(if pending { LIMIT } else { NOTICE })).is_ok();
        if pending && !done {
            self.cancel();
            done = self.done.wait(passive).is_ok();
        }
        let completed = done.then(|| {
            // SAFETY: the routine has run, so that the IRP is this value's again.
            let result = unsafe { (*self.irp.as_ptr()).IoStatus };
            (result.Status, result.Information)
        });
        Ended { returned: self.returned, completed }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        // SAFETY: it was not sent, or has completed, or WSK has returned it without notice; nobody else has it.
        unsafe { IoFreeIrp(self.irp.as_ptr()) };
    }
}

/// The completion routine: keeps the IRP for its owner.
///
/// # Safety
/// The context is the event that the routine was set with.
unsafe extern "system" fn completed(_: *mut DEVICE_OBJECT, _: *mut IRP, context: PVOID) -> NTSTATUS {
    // SAFETY: the context, which is there until the routine has run.
    let done = unsafe { &*context.cast::<Event<TAG>>() };
    done.set();
    STATUS_MORE_PROCESSING_REQUIRED
}
