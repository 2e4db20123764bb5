//! A run in short, on a hosted kernel with a network in memory.

use super::*;
use crate::device::{Completion, Network};

fn subject() -> Subject {
    Subject::Hosted(Hosted {
        completion: Completion::Inline,
        network: Network::Memory,
        plain_pool: true,
        ..Hosted::default()
    })
}

fn plan(groups: &[Group]) -> Plan {
    Plan { groups: groups.to_vec(), rounds: 2, calls: 3, sockets: 20, pending: 1001 }
}

fn measured(groups: &[Group]) -> Report {
    run(&subject(), &plan(groups), &Interrupt::new(), &mut |_| ()).unwrap()
}

#[test]
fn each_way_is_compared_with_the_systems_own() {
    let report = measured(&[Group::Ioctl, Group::Datagrams, Group::Open]);
    let tables = ioctl::TABLES + datagrams::TABLES + open::TABLES;
    assert_eq!((report.tables.len(), report.growth.len(), report.unloads.len()), (tables, 0, 0));
    for row in report.tables.iter().flat_map(|table| &table.rows) {
        assert_eq!(row.calls, 6, "{row:?}");
        let times = &row.nanoseconds;
        assert!(0 < times.p50 && times.p50 <= times.p99 && times.p99 <= times.p999, "{row:?}");
        for ratio in &row.ratios {
            assert!(0.0 < ratio.low && ratio.low <= ratio.median && ratio.median <= ratio.high, "{row:?}");
        }
    }
    let control = report.table("a control request").unwrap();
    assert_eq!(control.others(), [ioctl::SYSTEM, ioctl::VERSION]);
    let send = report.table("send 1200 bytes").unwrap();
    let together: Vec<u32> =
        send.rows.iter().filter(|row| row.way == "wskdrv").map(|row| row.together).collect();
    assert_eq!(together, [1, 4, 16, 64]);
    let sixteen = send.rows.iter().find(|row| row.name() == "wskdrv x 16").unwrap();
    assert!(sixteen.ratio_to("std::net").is_some());
    #[cfg(target_os = "linux")]
    assert_eq!(sixteen.ratio_to("sendmmsg").unwrap().to, "sendmmsg x 16");
    assert!(report.notes.is_empty() || !cfg!(target_os = "linux"), "{:?}", report.notes);
}

#[test]
fn growth_goes_to_the_end_and_what_was_grown_is_unloaded() {
    let report = measured(&[Group::Growth]);
    let counts = |growth: &Growth| growth.steps.iter().map(|step| step.count).collect::<Vec<_>>();
    assert_eq!(
        report.growth.iter().map(counts).collect::<Vec<_>>(),
        [vec![1, 10, 20], vec![1, 10, 100, 1000, 1001]]
    );
    for step in report.growth.iter().flat_map(|growth| &growth.steps) {
        assert!(step.pool_bytes_each.is_some_and(|bytes| bytes > 0), "{step:?}");
        assert!(step.operations.len() >= 2, "{step:?}");
    }
    for growth in &report.growth {
        assert!(
            growth.steps[0].operations.iter().all(|one| one.to_string().starts_with("1.00 (")),
            "{growth:?}"
        );
    }
    assert_eq!(report.unloads.iter().map(|one| one.sockets).collect::<Vec<_>>(), [1, 10, 20]);
    assert!(report.unloads.iter().all(|one| one.load > 0 && one.unload > 0), "{:?}", report.unloads);
    assert_eq!(report.notes, Vec::<String>::new());
}

#[test]
fn what_is_left_behind_by_no_group_stops_no_kernel() {
    // Each group's kernel looks for what is left when the driver is unloaded.
    let device = subject().device().unwrap();
    let bench = Bench { subject: subject(), device: device.clone(), ..Bench::of_test(1, 1) };
    let within = device.clone();
    device
        .catch_bug_check(move || {
            for group in [Group::Ioctl, Group::Datagrams, Group::Open, Group::Growth] {
                bench.measure(group).unwrap();
            }
            drop(bench);
            within.unload(UNLOAD_LIMIT).unwrap().unwrap();
        })
        .unwrap();
    device.shut_down();
}

#[test]
fn an_interrupt_leaves_what_was_measured() {
    let interrupt = Interrupt::new();
    let raised = interrupt.clone();
    let endless = Plan { rounds: 1_000_000, ..plan(&[Group::Ioctl]) };
    let report = run(&subject(), &endless, &interrupt, &mut |progress| {
        assert!(progress.done <= progress.of && !progress.what.is_empty(), "{progress:?}");
        raised.raise();
    });
    let report = report.unwrap();
    assert!(report.interrupted && report.tables.is_empty(), "{report:?}");
}

#[test]
fn the_page_needs_nothing_but_itself() {
    let mut report = measured(&[Group::Ioctl, Group::Datagrams, Group::Growth]);
    report.device = "<script>alert('x')</script>".to_owned();
    let page = page::html(&report).unwrap();
    for what in ["<script", "<link", "<img", "<iframe", " src=", " href=", "url(", "@import"] {
        assert!(!page.contains(what), "{what}");
    }
    // The name of SVG is no address that is fetched.
    let addresses = page.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
    assert!(!addresses.contains("://"), "{addresses}");
    let throughput = report.tables.iter().filter(|table| chart::throughput(table).is_some()).count();
    assert_eq!(throughput, 4, "sends and receives of two sizes");
    let drawings = report.tables.len() + throughput + report.growth.len();
    assert_eq!(page.matches("<svg").count(), drawings);
    assert_eq!(page.matches("<figcaption>").count(), drawings);
    for what in ["how long calls took", "datagrams in a second", "against that with one"] {
        assert!(page.contains(what), "{what}");
    }
}

#[test]
fn a_device_that_refuses_ends_it() {
    let refusing = crate::device::fake::Fake::answering([(wsk_sys::STATUS_ACCESS_DENIED, Vec::new())]);
    let subject = Subject::Loaded(refusing.device());
    let error = run(&subject, &plan(&[Group::Ioctl]), &Interrupt::new(), &mut |_| ()).unwrap_err();
    assert!(error.to_string().contains("STATUS_ACCESS_DENIED"), "{error}");
}
