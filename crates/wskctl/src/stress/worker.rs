//! What one thread does, to handles of its own.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use wsk_sys::{SO_BROADCAST, SO_RCVBUF, SOL_SOCKET, STATUS_CANCELLED};
use wskdrv_abi::{self as abi, code};

use super::{Counts, Shared, count};
use crate::device::Pending;
use crate::family::Family;
use crate::session::{Room, Session};

/// So many requests may be pending on a handle before the thread lets some end.
const MOST: usize = 24;
/// Room for what several datagrams bring.
const ROOM: Room = Room { datagrams: 4, payload: 4096, control: 64 };
/// The longest datagram that is sent.
const LONGEST: usize = 1400;

/// A handle, and what is pending on it.
struct Slot {
    session: Session,
    address: Option<SocketAddr>,
    pending: Vec<Waiting>,
    /// Whether the receive event was enabled last.
    enabled: bool,
}

/// A request that has not ended, or of which nobody has looked yet whether it has.
struct Waiting {
    code: u32,
    pending: Pending,
    /// Whether it was asked to end, by itself or with its handle.
    cancelled: bool,
}

impl Slot {
    fn cancel_all(&mut self) {
        self.pending.iter_mut().for_each(|one| one.cancelled = true);
        self.session.handle().cancel_all();
    }
}

struct Worker<'s> {
    counts: &'s Counts,
    patience: Duration,
    random: Rng,
}

/// Does what the seed says, until the time is over; then lets everything end.
pub(super) fn run(shared: &Shared, number: usize) {
    let plan = &shared.plan;
    let seed = plan.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(number as u64);
    let mut worker =
        Worker { counts: &shared.counts, patience: shared.patience, random: Rng::with_seed(seed) };
    // The first threads have one more each, if it does not come out even.
    let own = plan.handles / plan.threads + usize::from(number < plan.handles % plan.threads);
    let mut slots: Vec<Option<Slot>> = (0..own).map(|_| None).collect();
    while !shared.is_over() && !slots.is_empty() {
        let slot = worker.random.usize(..slots.len());
        let slot = &mut slots[slot];
        match slot {
            None => *slot = worker.open(shared),
            Some(open) => {
                let what = worker.random.u32(..100);
                if what < plan.cancels {
                    worker.cancel(open);
                } else if what < plan.cancels + plan.closes {
                    worker.close(slot.take());
                } else {
                    worker.request(open);
                }
            }
        }
    }
    for slot in slots {
        worker.close(slot);
    }
}

