//! Descriptors: written from text, read from any bytes, checked against accesses, copied out of memory.
#![allow(unsafe_code, reason = "copies a descriptor out of memory")]

use std::ptr::NonNull;

use proptest::prelude::*;
use wsk_descriptor::sddl::{SddlError, encode};
use wsk_descriptor::{
    Access, Dacl, Descriptor, FILE_READ_DATA, FILE_WRITE_DATA, Malformed, Sid, copy, map_generic,
};

fn bytes(sddl: &str) -> Vec<u8> {
    let mut bytes = vec![0xAA; 1024];
    let size = encode(sddl, &mut bytes).expect(sddl);
    bytes.truncate(size);
    bytes
}

#[test]
fn a_descriptor_is_laid_out_as_windows_has_it() {
    let expected = [
        &[1, 0, 0x04, 0x90][..],
        &[20, 0, 0, 0],
        &[0; 4],
        &[0; 4],
        &[32, 0, 0, 0],
        // The owner: S-1-5-18.
        &[1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0],
        // The list, with one entry.
        &[2, 0, 28, 0, 1, 0, 0, 0],
        &[0, 0, 20, 0, 0, 0, 0, 0x10, 1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0],
    ];
    assert_eq!(bytes("O:SYD:P(A;;GA;;;WD)"), expected.concat());
}

#[test]
fn text_survives_the_way_through_bytes() {
    for text in [
        "D:",
        "D:P",
        "D:NO_ACCESS_CONTROL",
        "O:SYG:BAD:P(A;;0x1f01ff;;;SY)(D;;0x3;;;S-1-5-21-1-2-3-1000)(A;;0x120089;;;WD)",
        "G:BUD:(A;;0x1;;;AN)",
    ] {
        let bytes = bytes(text);
        let descriptor = Descriptor::parse(&bytes).expect(text);
        assert_eq!(descriptor.to_string(), text);
        assert_eq!(descriptor.as_bytes(), bytes);
    }
    assert_eq!(Descriptor::parse(&bytes("")).unwrap().to_string(), "D:NO_ACCESS_CONTROL");
}

#[test]
fn text_that_is_not_understood_is_refused() {
    for (text, error) in [
        ("P(A;;GA;;;SY)", SddlError::Syntax),
        ("G:SYO:SY", SddlError::Syntax),
        ("O:", SddlError::Trustee),
        ("O:XXD:", SddlError::Trustee),
        ("D:PAI(A;;GA;;;SY)", SddlError::Entry),
        ("D:(A;OI;GA;;;SY)", SddlError::Entry),
        ("D:(OA;;GA;;;SY)", SddlError::Entry),
        ("D:(A;;GA;;;SY", SddlError::Entry),
        ("D:(A;;GA;;;SY)x", SddlError::Entry),
        ("D:(A;;GA;;;SY;)", SddlError::Entry),
        ("D:(A;;;;;SY)", SddlError::Rights),
        ("D:(A;;G;;;SY)", SddlError::Rights),
        ("D:(A;;0x+1;;;SY)", SddlError::Rights),
        ("D:(A;;0x1ffffffff;;;SY)", SddlError::Rights),
        ("D:(A;;GA;;;everyone)", SddlError::Trustee),
    ] {
        assert_eq!(encode(text, &mut [0; 512]), Err(error), "{text}");
    }
    for room in 0..60 {
        assert_eq!(encode("O:SYD:P(A;;GA;;;WD)", &mut vec![0; room]), Err(SddlError::Room), "{room}");
    }
}

#[test]
fn rights_have_letters() {
    for (rights, mask) in [
        ("GA", "0x1f01ff"),
        ("GR", "0x120089"),
        ("GW", "0x120116"),
        ("GX", "0x1200a0"),
        ("FA", "0x1f01ff"),
        ("FR", "0x120089"),
        ("FW", "0x120116"),
        ("FX", "0x1200a0"),
        ("SD", "0x10000"),
        ("RC", "0x20000"),
        ("WD", "0x40000"),
        ("WO", "0x80000"),
        // They have bits in common.
        ("FRFW", "0x12019f"),
        ("GRGWGX", "0x1201bf"),
        ("0x3", "0x3"),
    ] {
        let bytes = bytes(&format!("D:(A;;{rights};;;SY)"));
        assert_eq!(Descriptor::parse(&bytes).unwrap().to_string(), format!("D:(A;;{mask};;;SY)"), "{rights}");
    }
    assert_eq!(map_generic(0xF000_0000 | 1 << 20), 0x001F_01FF);
    assert_eq!(map_generic(0x0F00_0000), 0x0F00_0000, "no generic right");
}

