//! Security descriptors: whatever the bytes, the reader stays inside of them; what it reads is the same as its own text.

use wsk_descriptor::Descriptor;
use wsk_descriptor::sddl::encode;

/// Reads the input as a self-relative security descriptor.
///
/// # Panics
/// The descriptor is longer than the input, is another when its own bytes are read, or grants something else than its text.
pub fn descriptor(input: &[u8]) {
    let Ok(read) = Descriptor::parse(input) else { return };
    let own = read.as_bytes();
    assert!(own.len() <= input.len());
    let again = Descriptor::parse(own).expect("the bytes of a descriptor are one");
    assert_eq!(again.as_bytes(), own);
    let text = read.to_string();
    assert_eq!(again.to_string(), text);
    let mut written = vec![0; own.len() + 64];
    // Its text may have what the language lacks, such as a trustee without a name, or a null list.
    let Ok(length) = encode(&text, &mut written) else { return };
    let of_text = Descriptor::parse(&written[..length]).expect("what was written can be read");
    assert_eq!(of_text.to_string(), text);
    same_access(&read, &of_text);
}

/// Each right is granted by both or by neither, to nobody in particular, to everybody, and to those with a short identifier.
pub(crate) fn same_access(one: &Descriptor<'_>, other: &Descriptor<'_>) {
    for access in (0..32).map(|bit| 1 << bit).chain([0, u32::MAX]) {
        for least in [0, 13, usize::MAX] {
            let grants =
                |descriptor: &Descriptor<'_>| descriptor.grants(access, |sid| sid.as_bytes().len() < least);
            assert_eq!(grants(one), grants(other), "{access:#x}, for identifiers below {least} bytes");
        }
    }
}
