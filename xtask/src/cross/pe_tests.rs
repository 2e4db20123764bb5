//! Each property of the image, broken on a copy of one in which all is well, is found out, and nothing else is.

use object::pe;
use object::write::pe::{NtHeaders, Writer};

use super::pe::{Imports, LARGEST, check, checksum, checksum_place, problems};

/// Offsets in the headers, from the signature.
const MACHINE: usize = 4;
const CHARACTERISTICS: usize = 22;
const ENTRY: usize = 24 + 16;
const SUBSYSTEM: usize = 24 + 68;
const SWITCHES: usize = 24 + 70;
const DIRECTORIES: usize = 24 + 112;
const SECTIONS: usize = DIRECTORIES + 16 * 8;

/// The module and the function that the image imports.
const MODULE: &str = "ntoskrnl.exe";
const FUNCTION: &str = "KeBugCheckEx";

/// An image with code, one import and everything else that a driver's has.
fn image() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(true, 0x1000, 0x200, &mut bytes);
    writer.reserve_dos_header();
    writer.reserve_nt_headers(16);
    writer.reserve_section_headers(5);
    let text = writer.reserve_text_section(16);
    let import = writer.reserve_idata_section(u32::try_from(import_table(0).len()).unwrap());
    let unwind = writer.reserve_pdata_section(12);
    let resource = writer.reserve_rsrc_section(16);
    writer.add_reloc(text.virtual_address, pe::IMAGE_REL_BASED_DIR64);
    writer.reserve_reloc_section();

    writer.write_empty_dos_header().unwrap();
    writer.write_nt_headers(NtHeaders {
        machine: pe::IMAGE_FILE_MACHINE_AMD64,
        time_date_stamp: 0,
        characteristics: pe::IMAGE_FILE_EXECUTABLE_IMAGE | pe::IMAGE_FILE_DLL,
        major_linker_version: 0,
        minor_linker_version: 0,
        address_of_entry_point: text.virtual_address,
        image_base: 0x1_8000_0000,
        major_operating_system_version: 10,
        minor_operating_system_version: 0,
        major_image_version: 0,
        minor_image_version: 0,
        major_subsystem_version: 10,
        minor_subsystem_version: 0,
        subsystem: pe::IMAGE_SUBSYSTEM_NATIVE,
        dll_characteristics: 0x1E0,
        size_of_stack_reserve: 0,
        size_of_stack_commit: 0,
        size_of_heap_reserve: 0,
        size_of_heap_commit: 0,
    });
    writer.write_section_headers();
    writer.write_section(text.file_offset, &[0xC3; 16]);
    writer.write_section(import.file_offset, &import_table(import.virtual_address));
    writer.write_section(unwind.file_offset, &[0; 12]);
    writer.write_section(resource.file_offset, &[0; 16]);
    writer.write_reloc_section();
    summed(bytes)
}

/// The import directory for a section at an address: descriptors, lookup and address table, hint and name, module.
fn import_table(base: u32) -> Vec<u8> {
    let mut table = Vec::new();
    for number in [base + 40, 0, 0, base + 90, base + 56] {
        table.extend(number.to_le_bytes());
    }
    table.resize(40, 0);
    for thunk in [base + 72, 0, base + 72, 0] {
        table.extend(u64::from(thunk).to_le_bytes());
    }
    table.extend([0; 2]);
    table.extend(FUNCTION.bytes());
    table.resize(90, 0);
    table.extend(MODULE.bytes());
    table.push(0);
    table
}

fn listed(text: &str) -> Imports {
    Imports::parse(text).unwrap()
}

fn expected() -> Imports {
    listed(&format!("# a comment\n\n{MODULE}\n    {FUNCTION}\n"))
}

/// The image with its checksum put right.
fn summed(mut image: Vec<u8>) -> Vec<u8> {
    let place = checksum_place(&image).unwrap();
    let sum = checksum(&image, place);
    image[place..place + 4].copy_from_slice(&sum.to_le_bytes());
    image
}

