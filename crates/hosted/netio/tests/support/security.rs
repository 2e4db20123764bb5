//! Security descriptors: cached, given to sockets, got from them, released.

use std::ptr;
use std::slice;

use wsk_descriptor::sddl;
use wsk_sys::*;

use super::{Client, Request, Socket};

/// A self-relative descriptor, aligned as the kernel's are.
pub fn descriptor(text: &str) -> Vec<u64> {
    let mut bytes = [0; 512];
    let size = sddl::encode(text, &mut bytes).unwrap();
    bytes[..size.next_multiple_of(8)].as_chunks().0.iter().map(|chunk| u64::from_ne_bytes(*chunk)).collect()
}

/// A variable with a pointer to a descriptor, at an address that does not change.
pub struct Variable(Box<PSECURITY_DESCRIPTOR>);

impl Variable {
    pub fn new(pointer: PSECURITY_DESCRIPTOR) -> Variable {
        Variable(Box::new(pointer))
    }

    pub fn get(&self) -> PSECURITY_DESCRIPTOR {
        // Written through another pointer.
        unsafe { (&raw const *self.0).read_volatile() }
    }

    fn place(&mut self) -> *mut PSECURITY_DESCRIPTOR {
        &raw mut *self.0
    }

    pub fn bytes(&mut self) -> &mut [u8] {
        unsafe { slice::from_raw_parts_mut(self.place().cast(), size_of::<PSECURITY_DESCRIPTOR>()) }
    }
}

impl Client {
    /// `WSK_CACHE_SD`
    pub fn try_cache(&self, uncached: PSECURITY_DESCRIPTOR) -> Result<PSECURITY_DESCRIPTOR, NTSTATUS> {
        let control = unsafe { (*self.npi.Dispatch).WskControlClient }.unwrap();
        let (mut input, mut output) = (Variable::new(uncached), Variable::new(ptr::null_mut()));
        let (from, to) = (input.place().cast(), output.place().cast());
        let (none, irp) = (ptr::null_mut(), ptr::null_mut());
        match unsafe { control(self.npi.Client, WSK_CACHE_SD, 8, from, 8, to, none, irp) } {
            STATUS_SUCCESS => Ok(output.get()),
            status => Err(status),
        }
    }

    pub fn cache(&self, text: &str) -> PSECURITY_DESCRIPTOR {
        let mut words = descriptor(text);
        let cached = self.try_cache(words.as_mut_ptr().cast()).unwrap();
        // What is cached is a copy.
        words.fill(u64::MAX);
        cached
    }

    /// `WSK_RELEASE_SD`
    pub fn release(&self, cached: PSECURITY_DESCRIPTOR) -> NTSTATUS {
        let control = unsafe { (*self.npi.Dispatch).WskControlClient }.unwrap();
        let mut input = Variable::new(cached);
        let (from, none) = (input.place().cast(), ptr::null_mut());
        unsafe {
            control(self.npi.Client, WSK_RELEASE_SD, 8, from, 0, none, ptr::null_mut(), ptr::null_mut())
        }
    }

    /// A datagram socket with a descriptor, on behalf of a process; each may be null.
    pub fn open_owned(&self, process: PEPROCESS, security: PSECURITY_DESCRIPTOR) -> Request {
        let open = unsafe { (*self.npi.Dispatch).WskSocket }.unwrap();
        let (client, flags) = (self.npi.Client, WSK_FLAG_DATAGRAM_SOCKET);
        let (context, table, thread) = (ptr::null_mut(), ptr::null(), ptr::null_mut());
        Request::start(|irp| unsafe {
            open(
                client,
                AF_INET,
                SOCK_DGRAM,
                IPPROTO_UDP,
                flags,
                context,
                table,
                process,
                thread,
                security,
                irp,
            )
        })
    }
}

impl Socket {
    /// `SO_WSK_SECURITY`, set.
    pub fn set_security(self, cached: PSECURITY_DESCRIPTOR) -> NTSTATUS {
        let mut variable = Variable::new(cached);
        self.control(WskSetOption, SO_WSK_SECURITY, SOL_SOCKET, variable.bytes(), &mut []).0
    }

    /// `SO_WSK_SECURITY`, got.
    pub fn security(self) -> PSECURITY_DESCRIPTOR {
        let mut variable = Variable::new(ptr::null_mut());
        let got = self.control(WskGetOption, SO_WSK_SECURITY, SOL_SOCKET, &[], variable.bytes());
        assert_eq!(got, (STATUS_SUCCESS, 8));
        variable.get()
    }
}
