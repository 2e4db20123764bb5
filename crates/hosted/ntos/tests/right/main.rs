//! Drivers that come close to breaking a rule, and are right: the rule lets them pass.
#![expect(unsafe_code, reason = "tests play the driver")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../io/mod.rs"]
mod io;

mod calls;
mod csq;
mod devices;
mod irp;
mod irps;
mod levels;
mod lists;
mod memory;
mod mutexes;
mod objects;
mod strings;

use ntos::{BugCheck, Machine, Rule};

/// A rule, and a right driver that comes close to breaking it.
type Right = (&'static Rule, fn(&Machine));

fn rights() -> Vec<Right> {
    let tables = [
        levels::rights(),
        objects::rights(),
        mutexes::rights(),
        memory::rights(),
        lists::rights(),
        strings::rights(),
        irps::rights(),
        csq::rights(),
        calls::rights(),
        devices::rights(),
    ];
    tables.into_iter().flatten().collect()
}

/// Runs the driver on a machine of its own, where the probe is loaded. Nothing may be left of it.
fn run(right: fn(&Machine)) -> Result<(), BugCheck> {
    let machine = common::machine();
    let inner = machine.clone();
    machine.catch_bug_check(move || {
        let driver = inner.load_driver("probe", io::entry).expect("the probe loads");
        right(&inner);
        driver.unload_within(io::LONG).expect("the probe unloads");
        drop(driver);
        inner.shutdown();
    })
}

#[cfg_attr(miri, ignore = "a thread that ends itself leaves the host's")]
#[test]
fn each_rule_lets_a_driver_pass_that_comes_close() {
    let mut stopped = Vec::new();
    for (rule, right) in rights() {
        println!("{rule}");
        if let Err(report) = run(right) {
            stopped.push(format!("the right driver for {rule} was stopped: {report}"));
        }
    }
    assert!(stopped.is_empty(), "{}", stopped.join("\n"));
}

#[test]
fn each_rule_has_a_right_driver() {
    let rights = rights();
    let missing: Vec<String> = ntos::rule::RULES
        .iter()
        .chain(ntos::io_rules::RULES)
        .filter(|rule| !rights.iter().any(|(tried, _)| std::ptr::eq(*tried, **rule)))
        .map(ToString::to_string)
        .collect();
    assert!(missing.is_empty(), "no right driver comes close to: {}", missing.join(", "));
}
