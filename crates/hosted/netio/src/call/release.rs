//! Indications that a client has: those of the calls of its callback, those that it kept; and `WskRelease`.
#![expect(unsafe_code, reason = "a function that clients call through a C table")]

use std::collections::{HashMap, VecDeque};
use std::fmt;

use wsk_sys::{NTSTATUS, PWSK_SOCKET, STATUS_INVALID_PARAMETER, STATUS_SUCCESS, WSK_DATAGRAM_INDICATION};

use crate::call::SocketCall;
use crate::event::indicated::Indication;
use crate::functions::WSK_RELEASE;
use crate::rules::{Broken, Failure, RELEASE_LINK, RELEASE_TWICE, check_irql};

const WHAT: &str = WSK_RELEASE.name;

/// How many indications are remembered after their release, so that a second one is told from a release of anything.
const REMEMBERED: usize = 256;
/// How many indications a report names.
const NAMED: usize = 3;

/// An indication that the client knows of.
#[derive(Debug)]
struct Held {
    indication: Indication,
    /// The call of the callback that brought it.
    call: u64,
    /// That call has returned, and the client kept it.
    retained: bool,
}

/// The indications of a socket that its client knows of, by their addresses.
///
/// Each is on its own: a client may link them as it likes, and a release is of what is linked then.
#[derive(Debug, Default)]
pub(crate) struct Indications {
    held: HashMap<usize, Held>,
    /// Addresses of those that were released.
    released: VecDeque<usize>,
}

impl Indications {
    /// Enters those of a call, some of whose memory may have been that of earlier ones.
    pub(crate) fn indicate(&mut self, call: u64, indications: Vec<Indication>) {
        for indication in indications {
            let address = indication.pointer().addr();
            self.released.retain(|former| *former != address);
            self.held.insert(address, Held { indication, call, retained: false });
        }
    }

    /// How many of a call's the client has not released.
    pub(crate) fn left(&self, call: u64) -> usize {
        self.held.values().filter(|held| held.call == call).count()
    }

    /// Leaves those of a call to the client, which has returned from it.
    pub(crate) fn retain(&mut self, call: u64) {
        self.held.values_mut().filter(|held| held.call == call).for_each(|held| held.retained = true);
    }

    /// Takes those of a call back. They are to be dropped with no lock held.
    pub(crate) fn take_back(&mut self, call: u64) -> Vec<Indication> {
        self.held.extract_if(|_, held| held.call == call).map(|(_, held)| held.indication).collect()
    }

    /// The number of those that the client has kept.
    pub(crate) fn retained(&self) -> usize {
        self.held.values().filter(|held| held.retained).count()
    }

    /// Takes the list out that begins at an address. It is to be dropped with no lock held.
    ///
    /// # Errors
    /// `STATUS_INVALID_PARAMETER`: the client has no indication there. [`RELEASE_TWICE`]: what it gives, or links to it, was
    /// released before. [`RELEASE_LINK`]: the list goes on at what is none of the client's, or at one of its own.
    fn release(
        &mut self,
        socket: u64,
        list: *mut WSK_DATAGRAM_INDICATION,
    ) -> Result<Vec<Indication>, Failure> {
        let twice = |address| {
            let detail = format!("of an indication of socket #{socket} that was released, at {address:#x}");
            Broken::new(&RELEASE_TWICE, format!("{WHAT} {detail}"))
        };
        let link = |address| {
            let detail = format!("{address:#x}, which is no further indication of socket #{socket}");
            Broken::new(&RELEASE_LINK, format!("{WHAT} of a list that goes on at {detail}"))
        };
        let mut addresses: Vec<usize> = Vec::new();
        let mut next = list;
        while addresses.is_empty() || !next.is_null() {
            let address = next.addr();
            match self.held.get(&address) {
                // As many as there are, so this one is among them.
                Some(_) if addresses.len() == self.held.len() => return Err(link(address).into()),
                Some(held) => next = held.indication.next(),
                None if self.released.contains(&address) => return Err(twice(address).into()),
                None if addresses.is_empty() => return Err(STATUS_INVALID_PARAMETER.into()),
                None => return Err(link(address).into()),
            }
            addresses.push(address);
        }
        for address in &addresses {
            if self.released.len() == REMEMBERED {
                self.released.pop_front();
            }
            self.released.push_back(*address);
        }
        Ok(addresses
            .iter()
            .filter_map(|address| self.held.remove(address))
            .map(|held| held.indication)
            .collect())
    }
}

/// What reports say of those that the client has kept.
impl fmt::Display for Indications {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} datagrams retained", self.retained())?;
        let mut retained: Vec<_> = self.held.values().filter(|held| held.retained).collect();
        // Those of the oldest call first.
        retained.sort_unstable_by_key(|held| (held.call, held.indication.pointer().addr()));
        for (at, held) in retained.iter().take(NAMED).enumerate() {
            write!(f, "{}{}", if at == 0 { ": " } else { "; " }, held.indication)?;
        }
        if retained.len() > NAMED { f.write_str("; ...") } else { Ok(()) }
    }
}

/// `WskRelease`: gives retained indications back: the one it is given, and those that are linked to it.
///
/// What the client has taken out of a list stays its own, and is released by itself. n/d: that it may
///
/// # IRQL
/// `<= DISPATCH_LEVEL`
pub(crate) unsafe extern "system" fn wsk_release(
    socket: PWSK_SOCKET,
    datagram_indication: *mut WSK_DATAGRAM_INDICATION,
) -> NTSTATUS {
    // From within a completion routine too: without an IRP there is no completion, and no recursion.
    check_irql(&WSK_RELEASE);
    let call = SocketCall::begin(socket, WHAT);
    let number = call.socket.number;
    let mut state = call.provider.lock();
    let Some(traffic) = state.traffic(number) else { return STATUS_INVALID_PARAMETER };
    let released = traffic.events.indications.release(number, datagram_indication);
    drop(state);
    released.map(drop).err().map_or(STATUS_SUCCESS, Failure::status)
}
