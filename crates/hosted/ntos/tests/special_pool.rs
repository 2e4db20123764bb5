//! Special pool: an access to memory that is not the driver's is a bug check at once, which names the block.
#![cfg(all(any(unix, windows), not(miri)))]
#![expect(unsafe_code, reason = "tests play the driver")]

use std::mem::offset_of;
use std::ptr;
use std::slice;
use std::sync::atomic::{AtomicPtr, Ordering};

use ntos::SpecialPool::{self, ByTurns, VerifyEnd, VerifyStart};
use ntos::{BugCheck, rule};
use wsk_sys::{
    CTL_CODE, DISPATCH_LEVEL, ExAllocatePool2, ExFreePool, FALSE, FILE_ANY_ACCESS, FILE_OBJECT, IRP,
    IoAllocateIrp, IoAllocateMdl, IoFreeIrp, IoFreeMdl, IoGetCurrentIrpStackLocation, KEVENT,
    KeInitializeEvent, KeSetEvent, KernelMode, KfRaiseIrql, MDL, METHOD_NEITHER, METHOD_OUT_DIRECT,
    MdlMappingNoExecute, MmBuildMdlForNonPagedPool, MmGetSystemAddressForMdlSafe, MmProbeAndLockPages,
    NTSTATUS, NormalPagePriority, NotificationEvent, PAGE_SIZE, POOL_FLAG_NON_PAGED, POOL_FLAG_UNINITIALIZED,
    STATUS_SUCCESS,
};

use crate::common::{assert_names, bug_check, bug_check_with, machine, machine_with, tag};
use crate::io::{self, BUFFERED, complete, expect_violation, open, probe, system_buffer};

const TAG: u32 = tag(*b"Spec");
const DIRECT: u32 = CTL_CODE(0x8000, 0x801, METHOD_OUT_DIRECT, FILE_ANY_ACCESS);
/// `IoModifyAccess`.
pub(crate) const MODIFY: i32 = 2;

pub(crate) fn allocate(flags: u64, size: usize) -> *mut u8 {
    let block: *mut u8 = kernel!(ExAllocatePool2(flags, size, TAG)).cast();
    assert!(!block.is_null());
    block
}

pub(crate) fn free(block: *mut u8) {
    kernel!(ExFreePool(block.cast()));
}

/// Reads what is not the driver's, or is.
#[inline(never)]
pub(crate) fn read(address: *const u8) -> u8 {
    // SAFETY: memory of the pool's, or addresses that it keeps so that this is a bug check.
    unsafe { address.read_volatile() }
}

/// Writes to what is not the driver's, or is.
#[inline(never)]
pub(crate) fn write(address: *mut u8, value: u8) {
    // SAFETY: memory of the pool's, or addresses that it keeps so that this is a bug check.
    unsafe { address.write_volatile(value) };
}

/// What a wrong driver does to a block of 48 bytes.
fn wrong(special_pool: SpecialPool, driver: impl FnOnce(*mut u8) + Send + 'static) -> BugCheck {
    let report = bug_check_with(special_pool, move || driver(allocate(POOL_FLAG_NON_PAGED, 48)));
    assert!(report.detail.contains("of 48 bytes, tag 'Spec'"), "{report}");
    report
}

#[test]
fn a_freed_block_is_read() {
    for (special_pool, offset) in [(VerifyEnd, 0), (VerifyEnd, 47), (VerifyStart, 8)] {
        let report = wrong(special_pool, move |block| {
            free(block);
            read(block.wrapping_add(offset));
        });
        let place = format!(", {offset} bytes into pool block 0x");
        assert_names(&report, &rule::POOL_ACCESS_AFTER_FREE, &place);
        assert_names(&report, &rule::POOL_ACCESS_AFTER_FREE, "'Spec', which was freed");
    }
}

#[test]
fn a_freed_block_is_written_to() {
    let report = wrong(ByTurns, |block| {
        free(block);
        write(block.wrapping_add(8), 1);
        panic!("the write went through");
    });
    assert_names(&report, &rule::POOL_ACCESS_AFTER_FREE, ", 8 bytes into pool block 0x");
}

/// After how many others a block is still known.
#[test]
fn a_freed_block_stays_known_for_long() {
    let report = wrong(ByTurns, |block| {
        free(block);
        for _ in 0..1500 {
            free(allocate(POOL_FLAG_NON_PAGED, 40));
        }
        read(block);
    });
    assert_names(&report, &rule::POOL_ACCESS_AFTER_FREE, "which was freed");
}

