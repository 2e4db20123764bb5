//! Control information: whatever the bytes, the parser stays inside of them, and what it understands can be built again.

use wsk_cmsg::{Control, Message, Messages, check, space};

/// Room for every message that is built here.
const ROOM: usize = 4096;

/// Reads the input as control information.
///
/// # Panics
/// The parser has left its buffer or a boundary, or a message that was built again is another.
pub fn cmsg(input: &[u8]) {
    let mut expected = 0;
    let mut good = true;
    for item in Messages::new(input) {
        assert!(good, "an item after a malformed one");
        let raw = match item {
            Ok(raw) => raw,
            Err(malformed) => {
                assert_eq!(malformed.offset, expected, "{malformed}");
                good = false;
                continue;
            }
        };
        assert_eq!(raw.offset, expected);
        assert!(raw.offset + wsk_cmsg::HEADER + raw.data.len() <= input.len());
        expected += space(raw.data.len());
        if let Ok(message) = raw.decode() {
            built_again(&message);
        }
    }
    let decodes = Messages::new(input).all(|item| item.is_ok_and(|raw| raw.decode().is_ok()));
    assert_eq!(check(input).is_ok(), good && decodes);
}

/// A message that was understood is the same after it was built and read.
fn built_again(message: &Message<'_>) {
    let mut control = Control::<ROOM>::new();
    if control.push(message).is_err() {
        return;
    }
    let mut read = control.messages();
    let first = read.next().map(|raw| raw.and_then(|raw| raw.decode()));
    assert_eq!(first, Some(Ok(*message)));
    assert!(read.next().is_none());
}
