//! The checks of the image, on one made here in which all is well, and on broken copies of it.

use object::pe;
use object::write::pe::{NtHeaders, Writer};

use super::breaks;
use super::exports::{Exports, WINDOWS};
use super::pe::{Expected, check, problems, set_checksum};
use super::tools::Arch;
use super::version::DRIVER;

/// The module and the function that the image imports.
const MODULE: &str = "ntoskrnl.exe";
const FUNCTION: &str = "KeBugCheckEx";

/// An image with code, one import and everything else that a driver's has.
pub(crate) fn image() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(true, 0x1000, 0x200, &mut bytes);
    writer.reserve_dos_header();
    writer.reserve_nt_headers(16);
    writer.reserve_section_headers(6);
    let text = writer.reserve_text_section(16);
    // The first section that is writable, so that the table of breaks finds the one it does in a driver.
    let data = writer.reserve_data_section(16, 16);
    let import = writer.reserve_idata_section(u32::try_from(import_table(0).len()).unwrap());
    let unwind = writer.reserve_pdata_section(12);
    let resource = writer.reserve_rsrc_section(u32::try_from(resources(0).len()).unwrap());
    writer.add_reloc(text.virtual_address, pe::IMAGE_REL_BASED_DIR64);
    writer.reserve_reloc_section();

    writer.write_empty_dos_header().unwrap();
    writer.write_nt_headers(NtHeaders { dll_characteristics: 0x1E0, ..headers(text.virtual_address) });
    writer.write_section_headers();
    writer.write_section(text.file_offset, &[0xC3; 16]);
    writer.write_section(data.file_offset, &[0; 16]);
    writer.write_section(import.file_offset, &import_table(import.virtual_address));
    writer.write_section(unwind.file_offset, &[0; 12]);
    writer.write_section(resource.file_offset, &resources(resource.virtual_address));
    writer.write_reloc_section();
    set_checksum(&mut bytes).unwrap();
    bytes
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

/// The resource section at an address: three directories of one entry each, the place of the data, and the data.
fn resources(base: u32) -> Vec<u8> {
    const DIRECTORY: u32 = 24;
    const BELOW: u32 = 0x8000_0000;
    let mut section = Vec::new();
    for (id, offset) in
        [(u32::from(pe::RT_VERSION), BELOW + DIRECTORY), (1, BELOW + 2 * DIRECTORY), (0x409, 3 * DIRECTORY)]
    {
        section.extend([0; 14]);
        section.extend(1_u16.to_le_bytes());
        section.extend(id.to_le_bytes());
        section.extend(offset.to_le_bytes());
    }
    let data = version_resource([1, 2, 3, 4]);
    for number in [base + 3 * DIRECTORY + 16, u32::try_from(data.len()).unwrap(), 0, 0] {
        section.extend(number.to_le_bytes());
    }
    section.extend(data);
    section
}

fn version_resource([major, minor, patch, build]: [u32; 4]) -> Vec<u8> {
    let mut data = vec![92, 0, 52, 0, 0, 0];
    data.extend("VS_VERSION_INFO\0\0".encode_utf16().flat_map(u16::to_le_bytes));
    let version = [major << 16 | minor, patch << 16 | build];
    let [kind, subkind] = DRIVER;
    for number in [
        0xFEEF_04BD,
        0x1_0000,
        version[0],
        version[1],
        version[0],
        version[1],
        0x3F,
        0,
        0x4_0004,
        kind,
        subkind,
        0,
        0,
    ] {
        data.extend(number.to_le_bytes());
    }
    data
}

/// What is expected of the image: a list with its import, and a text that it has not.
fn with<R>(test: impl FnOnce(Expected<'_>) -> R) -> R {
    let exports = Exports::parse(&format!("{MODULE} 5.0\n    {FUNCTION}\n")).unwrap();
    let texts = [("it speaks to people", "a text for people".to_owned())];
    test(Expected {
        arch: Arch::X64,
        exports: &exports,
        windows: WINDOWS,
        relocated: true,
        version: Some([1, 2, 3, 4]),
        largest: 128 * 1024,
        texts: &texts,
    })
}

#[test]
fn a_good_image_passes() {
    let report = with(|expected| check(&image(), expected)).unwrap();
    assert!(report.to_string().ends_with("1 imports, all checks passed"), "{report}");
}

#[test]
fn each_broken_copy_is_found_out() {
    assert_eq!(with(|expected| breaks::tried(&image(), expected)).unwrap(), 21);
}

#[test]
fn a_check_that_finds_nothing_is_found_out() {
    // What is broken by another import goes unnoticed if that is one of Windows'.
    let exports = Exports::parse(&format!("{MODULE} 5.0\n    {FUNCTION} XeBugCheckEx\n")).unwrap();
    let error =
        with(|expected| breaks::tried(&image(), Expected { exports: &exports, ..expected })).unwrap_err();
    assert!(error.to_string().starts_with("an image was broken: "), "{error}");
}

#[test]
fn an_import_newer_than_the_drivers_windows() {
    let windows = "4.0".parse().unwrap();
    let found = with(|expected| problems(&image(), Expected { windows, ..expected })).unwrap();
    assert_eq!(found, ["ntoskrnl.exe!KeBugCheckEx first appeared in Windows 5.0.0; the driver is for 4.0.0"]);
}

#[test]
fn both_versions_are_compared() {
    let version = Some([1, 2, 3, 5]);
    let found = with(|expected| problems(&image(), Expected { version, ..expected })).unwrap();
    assert_eq!(
        found,
        [
            "the version of the file is 1.2.3.4, the package's 1.2.3.5",
            "the version of the product is 1.2.3.4, the package's 1.2.3.5",
        ]
    );
}

#[test]
fn not_an_image() {
    assert!(with(|expected| problems(b"MZ", expected)).is_err());
    assert!(with(|expected| check(&[0; 4096], expected)).is_err());
}

/// The headers of a driver for x64 that begins there.
fn headers(entry: u32) -> NtHeaders {
    NtHeaders {
        machine: pe::IMAGE_FILE_MACHINE_AMD64,
        time_date_stamp: 0,
        characteristics: pe::IMAGE_FILE_EXECUTABLE_IMAGE | pe::IMAGE_FILE_DLL,
        major_linker_version: 0,
        minor_linker_version: 0,
        address_of_entry_point: entry,
        image_base: 0x1_8000_0000,
        major_operating_system_version: 10,
        minor_operating_system_version: 0,
        major_image_version: 0,
        minor_image_version: 0,
        major_subsystem_version: 10,
        minor_subsystem_version: 0,
        subsystem: pe::IMAGE_SUBSYSTEM_NATIVE,
        dll_characteristics: 0,
        size_of_stack_reserve: 0,
        size_of_stack_commit: 0,
        size_of_heap_reserve: 0,
        size_of_heap_commit: 0,
    }
}