#[test]
fn identifiers_may_be_as_large_as_they_can_be() {
    let most = "S-1-281474976710655".to_owned() + &"-4294967295".repeat(15);
    let text = format!("O:{most}D:(A;;0x1;;;S-1-256-1)");
    let bytes = bytes(&text);
    assert_eq!(Descriptor::parse(&bytes).unwrap().to_string(), text);
    assert_eq!(encode(&format!("O:{most}-1"), &mut [0; 512]), Err(SddlError::Trustee), "one more");
}

#[test]
fn errors_say_what_to_mend() {
    for (bytes, message) in [
        (&[1][..], "the descriptor is cut"),
        (&[0; 20], "the descriptor's revision is not 1"),
        (&[[1].as_slice(), &[0; 19]].concat(), "the descriptor is not self-relative"),
    ] {
        assert_eq!(Descriptor::parse(bytes).unwrap_err().to_string(), message);
    }
    for (text, message) in [
        ("P", "write it as D:P(A;;GA;;;SY)(A;;GA;;;BA), with O:.. and G:.. in front if need be"),
        ("D:x", "an entry is written as (A;;GA;;;BA) to allow or (D;;GA;;;BA) to deny"),
        ("O:x", "a trustee is two letters, such as SY, BA or WD, or S-1-..."),
    ] {
        assert_eq!(encode(text, &mut [0; 512]).unwrap_err().to_string(), message);
    }
}

