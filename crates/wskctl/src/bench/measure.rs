//! Ways to do the same, measured by turns: what disturbs the machine meanwhile disturbs all of them.

use std::time::Instant;

use hdrhistogram::Histogram;

use super::report::{self, Latency, Ratio, Row, Table};
use super::{Bench, Error};

/// Three digits of a time are kept.
const DIGITS: u8 = 3;
/// Which calls in a thousand are told, for a drawing.
const DISTRIBUTION: [u32; 15] = [1, 50, 100, 250, 500, 600, 700, 750, 800, 900, 950, 980, 990, 995, 999];

type Act<'c> = Box<dyn FnMut() -> Result<(), Error> + 'c>;

/// One way to do it.
pub(super) struct Case<'c> {
    way: &'static str,
    together: u32,
    prepare: Act<'c>,
    call: Act<'c>,
    finish: Act<'c>,
}

impl<'c> Case<'c> {
    /// A call that is timed.
    pub(super) fn new<T, E: Into<Error>>(
        way: &'static str,
        mut call: impl FnMut() -> Result<T, E> + 'c,
    ) -> Case<'c> {
        let call = Box::new(move || call().map(drop).map_err(Into::into));
        Case { way, together: 1, prepare: Box::new(|| Ok(())), call, finish: Box::new(|| Ok(())) }
    }

    /// The call does so many at once.
    pub(super) fn together(self, together: usize) -> Case<'c> {
        Case { together: u32::try_from(together).unwrap_or(u32::MAX), ..self }
    }

    /// What has to be done before each call, and is not timed.
    pub(super) fn after(self, prepare: impl FnMut() -> Result<(), Error> + 'c) -> Case<'c> {
        Case { prepare: Box::new(prepare), ..self }
    }

    /// What has to be done after each call, and is not timed.
    pub(super) fn then(self, finish: impl FnMut() -> Result<(), Error> + 'c) -> Case<'c> {
        Case { finish: Box::new(finish), ..self }
    }

    /// Does it once, and tells how many nanoseconds that took.
    fn once(&mut self) -> Result<u64, Error> {
        (self.prepare)()?;
        let start = Instant::now();
        (self.call)()?;
        let time = start.elapsed();
        (self.finish)()?;
        Ok(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
    }
}

/// What was taken of a case.
struct Taken {
    calls: Histogram<u64>,
    /// Of each round, the median time for one of what is done.
    rounds: Vec<f64>,
}

/// Measures the cases by turns, as many rounds and calls as the plan has; `to` names the ways that the others are compared with.
///
/// # Errors
///
/// A case's error; that of an interrupt.
pub(super) fn by_turns(
    bench: &Bench,
    name: &str,
    to: &[&str],
    cases: &mut [Case<'_>],
) -> Result<Table, Error> {
    // What a first call sets up is not measured.
    for case in &mut *cases {
        case.once()?;
    }
    let mut taken: Vec<Taken> = cases.iter().map(|_| Taken::new()).collect();
    for round in 0..bench.plan.rounds {
        bench.measuring(name);
        // Each of them comes first in its turn.
        for at in 0..cases.len() {
            let index = (round + at) % cases.len();
            bench.unless_interrupted()?;
            taken[index].round(&mut cases[index], bench.plan.calls)?;
        }
    }
    let rows = cases.iter().zip(&taken).map(|(case, own)| {
        let others = to.iter().filter_map(|way| baseline(cases, way, case)).filter(|other| !is(case, other));
        let ratios = others.map(|other| {
            let index = cases.iter().position(|case| is(case, other)).unwrap_or_default();
            ratio(report::name(other.way, other.together), &own.rounds, &taken[index].rounds)
        });
        Row { ratios: ratios.collect(), ..own.row(case) }
    });
    Ok(Table { group: String::new(), name: name.to_owned(), rows: rows.collect() })
}

fn is(one: &Case<'_>, other: &Case<'_>) -> bool {
    (one.way, one.together) == (other.way, other.together)
}

/// The case of that way which does as many together as this one; else one of that way.
fn baseline<'a, 'c>(cases: &'a [Case<'c>], way: &str, case: &Case<'c>) -> Option<&'a Case<'c>> {
    let of_way = || cases.iter().filter(|other| other.way == way);
    of_way().find(|other| other.together == case.together).or_else(|| of_way().find(|one| one.together == 1))
}

impl Taken {
    fn new() -> Taken {
        // Three digits are a number that it takes.
        let calls = Histogram::new(DIGITS).unwrap_or_else(|_| unreachable!("it takes up to five digits"));
        Taken { calls, rounds: Vec::new() }
    }

    fn round(&mut self, case: &mut Case<'_>, calls: usize) -> Result<(), Error> {
        let mut times = (0..calls).map(|_| case.once()).collect::<Result<Vec<u64>, _>>()?;
        for time in &times {
            // It grows to take whatever comes.
            let _ = self.calls.record((*time).max(1));
        }
        times.sort_unstable();
        let median = times.get(times.len() / 2).copied().unwrap_or_default();
        self.rounds.push(decimal(median.max(1)) / f64::from(case.together));
        Ok(())
    }

    fn row(&self, case: &Case<'_>) -> Row {
        let at = |thousandths: u32| self.calls.value_at_quantile(f64::from(thousandths) / 1000.0);
        let nanoseconds = Latency {
            p50: at(500),
            p99: at(990),
            p999: at(999),
            max: self.calls.max(),
            distribution: DISTRIBUTION.iter().map(|part| (*part, at(*part))).collect(),
        };
        Row {
            way: case.way.to_owned(),
            together: case.together,
            calls: self.calls.len(),
            per_second: (f64::from(case.together) * 1e9 / decimal(nanoseconds.p50)).round(),
            nanoseconds,
            ratios: Vec::new(),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a time, of which three digits are kept")]
fn decimal(number: u64) -> f64 {
    number as f64
}

/// The ratios of two cases, round by round.
fn ratio(to: String, own: &[f64], other: &[f64]) -> Ratio {
    let mut ratios: Vec<f64> = own.iter().zip(other).map(|(own, other)| own / other).collect();
    ratios.sort_unstable_by(f64::total_cmp);
    let at = |tenths: usize| ratios.get((ratios.len().max(1) - 1) * tenths / 10).copied().unwrap_or_default();
    Ratio { to, median: rounded(at(5)), low: rounded(at(1)), high: rounded(at(9)) }
}

/// To three digits behind the point.
pub(super) fn rounded(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn ratios_are_taken_round_by_round() {
        let ratio = ratio("other".to_owned(), &[20.0, 200.0, 6.0], &[10.0, 100.0, 2.0]);
        assert_eq!(ratio.to_string(), "2.00 (2.00 to 2.00)");
        assert_eq!(super::ratio(String::new(), &[9.0], &[3.0]).to_string(), "3.00 (3.00 to 3.00)");
    }

    #[test]
    fn cases_take_turns_and_what_is_prepared_is_not_timed() {
        let bench = Bench::of_test(3, 2);
        let order = RefCell::new(Vec::new());
        let note = |what| order.borrow_mut().push(what);
        let ok = || Ok::<(), Error>(());
        let mut cases = [
            Case::new("a", || ok().inspect(|()| note("a"))).together(4).after(|| {
                note("-");
                std::thread::sleep(std::time::Duration::from_millis(20));
                Ok(())
            }),
            Case::new("b", || ok().inspect(|()| note("b"))).together(4),
        ];
        let table = by_turns(&bench, "test", &["b"], &mut cases).unwrap();
        drop(cases);
        let order: String = order.into_inner().concat();
        assert_eq!(order, "-ab".to_owned() + "-a-abb" + "bb-a-a" + "-a-abb");
        assert!(table.rows[0].nanoseconds.max < 20_000_000, "{table:?}");
        assert_eq!(table.rows.iter().map(|row| row.calls).collect::<Vec<_>>(), [6, 6]);
        assert_eq!(table.rows[0].ratios[0].to, "b x 4");
        assert!(table.rows[1].ratios.is_empty(), "a way is not compared with itself");
    }

    #[test]
    fn a_long_call_is_as_long_as_it_was() {
        let bench = Bench::of_test(1, 3);
        let long = std::time::Duration::from_millis(3);
        let mut cases = [Case::new("a", || {
            std::thread::sleep(long);
            Ok::<(), Error>(())
        })];
        let table = by_turns(&bench, "test", &[], &mut cases).unwrap();
        let times = &table.rows[0].nanoseconds;
        // Three digits of it are kept.
        assert!(times.distribution.iter().all(|(_, time)| *time >= 2_990_000), "{times:?}");
        assert!(times.p50 >= 2_990_000 && times.max >= times.p50, "{times:?}");
        assert!(table.rows[0].per_second < 340.0, "{table:?}");
    }

    #[test]
    fn an_error_ends_it() {
        let bench = Bench::of_test(1, 1);
        let mut cases = [Case::new("a", || Err::<(), _>(std::io::Error::other("no network")))];
        let error = by_turns(&bench, "test", &[], &mut cases).unwrap_err();
        assert!(error.to_string().contains("no network"), "{error}");
        bench.interrupt.raise();
        let mut cases = [Case::new("a", || Ok::<(), Error>(()))];
        assert!(matches!(by_turns(&bench, "test", &[], &mut cases), Err(Error::Interrupted)));
    }
}
