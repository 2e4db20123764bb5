//! The text of a script, from the bytes of a file as editors and shells write it.

/// The text in these bytes: UTF-8, or UTF-16 as Windows' editors and the `>` of PowerShell 5 write it, with a byte order
/// mark or without.
///
/// # Errors
///
/// A sentence that says what it must be.
pub fn decode(bytes: &[u8]) -> Result<String, String> {
    let (decoded, name) = match bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes) {
        [0xFF, 0xFE, text @ ..] => (utf16(text, u16::from_le_bytes), "UTF-16"),
        [0xFE, 0xFF, text @ ..] => (utf16(text, u16::from_be_bytes), "UTF-16"),
        // A script begins with a letter or a white space of ASCII, and no text has a zero in it.
        [1..=0x7F, 0, ..] => (utf16(bytes, u16::from_le_bytes), "UTF-16"),
        [0, 1..=0x7F, ..] => (utf16(bytes, u16::from_be_bytes), "UTF-16"),
        text => (String::from_utf8(text.to_vec()).ok(), "UTF-8"),
    };
    decoded.ok_or_else(|| format!("it is no text in {name}; save it as UTF-8"))
}

fn utf16(bytes: &[u8], unit: impl Fn([u8; 2]) -> u16) -> Option<String> {
    let (units, rest) = bytes.as_chunks();
    let units: Vec<u16> = units.iter().map(|bytes| unit(*bytes)).collect();
    if rest.is_empty() { String::from_utf16(&units).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "create v4\r\nsend self \"größe 🎈\"\r\n";

    #[test]
    fn text_is_read_as_editors_and_shells_write_it() {
        let units = |order: fn(u16) -> [u8; 2]| TEXT.encode_utf16().flat_map(order).collect::<Vec<u8>>();
        let (little, big) = (units(u16::to_le_bytes), units(u16::to_be_bytes));
        for (mark, bytes) in [
            (&[][..], TEXT.as_bytes()),
            (&[0xEF, 0xBB, 0xBF], TEXT.as_bytes()),
            (&[0xFF, 0xFE], &little),
            (&[0xFE, 0xFF], &big),
            (&[], &little),
            (&[], &big),
        ] {
            assert_eq!(decode(&[mark, bytes].concat()).as_deref(), Ok(TEXT), "{mark:?}");
        }
        assert_eq!(decode(b"").as_deref(), Ok(""));
    }

    #[test]
    fn what_is_no_text_says_what_it_must_be() {
        for (bytes, name) in [
            (&b"send self gr\xF6\xDFe"[..], "UTF-8"),
            (b"\xFF\xFEc\0r", "UTF-16"),
            (b"\xFF\xFE\x00\xD8c\0", "UTF-16"),
        ] {
            let error = decode(bytes).unwrap_err();
            assert!(error.contains(name) && error.ends_with("save it as UTF-8"), "{error}");
        }
    }
}