#[test]
fn the_byte_behind_the_end_is_read_or_written_to() {
    let report = wrong(VerifyEnd, |block| {
        read(block.wrapping_add(48));
    });
    assert_names(&report, &rule::POOL_ACCESS_BEYOND_END, ", 0 bytes beyond the end of pool block 0x");
    let report = wrong(VerifyEnd, |block| write(block.wrapping_add(48), 1));
    assert_names(&report, &rule::POOL_ACCESS_BEYOND_END, ", 0 bytes beyond the end of pool block 0x");
    let report = bug_check_with(VerifyEnd, || {
        let block = allocate(POOL_FLAG_NON_PAGED, 2 * PAGE_SIZE);
        read(block.wrapping_add(2 * PAGE_SIZE));
    });
    assert_names(&report, &rule::POOL_ACCESS_BEYOND_END, "0 bytes beyond");
}

/// Where a red zone would have ended long before.
#[test]
fn a_write_far_beyond_the_end() {
    for offset in [4096, 60_000] {
        let report = wrong(VerifyEnd, move |block| write(block.wrapping_add(offset), 1));
        let place = format!("{} bytes beyond the end", offset - 48);
        assert_names(&report, &rule::POOL_ACCESS_BEYOND_END, &place);
    }
}

#[test]
fn the_byte_before_the_start_is_read_or_written_to() {
    let report = wrong(VerifyStart, |block| {
        read(block.wrapping_sub(1));
    });
    assert_names(&report, &rule::POOL_ACCESS_BEFORE_START, ", 1 bytes before the start of pool block 0x");
    let report = wrong(VerifyStart, |block| write(block.wrapping_sub(3), 1));
    assert_names(&report, &rule::POOL_ACCESS_BEFORE_START, ", 3 bytes before the start of pool block 0x");
}

/// In the pages of the block itself, so found at the free. The fill has no byte that is written more often than others.
#[test]
fn a_write_next_to_the_block_that_no_guard_sees() {
    for value in [0, 0xFD, 0xDD, 0xCD, 0xFF] {
        for (special_pool, offset, place) in [
            (VerifyEnd, 40, "past its end"),
            (VerifyEnd, -1, "before its start"),
            (VerifyStart, 40, "past its end"),
            (VerifyStart, 4000, "past its end"),
        ] {
            let report = bug_check_with(special_pool, move || {
                let block = allocate(POOL_FLAG_NON_PAGED, 40);
                write(block.wrapping_offset(offset), value);
                free(block);
            });
            assert_names(&report, &rule::POOL_OVERRUN, place);
        }
    }
}

#[test]
fn blocks_lie_at_either_end_of_their_pages_by_turns() {
    let machine = machine();
    let _entered = machine.enter();
    let blocks: Vec<*mut u8> = (0..8).map(|_| allocate(POOL_FLAG_NON_PAGED, 48)).collect();
    let at = |offset| blocks.iter().filter(|block| block.addr() % PAGE_SIZE == offset).count();
    assert_eq!((at(0), at(PAGE_SIZE - 48)), (2, 6));
    blocks.into_iter().for_each(free);
    machine.shutdown();
}

/// In a process of its own: in this one, others want their blocks guarded.
#[test]
fn without_room_blocks_are_those_of_the_heap() {
    let (output, said) = crate::failing::run("special_pool::there_may_be_more_blocks");
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

/// Then they are blocks like those of the heap, and all that the process needs beside is there.
#[test]
#[ignore = "takes the room from others"]
fn there_may_be_more_blocks_than_the_host_has_room_for() {
    let machine = machine();
    let _entered = machine.enter();
    let blocks: Vec<*mut u8> = (0..36_000).map(|_| allocate(POOL_FLAG_NON_PAGED, 48)).collect();
    for block in &blocks {
        write(block.wrapping_add(47), 1);
    }
    drop(std::thread::spawn(|| vec![1_u8; 1 << 20]).join().unwrap());
    blocks.into_iter().for_each(free);
    machine.shutdown();
}

#[test]
fn without_special_pool_nothing_is_where_it_is_guarded() {
    let machine = machine_with(SpecialPool::Off);
    let _entered = machine.enter();
    let block = allocate(POOL_FLAG_NON_PAGED, 48);
    read(block.wrapping_add(48));
    read(block.wrapping_sub(1));
    free(block);
    // Still kept.
    read(block);
    machine.shutdown();
}

#[test]
fn memory_that_was_not_asked_to_be_zeroed_looks_random() {
    for special_pool in [SpecialPool::Off, VerifyEnd] {
        let machine = machine_with(special_pool);
        let _entered = machine.enter();
        let flags = POOL_FLAG_NON_PAGED | POOL_FLAG_UNINITIALIZED;
        let blocks = [allocate(flags, 5000), allocate(flags, 5000)];
        // SAFETY: live blocks of this size, which the kernel has filled.
        let [one, other] = blocks.map(|block| unsafe { slice::from_raw_parts(block, 5000) });
        assert_ne!(one, other);
        for bytes in [one, other] {
            assert!(bytes.windows(8).all(|bytes| bytes != [bytes[0]; 8] && !bytes.contains(&0)));
        }
        blocks.into_iter().for_each(free);
        machine.shutdown();
    }
}

/// Who, at which level, in which thread; where the block comes from.
#[test]
fn the_report_names_the_routine() {
    let report = expect_violation(&rule::POOL_ACCESS_AFTER_FREE, "which was freed", |machine| {
        probe().handle(|irp| {
            let block = allocate(POOL_FLAG_NON_PAGED, 16);
            free(block);
            kernel!(KfRaiseIrql(DISPATCH_LEVEL));
            write(block, 1);
            complete(irp, STATUS_SUCCESS, 0)
        });
        open(&machine).device_io_control(BUFFERED, &[], &mut []);
    });
    let detail = &report.detail;
    assert!(detail.starts_with(r"the dispatch routine of \Device\Probe for IRP #2 "), "{report}");
    assert!(detail.contains("\"catch\", at DISPATCH_LEVEL"), "{report}");
    assert!(detail.contains("IRP #2 Sent"), "{report}");
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        assert!(detail.contains("for IRP #2 wrote to 0x"), "{report}");
    }
}

