//! The driver's device: a sequence of what processes do to the device, by up to two threads, on a hosted kernel of its own.
//!
//! Whatever the sequence: no rule of the hosted kernel is broken, every request ends, with a status and no more output than
//! there was room for, and when all handles are closed nothing is left of them.

mod play;
mod request;

use arbitrary::{Arbitrary, Unstructured};

use request::{Request, Spoiled};

/// What is done to a driver from its load to its unload.
#[derive(Arbitrary, Debug)]
struct Sequence {
    completion: Completion,
    readings: Readings,
    /// Whether the first handle has a bound socket already: few sequences would come to one.
    bound: bool,
    /// By one thread.
    #[arbitrary(with = acts)]
    first: Vec<Act>,
    /// By another, at the same time.
    #[arbitrary(with = acts)]
    beside: Vec<Act>,
}

/// What a thread does: two of three things are requests, as the rest is about them; then come datagrams, for which some wait.
fn acts(input: &mut Unstructured<'_>) -> arbitrary::Result<Vec<Act>> {
    let count = input.int_in_range(0..=ACTS)?;
    let mut acts = Vec::new();
    while acts.len() < count && !input.is_empty() {
        let act = if input.ratio(2_u8, 3_u8)? {
            Act::Begin { handle: input.arbitrary()?, request: input.arbitrary()? }
        } else if input.ratio(1_u8, 3_u8)? {
            let (port, group) = (input.arbitrary()?, input.ratio(1_u8, 8_u8)?);
            Act::Arrive { port, group, length: input.arbitrary()?, count: input.arbitrary()? }
        } else {
            input.arbitrary()?
        };
        acts.push(act);
    }
    Ok(acts)
}

/// When the hosted WSK completes an IRP.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Completion {
    Inline,
    Deferred,
    Delayed(u8),
    Mixed(u8),
}

/// What the hosted WSK does where Microsoft's pages leave it open.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Readings {
    Strict,
    Windows,
    Seed(u8),
}

/// One thing that is done. Handles and requests are meant by numbers, of which every one means one that there is.
#[derive(Arbitrary, Debug)]
enum Act {
    /// `CreateFile`, in a process of that token.
    Open { process: u8, access: Access },
    /// `DeviceIoControl`, of a request of the contract.
    Begin { handle: u8, request: Request },
    /// The same, with something wrong with it.
    Spoil { handle: u8, request: Request, spoiled: Spoiled },
    /// `DeviceIoControl`, of anything.
    Bytes { handle: u8, code: u32, input: Vec<u8>, output: u16 },
    /// `CancelIoEx`, of one request.
    Cancel { request: u8 },
    /// `CancelIoEx`, of all of a handle.
    CancelAll { handle: u8 },
    /// Waits a little for a request.
    Wait { request: u8 },
    /// `CloseHandle`
    Close { handle: u8 },
    /// `TerminateProcess`
    Kill { process: u8 },
    /// Datagrams from elsewhere to one of the ports that sockets are bound to, or to the group.
    Arrive { port: u8, group: bool, length: u16, count: u8 },
    /// The n-th call of the kernel from now on fails, and maybe all after it.
    Fail { nth: u8, all: bool },
    /// No call fails any more.
    Recover,
    /// Requests of a function of WSK wait from now on.
    Hold { function: u8 },
    /// They run.
    Release,
    /// The transport of all sockets goes.
    KillSockets,
    /// The provider goes, or comes back.
    Provider { ready: bool },
    /// The machine's addresses change.
    Addresses,
    /// The machine's transports change: there are some, or none.
    Transports { some: bool },
}

/// What a handle is opened for.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Access {
    Both,
    Read,
    Write,
}

/// The most acts of a thread.
const ACTS: usize = 48;

/// Plays the sequence that the input describes.
///
/// # Panics
/// With the report of the bug check, or with what is left.
pub fn device(input: &[u8]) {
    if let Ok(sequence) = Sequence::arbitrary_take_rest(Unstructured::new(input)) {
        play::play(sequence);
    }
}
