//! Self-relative security descriptors of Windows, read and written byte by byte.
//!
//! A security descriptor says who may do what with an object. In its self-relative form it is one run of bytes, and
//! that is how it travels: from user mode to a driver, from a driver to Winsock Kernel (WSK).
//!
//! ```text
//!  0    1      2         4       8       12     16     20
//! ┌────┬──────┬─────────┬───────┬───────┬──────┬──────┬────────────────────────────────
//! │ 1  │ zero │ control │ owner │ group │ SACL │ DACL │ what these offsets point to …
//! └────┴──────┴─────────┴───────┴───────┴──────┴──────┴────────────────────────────────
//! ```
//!
//! [`Descriptor::parse`] trusts nothing in the bytes, and takes less than Windows does: a descriptor without a SACL
//! whose DACL has entries that allow or deny. [`sddl::encode`] makes one of text, and a [`Descriptor`] prints as such
//! text. [`Descriptor::grants`] checks an access, entry by entry, as Windows does. [`copy`] takes a descriptor in either
//! form out of memory that the kernel vouches for.
//!
//! ```
//! use wsk_descriptor::{Descriptor, FILE_READ_DATA, Sid, sddl};
//!
//! let mut bytes = [0; 256];
//! let size = sddl::encode("D:P(D;;GA;;;AN)(A;;GR;;;WD)", &mut bytes)?;
//! let descriptor = Descriptor::parse(&bytes[..size])?;
//! assert!(descriptor.grants(FILE_READ_DATA, |sid| sid == Sid::EVERYONE));
//! assert!(!descriptor.grants(FILE_READ_DATA, |sid| sid == Sid::EVERYONE || sid == Sid::ANONYMOUS));
//! assert_eq!(descriptor.to_string(), "D:P(D;;0x1f01ff;;;AN)(A;;0x120089;;;WD)");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Source: the pages of `SECURITY_DESCRIPTOR`, `ACL`, `ACE_HEADER`, `SID`; "Security Descriptor String Format"; "How
//! `AccessCheck` Works".
#![no_std]

mod acl;
mod memory;
mod parse;
pub mod sddl;
mod sid;

pub use acl::{Access, Entries, Entry, FILE_READ_DATA, FILE_WRITE_DATA, map_generic};
pub use memory::copy;
pub use parse::{Dacl, Descriptor, Malformed};
pub use sid::Sid;
