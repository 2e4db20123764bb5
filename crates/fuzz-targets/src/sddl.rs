//! Descriptors from text: what is written can be read, and its text is the same again.

use wsk_descriptor::Descriptor;
use wsk_descriptor::sddl::encode;

use crate::descriptor::same_access;

/// Room for all but the longest texts.
const ROOM: usize = 1024;

/// Reads the input as SDDL.
///
/// # Panics
/// What was written cannot be read, needs more room than it takes, or is another when its own text is written.
pub fn sddl(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let mut written = [0xA5; ROOM];
    let Ok(length) = encode(text, &mut written) else { return };
    assert!(written[length..].iter().all(|byte| *byte == 0xA5), "more is written than was told");
    let written = &written[..length];
    let mut exact = vec![0; length];
    assert_eq!(encode(text, &mut exact), Ok(length), "the room that it takes is enough");
    assert_eq!(exact, written, "what was in the room before is not seen");
    assert!(encode(text, &mut exact[..length - 1]).is_err(), "less room is too little");
    let read = Descriptor::parse(written).expect("what was written can be read");
    let own = read.to_string();
    let mut again = [0; ROOM];
    let length = encode(&own, &mut again).expect("the text of a descriptor from text can be written");
    let again = Descriptor::parse(&again[..length]).expect("and read");
    assert_eq!(again.to_string(), own);
    same_access(&read, &again);
}
