//! The hosted driver with one thing broken in front of it, to see which tests notice.

use std::mem::{self, offset_of};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use std::{io, thread};

use readings::Readings;
use wsk_sys::{IP_TOS, IPPROTO_IP, SIO_WSK_SET_REMOTE_ADDRESS, STATUS_NOT_SUPPORTED};
use wskdrv_abi::{
    Datagrams, IOCTL_WSKDRV_GET_OPTION, IOCTL_WSKDRV_IOCTL, IOCTL_WSKDRV_RECEIVE, IOCTL_WSKDRV_SET_OPTION,
    Received,
};

use crate::device::{
    Completed, Device, File, Hosted, Kind, Network, OpenError, OtherProcess, Peer, Refused, Request,
};

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Breakage {
    /// Nothing.
    None,
    /// `SIO_WSK_SET_REMOTE_ADDRESS` succeeds and does nothing.
    SwallowsRemoteAddress,
    /// A cancel of a receive does nothing.
    IgnoresCancel,
    /// A cancel of one request is one of all of its handle.
    CancelsAll,
    /// A datagram that was cut does not say so.
    HidesTruncation,
    /// Handles are not closed.
    KeepsHandles,
    /// Another WSK, which has no `IP_TOS`.
    LacksTypeOfService,
}

pub(crate) fn device(breakage: Breakage) -> Result<Device, OpenError> {
    let hosted = Device::hosted(&Hosted { network: Network::Memory, ..Hosted::default() })?;
    Ok(Device(Arc::new(Broken { inner: hosted.0, breakage })))
}

struct Broken {
    inner: Arc<dyn Kind>,
    breakage: Breakage,
}

impl Kind for Broken {
    fn describe(&self) -> String {
        format!("broken: {:?}", self.breakage)
    }

    fn open(&self) -> Result<Arc<dyn File>, OpenError> {
        let inner = self.inner.open()?;
        if self.breakage == Breakage::KeepsHandles {
            // The last clone closes.
            mem::forget(Arc::clone(&inner));
        }
        Ok(Arc::new(BrokenFile { inner, breakage: self.breakage }))
    }

    fn alive(&self) -> Vec<(&'static str, u64)> {
        self.inner.alive()
    }

    fn unload(&self, limit: Duration) -> Option<Result<(), Refused>> {
        self.inner.unload(limit)
    }

    fn peer(&self, local: SocketAddr) -> io::Result<Peer> {
        self.inner.peer(local)
    }

    fn process(&self) -> Option<Box<dyn OtherProcess>> {
        self.inner.process()
    }

    fn is_ours(&self) -> bool {
        self.breakage != Breakage::LacksTypeOfService && self.inner.is_ours()
    }

    fn readings(&self) -> Option<&Readings> {
        self.inner.readings()
    }

    fn delivers_at_once(&self) -> bool {
        self.inner.delivers_at_once()
    }

    fn catch_bug_check(&self, f: Box<dyn FnOnce() + Send>) -> Result<(), String> {
        self.inner.catch_bug_check(f)
    }

    fn shut_down(&self) {
        self.inner.shut_down();
    }
}

struct BrokenFile {
    inner: Arc<dyn File>,
    breakage: Breakage,
}

impl File for BrokenFile {
    fn begin(&self, code: u32, input: Vec<u8>, output: Vec<u8>) -> Box<dyn Request> {
        let is_remote = code == IOCTL_WSKDRV_IOCTL
            && input.get(4..8) == Some(&SIO_WSK_SET_REMOTE_ADDRESS.to_ne_bytes()[..]);
        let is_type_of_service = [IOCTL_WSKDRV_GET_OPTION, IOCTL_WSKDRV_SET_OPTION].contains(&code)
            && input.get(4..12) == Some(&[IPPROTO_IP.to_ne_bytes(), IP_TOS.to_ne_bytes()].concat()[..]);
        match self.breakage {
            Breakage::LacksTypeOfService if is_type_of_service => {
                Box::new(Completed { status: STATUS_NOT_SUPPORTED, information: 0, output })
            }
            Breakage::SwallowsRemoteAddress if is_remote => {
                Box::new(Completed { status: 0, information: 0, output })
            }
            Breakage::IgnoresCancel if code == IOCTL_WSKDRV_RECEIVE => {
                Box::new(NotCancelled(self.inner.begin(code, input, output)))
            }
            Breakage::CancelsAll => {
                Box::new(Joined(self.inner.begin(code, input, output), Arc::clone(&self.inner)))
            }
            Breakage::HidesTruncation if code == IOCTL_WSKDRV_RECEIVE => {
                Box::new(Hiding(self.inner.begin(code, input, output)))
            }
            _ => self.inner.begin(code, input, output),
        }
    }

    fn cancel_all(&self) {
        if self.breakage != Breakage::IgnoresCancel {
            self.inner.cancel_all();
        }
    }

    fn close(&self) {
        if self.breakage != Breakage::KeepsHandles {
            self.inner.close();
        }
    }
}

/// A request that cannot be cancelled, but by dropping it.
struct NotCancelled(Box<dyn Request>);

impl Request for NotCancelled {
    fn cancel(&self) {
        thread::yield_now();
    }

    fn is_done(&self) -> bool {
        self.0.is_done()
    }

    fn wait(self: Box<Self>) -> Completed {
        self.0.wait()
    }

    fn wait_for(self: Box<Self>, limit: Duration) -> Result<Completed, Box<dyn Request>> {
        self.0.wait_for(limit).map_err(|inner| Box::new(NotCancelled(inner)) as Box<dyn Request>)
    }
}

/// A request that is cancelled together with all of its handle.
struct Joined(Box<dyn Request>, Arc<dyn File>);

impl Request for Joined {
    fn cancel(&self) {
        self.1.cancel_all();
    }

    fn is_done(&self) -> bool {
        self.0.is_done()
    }

    fn wait(self: Box<Self>) -> Completed {
        self.0.wait()
    }

    fn wait_for(self: Box<Self>, limit: Duration) -> Result<Completed, Box<dyn Request>> {
        let Joined(inner, file) = *self;
        inner.wait_for(limit).map_err(|inner| Box::new(Joined(inner, file)) as Box<dyn Request>)
    }
}

/// A receive whose datagram's flags are always zero.
struct Hiding(Box<dyn Request>);

impl Hiding {
    fn hidden(mut completed: Completed) -> Completed {
        let flags = size_of::<Datagrams>() + offset_of!(Received, flags);
        if completed.information > flags {
            completed.output[flags..][..4].fill(0);
        }
        completed
    }
}

impl Request for Hiding {
    fn cancel(&self) {
        self.0.cancel();
    }

    fn is_done(&self) -> bool {
        self.0.is_done()
    }

    fn wait(self: Box<Self>) -> Completed {
        Self::hidden(self.0.wait())
    }

    fn wait_for(self: Box<Self>, limit: Duration) -> Result<Completed, Box<dyn Request>> {
        match self.0.wait_for(limit) {
            Ok(completed) => Ok(Self::hidden(completed)),
            Err(inner) => Err(Box::new(Hiding(inner))),
        }
    }
}
