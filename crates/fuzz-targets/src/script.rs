//! Scripts of `wskctl`, and the other texts that a user writes: no text is a panic. And the values of options, as it shows them.

use netio::Completion;
use readings::Readings;
use wsk_requests::{ROWS, ValueKind};
use wskctl::rows::{Request, Value};

/// Reads the input as a script, and its first line as a profile of readings and as a completion mode.
///
/// # Panics
/// A line that was read is none of the script's, or a text or a value that was written cannot be read as the same.
pub fn script(input: &[u8]) {
    values(input);
    let Ok(text) = wskctl::script::decode(input) else { return };
    if let Ok(lines) = wskctl::script::parse(&text) {
        let written: Vec<&str> = text.lines().collect();
        for line in lines {
            let own = line.number.checked_sub(1).and_then(|index| written.get(index));
            assert_eq!(own.map(|own| own.trim()), Some(line.text.as_str()));
        }
    }
    let first = text.lines().next().unwrap_or_default();
    if let Ok(readings) = first.parse::<Readings>() {
        assert_eq!(readings.to_string().parse(), Ok(readings));
    }
    if let Ok(completion) = first.parse::<Completion>() {
        assert_eq!(completion.to_string().parse(), Ok(completion));
    }
}

/// Values of options: what is understood is the same when it was written again.
fn values(input: &[u8]) {
    let Some((which, bytes)) = input.split_first() else { return };
    let row = &ROWS[usize::from(*which) % ROWS.len()];
    let Some(request) = named(row.name) else { return };
    let Ok(value) = Value::decode(&request, bytes) else { return };
    let again = value.encode();
    // The index of an interface goes out in another order of bytes than it comes in.
    if !matches!(row.value, ValueKind::NetworkIndex | ValueKind::MulticastInterface) {
        assert_eq!(Value::decode(&request, &again), Ok(value), "{}", row.name);
    }
}

/// The request of that name, as `wskctl` finds it.
fn named(name: &str) -> Option<Request> {
    wskctl::rows::option(name).or_else(|_| wskctl::rows::ioctl(name)).ok()
}