fn grants(sddl: &str, access: u32, sids: &[Sid<'_>]) -> bool {
    Descriptor::parse(&bytes(sddl)).unwrap().grants(access, |sid| sids.contains(&sid))
}

#[test]
fn entries_count_in_their_order() {
    const BOTH: u32 = FILE_READ_DATA | FILE_WRITE_DATA;
    let user = [Sid::USERS, Sid::EVERYONE];
    assert!(grants("D:(A;;GA;;;WD)", BOTH, &user));
    assert!(grants("D:(A;;0x1;;;WD)(A;;0x2;;;BU)", BOTH, &user), "from two entries");
    assert!(!grants("D:(A;;0x1;;;WD)", BOTH, &user));
    assert!(!grants("D:(D;;GW;;;BU)(A;;GA;;;WD)", BOTH, &user));
    assert!(grants("D:(D;;GW;;;BU)(A;;GA;;;WD)", FILE_READ_DATA, &user));
    assert!(grants("D:(A;;GA;;;WD)(D;;GA;;;BU)", BOTH, &user), "allowed before it is denied");
    assert!(!grants("D:(A;;GA;;;SY)", FILE_READ_DATA, &user));
    assert!(!grants("D:", FILE_READ_DATA, &user), "an empty list allows nothing");
    assert!(grants("D:NO_ACCESS_CONTROL", BOTH, &[]), "no list denies nothing");
}

#[test]
fn an_entry_that_is_for_heirs_only_does_not_count() {
    let mut bytes = bytes("D:(A;;GA;;;WD)");
    // The flags of the first entry.
    bytes[20 + 8 + 1] = 8;
    let descriptor = Descriptor::parse(&bytes).unwrap();
    assert!(!descriptor.grants(1, |_| true));
    assert_eq!(descriptor.to_string(), "D:(A;IO;0x1f01ff;;;WD)", "nor is it shown as one that does");
    bytes[20 + 8 + 1] = 0xFF;
    assert_eq!(Descriptor::parse(&bytes).unwrap().to_string(), "D:(A;OICINPIOID;0x1f01ff;;;WD)");
}

#[test]
fn a_list_with_room_to_spare_is_part_of_the_descriptor() {
    let mut bytes = bytes("D:(A;;GA;;;WD)");
    bytes[20 + 2] += 8;
    assert_eq!(Descriptor::parse(&bytes).unwrap_err(), Malformed::Short);
    bytes.extend([0xFF; 8 + 3]);
    let descriptor = Descriptor::parse(&bytes).unwrap();
    assert_eq!(descriptor.as_bytes().len(), bytes.len() - 3);
    assert_eq!(descriptor.to_string(), "D:(A;;0x1f01ff;;;WD)");
}

#[test]
fn what_is_wrong_is_named() {
    let good = bytes("O:SYG:BAD:P(A;;GA;;;WD)");
    let with = |changes: &[(usize, u8)]| {
        let mut bytes = good.clone();
        for &(at, byte) in changes {
            bytes[at] = byte;
        }
        Descriptor::parse(&bytes).map(drop)
    };
    let list = usize::from(good[16]);
    for (changes, error) in [
        (&[(0, 2)][..], Malformed::Revision),
        (&[(1, 1)], Malformed::Revision),
        (&[(3, 0)], Malformed::Absolute),
        (&[(2, 0x14)], Malformed::Sacl),
        (&[(12, 20)], Malformed::Sacl),
        (&[(4, 19)], Malformed::Offset),
        (&[(4, 22)], Malformed::Offset),
        (&[(5, 1)], Malformed::Short),
        (&[(20, 9)], Malformed::Sid),
        (&[(2, 0)], Malformed::List),
        (&[(list, 3)], Malformed::List),
        (&[(list + 2, 4)], Malformed::List),
        (&[(list + 2, 6)], Malformed::List),
        (&[(list + 2, 27)], Malformed::List),
        (&[(list + 2, 200)], Malformed::Short),
        (&[(list + 4, 2)], Malformed::List),
        (&[(list + 8, 2)], Malformed::Entry),
        (&[(list + 10, 0)], Malformed::Entry),
        (&[(list + 10, 18)], Malformed::Entry),
        (&[(list + 17, 9)], Malformed::Entry),
    ] {
        assert_eq!(with(changes), Err(error), "{changes:?}");
    }
    // A second entry that has its head and nothing more is an entry that is wrong; one without that is none.
    for (room, error) in [(8, Malformed::Entry), (4, Malformed::List)] {
        let mut bytes = [&good[..], &[0, 0, 8, 0, 0, 0, 0, 0]].concat();
        bytes[list + 2] += room;
        bytes[list + 4] = 2;
        assert_eq!(Descriptor::parse(&bytes).unwrap_err(), error, "{room} bytes");
    }
    for cut in 0..good.len() {
        assert!(Descriptor::parse(&good[..cut]).is_err(), "cut to {cut}");
    }
    assert_eq!(Descriptor::parse(&[&good[..], &[7; 9]].concat()).unwrap().as_bytes(), good);
}

/// The absolute form.
#[repr(C)]
struct Absolute {
    revision: u8,
    zero: u8,
    control: u16,
    owner: *const u8,
    group: *const u8,
    sacl: *const u8,
    dacl: *const u8,
}

#[test]
fn both_forms_are_copied_out_of_memory() {
    let relative = bytes("O:SYG:BAD:P(A;;GA;;;WD)(D;;0x1;;;AN)");
    let mut to = [0; 256];
    // SAFETY: a good descriptor.
    let size = unsafe { copy(NonNull::from(&relative[..]).cast(), &mut to) }.unwrap();
    assert_eq!(to[..size], relative);
    // SAFETY: a good descriptor.
    let needed = unsafe { copy(NonNull::from(&relative[..]).cast(), &mut to[..3]) };
    assert_eq!(needed, Ok(size), "what does not fit is told");

    let dacl = &relative[usize::from(relative[16])..];
    let absolute = Absolute {
        revision: 1,
        zero: 0,
        control: 0x1004,
        owner: Sid::SYSTEM.as_bytes().as_ptr(),
        group: std::ptr::null(),
        sacl: std::ptr::null(),
        dacl: dacl.as_ptr(),
    };
    // SAFETY: an absolute descriptor, whose parts live.
    let size = unsafe { copy(NonNull::from(&absolute).cast(), &mut to) }.unwrap();
    let copied = Descriptor::parse(&to[..size]).unwrap();
    assert_eq!(copied.to_string(), "O:SYD:P(A;;0x1f01ff;;;WD)(D;;0x1;;;AN)");
    let Absolute { revision, zero, control, owner, group, sacl, dacl } = absolute;
    assert_eq!((revision, zero, control), (1, 0, 0x1004));
    assert!(group.is_null() && sacl.is_null() && !owner.is_null() && !dacl.is_null());
}

/// Under Miri few cases, and no file of those that failed: it opens none.
fn config() -> ProptestConfig {
    if cfg!(miri) {
        ProptestConfig { cases: 4, failure_persistence: None, ..ProptestConfig::default() }
    } else {
        ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_bytes_are_a_descriptor_or_not(noise: Vec<u8>, changes: Vec<(usize, u8)>) {
        let _ = Descriptor::parse(&noise);
        let mut bytes = bytes("O:SYG:BAD:P(A;;GA;;;WD)(D;;0x1;;;S-1-5-21-1-2-3)");
        let length = bytes.len();
        for (at, byte) in changes {
            bytes[at % length] = byte;
        }
        if let Ok(descriptor) = Descriptor::parse(&bytes) {
            if let Dacl::Entries(entries) = &descriptor.dacl {
                let _ = entries.clone().filter(|entry| entry.access == Access::Deny).count();
            }
            let _ = (descriptor.to_string(), descriptor.grants(3, |sid| sid == Sid::EVERYONE));
            // What was taken as good can be copied.
            let mut to = [0; 256];
            // SAFETY: it was checked just now.
            let size = unsafe { copy(NonNull::from(&bytes[..]).cast(), &mut to) }.unwrap();
            prop_assert_eq!(Descriptor::parse(&to[..size]).unwrap().to_string(), descriptor.to_string());
        }
    }

    #[test]
    fn any_text_is_a_descriptor_or_not(text: String) {
        let _ = encode(&text, &mut [0; 200]);
    }
}
