//! The tables of the page.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::report::{Growth, Ratio, Report, Row, Table};
use super::share::{self, Shares};

/// The names that `wskctl bench` has for the device's ways, and for a single call of the system.
const DEVICE: &str = "wskdrv";
const DRAIN: &str = "wskdrv, drain";
const SINGLE: &str = "std::net";

/// So much pool an idle socket may take, in bytes.
const POOL: u64 = 4096;
/// So many times as long an operation may take with the most sockets.
const GROWN: f64 = 1.2;
/// So much of the throughput of the system's call for several, and so many times that of its single calls.
const OF_SEVERAL: f64 = 0.9;
const OF_SINGLE: f64 = 2.0;

pub(super) fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut text = format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(head.len()));
    for row in rows {
        writeln!(text, "| {} |", row.join(" | ")).expect("a String takes all");
    }
    text
}

fn shown(ratio: &Ratio) -> String {
    format!("{:.2} ({:.2} to {:.2})", ratio.median, ratio.low, ratio.high)
}

/// What was measured, and how.
pub(super) fn run(report: &Report) -> String {
    let Report { device, system, plan, notes, .. } = report;
    let mut text =
        format!("The driver {device}, on {system}; {} rounds of {} calls.\n", plan.rounds, plan.calls);
    for note in notes {
        writeln!(text, "Not measured: {note}.").expect("a String takes all");
    }
    text
}

/// So many nanoseconds of a control request the driver may take, with the crates that it is made of.
const OWN: f64 = 500.0;

/// What was to be reached, and what was.
pub(super) fn targets(report: &Report, shares: &Shares) -> String {
    let mut rows = Vec::new();
    for (request, share) in share::of_driver(shares) {
        let Some(row) = report.row("a control request", request, 1) else { continue };
        let own = share * row.nanoseconds.p50;
        let what = format!("{request}: the driver, with `wsk`, `nt` and `wdf`, at most {OWN} ns of it");
        rows.push(vec![what, format!("{own:.0} ns ({:.1} % of it)", 100.0 * share), met(own <= OWN)]);
    }
    let ways = [
        ("send 1200 bytes", DEVICE, "sendmmsg"),
        ("receive 1200 bytes", DEVICE, "recvmmsg"),
        ("receive 1200 bytes", DRAIN, "recvmmsg"),
    ];
    for (table, way, several) in ways {
        for together in [4, 16, 64] {
            let Some(row) = report.row(table, way, together) else { continue };
            let against = [(format!("{several} x {together}"), OF_SEVERAL), (SINGLE.to_owned(), OF_SINGLE)];
            for (other, least) in against {
                let Some(ratio) = row.ratio(&other) else { continue };
                let (figure, low, high) = (1.0 / ratio.median, 1.0 / ratio.high, 1.0 / ratio.low);
                rows.push(vec![
                    format!("{table}, {way} x {together}: at least {least} of the throughput of `{other}`"),
                    format!("{figure:.2} ({low:.2} to {high:.2})"),
                    met(figure >= least),
                ]);
            }
        }
    }
    for growth in report.growth.iter().filter(|growth| growth.of == "sockets") {
        let Some(last) = growth.steps.last() else { continue };
        if let Some(bytes) = last.pool_bytes_each {
            let what = format!("at most {POOL} bytes of pool for an idle socket (of {})", last.count);
            rows.push(vec![what, format!("{bytes}"), met(bytes <= POOL)]);
        }
        for operation in &last.operations {
            let what = format!(
                "{}, with {} sockets: at most {GROWN} times as long as with one",
                operation.to, last.count
            );
            rows.push(vec![what, shown(operation), met(operation.median <= GROWN)]);
        }
    }
    table(&["target", "measured", ""], rows)
}

fn met(is: bool) -> String {
    if is { "met" } else { "**missed**" }.to_owned()
}

/// The tables of a group, as ratios.
pub(super) fn group(report: &Report, group: &str) -> String {
    let tables = report.tables.iter().filter(|table| table.group == group);
    tables.map(side_by_side).collect::<Vec<_>>().join("\n")
}

