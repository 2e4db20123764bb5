//! What one request costs from user mode to its completion, WSK completing in the call: for a profile, which shows the parts.
//!
//! `cargo bench --bench ioctl -- ROUNDS` prints the shortest round in nanoseconds per request, of each kind.
#![allow(missing_docs, reason = "a program")]

use std::hint::black_box;
use std::net::SocketAddr;
use std::time::Instant;

use netio::memory::Net;
use netio::{Completion, Network};
use ntos::{Config, Machine, SpecialPool, Token};
use wsk_sys::{SO_BROADCAST, SOL_SOCKET};
use wskctl::{Handle, Session};

const REQUESTS: u32 = 2_000;

fn main() {
    let rounds = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(20);
    let machine = Machine::boot(Config { special_pool: SpecialPool::Off, ..Config::default() });
    let inside = machine.clone();
    // A thread that a bug check may stop for ever: its requests need none that goes into the kernel for it.
    machine.catch_bug_check(move || requests(&inside, rounds)).expect("no rule is broken");
    machine.shutdown();
}

fn requests(machine: &Machine, rounds: usize) {
    let network = Network::Memory(Net::new());
    let completion = Completion::Inline;
    netio::install(machine, netio::Config { network, completion, ..netio::Config::default() });
    let driver = kmdf::load(machine, wskdrv_abi::SERVICE_NAME, wskdrv::driver_entry).expect("loaded");
    let process = machine.process(Token::Administrator);
    let file = process.create_file(wskdrv_abi::USER_PATH, 0xC000_0000).expect("opened");
    let session = Session::new(Handle::from(file));
    let local: SocketAddr = "127.0.0.1:0".parse().expect("an address");
    session.create(wskctl::Family::of(&local)).expect("created");
    session.bind(local).expect("bound");
    let nobody: SocketAddr = "127.0.0.1:9".parse().expect("an address");
    let time = |what: &str, request: &dyn Fn()| {
        let round = || {
            let begun = Instant::now();
            (0..REQUESTS).for_each(|_| request());
            begun.elapsed() / REQUESTS
        };
        let shortest = (0..rounds).map(|_| round()).min().unwrap_or_default();
        println!("{what:<12} {:>8} ns", shortest.as_nanos());
    };
    time("version", &|| drop(black_box(session.version())));
    time("get option", &|| drop(black_box(session.get_option(SOL_SOCKET, SO_BROADCAST, 4))));
    time("send", &|| drop(black_box(session.send(&[7; 64], Some(nobody)))));
    session.close();
    drop(process);
    driver.unload().expect("unloaded");
}
