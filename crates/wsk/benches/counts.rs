//! The same as `calls`, for `cargo xtask bench`: with `--count` it is run under callgrind; with `--time` it tells the shortest time
//! of many, which a busy machine lengthens least.
#![allow(missing_docs, reason = "a bench")]

mod bare;
mod c;
mod cases;

use std::time::{Duration, Instant};

/// How often each case is run, in a row.
const TIMES: usize = 100;
/// How often such rows are timed, one of each case after the other.
const ROUNDS: usize = 300;

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("--count") => count(),
        Some("--time") => time(),
        _ => eprintln!("usage: wsk-counts --count | --time"),
    }
}

/// Runs each case once, in [`counted`], and tells its name and its number of requests.
fn count() {
    for mut case in cases::all() {
        bare::wsk::later(case.later);
        // What a first run sets up is not counted.
        (case.run)();
        counted(&mut case.run);
        println!("{}\t{}\t{}", case.request, case.way, case.requests * TIMES);
    }
}

/// Tells of each case how many nanoseconds a request takes.
fn time() {
    let mut cases = cases::all();
    let mut shortest = vec![Duration::MAX; cases.len()];
    for _ in 0..ROUNDS {
        for (case, shortest) in cases.iter_mut().zip(&mut shortest) {
            bare::wsk::later(case.later);
            let times = times(case);
            let start = Instant::now();
            for _ in 0..times {
                (case.run)();
            }
            *shortest = (*shortest).min(start.elapsed());
        }
    }
    for (case, shortest) in cases.iter().zip(shortest) {
        #[expect(clippy::cast_precision_loss, reason = "a few")]
        let each = shortest.as_secs_f64() * 1e9 / (case.requests * times(case)) as f64;
        println!("{}\t{}\t{each:.1}", case.request, case.way);
    }
}

/// How often a case is run in a row that is timed: a longer one would be interrupted more often.
fn times(case: &cases::Case) -> usize {
    (TIMES / case.requests).max(1)
}

/// What callgrind counts: it writes what one call has come to, and begins anew.
#[inline(never)]
fn counted(run: &mut dyn FnMut()) {
    for _ in 0..TIMES {
        run();
    }
}
