//! The same with more and more sockets, and with more and more requests that wait.
//!
//! One that was measured with a single socket cannot take turns with one among ten thousand. So each takes turns with a call of the
//! system, which does not know how many there are, and the two are compared by that.

use std::cell::Cell;
use std::iter;

use wsk_sys::{SO_BROADCAST, SOL_SOCKET};
use wskdrv_abi::PENDING_MAX;

use super::measure::{Case, by_turns, rounded};
use super::open::{OPEN, cancel, open_and_close};
use super::report::{Growth, Ratio, Step, Table};
use super::system::{Outside, Socket};
use super::{Bench, Error, ioctl};
use crate::session::{Session, Waiting};

/// What a request that waits has room for.
const ROOM: usize = 64;
/// So many requests wait on a handle before another handle is taken.
const ON_A_HANDLE: usize = 1000;
const _: () = assert!(ON_A_HANDLE < PENDING_MAX, "one more is begun");

/// One, ten and so on, and the last.
pub(super) fn steps(last: usize) -> impl Iterator<Item = usize> {
    let powers = iter::successors(Some(1_usize), |count| count.checked_mul(10));
    powers.take_while(move |count| *count < last).chain((last != 0).then_some(last))
}

pub(super) fn measure(bench: &Bench) -> Result<(), Error> {
    sockets(bench)?;
    pending(bench)
}

/// What was measured, or why not: that no more sockets open ends a growth, and nothing else.
fn grown(
    bench: &Bench,
    of: &str,
    mut step: impl FnMut(usize) -> Result<(Table, Option<u64>), Error>,
    last: usize,
) -> Result<(), Error> {
    let (mut first, mut grown) = (None, Vec::new());
    for count in steps(last) {
        let (table, pool_bytes_each) = match step(count) {
            Ok(done) => done,
            Err(error @ (Error::Device(_) | Error::System(_))) if first.is_some() => {
                bench.note(format!("{of}: no {count} of them: {error}"));
                break;
            }
            Err(error) => return Err(error),
        };
        let first = first.get_or_insert_with(|| table.clone());
        grown.push(Step { count, pool_bytes_each, operations: relative(&table, first) });
    }
    bench.told().growth.push(Growth { of: of.to_owned(), steps: grown });
    Ok(())
}

/// How the ratios of a table have grown since the first.
fn relative(table: &Table, first: &Table) -> Vec<Ratio> {
    let pairs = table.rows.iter().zip(&first.rows);
    let operations = pairs.filter_map(|(now, before)| {
        let (now, before, to) =
            (now.ratio_to(ioctl::SYSTEM)?, before.ratio_to(ioctl::SYSTEM)?, now.way.clone());
        let over = |one: f64, other: f64| rounded(one / other.max(f64::MIN_POSITIVE));
        Some(Ratio {
            to,
            median: over(now.median, before.median),
            low: over(now.low, before.median),
            high: over(now.high, before.median),
        })
    });
    operations.collect()
}

fn sockets(bench: &Bench) -> Result<(), Error> {
    let (system, outside) = (Socket::new()?, Outside::new(bench)?);
    let mut sessions: Vec<Session> = Vec::new();
    let before = bench.device.pool_bytes();
    let step = |count: usize| {
        while sessions.len() < count {
            bench.unless_interrupted()?;
            sessions.push(bench.bound()?.0);
        }
        let pool = bench.device.pool_bytes().zip(before);
        let each = pool.map(|(now, before)| now.saturating_sub(before) / count as u64);
        // One after the other, as far apart as a prime.
        let at = Cell::new(0);
        let next = || {
            at.set((at.get() + 7919) % sessions.len());
            &sessions[at.get()]
        };
        let mut cases = [
            Case::new(ioctl::SYSTEM, || system.socket.broadcast()),
            Case::new("get SO_BROADCAST", || sessions[0].get_option(SOL_SOCKET, SO_BROADCAST, 4)),
            Case::new("get, of each in turn", || next().get_option(SOL_SOCKET, SO_BROADCAST, 4)),
            Case::new("send 64 bytes", || sessions[0].send(&[7; ROOM], Some(outside.address())))
                .then(|| outside.receive(ROOM, 1)),
            Case::new("send, by each in turn", || next().send(&[7; ROOM], Some(outside.address())))
                .then(|| outside.receive(ROOM, 1)),
            Case::new(OPEN, || open_and_close(bench)),
        ];
        Ok((by_turns(bench, &format!("{count} sockets"), &[ioctl::SYSTEM], &mut cases)?, each))
    };
    let grown = grown(bench, "sockets", step, bench.plan.sockets);
    sessions.into_iter().for_each(Session::close);
    grown
}

fn pending(bench: &Bench) -> Result<(), Error> {
    let system = Socket::new()?;
    let mut sessions: Vec<Session> = Vec::new();
    let mut waiting: Vec<Waiting<_>> = Vec::new();
    let before = bench.device.pool_bytes();
    let step = |count: usize| {
        while waiting.len() < count {
            bench.unless_interrupted()?;
            if waiting.len() % ON_A_HANDLE == 0 {
                sessions.push(bench.bound()?.0.within(None));
            }
            waiting.extend(sessions.last().map(|session| session.begin_receive(ROOM)));
        }
        let pool = bench.device.pool_bytes().zip(before);
        let each = pool.map(|(now, before)| now.saturating_sub(before) / count as u64);
        let session = &sessions[0];
        let mut cases = [
            Case::new(ioctl::SYSTEM, || system.socket.broadcast()),
            Case::new("get SO_BROADCAST", || session.get_option(SOL_SOCKET, SO_BROADCAST, 4)),
            Case::new("begin and cancel of a receive", || cancel(session.begin_receive(ROOM))),
        ];
        let name = format!("{count} receives that wait");
        Ok((by_turns(bench, &name, &[ioctl::SYSTEM], &mut cases)?, each))
    };
    let grown = grown(bench, "receives that wait, 1000 on a handle", step, bench.plan.pending);
    sessions.into_iter().for_each(Session::close);
    grown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_powers_of_ten_and_the_last() {
        let of = |last| steps(last).collect::<Vec<_>>();
        assert_eq!(of(1), [1]);
        assert_eq!(of(10), [1, 10]);
        assert_eq!(of(25), [1, 10, 25]);
        assert!(of(0).is_empty());
    }
}