impl Worker<'_> {
    fn open(&mut self, shared: &Shared) -> Option<Slot> {
        let session = match shared.lab.open() {
            Ok(session) => session,
            Err(error) => {
                // Where memory is made short, that is to be expected; where nothing opens, nothing is done.
                if shared.plan.handles != 0 && self.counts.done().opened == 0 {
                    self.counts.fault(error.to_string());
                }
                thread::sleep(Duration::from_millis(1));
                return None;
            }
        };
        count(&self.counts.opened);
        let mut slot = Slot { session, address: None, pending: Vec::new(), enabled: false };
        // Now and then a handle has no socket, or one that is not bound.
        let (session, far) = (&slot.session, self.random.u32(..10));
        if far > 0 {
            self.counts.result(abi::IOCTL_WSKDRV_CREATE, session.create(Family::V4));
        }
        if far > 1 {
            self.counts.result(abi::IOCTL_WSKDRV_BIND, session.bind(Family::V4.loopback()));
            slot.address = self.counts.result(abi::IOCTL_WSKDRV_LOCAL_ADDRESS, session.local_address());
        }
        Some(slot)
    }

    /// Cancels one request, or all.
    fn cancel(&mut self, slot: &mut Slot) {
        count(&self.counts.cancels);
        if self.random.u32(..4) == 0 {
            slot.cancel_all();
        } else if !slot.pending.is_empty() {
            let one = self.random.usize(..slot.pending.len());
            slot.pending[one].cancelled = true;
            slot.pending[one].pending.cancel();
        }
        self.reap(slot);
    }

    /// Closes a handle with what is pending on it, which ends.
    fn close(&mut self, slot: Option<Slot>) {
        let Some(Slot { session, pending, .. }) = slot else { return };
        count(&self.counts.closes);
        session.close();
        let end = Instant::now() + self.patience;
        for Waiting { code, pending, .. } in pending {
            match pending.wait_for(end.saturating_duration_since(Instant::now())) {
                Ok(completed) => self.counts.ended(code, completed.status),
                Err(_still) => {
                    let name = code::name(code).unwrap_or("an unknown request");
                    self.counts.fault(format!(
                        "{name} has not ended {:?} after its handle was closed",
                        self.patience
                    ));
                }
            }
        }
    }

    /// Takes out what has ended.
    fn reap(&mut self, slot: &mut Slot) {
        for Waiting { code, pending, cancelled } in slot.pending.extract_if(.., |one| one.pending.is_done()) {
            let status = pending.wait().status;
            self.counts.ended(code, status);
            if status == STATUS_CANCELLED && !cancelled {
                let name = code::name(code).unwrap_or("an unknown request");
                self.counts.fault(format!("{name} was cancelled, which nobody has asked for"));
            }
        }
    }

    fn request(&mut self, slot: &mut Slot) {
        self.reap(slot);
        if slot.pending.len() >= MOST {
            slot.cancel_all();
            thread::yield_now();
            return;
        }
        let (counts, session) = (self.counts, &slot.session);
        let mut pend = |code, pending| slot.pending.push(Waiting { code, pending, cancelled: false });
        match self.random.u32(..100) {
            0..25 => {
                let data = vec![self.random.u8(..); self.random.usize(..LONGEST)];
                counts.result(abi::IOCTL_WSKDRV_SEND, session.send(&data, slot.address));
            }
            25..30 => {
                let sent = session.send_many(&["one", "", "three"], slot.address, &[]);
                counts.result(abi::IOCTL_WSKDRV_SEND, sent);
            }
            30..48 => pend(
                abi::IOCTL_WSKDRV_RECEIVE,
                session.within(None).begin_receive(self.random.usize(..LONGEST)).into_pending(),
            ),
            48..54 => {
                let receive = session.within(None).begin_receive_many(ROOM);
                pend(abi::IOCTL_WSKDRV_RECEIVE, receive.into_pending());
            }
            54..62 => pend(
                abi::IOCTL_WSKDRV_DRAIN,
                session.within(self.patience()).begin_drain(self.random.usize(..4096)).into_pending(),
            ),
            62..66 if slot.enabled => {
                slot.enabled = false;
                counts.result(abi::IOCTL_WSKDRV_DISABLE_RECEIVE, session.disable_receive());
            }
            62..66 => {
                slot.enabled = true;
                counts.result(abi::IOCTL_WSKDRV_ENABLE_RECEIVE, session.enable_receive(1 << 14));
            }
            66..72 => {
                counts.result(abi::IOCTL_WSKDRV_GET_OPTION, session.get_option(SOL_SOCKET, SO_BROADCAST, 4));
            }
            72..77 => {
                let set =
                    session.set_option(SOL_SOCKET, SO_RCVBUF, &self.random.u32(1..1 << 17).to_ne_bytes());
                counts.result(abi::IOCTL_WSKDRV_SET_OPTION, set);
            }
            77..81 => {
                let to = slot.address.filter(|_| self.random.bool());
                counts.result(abi::IOCTL_WSKDRV_IOCTL, session.set_remote_address(to));
            }
            81..84 => pend(
                abi::IOCTL_WSKDRV_TRANSPORT_CHANGE,
                session.within(self.patience()).begin_transport_change().into_pending(),
            ),
            84..87 => pend(
                abi::IOCTL_WSKDRV_IOCTL,
                session.within(self.patience()).begin_address_change().into_pending(),
            ),
            87..89 => {
                counts.result(abi::IOCTL_WSKDRV_GET_SECURITY, session.security());
            }
            89..91 => {
                counts.result(abi::IOCTL_WSKDRV_STATISTICS, session.statistics());
            }
            91..93 => {
                counts.result(abi::IOCTL_WSKDRV_TRANSPORTS, session.transports());
            }
            _ => {
                let (code, pending) = self.anything(&slot.session);
                slot.pending.push(Waiting { code, pending, cancelled: false });
            }
        }
    }

    /// A time limit: none, or a short one.
    fn patience(&mut self) -> Option<Duration> {
        self.random.bool().then(|| Duration::from_millis(self.random.u64(..20)))
    }

    /// A code with bytes that say nothing in particular. Not one of those that hand them on to WSK as they are.
    fn anything(&mut self, session: &Session) -> (u32, Pending) {
        let raw = |code: &&code::Code| {
            matches!(code.value, abi::IOCTL_WSKDRV_RAW_CONTROL | abi::IOCTL_WSKDRV_PROBE)
        };
        let codes: Vec<u32> = code::CODES.iter().filter(|code| !raw(code)).map(|code| code.value).collect();
        let code = codes[self.random.usize(..codes.len())];
        let input = (0..self.random.usize(..64)).map(|_| self.random.u8(..8)).collect();
        (code, session.handle().begin(code, input, vec![0xA5; self.random.usize(..128)]))
    }
}
