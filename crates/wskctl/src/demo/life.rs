//! The lives of the IRPs behind a control operation.

use serde::Serialize;
use wsk_sys::{DISPATCH_LEVEL, KIRQL, NT_SUCCESS, STATUS_MORE_PROCESSING_REQUIRED};

use super::{Demo, Failure, PATIENCE, irps};
use crate::device::{IrpEvent, IrpStep};
use crate::family::Family;

/// What the hosted WSK calls the operation in the log.
const OPERATION: &str = "WskControlSocket";

/// One moment in the life of an IRP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Moment {
    /// What happened.
    #[serde(flatten)]
    pub step: IrpStep,
    /// At which IRQL.
    pub irql: KIRQL,
}

/// The life of an IRP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Life {
    /// Its number.
    pub irp: u64,
    /// What happened to it, in order.
    pub moments: Vec<Moment>,
}

impl Life {
    fn has(&self, wanted: impl Fn(&IrpStep) -> bool) -> bool {
        self.moments.iter().any(|moment| wanted(&moment.step))
    }

    fn count(&self, wanted: impl Fn(&IrpStep) -> bool) -> usize {
        self.moments.iter().filter(|moment| wanted(&moment.step)).count()
    }

    fn is_over(&self) -> bool {
        self.has(|step| matches!(step, IrpStep::Freed))
            && self.count(|step| matches!(step, IrpStep::RoutineReturned { .. }))
                == self.count(|step| matches!(step, IrpStep::Completed { .. }))
    }

    /// Follows the rules that an IRP of the driver's own lives by.
    ///
    /// # Errors
    ///
    /// The first breach.
    pub fn check(&self) -> Result<(), String> {
        /// Whose the IRP is.
        #[derive(PartialEq)]
        enum Hands {
            Unborn,
            Driver,
            Wsk,
            Nobody,
        }
        let mut hands = Hands::Unborn;
        // The completion routine gives the IRP back to whoever waits for it, who may use it again, and free it, before the
        // routine has returned: so many have not.
        let mut routines = 0_usize;
        for Moment { step, irql } in &self.moments {
            hands = match (step, hands) {
                (IrpStep::Allocated { .. }, Hands::Unborn) | (IrpStep::Reused, Hands::Driver) => {
                    Hands::Driver
                }
                (IrpStep::Sent { .. }, Hands::Driver) => Hands::Wsk,
                // A cancel may come at any time between, and changes nobody's hold on the IRP.
                (IrpStep::Cancelled, hands) if hands != Hands::Unborn && hands != Hands::Nobody => hands,
                (IrpStep::Completed { .. }, Hands::Wsk) if *irql <= DISPATCH_LEVEL => {
                    routines += 1;
                    Hands::Driver
                }
                (IrpStep::RoutineReturned { status }, hands) if routines > 0 => {
                    routines -= 1;
                    if status.0 != STATUS_MORE_PROCESSING_REQUIRED {
                        return Err(
                            "the completion routine let the I/O manager go on with the IRP".to_owned()
                        );
                    }
                    hands
                }
                (IrpStep::Freed, Hands::Driver) => Hands::Nobody,
                (step, _) => return Err(format!("{step:?} at IRQL {irql} is out of turn")),
            };
        }
        match (hands, routines) {
            (Hands::Nobody, 0) => Ok(()),
            (Hands::Nobody, _) => Err("a completion routine has not returned".to_owned()),
            _ => Err("the IRP was not freed".to_owned()),
        }
    }
}

/// The lives in a log, in the order in which they began; without those that the I/O manager made.
fn lives(log: Vec<IrpEvent>) -> Vec<Life> {
    let mut lives: Vec<Life> = Vec::new();
    for event in log.into_iter().filter(|event| !event.system) {
        let moment = Moment { step: event.step, irql: event.irql };
        match lives.iter_mut().find(|life| life.irp == event.irp) {
            Some(life) => life.moments.push(moment),
            None => lives.push(Life { irp: event.irp, moments: vec![moment] }),
        }
    }
    lives
}

/// Those of the control operation.
fn of_the_operation(log: Vec<IrpEvent>) -> Vec<Life> {
    let mut lives = lives(log);
    lives.retain(|life| life.has(|step| matches!(step, IrpStep::Sent { what } if what.contains(OPERATION))));
    lives
}

