//! Probe: asks WSK what its pages leave open.

use core::str;

use wsk::{Error, Result};
use wskdrv_abi::{PROBE_ID_MAX, Probed};

use super::{Call, Command, Disposition, passive};

/// Asks one question.
#[derive(Debug)]
pub(super) struct Probe<'a> {
    id: &'a str,
}

impl<'a> Command<'a> for Probe<'a> {
    fn decode(input: &'a [u8], _: usize) -> Result<Probe<'a>> {
        if input.len() > PROBE_ID_MAX {
            return Err(Error::INVALID_BUFFER_SIZE);
        }
        str::from_utf8(input).map(|id| Probe { id }).map_err(|_| Error::INVALID_PARAMETER)
    }

    fn start(self, call: &mut Call) -> Result<Disposition> {
        let answer = wsk_probe::ask(self.id, &passive()?)?;
        let mut probed = Probed { reading: [0; _], seen: answer.seen };
        let name = answer.reading.unwrap_or_default().as_bytes();
        for (byte, of_name) in probed.reading.iter_mut().zip(name) {
            *byte = *of_name;
        }
        call.reply(&probed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_not_too_long() {
        let decode =
            |length| Probe::decode(&[b'x'; PROBE_ID_MAX + 1][..length], 0).map(|probe| probe.id.len());
        assert_eq!([decode(0), decode(PROBE_ID_MAX)], [Ok(0), Ok(PROBE_ID_MAX)]);
        assert_eq!(decode(PROBE_ID_MAX + 1), Err(Error::INVALID_BUFFER_SIZE));
    }
}