/// What is found in the image after a change to the headers, at an offset from their signature.
fn broken(offset: usize, bytes: &[u8]) -> Vec<String> {
    let mut image = image();
    let place = checksum_place(&image).unwrap() - 24 - 64 + offset;
    image[place..place + bytes.len()].copy_from_slice(bytes);
    problems(&summed(image), &expected()).unwrap()
}

fn directory(index: usize) -> usize {
    DIRECTORIES + index * 8
}

#[test]
fn a_good_image_passes() {
    let report = check(&image(), &expected()).unwrap();
    assert!(report.to_string().ends_with("1 imports, all checks passed"), "{report}");
}

#[test]
fn wrong_machine() {
    assert_eq!(broken(MACHINE, &0xAA64_u16.to_le_bytes()), ["machine 0xaa64, not x64"]);
}

#[test]
fn not_executable() {
    assert_eq!(broken(CHARACTERISTICS, &0x2000_u16.to_le_bytes()), ["not marked as executable"]);
}

#[test]
fn relocations_stripped() {
    assert_eq!(broken(CHARACTERISTICS, &0x2003_u16.to_le_bytes()), ["relocations are marked as stripped"]);
}

#[test]
fn wrong_subsystem() {
    assert_eq!(broken(SUBSYSTEM, &3_u16.to_le_bytes()), ["subsystem 3, not native"]);
}

#[test]
fn each_switch() {
    for (off, name) in
        [(0x0E0_u16, "NX"), (0x1A0, "DYNAMIC_BASE"), (0x1C0, "HIGH_ENTROPY"), (0x160, "FORCE_INTEGRITY")]
    {
        let found = broken(SWITCHES, &off.to_le_bytes());
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with(&format!("without {name}")), "{found:?}");
    }
}

#[test]
fn directories_that_must_be_there() {
    for (index, problem) in [
        (pe::IMAGE_DIRECTORY_ENTRY_BASERELOC, "no relocations"),
        (pe::IMAGE_DIRECTORY_ENTRY_EXCEPTION, "no unwind table (.pdata)"),
        (pe::IMAGE_DIRECTORY_ENTRY_RESOURCE, "no version resource"),
    ] {
        assert_eq!(broken(directory(index), &[0; 8]), [problem]);
    }
}

#[test]
fn thread_local_storage() {
    let found = broken(directory(pe::IMAGE_DIRECTORY_ENTRY_TLS), &[0, 0x10, 0, 0, 1, 0, 0, 0]);
    assert_eq!(found, ["thread-local storage, which the kernel does not have"]);
}

#[test]
fn writable_code() {
    // The flags of the first section header, at its end.
    let found = broken(SECTIONS + 36, &0xE000_0020_u32.to_le_bytes());
    assert_eq!(found, ["section .text is writable and executable"]);
}

#[test]
fn entry_point_in_data() {
    assert_eq!(
        broken(ENTRY, &0x2000_u32.to_le_bytes()),
        ["the entry point 0x2000 lies in no executable section"]
    );
}

#[test]
fn import_not_listed() {
    let found = problems(&image(), &listed("")).unwrap();
    assert_eq!(found, ["ntoskrnl.exe!KeBugCheckEx is imported, but not listed"]);
}

#[test]
fn listed_but_not_imported() {
    let found =
        problems(&image(), &listed(&format!("{MODULE}\n {FUNCTION}\nNETIO.SYS\n WskRegister\n"))).unwrap();
    assert_eq!(found, ["NETIO.SYS!WskRegister is listed, but not imported"]);
}

#[test]
fn wrong_checksum() {
    let mut image = image();
    let last = image.len() - 1;
    image[last] ^= 1;
    let found = problems(&image, &expected()).unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("checksum "), "{found:?}");
}

#[test]
fn too_large() {
    let mut image = image();
    image.resize(LARGEST + 1, 0);
    let found = problems(&summed(image), &expected()).unwrap();
    assert_eq!(found, [format!("{} bytes, more than {LARGEST}", LARGEST + 1)]);
}

#[test]
fn not_an_image() {
    assert!(problems(b"MZ", &expected()).is_err());
    assert!(check(&[0; 4096], &expected()).is_err());
}
