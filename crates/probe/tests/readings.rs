//! Each probe names the reading that the hosted kernel follows, whichever it is, and none where nothing tells it.

use netio::memory::Net;
use netio::{Completion, Config, Netio, Network};
use nt::Passive;
use ntos::Machine;
use readings::{Probe, Readings};

/// Questions that nothing answers under a reading of another one: of what does not come nothing can be told.
const HIDDEN: [(&str, &str, &str); 10] = [
    ("receive-control-family", "receive-control-missing", "absent"),
    ("type-of-service", "receive-control-missing", "absent"),
    ("receive-interface", "receive-control-missing", "absent"),
    ("arrival-interface", "receive-control-missing", "absent"),
    ("coalesced-refused", "coalescing", "never"),
    ("receive-control-order", "receive-control-missing", "absent"),
    ("control-truncated-status", "receive-control-missing", "absent"),
    ("control-truncated-bytes", "receive-control-missing", "absent"),
    ("coalesced-size", "coalescing", "never"),
    ("coalesced-truncated", "coalescing", "never"),
];

/// The name of the reading that is followed.
fn followed(readings: &Readings, id: &str) -> &'static str {
    let about = readings::find(id).expect("a question");
    about.followed[readings.number(about)].name
}

/// What each probe says of a kernel that follows these readings, where it is not the reading that it follows.
fn wrong(readings: &Readings, completion: Completion) -> Vec<String> {
    let machine = Machine::boot(ntos::Config::default());
    let network = Network::Memory(Net::new());
    let _netio: Netio = netio::install(
        &machine,
        Config { network, completion, readings: readings.clone(), ..Config::default() },
    );
    let entered = machine.enter();
    let passive = Passive::check().expect("a test's thread may wait");
    let wrong = wsk_probe::ids().filter_map(|id| {
        let is_hidden =
            |hidden: &(&str, &str, &str)| id == hidden.0 && followed(readings, hidden.1) == hidden.2;
        let expected = Some(followed(readings, id)).filter(|_| !HIDDEN.iter().any(is_hidden));
        match wsk_probe::ask(id, &passive) {
            Ok(answer) if answer.reading == expected => None,
            other => Some(format!(
                "{id}, {readings}, {completion}: expected {expected:?}, the probe says {other:x?}"
            )),
        }
    });
    let wrong = wrong.collect();
    drop(entered);
    machine.shutdown();
    wrong
}

#[track_caller]
fn recognised(readings: &[Readings], completion: Completion) {
    let wrong: Vec<_> = readings.iter().flat_map(|readings| wrong(readings, completion)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_strict_readings_are_recognised() {
    recognised(&[Readings::STRICT], Completion::Deferred);
    recognised(&[Readings::STRICT], Completion::Inline);
}

#[test]
fn the_readings_of_windows_are_recognised() {
    recognised(&[Readings::WINDOWS], Completion::Deferred);
}

/// Each reading by itself, beside the strict ones.
#[test]
fn each_reading_is_recognised() {
    let singles = readings::all().filter(|about| about.probe == Probe::Asked).flat_map(|about| {
        let others = about.followed.iter().enumerate().filter(|(number, _)| *number != about.strict);
        others.map(|(_, reading)| format!("strict,{}={}", about.id, reading.name).parse().expect("a reading"))
    });
    recognised(&singles.collect::<Vec<_>>(), Completion::Deferred);
}

#[test]
fn any_mix_of_readings_is_recognised() {
    let seeds: Vec<_> = (0..100).map(Readings::seed).collect();
    recognised(&seeds, Completion::Deferred);
}

/// A question that says it is asked has a probe, and no other has one.
#[test]
fn what_is_said_to_be_asked_is_asked() {
    let said = readings::all().filter(|about| about.probe == Probe::Asked).map(|about| about.id);
    let mut said: Vec<_> = said.collect();
    let mut asked: Vec<_> = wsk_probe::ids().collect();
    said.sort_unstable();
    asked.sort_unstable();
    assert_eq!(said, asked);
}

/// Without memory for something that a probe needs it says so, and gives back what it had.
#[test]
fn no_probe_needs_memory_to_give_back_what_it_has() {
    let machine = Machine::boot(ntos::Config::default());
    let config = Config { network: Network::Memory(Net::new()), ..Config::default() };
    let _netio: Netio = netio::install(&machine, config);
    let entered = machine.enter();
    let passive = Passive::check().expect("a test's thread may wait");
    for id in wsk_probe::ids() {
        for nth in 0.. {
            machine.faults().fail_nth(nth);
            let answer = wsk_probe::ask(id, &passive);
            let fired = machine.faults().fired();
            machine.faults().disarm();
            if fired.is_none() {
                answer.expect("nothing has failed");
                break;
            }
        }
    }
    drop(entered);
    machine.shutdown();
}
