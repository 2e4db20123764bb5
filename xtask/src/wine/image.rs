//! A file for Windows that this project did not build: what it is, what it imports, what it has for others.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use object::LittleEndian as LE;
use object::pe;
use object::read::pe::{ExportTarget, PeFile64};

use crate::cross::{Imports, imports};

/// How a stub of Wine's begins: `sub rsp, 0x28`; `lea rcx` with the module's name; `lea rdx` with the function's; a call.
const STUB: [(usize, &[u8]); 4] =
    [(0, &[0x48, 0x83, 0xEC, 0x28]), (4, &[0x48, 0x8D, 0x0D]), (11, &[0x48, 0x8D, 0x15]), (18, &[0xE8])];
/// Where the distance to the function's name stands in it, and what it is counted from.
const NAME: (usize, usize) = (14, 18);

/// What a module has under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Export {
    /// A function, or data.
    There,
    /// One of Wine's that raises an exception when it is called.
    Stub,
}

/// A driver, or a module that drivers import from.
#[derive(Debug)]
pub(crate) struct Image {
    /// The names that it imports, by module.
    pub(crate) imports: Imports,
    exports: BTreeMap<String, Export>,
    native: bool,
}

impl Image {
    /// Reads a file.
    ///
    /// # Errors
    /// It is not there, or no image for Windows on x64.
    pub(crate) fn read(file: &Path) -> Result<Image> {
        let bytes = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
        Image::parse(&bytes).with_context(|| file.display().to_string())
    }

    fn parse(bytes: &[u8]) -> Result<Image> {
        let file = PeFile64::parse(bytes).map_err(|error| {
            anyhow::anyhow!("no 64-bit image for Windows ({error}): give what the linker made, for x64")
        })?;
        let headers = file.nt_headers();
        let machine = headers.file_header.machine.get(LE);
        ensure!(
            machine == pe::IMAGE_FILE_MACHINE_AMD64,
            "built for machine {machine:#06x}, not for x64 ({:#06x})",
            pe::IMAGE_FILE_MACHINE_AMD64
        );
        let native = headers.optional_header.subsystem.get(LE) == pe::IMAGE_SUBSYSTEM_NATIVE;
        Ok(Image { imports: imports(&file)?, exports: exports(bytes, &file)?, native })
    }

    /// Refuses what is no driver.
    pub(crate) fn require_driver(&self) -> Result<()> {
        ensure!(self.native, "a program or a library, and no driver: link it with the subsystem `native`");
        Ok(())
    }

    /// Whether it imports from a module, whose name has any case.
    pub(crate) fn imports_from(&self, module: &str) -> bool {
        self.imports.modules().any(|name| name.eq_ignore_ascii_case(module))
    }

    /// Refuses a module without these functions.
    pub(crate) fn require(&self, names: &[&str]) -> Result<()> {
        let missing: Vec<&str> =
            names.iter().copied().filter(|name| !self.exports.contains_key(*name)).collect();
        if !missing.is_empty() {
            bail!("does not export {}, which drivers import from it", missing.join(", "));
        }
        Ok(())
    }

    /// What is there under a name, or `#` and a number.
    pub(crate) fn export(&self, name: &str) -> Option<Export> {
        self.exports.get(name).copied()
    }
}

fn exports(bytes: &[u8], file: &PeFile64<'_>) -> Result<BTreeMap<String, Export>> {
    let mut exports = BTreeMap::new();
    let Some(table) = file.export_table()? else { return Ok(exports) };
    for export in table.exports()? {
        let found = match (export.name, export.target) {
            (Some(name), ExportTarget::Address(address)) if is_stub(bytes, file, address, name) => {
                Export::Stub
            }
            _ => Export::There,
        };
        exports.insert(format!("#{}", export.ordinal), found);
        if let Some(name) = export.name {
            exports.insert(String::from_utf8_lossy(name).into_owned(), found);
        }
    }
    Ok(exports)
}

/// Whether the function at an address is a stub, which calls a function of Wine's with its own name.
fn is_stub(bytes: &[u8], file: &PeFile64<'_>, address: u32, name: &[u8]) -> bool {
    let at = |address| file.section_table().pe_data_at(bytes, address);
    let Some(code) = at(address) else { return false };
    let begins = |(place, part): (usize, &[u8])| code.get(place..place + part.len()) == Some(part);
    if !STUB.into_iter().all(begins) {
        return false;
    }
    let (place, base) = NAME;
    let distance = code.get(place..base).and_then(|four| four.try_into().ok()).map(i32::from_le_bytes);
    let named = distance.and_then(|distance| {
        let base = address.checked_add(u32::try_from(base).ok()?)?;
        at(base.checked_add_signed(distance)?)
    });
    named.is_some_and(|text| text.strip_prefix(name).is_some_and(|rest| rest.first() == Some(&0)))
}

