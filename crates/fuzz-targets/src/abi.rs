//! What user mode reads of the driver's output, and the addresses and values that go both ways.

use wsk_requests::{Multicast, ROWS};
use wskdrv_abi::{Datagrams, EnableReceive, Receive, address, receive};
use zerocopy::FromBytes;

/// Reads the input as each record of the contract that comes from the other side.
///
/// # Panics
/// A reader has left its buffer, or what was read and written again is another.
pub fn abi(input: &[u8]) {
    datagrams(input);
    sizes(input);
    addresses(input);
    values(input);
}

/// The driver's list of datagrams: each lies in the output, and behind the one before it.
fn datagrams(output: &[u8]) {
    let Ok((_, list)) = receive::list(output) else {
        assert!(output.len() < size_of::<Datagrams>());
        return;
    };
    let most = output.len() / 48;
    let mut before = 0;
    let mut ended = false;
    for (index, datagram) in list.enumerate() {
        assert!(index <= most, "more datagrams than there is room for");
        assert!(!ended, "a datagram after a malformed one");
        let Ok(datagram) = datagram else {
            ended = true;
            continue;
        };
        for part in [datagram.payload, datagram.control].into_iter().filter(|part| !part.is_empty()) {
            let begin = part.as_ptr().addr() - output.as_ptr().addr();
            assert!(begin >= before && begin + part.len() <= output.len());
            before = begin + part.len();
        }
    }
}

/// No size overflows, and an output of the size that is asked for has room for every record.
fn sizes(input: &[u8]) {
    if let Ok((request, _)) = Receive::read_from_prefix(input)
        && let Some(size) = request.size()
    {
        let (slot, count) = (request.slot(), request.count as usize);
        assert!(slot.is_multiple_of(8));
        assert!(slot >= 48 + request.payload_room as usize + request.control_room as usize);
        assert!(size >= 16 + slot * count);
    }
    if let Ok((request, _)) = EnableReceive::read_from_prefix(input)
        && request.is_valid()
    {
        assert!(request.capacity as usize <= wskdrv_abi::QUEUE_MAX);
    }
}

/// Addresses are read from exactly their bytes, and written as they were read.
fn addresses(input: &[u8]) {
    let mut rest = input;
    for read in address::decode_all(input) {
        let Ok(read) = read else { return };
        let (bytes, length) = address::encode(read);
        assert_eq!(address::decode(&bytes[..length]), Ok(read));
        // What the structure has beside the address is not kept.
        assert_eq!(bytes[..8], rest[..8]);
        rest = &rest[length..];
    }
    assert!(rest.is_empty());
}

/// Values of options: what is understood is the same when it was written again, as bytes and as text.
fn values(input: &[u8]) {
    let Some((which, bytes)) = input.split_first() else { return };
    let row = &ROWS[usize::from(*which) % ROWS.len()];
    if let Some(read) = Multicast::decode(row.value, bytes) {
        let mut written = [0; wsk_requests::value::MAX_SIZE];
        let length = read.encode(row.value, &mut written).expect("what was read can be written");
        assert_eq!(Multicast::decode(row.value, &written[..length]), Some(read));
    }
}
