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

/// An image with code, data, one import and everything else that a driver's has.
fn image() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(true, 0x1000, 0x200, &mut bytes);
    writer.reserve_dos_header();
    writer.reserve_nt_headers(16);
    writer.reserve_section_headers(5);
    let text = writer.reserve_text_section(16);
    let import_data = import_section(writer.virtual_len());
    let data = writer.reserve_data_section(u32::try_from(import_data.len()).unwrap(), u32::try_from(import_data.len()).unwrap());
    writer.set_data_directory(pe::IMAGE_DIRECTORY_ENTRY_IMPORT, data.virtual_address, 40);
    writer.reserve_pdata_section(12);
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
    writer.write_section(data.file_offset, &import_data);
    writer.write_section(writer.pdata_offset(), &[0; 12]);
    writer.write_section(resource.file_offset, &[0; 16]);
    writer.write_reloc_section();
    sum(bytes)
}