#[cfg(test)]
mod tests {
    use object::write::pe::{NtHeaders, Writer};

    use super::*;

    /// The functions of the module that is made here: one that returns, and one that is a stub.
    const FUNCTIONS: [&str; 2] = ["KeHere", "KeStub"];

    /// Where the stub is in the section, and the directory of exports, behind which its tables follow.
    const CODE: u32 = 32;
    const DIRECTORY: u32 = 64;

    /// A module's section at an address: two functions, and the table of exports.
    fn section(base: u32) -> Vec<u8> {
        let addresses = DIRECTORY + 40;
        let (pointers, numbers, first) = (addresses + 8, addresses + 16, addresses + 20);
        let second = first + 7;
        let mut bytes = vec![0xC3];
        bytes.resize(CODE as usize, 0);
        bytes.extend(STUB[0].1);
        bytes.extend(STUB[1].1);
        bytes.extend([0; 4]);
        bytes.extend(STUB[2].1);
        bytes.extend((second - (CODE + 18)).to_le_bytes());
        bytes.extend([0xE8, 0, 0, 0, 0, 0x90]);
        bytes.resize(DIRECTORY as usize, 0);
        for number in [0, 0, 0, base + first, 1, 2, 2, base + addresses, base + pointers, base + numbers] {
            bytes.extend(number.to_le_bytes());
        }
        for address in [0, CODE, first, second] {
            bytes.extend((base + address).to_le_bytes());
        }
        bytes.extend([0, 0, 1, 0]);
        for name in FUNCTIONS {
            bytes.extend(name.bytes());
            bytes.push(0);
        }
        bytes
    }

    /// An image with that section.
    fn image(machine: u16, subsystem: u16) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(true, 0x1000, 0x200, &mut bytes);
        writer.reserve_dos_header();
        writer.reserve_nt_headers(16);
        writer.reserve_section_headers(1);
        let size = u32::try_from(section(0).len()).unwrap();
        let text = writer.reserve_text_section(size);
        let table = text.virtual_address + DIRECTORY;
        writer.set_data_directory(pe::IMAGE_DIRECTORY_ENTRY_EXPORT, table, size - DIRECTORY);
        writer.write_empty_dos_header().unwrap();
        writer.write_nt_headers(NtHeaders { machine, subsystem, ..headers(text.virtual_address) });
        writer.write_section_headers();
        writer.write_section(text.file_offset, &section(text.virtual_address));
        bytes
    }

    fn native() -> Image {
        Image::parse(&image(pe::IMAGE_FILE_MACHINE_AMD64, pe::IMAGE_SUBSYSTEM_NATIVE)).unwrap()
    }

    #[test]
    fn a_stub_is_told_from_a_function() {
        let image = native();
        assert_eq!(image.export("KeHere"), Some(Export::There));
        assert_eq!(image.export("KeStub"), Some(Export::Stub));
        assert_eq!((image.export("#1"), image.export("#3")), (Some(Export::There), None));
        assert_eq!(image.export("KeNowhere"), None);
    }

    #[test]
    fn what_is_no_driver_is_refused() {
        native().require_driver().unwrap();
        let library = image(pe::IMAGE_FILE_MACHINE_AMD64, pe::IMAGE_SUBSYSTEM_WINDOWS_CUI);
        assert!(Image::parse(&library).unwrap().require_driver().is_err());
        let other = image(pe::IMAGE_FILE_MACHINE_ARM64, pe::IMAGE_SUBSYSTEM_NATIVE);
        assert!(Image::parse(&other).unwrap_err().to_string().contains("0xaa64"));
        assert!(Image::parse(b"\x7fELF, and so on").unwrap_err().to_string().contains("64-bit image"));
    }

    #[test]
    fn what_a_module_must_export_is_named() {
        native().require(&["KeHere"]).unwrap();
        let error = native().require(&["KeHere", "KeGone", "KeLost"]).unwrap_err().to_string();
        assert!(error.contains("does not export KeGone, KeLost"), "{error}");
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
}
