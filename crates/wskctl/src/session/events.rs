//! The receive event: whether datagrams that WSK hands to the driver by itself go to the handle's queue.

use wskdrv_abi as abi;
use zerocopy::{FromBytes, IntoBytes};

use super::Session;
use crate::error::Error;

impl Session {
    /// Has datagrams put into a queue of the handle from now on, one of `capacity` bytes: [`abi::QUEUE_MIN`] to
    /// [`abi::QUEUE_MAX`], a multiple of 8.
    ///
    /// # Errors
    ///
    /// `STATUS_INVALID_DEVICE_STATE` before the bind, or if it is enabled; otherwise what WSK says.
    pub fn enable_receive(&self, capacity: u32) -> Result<(), Error> {
        let head = abi::EnableReceive { capacity, reserved: 0 };
        self.nothing(abi::IOCTL_WSKDRV_ENABLE_RECEIVE, head.as_bytes().to_vec())
    }

    /// Ends that, and waits until nothing comes any more. What is in the queue can still be drained.
    ///
    /// # Errors
    ///
    /// The driver's refusal, or what WSK says.
    pub fn disable_receive(&self) -> Result<(), Error> {
        self.disable(abi::DISABLE_AND_WAIT).map(drop)
    }

    /// Ends that without waiting, and tells whether something may still come: whether WSK said `STATUS_EVENT_PENDING`.
    ///
    /// # Errors
    ///
    /// The driver's refusal, or what WSK says.
    pub fn disable_receive_soon(&self) -> Result<bool, Error> {
        self.disable(abi::DISABLE_SOON).map(|disabled| disabled.pending != 0)
    }

    fn disable(&self, form: u32) -> Result<abi::Disabled, Error> {
        let code = abi::IOCTL_WSKDRV_DISABLE_RECEIVE;
        let head = abi::DisableReceive { timeout_ms: self.timeout_ms(), form };
        let bytes = self.call(code, head.as_bytes().to_vec(), size_of::<abi::Disabled>())?;
        let wrong = |_size| Error::Reply { code, what: format!("{} bytes", bytes.len()) };
        abi::Disabled::read_from_bytes(&bytes).map_err(wrong)
    }
}