#[test]
fn an_mdl_is_used_after_it_was_freed() {
    let report = bug_check(|| {
        let block = allocate(POOL_FLAG_NON_PAGED, 64);
        let mdl = mdl(block, 64);
        kernel!(IoFreeMdl(mdl));
        read(mdl.cast::<u8>().wrapping_add(offset_of!(MDL, ByteCount)));
    });
    assert_names(&report, &rule::POOL_ACCESS_AFTER_FREE, "bytes into MDL 0x");
}

#[test]
fn an_irp_is_used_after_it_was_freed() {
    let report = bug_check(|| {
        let irp = kernel!(IoAllocateIrp(1, FALSE));
        kernel!(IoFreeIrp(irp));
        read(irp.cast::<u8>().wrapping_add(offset_of!(IRP, IoStatus)));
    });
    assert_names(&report, &rule::POOL_ACCESS_AFTER_FREE, "(IRP #1), which was freed");
    let report = expect_violation(&rule::POOL_ACCESS_AFTER_FREE, "bytes into IRP 0x", |machine| {
        probe().handle(|irp| {
            complete(irp, STATUS_SUCCESS, 0);
            // The status is the one that it was completed with. But the IRP is gone.
            io::set_status(irp, STATUS_SUCCESS, 0);
            STATUS_SUCCESS
        });
        open(&machine).device_io_control(BUFFERED, &[], &mut []);
    });
    assert!(report.detail.contains("(IRP #2)"), "{report}");
}

#[test]
fn the_system_buffer_is_used_after_the_completion() {
    expect_violation(&rule::POOL_ACCESS_AFTER_FREE, "of 16 bytes, tag 'IoSB', which was freed", |machine| {
        probe().handle(|irp| {
            let buffer = system_buffer(irp);
            let status = complete(irp, STATUS_SUCCESS, 0);
            read(buffer);
            status
        });
        open(&machine).device_io_control(BUFFERED, &[1; 16], &mut []);
    });
}

#[test]
fn one_byte_beyond_the_system_buffer_is_read() {
    let (machine, _driver) =
        io::boot_with(ntos::Config { special_pool: VerifyEnd, ..ntos::Config::default() });
    let report = machine.catch_bug_check(|| {
        probe().handle(|irp| {
            read(system_buffer(irp).wrapping_add(16));
            complete(irp, STATUS_SUCCESS, 0)
        });
        open(&ntos::Machine::current()).device_io_control(BUFFERED, &[1; 16], &mut []);
    });
    assert_names(
        &report.unwrap_err(),
        &rule::POOL_ACCESS_BEYOND_END,
        "0 bytes beyond the end of pool block 0x",
    );
}

/// Requires that a handler of this control code, which uses what it should not, is stopped by `rule`.
#[track_caller]
fn wrong_handler(code: u32, rule: &ntos::Rule, place: &str, handler: fn(*mut IRP) -> NTSTATUS) {
    let report = io::expect_violation_with(VerifyEnd, rule, place, move |machine| {
        probe().handle(handler);
        open(&machine).device_io_control(code, &[1; 13], &mut [0; 13]);
    });
    assert!(report.detail.contains("user buffer 0x") && report.detail.contains("of 13 bytes"), "{report}");
}

