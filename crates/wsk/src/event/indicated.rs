//! Indicated datagrams, read where they are: in WSK's memory, behind chains of MDLs.
#![expect(unsafe_code, reason = "indications are WSK's memory behind pointers")]

use core::fmt;
use core::marker::PhantomData;
use core::net::SocketAddr;
use core::ptr::{self, NonNull};
use core::slice;

use wsk_sys::{
    MDL, MdlMappingNoExecute, MmGetSystemAddressForMdlSafe, NormalPagePriority, SOCKADDR, ULONG,
    WSK_DATAGRAM_INDICATION,
};

use crate::addr::{self, Family};
use crate::error::{Error, Result};

/// May fail when memory is short, and maps nothing as code.
const PRIORITY: ULONG = NormalPagePriority | MdlMappingNoExecute;

/// The datagrams of a list, in the order in which they came.
///
/// # Invariants
/// `next` is null or a node of a list that WSK leaves alone for as long as `'l`.
#[derive(Clone)]
pub struct Indications<'l> {
    next: *const WSK_DATAGRAM_INDICATION,
    _list: PhantomData<&'l WSK_DATAGRAM_INDICATION>,
}

impl Indications<'_> {
    /// # Safety
    /// `list` is a list of WSK's, which it leaves alone while the value, or one made of it, lives.
    pub(super) unsafe fn new(list: NonNull<WSK_DATAGRAM_INDICATION>) -> Self {
        // INVARIANT: the caller's promise.
        Indications { next: list.as_ptr(), _list: PhantomData }
    }
}

impl<'l> Iterator for Indications<'l> {
    type Item = Indicated<'l>;

    fn next(&mut self) -> Option<Indicated<'l>> {
        // SAFETY: by the type's invariant null, or a node that stays as it is.
        let node: &'l WSK_DATAGRAM_INDICATION = unsafe { self.next.as_ref() }?;
        // INVARIANT: the list's next node, or null at its end.
        self.next = node.Next;
        Some(Indicated { node })
    }
}

impl fmt::Debug for Indications<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

/// One datagram of a list.
///
/// # Invariants
/// `node` is one of a list that WSK leaves alone for as long as `'l`, with everything that it points to.
#[derive(Clone, Copy)]
#[doc(alias = "WSK_DATAGRAM_INDICATION")]
pub struct Indicated<'l> {
    node: &'l WSK_DATAGRAM_INDICATION,
}

impl<'l> Indicated<'l> {
    /// The number of bytes of data.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.node.Buffer.Length
    }

    /// Whether it is a datagram without data, which is one all the same.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The sender; none if it is of a family that this crate has not.
    #[must_use]
    pub fn from(&self) -> Option<SocketAddr> {
        let address: *const SOCKADDR = self.node.RemoteAddress;
        // SAFETY: by the type's invariant null, or a socket address, of which each has a family.
        let family = unsafe { address.as_ref() }?.sa_family;
        let size = Family::from_number(family)?.address_size();
        // SAFETY: a socket address by the type's invariant, of this family, so one of its size.
        addr::decode_bytes(unsafe { slice::from_raw_parts(address.cast(), size) })
    }

    /// The control information, as WSK wrote it: yet to be checked.
    #[must_use]
    pub fn control_info(&self) -> &'l [u8] {
        let (info, length) = (self.node.ControlInfo, self.node.ControlInfoLength as usize);
        if info.is_null() || length == 0 {
            return &[];
        }
        // SAFETY: by the type's invariant so many bytes, which stay as they are.
        unsafe { slice::from_raw_parts(info.cast(), length) }
    }

    /// The data, in the pieces in which it lies in memory.
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    #[must_use]
    pub const fn segments(&self) -> Segments<'l> {
        let buffer = &self.node.Buffer;
        Segments { mdl: buffer.Mdl, offset: buffer.Offset as usize, left: buffer.Length, _list: PhantomData }
    }

    /// Copies the data, as much as fits, and tells how many bytes that was.
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    ///
    /// # Errors
    /// As for the pieces: see [`Segments`]. What was copied until then is of no use.
    pub fn copy_to(&self, to: &mut [u8]) -> Result<usize> {
        let mut copied = 0;
        for segment in self.segments() {
            let (from, room) = (segment?, &mut to[copied..]);
            let length = from.len().min(room.len());
            room[..length].copy_from_slice(&from[..length]);
            copied += length;
        }
        Ok(copied)
    }
}

impl fmt::Debug for Indicated<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Indicated").field("from", &self.from()).field("len", &self.len()).finish()
    }
}

