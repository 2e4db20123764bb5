//! The I/O manager: devices and drivers, file objects, and the packets that go between them.

pub mod csq;
pub mod device;
pub mod driver;
pub(crate) mod file_object;
pub mod irp;
pub mod shutdown;
pub(crate) mod unicode;
