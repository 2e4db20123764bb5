//! The rules of WSK that the provider enforces: breaking one is a bug check that names it and the object.
//!
//! Windows checks none of them. The code is the one of Driver Verifier; the first parameter is the provider's own.
#![expect(unsafe_code, reason = "asks the kernel for the IRQL")]

pub(crate) use hosted_rule::Broken;
use hosted_rule::rules;
use wsk_sys::{KIRQL, KeGetCurrentIrql, NTSTATUS};

use crate::functions::Function;
use crate::platform;

/// `DRIVER_VERIFIER_DETECTED_VIOLATION`.
const VERIFIER: u32 = 0xC4;
/// `'WSK'`, then the number of the rule.
const OWN: usize = 0x5753_4B00;

rules! {
    code VERIFIER;

    /// A WSK function was called above the IRQL that its page allows.
    IRQL = OWN + 0x01, "WskIrql", "WSK Functions: requirements";
    /// A WSK function other than `WskRelease` was called from within the completion routine of a WSK request.
    CALL_IN_COMPLETION_ROUTINE = OWN + 0x02, "WskCallInCompletionRoutine", "Using IRPs with Winsock Kernel Functions";
    /// A WSK function was called with an IRP by a thread that holds a spin lock: completed within the call, the IRP's
    /// completion routine would run under it.
    CALL_UNDER_SPIN_LOCK = OWN + 0x03, "WskCallUnderSpinLock", "SpinLockSafe rule (wdm)";

    /// What was passed as an IRP is none, or is freed.
    NOT_AN_IRP = OWN + 0x10, "WskNotAnIrp", "Using IRPs with Winsock Kernel Functions";
    /// The IRP has no stack location for the provider.
    IRP_STACK = OWN + 0x11, "WskIrpStackLocation", "Using IRPs with Winsock Kernel Functions";
    /// The IRP was sent and is not completed yet.
    IRP_IN_USE = OWN + 0x12, "WskIrpInUse", "Using IRPs with Winsock Kernel Functions";
    /// The IRP was completed and not reused with `IoReuseIrp` before it was sent again.
    IRP_NOT_REUSED = OWN + 0x13, "WskIrpNotReused", "Using IRPs with Winsock Kernel Functions";
    /// An own IRP without a completion routine for success, error and cancellation.
    IRP_COMPLETION_ROUTINE = OWN + 0x14, "WskIrpCompletionRoutine", "Using IRPs with Winsock Kernel Functions";
    /// The client filled fields of the stack location that the provider fills.
    IRP_LOCATION = OWN + 0x15, "WskIrpLocationNotClean", "Using IRPs with Winsock Kernel Functions";

    /// A function was called on something that is no socket, or no longer one.
    SOCKET_CLOSED = OWN + 0x20, "WskSocketClosed", "WskCloseSocket";
    /// `WskCloseSocket` while another thread is inside a function of the socket.
    CLOSE_DURING_CALL = OWN + 0x21, "WskCloseDuringCall", "WskCloseSocket";

    /// `WSK_EVENT_RECEIVE_FROM` was enabled on a socket that was made without a function for it.
    EVENT_WITHOUT_CALLBACK = OWN + 0x22, "WskEventWithoutCallback", "SO_WSK_EVENT_CALLBACK";
    /// `WskReceiveFromEvent` returned something that its page does not have.
    EVENT_STATUS = OWN + 0x23, "WskEventStatus", "WskReceiveFromEvent";
    /// `WskReceiveFromEvent` returned at another IRQL than it was called at.
    EVENT_IRQL = OWN + 0x24, "WskEventIrql", "WskReceiveFromEvent";
    /// `WskCloseSocket` with indications that were retained and not released.
    RETAINED_AT_CLOSE = OWN + 0x25, "WskRetainedAtClose", "WskRelease";
    /// `WskRelease` of indications that were released before.
    RELEASE_TWICE = OWN + 0x26, "WskReleaseTwice", "WskRelease";
    /// `WskRelease` of a list of indications whose callback then did not return `STATUS_PENDING`.
    RELEASED_NOT_RETAINED = OWN + 0x27, "WskReleasedNotRetained", "WskRelease";
    /// `WskRelease` of a list that goes on at something that is no indication of the client's, or at itself.
    RELEASE_LINK = OWN + 0x28, "WskReleaseLink", "WskRelease";

    /// The `WSK_BUF` reaches beyond its MDLs, or has none.
    BUFFER_BOUNDS = OWN + 0x30, "WskBufferBounds", "WSK_BUF";
    /// An MDL of the `WSK_BUF` is neither locked nor of non-paged pool.
    BUFFER_NOT_LOCKED = OWN + 0x31, "WskBufferNotLocked", "WSK_BUF";

    /// Memory in paged pool, where the page of the function wants it non-paged: the buffer for an address, the context of a
    /// socket.
    PAGED_MEMORY = OWN + 0x32, "WskPagedMemory", "WskSocket, WskReceiveFrom, WskGetLocalAddress";

    /// The `WSK_REGISTRATION` was never registered, or is deregistered.
    REGISTRATION_UNKNOWN = OWN + 0x40, "WskRegistrationUnknown", "WskRegister";
    /// The `WSK_REGISTRATION` is a copy, or was moved.
    REGISTRATION_MOVED = OWN + 0x41, "WskRegistrationMoved", "WskRegister";
    /// `WskRegister` on a `WSK_REGISTRATION` that is registered.
    REGISTERED_TWICE = OWN + 0x42, "WskRegisteredTwice", "WskRegister";
    /// `WskReleaseProviderNPI` without a captured provider.
    RELEASE_WITHOUT_CAPTURE = OWN + 0x43, "WskReleaseWithoutCapture", "WskReleaseProviderNPI";
    /// A function of `WSK_PROVIDER_DISPATCH` was called after the provider was released.
    DISPATCH_AFTER_RELEASE = OWN + 0x44, "WskDispatchAfterRelease", "WskReleaseProviderNPI";
    /// `WskDeregister` with a socket that nobody is closing.
    DEREGISTER_SOCKET = OWN + 0x45, "WskDeregisterWithSocket", "WskDeregister";
    /// `WskDeregister` with a captured provider that was not released.
    DEREGISTER_CAPTURE = OWN + 0x46, "WskDeregisterWithCapture", "WskDeregister";
    /// `WskDeregister` with a request that nothing will complete.
    DEREGISTER_IRP = OWN + 0x47, "WskDeregisterWithIrp", "Unregistering a Winsock Kernel Application";
    /// `WskDeregister` waited too long for sockets that are being closed, or for calls that do not return.
    DEREGISTER_STUCK = OWN + 0x48, "WskDeregisterStuck", "WskDeregister";
    /// A registration was left when its driver, or the machine, went.
    REGISTRATION_LEFT = OWN + 0x49, "WskRegistrationLeft", "WskDeregister";
    /// `WskDeregister` with cached security descriptors that were not released.
    DEREGISTER_SECURITY = OWN + 0x4A, "WskDeregisterWithSecurity", "WSK_RELEASE_SD";
    /// A `WSK_CLIENT_DISPATCH`, or the `WSK_REGISTRATION` itself, was freed, or was on a stack that is gone, before
    /// `WskDeregister`.
    REGISTRATION_FREED = OWN + 0x4B, "WskRegistrationFreed", "WskRegister";
    /// `WskCaptureProviderNPI` with `WSK_INFINITE_WAIT` in `DriverEntry`: while the system starts, the provider may need
    /// it to return.
    CAPTURE_IN_DRIVER_ENTRY = OWN + 0x4C, "WskCaptureInDriverEntry", "WskCaptureProviderNPI";

    /// A security descriptor was used, or released, that WSK has not cached for this client.
    SECURITY_NOT_CACHED = OWN + 0x50, "WskSecurityNotCached", "WSK_CACHE_SD";
    /// A cached security descriptor was used after its release, or released twice, or released before the request that
    /// it was given to had run.
    SECURITY_RELEASED = OWN + 0x51, "WskSecurityReleased", "WSK_RELEASE_SD";
}