/// The data of a datagram, piece by piece.
///
/// A piece is [`INSUFFICIENT_RESOURCES`](Error::INSUFFICIENT_RESOURCES) if its memory cannot be mapped now, and
/// [`INVALID_BUFFER_SIZE`](Error::INVALID_BUFFER_SIZE) if the chain of MDLs is shorter than the datagram; it is the
/// last one then.
///
/// # Invariants
/// `mdl` is null or an MDL of a chain that WSK leaves alone for as long as `'l`, and that describes resident memory.
pub struct Segments<'l> {
    mdl: *mut MDL,
    offset: usize,
    left: usize,
    _list: PhantomData<&'l [u8]>,
}

impl<'l> Segments<'l> {
    fn piece(&mut self) -> Result<&'l [u8]> {
        let mdl = NonNull::new(self.mdl).ok_or(Error::INVALID_BUFFER_SIZE)?;
        // SAFETY: by the type's invariant an MDL of WSK's; the mapping below may write it, so it is read by value.
        let MDL { ByteCount, Next, .. } = unsafe { mdl.read() };
        let length = (ByteCount as usize).saturating_sub(self.offset).min(self.left);
        let offset = core::mem::take(&mut self.offset);
        // INVARIANT: the chain's next MDL, or null at its end.
        self.mdl = Next;
        self.left -= length;
        if length == 0 {
            // Nothing of this MDL is data: there is nothing to map.
            return Ok(&[]);
        }
        // SAFETY: by the type's invariant the MDL describes resident memory. This value is neither `Send` nor `Sync`,
        // so of the list's readers only this thread maps it.
        let address = unsafe { MmGetSystemAddressForMdlSafe(mdl.as_ptr(), PRIORITY) };
        let address = NonNull::new(address.cast::<u8>()).ok_or(Error::INSUFFICIENT_RESOURCES)?;
        // SAFETY: the offset lies in the MDL's bytes: what follows it is longer than zero.
        let data = unsafe { address.add(offset) };
        // SAFETY: these bytes are mapped, belong to the MDL, and stay as they are.
        Ok(unsafe { slice::from_raw_parts(data.as_ptr(), length) })
    }
}

impl<'l> Iterator for Segments<'l> {
    type Item = Result<&'l [u8]>;

