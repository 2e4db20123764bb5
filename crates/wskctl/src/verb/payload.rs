//! What a datagram carries, as it is written.

use std::fs::File;
use std::io::{self, Read};

/// How a payload is written.
pub const PAYLOAD: &str = "a text; hex:68656c6c6f; @FILE for what is in a file; - for standard input; text:@ for a text that \
                           begins so";

/// More than any datagram: a file that has more is none.
const LONGEST: u64 = 1 << 20;

/// What a datagram carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// These bytes.
    Bytes(Vec<u8>),
    /// Standard input, all of it.
    Input,
}

/// Where standard input comes from, for those payloads that are it.
pub type Input<'i> = &'i mut dyn FnMut() -> Result<Vec<u8>, String>;

impl Payload {
    /// Reads what is written; a file is read at once.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong.
    pub fn parse(text: &str) -> Result<Payload, String> {
        let bytes = match text.split_at_checked(1) {
            Some(("-", "")) => return Ok(Self::Input),
            Some(("@", name)) => {
                let file = File::open(name).and_then(up_to_longest);
                file.map_err(|error| format!("cannot read the payload {name}: {error}"))?
            }
            _ => match text.split_once(':') {
                Some(("hex", digits)) => hex(digits)?,
                Some(("text", text)) => text.as_bytes().to_vec(),
                _ => text.as_bytes().to_vec(),
            },
        };
        Ok(Self::Bytes(bytes))
    }

    /// The bytes.
    ///
    /// # Errors
    ///
    /// Those of the input.
    pub fn bytes(self, input: Input<'_>) -> Result<Vec<u8>, String> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Input => input(),
        }
    }

    /// The bytes of each.
    ///
    /// # Errors
    ///
    /// Those of the input.
    pub fn all(payloads: Vec<Payload>, input: Input<'_>) -> Result<Vec<Vec<u8>>, String> {
        payloads.into_iter().map(|payload| payload.bytes(input)).collect()
    }
}

/// Standard input of the program, once.
pub fn standard_input() -> impl FnMut() -> Result<Vec<u8>, String> {
    let mut read = false;
    move || {
        if std::mem::replace(&mut read, true) {
            return Err("standard input can be one payload only".to_owned());
        }
        up_to_longest(io::stdin()).map_err(|error| format!("cannot read standard input: {error}"))
    }
}

/// All that there is.
fn up_to_longest(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(LONGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "no datagram holds more than 1 MiB"));
    }
    Ok(bytes)
}

/// The bytes of hexadecimal digits, which may stand in groups.
fn hex(digits: &str) -> Result<Vec<u8>, String> {
    let wrong = || {
        format!("hex:{digits} is no payload: write two hexadecimal digits for each byte, such as hex:00ff")
    };
    let digits: Option<Vec<u8>> = digits
        .chars()
        .filter(|digit| !matches!(digit, ' ' | ':' | '_'))
        .map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    let digits = digits.ok_or_else(wrong)?;
    let (pairs, rest) = digits.as_chunks::<2>();
    if rest.is_empty() { Ok(pairs.iter().map(|[high, low]| high << 4 | low).collect()) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Result<Vec<u8>, String> {
        Payload::parse(text)?.bytes(&mut || Ok(b"input".to_vec()))
    }

    #[test]
    fn payloads_are_texts_digits_files_and_input() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), [0, 255]).unwrap();
        for (text, is) in [
            ("", &b""[..]),
            ("hello", b"hello"),
            ("hex:", b""),
            ("hex:00fF", &[0, 255]),
            ("hex:00 01:02_03", &[0, 1, 2, 3]),
            ("hexagon", b"hexagon"),
            ("text:", b""),
            ("text:hex:00", b"hex:00"),
            ("text:@", b"@"),
            ("other:hex:00", b"other:hex:00"),
            ("-5", b"-5"),
            ("-", b"input"),
            (&format!("@{}", file.path().display()), &[0, 255]),
        ] {
            assert_eq!(bytes(text).as_deref(), Ok(is), "{text}");
        }
        for (text, says) in [
            ("hex:0", "two hexadecimal digits"),
            ("hex:0x", "two hexadecimal digits"),
            ("@", "cannot read the payload"),
            ("@/no/such/file", "cannot read the payload /no/such/file"),
        ] {
            let error = bytes(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn a_file_that_no_datagram_holds_is_refused() {
        assert!(up_to_longest(io::repeat(0).take(LONGEST)).is_ok());
        let error = up_to_longest(io::repeat(0)).unwrap_err();
        assert!(error.to_string().contains("1 MiB"), "{error}");
    }
}
