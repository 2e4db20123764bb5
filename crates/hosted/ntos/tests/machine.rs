//! The machine itself: threads, extensions, bug checks, faults, the end.
#![expect(unsafe_code, reason = "tests play the driver")]

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::common::{assert_names, bug_check, machine};
use ntos::{Config, Machine, Rule, fault, rule, violation};
use wsk_sys::{
    DISPATCH_LEVEL, DRIVER_OBJECT, DbgPrint, KeBugCheckEx, KfRaiseIrql, NTSTATUS, PCUNICODE_STRING,
};

static BROKEN: Rule = Rule::new(0xC4, 0x77, "Broken", "A test");

#[test]
fn a_thread_is_in_the_machine_that_it_entered_last() {
    assert!(Machine::try_current().is_none());
    let (first, second) = (machine(), machine());
    let entered_first = first.enter();
    first.extension(|| 1_u32);
    {
        let _entered = second.enter();
        Machine::current().extension(|| 2_u32);
    }
    assert_eq!(*Machine::current().extension(|| 0_u32), 1);
    assert_eq!(second.spawn("other", || *Machine::current().extension(|| 0_u32)).join().unwrap(), 2);
    drop(entered_first);
    assert!(Machine::try_current().is_none());
    first.shutdown();
    second.shutdown();
}

#[test]
fn an_extension_is_made_once() {
    struct Outer(u32);
    struct Inner(u32);
    let machine = machine();
    let made = AtomicU32::new(0);
    for _ in 0..3 {
        let outer = machine.extension(|| {
            made.fetch_add(1, Ordering::Relaxed);
            // One may ask for another.
            Outer(machine.extension(|| Inner(7)).0)
        });
        assert_eq!(outer.0, 7);
    }
    assert_eq!(made.load(Ordering::Relaxed), 1);
    machine.shutdown();
}

#[test]
fn hooks_run_at_shutdown_and_before_the_leak_checks() {
    static SEEN: AtomicU32 = AtomicU32::new(0);
    let machine = machine();
    machine.on_leak_check(|_, scope| {
        assert_eq!(SEEN.swap(2, Ordering::Relaxed), 1);
        assert_eq!(scope, ntos::LeakScope::Shutdown);
        Vec::new()
    });
    machine.on_shutdown(|machine| {
        assert!(machine.uptime() > Duration::ZERO);
        assert!(Machine::try_current().is_some());
        assert_eq!(SEEN.swap(1, Ordering::Relaxed), 0);
    });
    machine.shutdown();
    assert_eq!(SEEN.load(Ordering::Relaxed), 2);
}

#[test]
fn faults_come_where_they_are_planned() {
    let machine = machine();
    let _entered = machine.enter();
    let points = || [fault::point("a"), fault::point("b"), fault::point("c"), fault::point("d")];
    assert_eq!(points(), [false; 4]);
    assert_eq!(machine.faults().count(), 4);
    machine.faults().fail_nth(2);
    assert_eq!(points(), [false, false, true, false]);
    assert_eq!(machine.faults().fired(), Some("c"));
    machine.faults().fail_from(1);
    assert_eq!(points(), [false, true, true, true]);
    assert_eq!(machine.faults().fired(), Some("b"));
    machine.faults().disarm();
    assert_eq!(points(), [false; 4]);
    assert_eq!(machine.faults().fired(), Some("b"));
    machine.faults().fail_nth(9);
    assert_eq!(machine.faults().fired(), None);
    machine.shutdown();
}

#[test]
fn what_a_driver_prints_is_kept() {
    let machine = machine();
    let _entered = machine.enter();
    for line in 0..1030 {
        let text = format!("line {line}\n\0");
        kernel!(DbgPrint(text.as_ptr().cast()));
    }
    let log = machine.debug_log();
    assert_eq!((log.len(), log[0].as_str(), log[1023].as_str()), (1024, "line 6", "line 1029"));
    machine.shutdown();
}

#[test]
fn a_result_passes_through_the_catch() {
    let machine = machine();
    assert_eq!(machine.catch_bug_check(|| 5).unwrap(), 5);
    assert!(machine.bug_check().is_none());
    machine.shutdown();
}

