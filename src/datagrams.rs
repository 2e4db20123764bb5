//! The list of datagrams in the output of a request: of a receive, or of a drain.

use wsk::{Error, Result};
use wskdrv_abi::{Datagrams, Received, address};
use zerocopy::IntoBytes;

use crate::request::Uncompleted;

/// A number of bytes, as the output has it.
fn number(bytes: usize) -> Result<u32> {
    u32::try_from(bytes).map_err(|_| Error::INVALID_BUFFER_SIZE)
}

/// The head of a record. It is the list's last until another is linked.
pub(crate) fn head(
    from: core::net::SocketAddr,
    flags: u32,
    length: usize,
    control_length: usize,
) -> Result<Received> {
    let (address, address_length) = address::encode(from);
    Ok(Received {
        next: 0,
        flags,
        length: number(length)?,
        control_length: number(control_length)?,
        address_length: number(address_length)?,
        address,
    })
}

/// A list whose records are linked one after the other.
#[derive(Debug, Default)]
pub(crate) struct List {
    first: usize,
    last: usize,
}

impl List {
    /// Begins a list, which is empty so far, at the beginning of the output.
    ///
    /// # Errors
    /// For want of memory to map the output, the first time that it is written to.
    pub(crate) fn begin(request: &mut Uncompleted) -> Result<List> {
        request.write_output(Datagrams { first: 0, reserved: 0, dropped: 0 }.as_bytes())?;
        Ok(List::default())
    }

    /// Links the record at `position`, which is behind all others. Its head is written before.
    pub(crate) fn link(&mut self, request: &mut Uncompleted, position: usize) -> Result {
        if self.first == 0 {
            self.first = position;
        } else {
            // `Received::next` is its first field.
            request.write_output_at(self.last, number(position - self.last)?.as_bytes())?;
        }
        self.last = position;
        Ok(())
    }

    /// Writes the head of the list.
    pub(crate) fn end(self, request: &mut Uncompleted, dropped: u64) -> Result {
        let first = number(self.first)?;
        request.write_output(Datagrams { first, reserved: 0, dropped }.as_bytes()).map(|_| ())
    }
}
