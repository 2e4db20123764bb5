//! What user mode has sent, read from its bytes: the head of a request, and what every request has in common.

use core::net::SocketAddr;
use core::time::Duration;

use wsk::{Error, Result};
use wskdrv_abi::address::{self, AddressError};
use wskdrv_abi::{NO_TIMEOUT, Timed};
use zerocopy::{FromBytes, Immutable, KnownLayout};

/// The head of the input, and what follows it.
///
/// # Errors
/// [`BUFFER_TOO_SMALL`](Error::BUFFER_TOO_SMALL)
pub(crate) fn read_prefix<T: FromBytes + KnownLayout + Immutable>(input: &[u8]) -> Result<(T, &[u8])> {
    T::read_from_prefix(input).map_err(|_| Error::BUFFER_TOO_SMALL)
}

/// The input, which must be a head and no more.
///
/// # Errors
/// [`BUFFER_TOO_SMALL`](Error::BUFFER_TOO_SMALL), [`INVALID_BUFFER_SIZE`](Error::INVALID_BUFFER_SIZE)
pub(crate) fn read_exact<T: FromBytes + KnownLayout + Immutable>(input: &[u8]) -> Result<T> {
    let (head, rest) = read_prefix(input)?;
    ensure_empty(rest).map(|()| head)
}

/// A [`Timed`] head, and what follows it.
pub(crate) fn read_timed(input: &[u8]) -> Result<(Option<Duration>, &[u8])> {
    let (head, rest) = read_prefix::<Timed>(input)?;
    ensure_zero(head.reserved)?;
    Ok((time_limit(head.timeout_ms), rest))
}

/// The time limit of a request that has nothing to say but that.
pub(crate) fn read_time_limit(input: &[u8]) -> Result<Option<Duration>> {
    let head: Timed = read_exact(input)?;
    ensure_zero(head.reserved)?;
    Ok(time_limit(head.timeout_ms))
}

/// The first `count` bytes, and the rest.
///
/// # Errors
/// [`BUFFER_TOO_SMALL`](Error::BUFFER_TOO_SMALL)
pub(crate) fn split(bytes: &[u8], count: usize) -> Result<(&[u8], &[u8])> {
    bytes.split_at_checked(count).ok_or(Error::BUFFER_TOO_SMALL)
}

/// That there is no more input.
///
/// # Errors
/// [`INVALID_BUFFER_SIZE`](Error::INVALID_BUFFER_SIZE)
pub(crate) fn ensure_empty(rest: &[u8]) -> Result {
    if rest.is_empty() { Ok(()) } else { Err(Error::INVALID_BUFFER_SIZE) }
}

/// That a reserved field, or one for flags, is zero.
///
/// # Errors
/// [`INVALID_PARAMETER`](Error::INVALID_PARAMETER)
pub(crate) fn ensure_zero(reserved: u32) -> Result {
    if reserved == 0 { Ok(()) } else { Err(Error::INVALID_PARAMETER) }
}

/// That the output has room for so many bytes.
///
/// # Errors
/// [`BUFFER_TOO_SMALL`](Error::BUFFER_TOO_SMALL)
pub(crate) fn ensure_room(output: usize, needed: usize) -> Result {
    if output >= needed { Ok(()) } else { Err(Error::BUFFER_TOO_SMALL) }
}

/// A request's time limit.
pub(crate) fn time_limit(timeout_ms: u32) -> Option<Duration> {
    (timeout_ms != NO_TIMEOUT).then(|| Duration::from_millis(timeout_ms.into()))
}

/// The socket address that exactly these bytes are.
///
/// # Errors
/// [`BUFFER_TOO_SMALL`](Error::BUFFER_TOO_SMALL): not even a family.
/// [`INVALID_PARAMETER`](Error::INVALID_PARAMETER): an unknown family, or not its length.
pub(crate) fn socket_address(bytes: &[u8]) -> Result<SocketAddr> {
    address::decode(bytes).map_err(|error| match error {
        AddressError::Length { family: 0, .. } => Error::BUFFER_TOO_SMALL,
        AddressError::Length { .. } | AddressError::Family(_) => Error::INVALID_PARAMETER,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_once_and_whole() {
        let input = [1, 0, 0, 0, 0, 0, 0, 0, 9];
        assert_eq!(read_timed(&input), Ok((Some(Duration::from_millis(1)), &[9][..])));
        assert_eq!(read_time_limit(&input[..8]), Ok(Some(Duration::from_millis(1))));
        assert_eq!(read_time_limit(&input), Err(Error::INVALID_BUFFER_SIZE));
        assert_eq!(read_timed(&input[..7]), Err(Error::BUFFER_TOO_SMALL));
        assert_eq!(read_timed(&[0, 0, 0, 0, 0, 0, 0, 1]), Err(Error::INVALID_PARAMETER));
    }

    #[test]
    fn all_ones_are_no_time_limit() {
        assert_eq!(time_limit(u32::MAX), None);
        assert_eq!(
            [0, u32::MAX - 1].map(time_limit),
            [0, 0xFFFF_FFFE].map(|ms| Some(Duration::from_millis(ms)))
        );
    }

    #[test]
    fn an_address_is_as_long_as_its_family_says() {
        let v4 = [2, 0, 1, 2, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(socket_address(&v4), Ok("1.2.3.4:258".parse().unwrap()));
        assert_eq!(socket_address(&v4[..15]), Err(Error::INVALID_PARAMETER));
        assert_eq!(socket_address(&[9; 16]), Err(Error::INVALID_PARAMETER));
        assert_eq!(socket_address(&v4[..1]), Err(Error::BUFFER_TOO_SMALL));
    }
}