pub(super) fn show(demo: &mut Demo<'_>) -> Result<(), Failure> {
    let observer = demo.session()?;
    demo.device.clear_irp_log();
    let before = observer.statistics()?;
    let (session, address) = demo.bound(Family::V4)?;
    session.set_remote_address(Some(address))?;
    session.close();
    // The close that a handle begins may end a little later, and with it the last IRP.
    super::eventually(PATIENCE, || observer.statistics().is_ok_and(|now| irps(&now) == irps(&before)));
    let after = observer.statistics()?;
    observer.close();

    let device = demo.device;
    if device.irp_log().is_none() {
        demo.skip(
            "each IRP lives by the rules",
            "this device keeps no log of IRPs; the driver's counts instead:",
        );
    } else {
        super::eventually(PATIENCE, || {
            device.irp_log().is_none_or(|log| of_the_operation(log).iter().all(Life::is_over))
        });
        let lives = of_the_operation(device.irp_log().unwrap_or_default());
        demo.check(
            format!("WSK was given an IRP for {OPERATION}, SIO_WSK_SET_REMOTE_ADDRESS"),
            !lives.is_empty(),
            || "there is none in the log".to_owned(),
        );
        let succeeded = |life: &Life| {
            life.has(|step| matches!(step, IrpStep::Completed { status, .. } if NT_SUCCESS(status.0)))
        };
        for life in lives {
            let result = life.check();
            let number = life.irp;
            let success = succeeded(&life);
            demo.life(life);
            demo.check(
                format!(
                    "IRP {number} was completed once for each time it was sent, taken back with \
                     STATUS_MORE_PROCESSING_REQUIRED, and freed"
                ),
                result.is_ok(),
                || result.clone().err().unwrap_or_default(),
            );
            demo.check(format!("and WSK completed IRP {number} with success"), success, || {
                "it did not".to_owned()
            });
        }
    }
    let submitted = after.operations_submitted - before.operations_submitted;
    let completed = after.operations_completed - before.operations_completed;
    demo.check(
        format!("the driver counts {submitted} operations handed to WSK, and {completed} completed"),
        submitted > 0 && submitted == completed,
        || "some are still under way".to_owned(),
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use wsk_sys::NamedStatus;

    use super::*;

    const DONE: IrpStep = IrpStep::RoutineReturned { status: NamedStatus(STATUS_MORE_PROCESSING_REQUIRED) };

    fn sent() -> IrpStep {
        IrpStep::Sent { what: "WskControlSocket".into() }
    }

    fn life(steps: &[IrpStep]) -> Life {
        let moments = steps.iter().map(|step| Moment { step: step.clone(), irql: 0 }).collect();
        Life { irp: 1, moments }
    }

    const BORN: IrpStep = IrpStep::Allocated { stack_count: 1 };
    const COMPLETED: IrpStep = IrpStep::Completed { status: NamedStatus(0), information: 0 };

    #[test]
    fn a_whole_life_is_in_order_with_reuse_and_cancel() {
        let life = life(&[
            BORN,
            sent(),
            COMPLETED,
            DONE,
            IrpStep::Reused,
            sent(),
            IrpStep::Cancelled,
            COMPLETED,
            DONE,
            IrpStep::Freed,
        ]);
        assert_eq!(life.check(), Ok(()));
    }

    #[test]
    fn a_routine_may_return_when_the_irp_is_in_use_again_or_freed() {
        let life =
            life(&[BORN, sent(), COMPLETED, IrpStep::Reused, sent(), DONE, COMPLETED, IrpStep::Freed, DONE]);
        assert_eq!(life.check(), Ok(()));
        assert!(life.is_over());
    }

    #[test]
    fn each_breach_is_found() {
        let returned = IrpStep::RoutineReturned { status: NamedStatus(0) };
        for (steps, what) in [
            (vec![BORN, sent(), COMPLETED, DONE], "not freed"),
            (vec![BORN, sent(), IrpStep::Freed], "out of turn"),
            (vec![BORN, sent(), sent()], "out of turn"),
            (vec![BORN, sent(), COMPLETED, COMPLETED], "out of turn"),
            (vec![BORN, sent(), COMPLETED, returned], "let the I/O manager go on"),
            (vec![BORN, sent(), COMPLETED, DONE, DONE], "out of turn"),
            (vec![BORN, sent(), COMPLETED, IrpStep::Freed], "has not returned"),
            (vec![BORN, IrpStep::Freed, IrpStep::Freed], "out of turn"),
            (vec![BORN, IrpStep::Freed, IrpStep::Cancelled], "out of turn"),
            (vec![sent()], "out of turn"),
            (vec![], "not freed"),
        ] {
            let result = life(&steps).check().unwrap_err();
            assert!(result.contains(what), "{steps:?}: {result}");
        }
    }

    #[test]
    fn a_log_is_sorted_into_lives() {
        let event = |irp, system, step| IrpEvent { irp, system, step, irql: 0 };
        let log = vec![
            event(7, true, BORN),
            event(8, false, BORN),
            event(9, false, BORN),
            event(8, false, sent()),
            event(9, false, IrpStep::Freed),
        ];
        let lives = of_the_operation(log);
        assert_eq!(lives.len(), 1);
        assert_eq!((lives[0].irp, lives[0].moments.len()), (8, 2));
    }
}
