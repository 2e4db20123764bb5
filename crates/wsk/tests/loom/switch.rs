//! The driver's switch of event and queue: whoever wins, both are on or both are off.

use std::sync::Arc;

use loom::sync::Mutex;
use loom::sync::atomic::{AtomicBool, Ordering::Relaxed};
use loom::thread;
use wsk::{Error, Result};

// The driver itself is not built for loom; this file of its has nothing of the driver.
#[path = "../../../../src/switch.rs"]
mod driver;

use driver::{Switched, Switching, begin_disable, disable_soon, enable, end_disable};

/// An event and a queue, as WSK and the driver have them. Each alone is switched at once.
#[derive(Default)]
struct Pair {
    switching: Mutex<Switching>,
    event: AtomicBool,
    queue: AtomicBool,
}

impl Switched for Pair {
    type Disabled = ();

    fn with<R>(&self, f: impl FnOnce(&mut Switching) -> R + Send) -> R {
        f(&mut self.switching.lock().unwrap())
    }

    fn queue_on(&self) -> Result {
        if self.queue.swap(true, Relaxed) { Err(Error::INVALID_DEVICE_STATE) } else { Ok(()) }
    }

    fn queue_off(&self) {
        self.queue.store(false, Relaxed);
    }

    fn event_on(&self) -> Result {
        self.event.store(true, Relaxed);
        Ok(())
    }

    fn event_off(&self) -> Result {
        self.event.store(false, Relaxed);
        Ok(())
    }
}

/// Disabling by an operation: WSK switches its part, and the driver its own when the operation has ended.
fn disable_and_wait(pair: &Pair) -> Result {
    begin_disable(pair)?;
    let result = pair.event_off();
    end_disable(pair, result.is_ok());
    result
}

fn race(first: fn(&Pair) -> Result, second: fn(&Pair) -> Result) {
    loom::model(move || {
        for on in [false, true] {
            let pair = Arc::new(Pair::default());
            if on {
                enable(&*pair).unwrap();
            }
            let other = Arc::clone(&pair);
            let racing = thread::spawn(move || second(&other));
            let one = first(&pair);
            let another = racing.join().unwrap();
            assert_eq!(pair.event.load(Relaxed), pair.queue.load(Relaxed), "{one:?}, {another:?}");
            assert!(on || one.is_ok() || another.is_ok(), "one of them is done");
            // Nobody is left switching.
            disable_soon(&*pair).unwrap();
            enable(&*pair).unwrap();
        }
    });
}

#[test]
fn enabling_against_disabling_soon() {
    race(|pair| enable(pair), |pair| disable_soon(pair));
}

#[test]
fn enabling_against_disabling_by_an_operation() {
    race(|pair| enable(pair), disable_and_wait);
}

#[test]
fn disabling_both_ways() {
    race(|pair| disable_soon(pair), disable_and_wait);
}

#[test]
fn enabling_twice() {
    race(|pair| enable(pair), |pair| enable(pair));
}
