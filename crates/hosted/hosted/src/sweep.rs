//! A test, with each call that can fail failed in turn.

use ntos::Machine;

use crate::Setup;

/// A call that was made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which of the calls that can fail, in the order in which the test makes them, from 0.
    pub number: u64,
    /// Its name, such as `ExAllocatePool2`.
    pub call: &'static str,
}

/// Runs `test` on a machine of its own for each call in it that can fail, which is made to: the first one, then the second,
/// until the test makes no further. The last run is one without a failure. Tells what has failed.
///
/// `test` is to end whatever fails: a load that fails has left nothing, a request has a status that says so, and the driver
/// unloads. What it leaves, each machine's shutdown finds. `test` gets the number of the failure for its own messages; what
/// the call was, it can ask of [`Machine::faults`].
///
/// ```
/// use hosted::{Setup, each_failure};
/// use wsk_sys::{ExAllocatePool2, ExFreePoolWithTag, POOL_FLAG_NON_PAGED};
///
/// let failed = each_failure(&Setup::strict(), |machine, _| {
///     let _entered = machine.enter();
///     // Null, when this is the call that fails.
///     let block = unsafe { ExAllocatePool2(POOL_FLAG_NON_PAGED, 16, u32::from_ne_bytes(*b"Demo")) };
///     if !block.is_null() {
///         unsafe { ExFreePoolWithTag(block, u32::from_ne_bytes(*b"Demo")) };
///     }
/// });
/// assert_eq!(failed[0].call, "ExAllocatePool2");
/// ```
pub fn each_failure(setup: &Setup, test: impl Fn(&Machine, u64)) -> Vec<Failure> {
    let mut failures = Vec::new();
    for number in 0.. {
        let fired = setup.run(|machine| {
            machine.faults().fail_nth(number);
            test(machine, number);
            machine.faults().fired()
        });
        let Some(call) = fired else { break };
        failures.push(Failure { number, call });
    }
    failures
}
