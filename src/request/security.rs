//! Security: sets and gets the security descriptor of the handle's socket. User mode has its bytes, WSK a pointer.

use core::time::Duration;

use wsk::{Buffer, Error, Result, SecurityDescriptor};
use wskdrv_abi::SECURITY_MAX;

use super::{Call, Command, Disposition, Finished, passive};
use crate::input::{read_time_limit, read_timed};
use crate::operation::Data;

/// Has WSK cache a descriptor made of the input, and gives it to the socket. WSK keeps it as long as the socket; the
/// driver's own reference is released when the request has ended.
#[derive(Debug)]
pub(super) struct SetSecurity<'a> {
    descriptor: &'a [u8],
    limit: Option<Duration>,
}

impl<'a> Command<'a> for SetSecurity<'a> {
    fn decode(input: &'a [u8], _: usize) -> Result<SetSecurity<'a>> {
        let (limit, descriptor) = read_timed(input)?;
        match descriptor.len() {
            0 => Err(Error::BUFFER_TOO_SMALL),
            1..=SECURITY_MAX => Ok(SetSecurity { descriptor, limit }),
            _ => Err(Error::INVALID_BUFFER_SIZE),
        }
    }

    fn start(self, call: &mut Call) -> Result<Disposition> {
        let (socket, bound) = call.file.socket()?;
        if bound {
            return Err(Error::INVALID_DEVICE_STATE);
        }
        let provider = call.driver.registration.try_provider()?;
        let security = provider.cache_security(self.descriptor, &passive()?)?;
        call.submit(self.limit, Data::None, |driver, op, limit| {
            socket.submit_to(&driver.queue.unless_done(), op, wsk::SetSecurity(&security), limit)
        })
    }
}

pub(super) fn set_finished(result: Result) -> Result<usize> {
    result.map(|()| 0)
}

/// Gets the socket's descriptor.
#[derive(Debug)]
pub(super) struct GetSecurity {
    limit: Option<Duration>,
}

impl Command<'_> for GetSecurity {
    fn decode(input: &[u8], _: usize) -> Result<GetSecurity> {
        Ok(GetSecurity { limit: read_time_limit(input)? })
    }

    fn start(self, call: &mut Call) -> Result<Disposition> {
        let (socket, _) = call.file.socket()?;
        let request = wsk::GetSecurity::new(&socket)?;
        call.submit(self.limit, Data::None, |driver, op, limit| {
            socket.submit_to(&driver.queue.unless_done(), op, request, limit)
        })
    }
}

pub(super) fn get_finished(
    finished: &mut Finished<'_>,
    result: Result<SecurityDescriptor<'_>>,
) -> Result<usize> {
    let security = result?;
    let size = security.copy_to(&mut [])?;
    let mut bytes = Buffer::new(size)?;
    security.copy_to(&mut bytes)?;
    finished.request.write_output(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_has_a_byte_and_not_too_many() {
        let decode = |length| {
            SetSecurity::decode(&[0; 8 + SECURITY_MAX + 1][..8 + length], 0).map(|set| set.descriptor.len())
        };
        assert_eq!([decode(1), decode(SECURITY_MAX)], [Ok(1), Ok(SECURITY_MAX)]);
        assert_eq!(decode(0), Err(Error::BUFFER_TOO_SMALL));
        assert_eq!(decode(SECURITY_MAX + 1), Err(Error::INVALID_BUFFER_SIZE));
    }

    #[test]
    fn a_descriptor_that_was_not_set_is_told() {
        assert_eq!(set_finished(Ok(())), Ok(0));
        assert_eq!(set_finished(Err(Error::ACCESS_DENIED)), Err(Error::ACCESS_DENIED));
    }
}