fn mapped(irp: *mut IRP) -> *mut u8 {
    // SAFETY: the IRP was sent to the caller.
    map(unsafe { (*irp).MdlAddress })
}

/// A user's buffer has no alignment, so each byte beyond it counts.
#[test]
fn a_byte_beyond_the_memory_of_a_process_is_used() {
    const NEITHER: u32 = CTL_CODE(0x8000, 0x802, METHOD_NEITHER, FILE_ANY_ACCESS);
    wrong_handler(DIRECT, &rule::POOL_ACCESS_BEYOND_END, "0 bytes beyond the end of user buffer", |irp| {
        write(mapped(irp).wrapping_add(13), 1);
        complete(irp, STATUS_SUCCESS, 0)
    });
    wrong_handler(NEITHER, &rule::POOL_ACCESS_BEYOND_END, "2 bytes beyond the end of user buffer", |irp| {
        let input: *mut u8 = io::parameters(irp).Type3InputBuffer.cast();
        write(input.wrapping_add(12), 1);
        read(input.wrapping_add(15));
        complete(irp, STATUS_SUCCESS, 0)
    });
}

#[test]
fn the_memory_of_a_process_is_used_after_the_completion() {
    wrong_handler(DIRECT, &rule::POOL_ACCESS_AFTER_FREE, "12 bytes into user buffer", |irp| {
        let buffer = mapped(irp);
        write(buffer.wrapping_add(12), 1);
        let status = complete(irp, STATUS_SUCCESS, 13);
        write(buffer.wrapping_add(12), 2);
        status
    });
}

#[test]
fn a_device_and_a_file_are_used_after_they_are_gone() {
    expect_violation(&rule::POOL_ACCESS_AFTER_FREE, "device object and extension 0x", |_| {
        let device = probe().device.lock().unwrap().expect("the probe has a device").0;
        io::delete_link();
        io::delete_device();
        read(device.cast());
    });
    expect_violation(&rule::POOL_ACCESS_AFTER_FREE, "file object 0x", |machine| {
        static FILE: AtomicPtr<FILE_OBJECT> = AtomicPtr::new(ptr::null_mut());
        probe().handle(|irp| {
            // SAFETY: the IRP was sent here.
            let location = unsafe { IoGetCurrentIrpStackLocation(irp) };
            // SAFETY: the IRP was sent here.
            FILE.store(unsafe { (*location).FileObject }, Ordering::Relaxed);
            complete(irp, STATUS_SUCCESS, 0)
        });
        let file = open(&machine);
        file.device_io_control(BUFFERED, &[], &mut []);
        read(FILE.load(Ordering::Relaxed).cast());
        drop(file);
        // The request's reference may be given up by another thread.
        while machine.counters().files.live != 0 {
            std::thread::yield_now();
        }
        read(FILE.load(Ordering::Relaxed).cast());
    });
}

/// The kernel reads it, for the driver.
#[test]
fn an_event_is_set_in_a_freed_block() {
    let report = bug_check(|| {
        let event: *mut KEVENT = allocate(POOL_FLAG_NON_PAGED, size_of::<KEVENT>()).cast();
        kernel!(KeInitializeEvent(event, NotificationEvent, FALSE));
        free(event.cast());
        kernel!(KeSetEvent(event, 0, FALSE));
    });
    assert_names(&report, &rule::POOL_ACCESS_AFTER_FREE, "of 24 bytes, tag 'Spec', which was freed");
}

pub(crate) fn mdl(block: *mut u8, length: u32) -> *mut MDL {
    let mdl = kernel!(IoAllocateMdl(block.cast(), length, FALSE, FALSE, ptr::null_mut()));
    assert!(!mdl.is_null());
    mdl
}

pub(crate) fn map(mdl: *mut MDL) -> *mut u8 {
    kernel!(MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority | MdlMappingNoExecute)).cast()
}

#[test]
fn memory_is_used_by_its_mdl_after_it_was_freed() {
    let report = wrong(ByTurns, |block| {
        let mdl = mdl(block, 48);
        kernel!(MmBuildMdlForNonPagedPool(mdl));
        free(block);
        read(map(mdl));
    });
    assert_names(&report, &rule::POOL_ACCESS_AFTER_FREE, "0 bytes into pool block 0x");
}

#[test]
fn a_block_is_freed_while_its_pages_are_locked() {
    let report = wrong(ByTurns, |block| {
        let mdl = mdl(block, 48);
        kernel!(MmProbeAndLockPages(mdl, KernelMode, MODIFY));
        free(block);
    });
    assert_names(&report, &rule::POOL_FREED_LOCKED, "with its pages locked by MDL 0x");
}