/// What a table compares with: the ways in their order, by their names without how many go together.
fn others(table: &Table) -> Vec<&str> {
    let ratios = || table.rows.iter().flat_map(|row| &row.ratios);
    let mut others: Vec<&str> = Vec::new();
    for row in &table.rows {
        if !others.contains(&&*row.way) && ratios().any(|ratio| ratio.way() == row.way) {
            others.push(&row.way);
        }
    }
    others
}

fn side_by_side(one: &Table) -> String {
    let others = others(one);
    let heads: Vec<String> = others.iter().map(|other| format!("times `{other}`")).collect();
    let head =
        ["way"].into_iter().chain(heads.iter().map(String::as_str)).chain(["p99 / p50", "p99.9 / p50"]);
    let row = |row: &Row| {
        let ratio = |other: &&str| {
            row.ratios.iter().find(|ratio| ratio.way() == *other).map(shown).unwrap_or_default()
        };
        let tail = |time: f64| format!("{:.1}", time / row.nanoseconds.p50);
        let cells = [row.name()].into_iter().chain(others.iter().map(ratio));
        cells.chain([tail(row.nanoseconds.p99), tail(row.nanoseconds.p999)]).collect()
    };
    format!("**{}**\n\n{}", one.name, table(&head.collect::<Vec<_>>(), one.rows.iter().map(row)))
}

pub(super) fn growth(report: &Report) -> String {
    report.growth.iter().map(grown).collect::<Vec<_>>().join("\n")
}

fn grown(growth: &Growth) -> String {
    let operations = growth.steps.first().map(|step| &step.operations[..]).unwrap_or_default();
    let head: Vec<&str> =
        ["how many", "bytes of pool each"].into_iter().chain(operations.iter().map(|one| &*one.to)).collect();
    let rows = growth.steps.iter().map(|step| {
        let pool = step.pool_bytes_each.map(|bytes| bytes.to_string()).unwrap_or_default();
        [step.count.to_string(), pool].into_iter().chain(step.operations.iter().map(shown)).collect()
    });
    format!("**{}**\n\n{}", growth.of, table(&head, rows))
}

/// The driver unloaded, for each socket against the first step with a hundred or more.
pub(super) fn unload(report: &Report) -> String {
    let each = |time: f64, sockets: u32| time / f64::from(sockets.max(1));
    let base = report.unloads.iter().find(|one| one.sockets >= 100).or(report.unloads.last());
    let rows = report.unloads.iter().map(|one| {
        let over = |time: f64, base: f64| format!("{:.2}", time / base);
        let (kill, unload) = base.map_or((1.0, 1.0), |base| (each(base.kill, base.sockets), base.unload));
        vec![one.sockets.to_string(), over(each(one.kill, one.sockets), kill), over(one.unload, unload)]
    });
    let at = base.map(|base| base.sockets).unwrap_or_default();
    let kill = format!("kill of their process, for each, against {at}");
    let unload = format!("unload, against {at}");
    table(&["sockets open", &kill, &unload], rows)
}