#[test]
#[should_panic(expected = "a failed assertion")]
fn a_panic_passes_through_the_catch() {
    let machine = machine();
    let _ = machine.catch_bug_check(|| panic!("a failed assertion"));
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_bug_check_ends_the_machine() {
    let machine = machine();
    let report = machine.catch_bug_check(|| violation(&BROKEN, "object 17")).unwrap_err();
    assert_names(&report, &BROKEN, "object 17");
    assert_eq!(report.parameters, [0x77, 0, 0, 0]);
    let text = report.to_string();
    assert!(
        text.starts_with("*** STOP: 0x000000C4 (0x77, 0x0, 0x0, 0x0) DRIVER_VERIFIER_DETECTED_VIOLATION"),
        "{text}"
    );
    assert_eq!(machine.bug_check().unwrap().rule, BROKEN);
    // Whoever enters the kernel now goes no further, and the first report stands.
    let reached = Arc::new(AtomicU32::new(0));
    let other = Arc::clone(&reached);
    let report = machine.catch_bug_check(move || {
        other.store(1, Ordering::SeqCst);
        kernel!(KfRaiseIrql(DISPATCH_LEVEL));
        other.store(2, Ordering::SeqCst);
    });
    assert_eq!(report.unwrap_err().rule, BROKEN);
    std::thread::sleep(Duration::from_millis(50));
    assert_ne!(reached.load(Ordering::SeqCst), 2);
    machine.shutdown();
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_panic_of_a_driver_is_a_bug_check() {
    unsafe extern "system" fn entry(_: *mut DRIVER_OBJECT, _: PCUNICODE_STRING) -> NTSTATUS {
        panic!("no such device: {}", 7)
    }
    let report = bug_check(|| {
        let _ = Machine::current().load_driver("panics", entry);
    });
    assert_names(&report, &rule::DRIVER_PANIC, "DriverEntry of panics panicked: no such device: 7, at ");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_bug_check_of_another_thread_is_caught_too() {
    let report = bug_check(|| {
        let thread = Machine::current().spawn("other", || violation(&BROKEN, "object 18"));
        let _ = thread.join();
    });
    assert_names(&report, &BROKEN, "object 18");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_driver_raises_its_own() {
    let report = bug_check(|| {
        // SAFETY: the call never returns, and takes numbers only.
        unsafe { KeBugCheckEx(0xE2, 1, 2, 3, 4) }
    });
    assert_eq!((report.rule.code, report.parameters), (0xE2, [1, 2, 3, 4]));
    assert_eq!(report.rule.name, "KeBugCheckEx");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_thread_left_running() {
    let config = Config { shutdown_limit: Duration::from_millis(50), ..Config::default() };
    let machine = Machine::boot(config);
    let other = machine.clone();
    let report = machine.catch_bug_check(move || {
        let _thread = other.spawn("left", || std::thread::sleep(Duration::from_secs(1)));
        other.shutdown();
    });
    assert_names(&report.unwrap_err(), &rule::THREAD_LEFT, "1 threads left at shutdown");
}

/// Run by the test below, in a process of its own.
#[test]
#[ignore = "ends its process"]
fn uncaught() {
    let machine = machine();
    let _entered = machine.enter();
    violation(&BROKEN, "object 19");
}

#[cfg_attr(miri, ignore = "starts a process")]
#[test]
fn a_bug_check_that_nobody_catches_ends_the_process() {
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program).args(["--exact", "machine::uncaught", "--ignored"]).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(101), "{errors}");
    assert!(errors.contains("Broken (A test)") && errors.contains("object 19"), "{errors}");
}

#[test]
fn rules_have_different_reports() {
    for (index, first) in rule::RULES.iter().enumerate() {
        assert!(!first.name.is_empty() && !first.source.is_empty());
        for second in &rule::RULES[index + 1..] {
            let same = (first.code, first.parameter) == (second.code, second.parameter);
            // Driver Verifier reports every kind of leak as one.
            assert!(!same || first.parameter == rule::POOL_LEAK.parameter, "{first} and {second}");
        }
    }
}
