//! The steps of the receive event: enabling, disabling, and draining what it has brought.

use wskdrv_abi::{EnableReceive, QUEUE_MAX, QUEUE_MIN};

use super::{Done, Failure, MAX_DATAGRAM, many};
use crate::session::Session;

/// The room for what one drain brings: the largest datagram, and more than a few small ones.
const ROOM: usize = 2 * MAX_DATAGRAM;

/// The memory of a queue in bytes, if nothing is said.
pub const QUEUE_DEFAULT: u32 = 1 << 16;
/// How the size of a queue is written.
pub const QUEUE: &str = "its memory in bytes, a multiple of 8 from 1024 to 1048576";

/// The size of a queue, such as the driver takes.
///
/// # Errors
///
/// A sentence with the bounds, and with the nearest size that is right.
pub fn queue_size(text: &str) -> Result<u32, String> {
    let Some(capacity) = crate::rows::number(text) else {
        return Err(format!("write {QUEUE}"));
    };
    if (EnableReceive { capacity, reserved: 0 }).is_valid() {
        return Ok(capacity);
    }
    let nearest = (capacity as usize).clamp(QUEUE_MIN, QUEUE_MAX).next_multiple_of(8);
    Err(format!("write {QUEUE}; the nearest is {nearest}"))
}

pub(super) fn enable(session: &Session, capacity: u32) -> Result<Done, Failure> {
    session.enable_receive(capacity)?;
    Ok(Done::Enable { capacity })
}

pub(super) fn disable(session: &Session, wait: bool) -> Result<Done, Failure> {
    let pending = if wait {
        session.disable_receive()?;
        false
    } else {
        session.disable_receive_soon()?
    };
    Ok(Done::Disable { pending })
}

/// Drains once; or, if datagrams are given, until as many have come, which must be these.
pub(super) fn drain(session: &Session, expected: &[Vec<u8>]) -> Result<Done, Failure> {
    let mut drain = session.drain(ROOM)?;
    while drain.datagrams.len() < expected.len() {
        let more = session.drain(ROOM)?;
        drain.dropped = more.dropped;
        drain.datagrams.extend(more.datagrams);
    }
    let datagrams = many::arrived(&drain.datagrams, expected, wskdrv_abi::IOCTL_WSKDRV_DRAIN)?;
    Ok(Done::Drain { datagrams, dropped: drain.dropped })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_has_its_bounds_and_the_nearest_size_is_told() {
        assert!(QUEUE.contains(&QUEUE_MIN.to_string()) && QUEUE.contains(&QUEUE_MAX.to_string()));
        assert_eq!(queue_size(&QUEUE_DEFAULT.to_string()), Ok(QUEUE_DEFAULT));
        assert_eq!(queue_size("0x400"), Ok(1024));
        assert_eq!(queue_size("1048576"), Ok(1 << 20));
        for (wrong, nearest) in
            [("0", 1024), ("1023", 1024), ("1025", 1032), ("1048577", 1 << 20), ("4294967295", 1 << 20)]
        {
            let error = queue_size(wrong).unwrap_err();
            assert!(error.ends_with(&format!("the nearest is {nearest}")), "{wrong}: {error}");
            assert_eq!(queue_size(&nearest.to_string()), Ok(nearest));
        }
        assert!(queue_size("64K").unwrap_err().contains("a multiple of 8 from 1024"));
    }
}