/// The instructions of a request, and how many more than the same in C's manner.
pub(super) fn instructions(counts: &BTreeMap<(String, String), f64>) -> String {
    let of = |request: &str, way: &str| counts.get(&(request.to_owned(), way.to_owned()));
    let rows = counts.iter().map(|((request, way), count)| {
        let more = |other: &str| {
            of(request, other).map(|other| format!("{:+.0}", count - other)).unwrap_or_default()
        };
        // What is in flight with others is compared with what is.
        let reused = match way.as_str() {
            way if way.contains("64, later") => "reused, 64, later",
            way if way.contains("64") => "reused, 64",
            _ => "reused",
        };
        vec![request.clone(), way.clone(), format!("{count:.0}"), more("as documented"), more(reused)]
    });
    let head = ["request", "way", "instructions", "over the documented sequence", "over C with a reused IRP"];
    table(&head, rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Change = fn(&mut serde_json::Value);

    fn report(change: impl FnOnce(&mut serde_json::Value)) -> anyhow::Result<Report> {
        let latency = serde_json::json!({ "p50": 1000, "p99": 2000, "p999": 9000 });
        let mut document = serde_json::json!({
            "format": 1, "device": "hosted", "system": "linux", "optimized": true,
            "plan": { "rounds": 2, "calls": 3 },
            "tables": [{ "group": "datagrams", "name": "send 1200 bytes", "rows": [
                { "way": "std::net", "together": 1, "nanoseconds": latency, "ratios": [] },
                { "way": "sendmmsg", "together": 16, "nanoseconds": latency,
                    "ratios": [{ "to": "std::net", "median": 0.5, "low": 0.4, "high": 0.6 }] },
                { "way": "wskdrv", "together": 16, "nanoseconds": latency, "ratios": [
                    { "to": "std::net", "median": 0.4, "low": 0.4, "high": 0.5 },
                    { "to": "sendmmsg x 16", "median": 1.25, "low": 1.0, "high": 2.0 },
                ] },
            ] }],
            "growth": [{ "of": "sockets", "steps": [
                { "count": 1, "pool_bytes_each": 5000, "operations": [] },
                { "count": 10, "pool_bytes_each": 4096,
                    "operations": [{ "to": "get", "median": 1.21, "low": 1.0, "high": 1.3 }] },
            ] }],
            "unloads": [{ "sockets": 100, "kill": 200, "unload": 10 }, { "sockets": 1000, "kill": 4000, "unload": 5 }],
            "notes": ["a b"], "interrupted": false,
        });
        change(&mut document);
        Report::parse(&document.to_string())
    }

    #[test]
    fn a_missed_target_is_told() {
        let table = targets(&report(|_| {}).unwrap(), &Shares::new());
        let rows: Vec<&str> = table.lines().skip(2).collect();
        assert_eq!(rows.len(), 4, "{table}");
        assert!(rows[0].ends_with("of `sendmmsg x 16` | 0.80 (0.50 to 1.00) | **missed** |"), "{table}");
        assert!(rows[1].ends_with("of `std::net` | 2.50 (2.00 to 2.50) | met |"), "{table}");
        assert!(rows[2].ends_with("(of 10) | 4096 | met |"), "{table}");
        assert!(rows[3].ends_with("| 1.21 (1.00 to 1.30) | **missed** |"), "{table}");
    }

    #[test]
    fn a_way_is_beside_those_that_it_is_compared_with() {
        let table = group(&report(|_| {}).unwrap(), "datagrams");
        assert!(
            table.contains("| way | times `std::net` | times `sendmmsg` | p99 / p50 | p99.9 / p50 |"),
            "{table}"
        );
        assert!(
            table.contains("| wskdrv x 16 | 0.40 (0.40 to 0.50) | 1.25 (1.00 to 2.00) | 2.0 | 9.0 |"),
            "{table}"
        );
        assert_eq!(group(&report(|_| {}).unwrap(), "open"), "");
        let table = unload(&report(|_| {}).unwrap());
        assert!(table.contains("| 1000 | 2.00 | 0.50 |"), "{table}");
    }

    #[test]
    fn what_is_not_all_of_a_run_is_refused() {
        let refused: [(&str, Change); 4] = [
            ("measure anew", |report| report["format"] = 2.into()),
            ("without optimisation", |report| report["optimized"] = false.into()),
            ("interrupted", |report| report["interrupted"] = true.into()),
            ("not all groups", |report| report["growth"] = serde_json::json!([])),
        ];
        for (what, change) in refused {
            let error = report(change).unwrap_err().to_string();
            assert!(error.contains(what), "{what}: {error}");
        }
        assert!(Report::parse("{}").is_err());
    }

    #[test]
    fn instructions_are_over_the_same_in_flight() {
        let case = |way: &str, count: f64| (("set".to_owned(), way.to_owned()), count);
        let counts = [
            case("as documented", 10.0),
            case("reused", 8.0),
            case("reused, 64", 5.0),
            case("queue of 64", 25.4),
        ];
        let table = instructions(&counts.into_iter().collect());
        assert!(table.contains("| set | queue of 64 | 25 | +15 | +20 |"), "{table}");
        assert!(table.contains("| set | as documented | 10 | +0 | +2 |"), "{table}");
    }
}