    fn next(&mut self) -> Option<Result<&'l [u8]>> {
        while self.left != 0 {
            match self.piece() {
                Ok([]) => {}
                Ok(piece) => return Some(Ok(piece)),
                Err(error) => {
                    self.left = 0;
                    self.mdl = ptr::null_mut();
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

impl fmt::Debug for Segments<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Segments").field("left", &self.left).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom), not(miri)))]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use core::ptr::{self, NonNull};

    use netio as _;
    use ntos::{Config, Machine};
    use wsk_sys::{
        ExAllocatePool2, ExFreePoolWithTag, FALSE, IoAllocateMdl, IoFreeMdl, IoReadAccess, KernelMode, MDL,
        MmProbeAndLockPages, MmUnlockPages, POOL_FLAG_NON_PAGED, WSK_BUF, WSK_DATAGRAM_INDICATION,
    };

    use super::Indications;
    use crate::Error;

    /// Pool with these bytes, locked and not mapped: what a network adapter's driver may indicate.
    struct Locked(*mut u8, *mut MDL);

    impl Locked {
        fn new(bytes: &[u8]) -> Locked {
            let length = bytes.len().try_into().unwrap();
            // SAFETY: a valid size, one pool, and a tag.
            let memory: *mut u8 = unsafe { ExAllocatePool2(POOL_FLAG_NON_PAGED, bytes.len(), 1) }.cast();
            // SAFETY: a block of this size.
            unsafe { memory.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
            // SAFETY: the range is the block; no IRP is given.
            let mdl = unsafe { IoAllocateMdl(memory.cast(), length, FALSE, FALSE, ptr::null_mut()) };
            // SAFETY: the MDL was made for valid memory.
            unsafe { MmProbeAndLockPages(mdl, KernelMode, IoReadAccess) };
            Locked(memory, mdl)
        }
    }

    impl Drop for Locked {
        fn drop(&mut self) {
            // SAFETY: locked by `new`.
            unsafe { MmUnlockPages(self.1) };
            // SAFETY: from IoAllocateMdl.
            unsafe { IoFreeMdl(self.1) };
            // SAFETY: from ExAllocatePool2 with this tag.
            unsafe { ExFreePoolWithTag(self.0.cast(), 1) };
        }
    }

    /// The pieces of a datagram that begins at `offset` of these MDLs.
    fn pieces(parts: &[&[u8]], offset: u32, length: usize) -> Vec<Result<Vec<u8>, Error>> {
        let parts: Vec<_> = parts.iter().map(|part| Locked::new(part)).collect();
        for pair in parts.windows(2) {
            // SAFETY: the MDLs are this function's.
            unsafe { (*pair[0].1).Next = pair[1].1 };
        }
        let first = parts.first().map_or(ptr::null_mut(), |part| part.1);
        let mut node = WSK_DATAGRAM_INDICATION {
            Next: ptr::null_mut(),
            Buffer: WSK_BUF { Mdl: first, Offset: offset, Length: length },
            ControlInfo: ptr::null_mut(),
            ControlInfoLength: 0,
            RemoteAddress: ptr::null_mut(),
        };
        // SAFETY: the list outlives the value.
        let datagram = unsafe { Indications::new(NonNull::from(&mut node)) }.next().unwrap();
        assert_eq!((datagram.from(), datagram.control_info(), datagram.len()), (None, &[][..], length));
        datagram.segments().map(|piece| piece.map(<[u8]>::to_vec)).collect()
    }

    fn on_a_machine(test: impl FnOnce(&Machine)) {
        let machine = Machine::boot(Config::default());
        let entered = machine.enter();
        test(&machine);
        drop(entered);
        machine.shutdown();
    }

    #[test]
    fn control_information_is_what_there_is() {
        let mut bytes = *b"control";
        let mut info = |is_there: bool, length| {
            let there: *mut u8 = bytes.as_mut_ptr();
            let mut node = WSK_DATAGRAM_INDICATION {
                Next: ptr::null_mut(),
                Buffer: WSK_BUF { Mdl: ptr::null_mut(), Offset: 0, Length: 0 },
                ControlInfo: if is_there { there.cast() } else { ptr::null_mut() },
                ControlInfoLength: length,
                RemoteAddress: ptr::null_mut(),
            };
            // SAFETY: the list outlives the value.
            let datagram = unsafe { Indications::new(NonNull::from(&mut node)) }.next().unwrap();
            datagram.control_info().to_vec()
        };
        assert_eq!(info(true, 7), b"control");
        assert_eq!(info(true, 0), b"");
        // WSK's page does not say that a length goes with no pointer, and a client need not believe it.
        assert_eq!(info(false, 7), b"");
    }

    #[test]
    fn pieces_follow_offset_and_length() {
        on_a_machine(|_| {
            assert_eq!(
                pieces(&[b"..abc", b"de", b"f..."], 2, 6),
                [Ok(b"abc".to_vec()), Ok(b"de".to_vec()), Ok(b"f".to_vec())]
            );
            assert_eq!(pieces(&[], 0, 0), []);
            // The offset is all of the first MDL: nothing of it is data.
            assert_eq!(pieces(&[b"..", b"ab"], 2, 1), [Ok(b"a".to_vec())]);
        });
    }

    #[test]
    fn a_chain_that_is_too_short_is_an_error_and_the_end() {
        on_a_machine(|_| {
            assert_eq!(pieces(&[b"ab"], 0, 3), [Ok(b"ab".to_vec()), Err(Error::INVALID_BUFFER_SIZE)]);
            assert_eq!(pieces(&[b"ab"], 7, 1), [Err(Error::INVALID_BUFFER_SIZE)]);
            assert_eq!(pieces(&[], 0, 1), [Err(Error::INVALID_BUFFER_SIZE)]);
        });
    }

    #[test]
    fn what_cannot_be_mapped_is_an_error_and_the_end() {
        on_a_machine(|machine| {
            // The pool and the MDLs come first, then the mappings.
            let mut seen = Vec::new();
            for n in 0..8 {
                let parts = [Locked::new(b"ab"), Locked::new(b"cd")];
                // SAFETY: the MDLs are this function's.
                unsafe { (*parts[0].1).Next = parts[1].1 };
                let mut node = WSK_DATAGRAM_INDICATION {
                    Next: ptr::null_mut(),
                    Buffer: WSK_BUF { Mdl: parts[0].1, Offset: 0, Length: 4 },
                    ControlInfo: ptr::null_mut(),
                    ControlInfoLength: 0,
                    RemoteAddress: ptr::null_mut(),
                };
                // SAFETY: the list outlives the value.
                let datagram = unsafe { Indications::new(NonNull::from(&mut node)) }.next().unwrap();
                machine.faults().fail_nth(n);
                let mut copy = [0; 3];
                let copied = datagram.copy_to(&mut copy);
                machine.faults().disarm();
                seen.push(copied);
                if copied.is_ok() {
                    assert_eq!(&copy, b"abc");
                    break;
                }
            }
            let failed = Err(Error::INSUFFICIENT_RESOURCES);
            assert_eq!(seen, [failed, failed, Ok(3)], "each of two mappings, and then none");
        });
    }
}
