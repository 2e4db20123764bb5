//! How a test ends, and the comparisons that end it.
//!
//! A test that finds something wrong returns a [`Failure`]; it does not panic, because the released program aborts
//! on a panic and the tests after it would not run. `?` makes a failure of every error of this library and of `std::io`.

use std::fmt::{Debug, Display};
use std::io;
use std::panic::Location;
use std::thread;
use std::time::{Duration, Instant};

use wsk_sys::NTSTATUS;

use super::patience;
use crate::device::{OpenError, Refused};
use crate::error::Error;

/// How a test ends.
pub type Outcome<T = ()> = Result<T, Failure>;

/// Long enough for anything that will happen, short enough to notice what will not.
pub const SOON: Duration = Duration::from_secs(20);

/// Why a test has not passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Something is not as it must be.
    Unmet {
        /// What was expected, and what came.
        what: String,
        /// Where in the source it was looked at.
        place: &'static Location<'static>,
    },
    /// The test cannot be run here, for this reason: it has neither passed nor failed.
    NotApplicable(String),
}

impl Failure {
    /// A failure that is told in one sentence.
    #[must_use]
    #[track_caller]
    pub fn new(what: impl Into<String>) -> Failure {
        Self::Unmet { what: what.into(), place: Location::caller() }
    }

    /// The same failure, with what was being done in front.
    #[must_use]
    pub fn while_doing(self, doing: impl Display) -> Failure {
        match self {
            Self::Unmet { what, place } => Self::Unmet { what: format!("{doing}: {what}"), place },
            Self::NotApplicable(reason) => Self::NotApplicable(reason),
        }
    }
}

impl From<Error> for Failure {
    #[track_caller]
    fn from(error: Error) -> Failure {
        Self::new(error.to_string())
    }
}

impl From<Refused> for Failure {
    #[track_caller]
    fn from(refused: Refused) -> Failure {
        Self::new(refused.to_string())
    }
}

impl From<OpenError> for Failure {
    #[track_caller]
    fn from(error: OpenError) -> Failure {
        Self::new(error.to_string())
    }
}

impl From<io::Error> for Failure {
    #[track_caller]
    fn from(error: io::Error) -> Failure {
        Self::new(format!("outside the driver: {error}"))
    }
}

/// That `condition` holds; `what` is the sentence that it stands for.
///
/// # Errors
///
/// It does not.
#[track_caller]
pub(super) fn holds(condition: bool, what: impl Display) -> Outcome {
    if condition { Ok(()) } else { Err(Failure::new(format!("expected: {what}"))) }
}

/// That something is as expected.
///
/// # Errors
///
/// It is not.
#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "so that values and references are written the same way")]
pub(super) fn equal<F: PartialEq<E> + Debug, E: Debug>(found: F, expected: E, what: impl Display) -> Outcome {
    if found == expected {
        return Ok(());
    }
    Err(Failure::new(format!("{what}: expected {expected:?}, found {found:?}")))
}

/// That a request ended with a status.
///
/// # Errors
///
/// It ended with another.
#[track_caller]
pub(super) fn status_is(found: NTSTATUS, expected: NTSTATUS, what: impl Display) -> Outcome {
    status_among(found, &[expected], what)
}

/// That a request ended with one of several statuses.
///
/// # Errors
///
/// It ended with another.
#[track_caller]
pub(super) fn status_among(found: NTSTATUS, expected: &[NTSTATUS], what: impl Display) -> Outcome {
    if expected.contains(&found) {
        return Ok(());
    }
    Err(Failure::new(format!("{what}: expected {}, found {}", names(expected), name(found))))
}

/// That a request was refused with a status.
///
/// # Errors
///
/// It was done, or ended otherwise.
#[track_caller]
pub(super) fn refused<T>(result: Result<T, Error>, expected: NTSTATUS, what: impl Display) -> Outcome {
    refused_with(result, &[expected], what)
}

/// That a request was refused with one of several statuses.
///
/// # Errors
///
/// It was done, or ended otherwise.
#[track_caller]
pub(super) fn refused_with<T>(
    result: Result<T, Error>,
    expected: &[NTSTATUS],
    what: impl Display,
) -> Outcome {
    let Err(found) = result else {
        return Err(Failure::new(format!("{what}: expected {}, but it was done", names(expected))));
    };
    match found.status() {
        Some(status) => status_among(status, expected, what),
        None => Err(Failure::new(format!("{what}: expected {}, but {found}", names(expected)))),
    }
}

/// That a request ended as one of several readings has it: done, or refused with its status. Tells whether it was done.
///
/// # Errors
///
/// It ended otherwise.
#[track_caller]
pub(super) fn ends_as<T>(
    result: Result<T, Error>,
    expected: impl IntoIterator<Item = Result<(), NTSTATUS>>,
    what: impl Display,
) -> Outcome<bool> {
    let found = match &result {
        Ok(_) => Ok(()),
        Err(error) => Err(error.status()),
    };
    let expected: Vec<_> = expected.into_iter().collect();
    if expected.iter().any(|one| one.map_err(Some) == found) {
        return Ok(result.is_ok());
    }
    let show = |one: &Result<(), NTSTATUS>| one.map_or_else(name, |()| "success".to_owned());
    let expected: Vec<_> = expected.iter().map(show).collect();
    let found = result.err().map_or_else(|| "success".to_owned(), |error| error.to_string());
    Err(Failure::new(format!("{what}: expected {}, found {found}", expected.join(" or "))))
}

/// Looks again and again until `look` succeeds; see [`SOON`].
///
/// # Errors
///
/// What was found last.
pub(super) fn eventually(mut look: impl FnMut() -> Outcome) -> Outcome {
    let began = Instant::now();
    let end = began + SOON;
    loop {
        match look() {
            Err(failure) if Instant::now() >= end || patience::is_over() => {
                return Err(failure.while_doing(format_args!("still so after {:?}", began.elapsed())));
            }
            Err(Failure::Unmet { .. }) => thread::sleep(Duration::from_millis(2)),
            done => return done,
        }
    }
}

/// Several statuses, of which one is expected.
fn names(statuses: &[NTSTATUS]) -> String {
    statuses.iter().map(|status| name(*status)).collect::<Vec<_>>().join(" or ")
}

/// A status as people write it.
fn name(status: NTSTATUS) -> String {
    let status = Refused::new(status, 0);
    let (name, number) = (status.name(), status.number());
    if name == number { number } else { format!("{name} ({number})") }
}