/// Raises the bug check if a rule is broken: for the function that a client has called, or what calls the client, with no lock
/// held.
pub(crate) fn require<T>(result: Result<T, Broken>) -> T {
    result.unwrap_or_else(|broken| platform::violation(&broken))
}

/// Why something is not done that a client has asked for.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It fails with this status.
    Status(NTSTATUS),
    /// The client has broken a rule.
    Broken(Broken),
}

impl From<NTSTATUS> for Failure {
    fn from(status: NTSTATUS) -> Failure {
        Failure::Status(status)
    }
}

impl From<Broken> for Failure {
    fn from(broken: Broken) -> Failure {
        Failure::Broken(broken)
    }
}

impl Failure {
    /// The status; if a rule is broken, raises the bug check, as [`require`].
    pub(crate) fn status(self) -> NTSTATUS {
        match self {
            Failure::Status(status) => status,
            Failure::Broken(broken) => platform::violation(&broken),
        }
    }
}

/// Requires that the calling thread may call the function at its level.
pub(crate) fn check_irql(function: &Function) {
    at_most(function.irql, function.name);
}

/// Requires that the calling thread is at `limit` or below.
pub(crate) fn at_most(limit: KIRQL, what: &str) {
    // SAFETY: the function reads the calling thread's level and has no precondition.
    let irql = unsafe { KeGetCurrentIrql() };
    if irql > limit {
        let detail = format!("{what} called at IRQL {irql}; at most {limit} is allowed");
        platform::violation(&Broken::new(&IRQL, detail));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_told_apart() {
        for (index, rule) in RULES.iter().enumerate() {
            for other in &RULES[index + 1..] {
                assert_ne!(rule.parameter, other.parameter, "{rule} and {other}");
                assert_ne!(rule.name, other.name);
            }
        }
    }
}
