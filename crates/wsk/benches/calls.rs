//! What `wsk` adds to WSK's functions, in time: on a [bare kernel](bare), beside the same [in C's manner](c).
//!
//! `cargo bench -p wsk-benches`. The numbers of one run compare with each other; as instructions, which do not depend on
//! the machine, `cargo xtask bench` has them.
#![allow(missing_docs, reason = "a bench")]

mod bare;
mod c;
mod cases;

use std::time::Duration;

use criterion::{Criterion, Throughput};

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .configure_from_args();
    let mut cases = cases::all();
    // Those of one request, one after the other.
    for cases in cases.chunk_by_mut(|one, other| one.request == other.request) {
        let mut group = criterion.benchmark_group(cases[0].request);
        for case in cases {
            bare::wsk::later(case.later);
            group.throughput(Throughput::Elements(case.requests as u64));
            group.bench_function(case.way, |bencher| bencher.iter(|| (case.run)()));
        }
        group.finish();
    }
    criterion.final_summary();
}
