//! What a request costs, and what it saves to put several datagrams into one: on the hosted kernel, in memory.
//!
//! The numbers of one run compare with each other. They say nothing of Windows, whose requests cost other things.
#![allow(missing_docs, reason = "criterion's macros make functions")]

use std::hint::black_box;
use std::net::SocketAddr;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use netio::memory::{Net, Peer};
use netio::{Completion, Network};
use ntos::{Machine, Token};
use wskctl::session::Room;
use wskctl::{Handle, Session};

/// As many datagrams as one request takes in both directions.
const MANY: usize = wskdrv_abi::RECEIVE_MAX;
/// The payload of each, in bytes.
const PAYLOAD: usize = 64;
const ANY: &str = "127.0.0.1:0";

/// A bound socket of the driver, and another one outside.
struct Bench {
    session: Session,
    address: SocketAddr,
    peer: Peer,
    _machine: Machine,
}

impl Bench {
    fn new(completion: Completion) -> Bench {
        let machine =
            Machine::boot(ntos::Config { special_pool: ntos::SpecialPool::Off, ..ntos::Config::default() });
        let net = Net::new();
        let network = Network::Memory(net.clone());
        netio::install(&machine, netio::Config { network, completion, ..netio::Config::default() });
        // It stays loaded: the process ends with it.
        std::mem::forget(
            kmdf::load(&machine, wskdrv_abi::SERVICE_NAME, wskdrv::driver_entry).expect("loaded"),
        );
        let process = machine.process(Token::Administrator);
        let file = process.create_file(wskdrv_abi::USER_PATH, 0xC000_0000).expect("opened");
        std::mem::forget(process);
        let session = Session::new(Handle::from(file));
        let local: SocketAddr = ANY.parse().expect("an address");
        session.create(wskctl::Family::of(&local)).expect("created");
        session.bind(local).expect("bound");
        let address = session.local_address().expect("a local address");
        Bench { session, address, peer: net.peer(local).expect("a peer"), _machine: machine }
    }

    fn send_singly(&self, to: SocketAddr, data: &[[u8; PAYLOAD]]) {
        for datagram in data {
            self.session.send(datagram, Some(to)).expect("sent");
        }
    }

    fn send_together(&self, to: SocketAddr, data: &[[u8; PAYLOAD]]) {
        self.session.send_many(data, Some(to), &[]).expect("sent");
    }

    fn fill(&self, data: &[[u8; PAYLOAD]]) {
        for datagram in data {
            self.peer.send_to(datagram, self.address).expect("sent");
        }
    }

    fn receive_singly(&self, count: usize) {
        for _ in 0..count {
            black_box(self.session.receive(PAYLOAD).expect("received"));
        }
    }

    fn receive_together(&self, count: usize) {
        let slots = count.try_into().expect("a few");
        let room = Room { datagrams: slots, payload: PAYLOAD.try_into().expect("a few"), control: 0 };
        let mut left = count;
        while left != 0 {
            left -= black_box(self.session.receive_many(room).expect("received")).len();
        }
    }
}

fn datagrams(criterion: &mut Criterion) {
    let data = [[7; PAYLOAD]; MANY];
    for (mode, completion) in [("inline", Completion::Inline), ("deferred", Completion::Deferred)] {
        let bench = Bench::new(completion);
        // Nobody is there, so that nothing piles up.
        let nobody: SocketAddr = "127.0.0.1:9".parse().expect("an address");
        let mut group = criterion.benchmark_group(format!("{MANY} datagrams, {mode}"));
        group.throughput(Throughput::Elements(MANY as u64));
        group.bench_function(BenchmarkId::new("send", "one by one"), |b| {
            b.iter(|| bench.send_singly(nobody, &data));
        });
        group.bench_function(BenchmarkId::new("send", "together"), |b| {
            b.iter(|| bench.send_together(nobody, &data));
        });
        group.bench_function(BenchmarkId::new("receive", "one by one"), |b| {
            b.iter(|| {
                bench.fill(&data);
                bench.receive_singly(MANY);
            });
        });
        group.bench_function(BenchmarkId::new("receive", "together"), |b| {
            b.iter(|| {
                bench.fill(&data);
                bench.receive_together(MANY);
            });
        });
        group.finish();
    }
}

criterion_group!(benches, datagrams);
criterion_main!(benches);
