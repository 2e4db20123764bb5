//! A request in flight is not exchanged with one that is not: the former is finished, the latter completed.
use wdf::{Driver, InFlight, Request};

fn exchanged<D: Driver>(presented: &mut Request<D>, in_flight: &mut InFlight<D>) {
    core::mem::swap(&mut **presented, &mut **in_flight);
}

fn main() {}
