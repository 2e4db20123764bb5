//! What the driver's device is called, and who may open it.
//!
//! The `_UTF16` forms are for a `UNICODE_STRING`: they have no terminating zero.

/// The device object.
pub const DEVICE_NAME: &str = r"\Device\WskDrv";
/// The symbolic link through which user mode finds the device.
pub const LINK_NAME: &str = r"\DosDevices\WskDrv";
/// The path that user mode gives to `CreateFile`.
pub const USER_PATH: &str = r"\\.\WskDrv";
/// The security descriptor: all access for SYSTEM and for Administrators, none for anyone else, nothing inherited.
pub const SDDL: &str = "D:P(A;;GA;;;SY)(A;;GA;;;BA)";
/// The service, as in `sc.exe start wskdrv`.
pub const SERVICE_NAME: &str = "wskdrv";

/// [`DEVICE_NAME`].
pub const DEVICE_NAME_UTF16: [u16; DEVICE_NAME.len()] = utf16(DEVICE_NAME);
/// [`LINK_NAME`].
pub const LINK_NAME_UTF16: [u16; LINK_NAME.len()] = utf16(LINK_NAME);
/// [`SDDL`].
pub const SDDL_UTF16: [u16; SDDL.len()] = utf16(SDDL);

/// ASCII to UTF-16; anything else stops the build.
const fn utf16<const N: usize>(text: &str) -> [u16; N] {
    let bytes = text.as_bytes();
    assert!(bytes.len() == N);
    let mut units = [0; N];
    let mut at = 0;
    while at < N {
        assert!(bytes[at].is_ascii());
        units[at] = bytes[at] as u16;
        at += 1;
    }
    units
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf16_forms_say_the_same() {
        for (units, text) in [
            (&DEVICE_NAME_UTF16[..], DEVICE_NAME),
            (&LINK_NAME_UTF16[..], LINK_NAME),
            (&SDDL_UTF16[..], SDDL),
        ] {
            assert!(text.encode_utf16().eq(units.iter().copied()), "{text}");
        }
    }

    #[test]
    fn the_three_names_are_of_one_device() {
        assert_eq!(DEVICE_NAME.rsplit('\\').next(), Some("WskDrv"));
        assert_eq!(LINK_NAME.rsplit('\\').next(), Some("WskDrv"));
        assert_eq!(USER_PATH.rsplit('\\').next(), Some("WskDrv"));
    }
}
