//! How each step is written, and what it does.

/// A step of a script, for people.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// How it is written; capital letters stand for what is put there.
    pub written: &'static str,
    /// What it does.
    pub does: &'static str,
}

const fn step(written: &'static str, does: &'static str) -> Usage {
    Usage { written, does }
}

/// Every step.
pub const USAGE: &[Usage] = &[
    step("create v4|v6", "creates the socket; the first step of nearly every script"),
    step("bind ADDR", "binds it; port 0 lets the system choose"),
    step("local", "shows its local address"),
    step("get NAME", "reads a socket option"),
    step("set NAME VALUE", "sets one; `wskctl options` lists names and values"),
    step("ioctl NAME [ADDR|self|clear]", "fixes an address, or clears it; or queries"),
    step("send ADDR|self|- DATA...", "sends each word as a datagram, with a request each"),
    step("recv [DATA]", "waits for a datagram, which must be DATA if that is given"),
    step("sendmany [WITH] ADDR|self|- DATA...", "sends the words with one request; WITH as ttl=9,tos=0xB8"),
    step("recvmany [DATA...]", "takes all that have come, with control information"),
    step("enable [BYTES]", "has WSK's callback fill a queue, of 65536 bytes by default"),
    step("drain [DATA...]", "takes all out of the queue, and tells how many it dropped"),
    step("disable [soon]", "ends that, and waits for running calls; soon: does not"),
    step("transports", "shows the transports that sockets can be made for"),
    step("wait addresses|transports", "waits until one of them comes or goes"),
    step("sort ADDR...", "sorts IPv6 addresses by how well they can be reached"),
    step("security [SDDL]", "shows the security descriptor, or sets it"),
    step("sleep TIME", "does nothing for so long, such as 200ms"),
    step("within TIME|none STEP", "does a step with this time limit instead of --timeout"),
    step("cancel TIME STEP", "does a step, and cancels it if it is not done by then"),
    step("expect STATUS STEP", "does a step that must end with this status"),
];

impl Usage {
    /// The word that the step begins with.
    #[must_use]
    pub fn verb(&self) -> &'static str {
        self.written.split(' ').next().unwrap_or_default()
    }
}

/// How the step is written that begins with this word.
pub(super) fn of(verb: &str) -> Option<&'static str> {
    USAGE.iter().find(|usage| usage.verb() == verb).map(|usage| usage.written)
}

/// The words that steps begin with.
pub(super) fn verbs() -> String {
    USAGE.iter().map(Usage::verb).collect::<Vec<_>>().join(", ")
}
