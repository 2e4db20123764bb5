//! What must hold of the driver's image, as the loader of the Windows kernel and its policies want it.

use std::fmt;

use anyhow::{Context, Result, bail, ensure};
use object::LittleEndian as LE;
use object::pe;
use object::read::pe::{ImageThunkData, PeFile64};

use super::exports::{Exports, Imports, Version};
use super::tools::Arch;
use super::version;

/// What an image is compared with.
#[derive(Clone, Copy)]
pub struct Expected<'l> {
    /// The processor that it is for.
    pub arch: Arch,
    /// What it may import.
    pub exports: &'l Exports,
    /// The Windows that it is for.
    pub windows: Version,
    /// Whether it has addresses to relocate: a small driver may have none, a larger one that has none was linked wrongly.
    pub relocated: bool,
    /// The version that its resource has to have; none: it needs no resource.
    pub version: Option<[u16; 4]>,
    /// How many bytes it may have.
    pub largest: usize,
    /// What it must not hold, with the reason: texts that a driver has no use for.
    pub texts: &'l [(&'static str, String)],
}

/// What there is to say about an image in which all is well.
#[derive(Debug)]
pub struct Report {
    size: usize,
    imports: usize,
    undated: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes, {} imports, all checks passed", self.size, self.imports)?;
        if !self.undated.is_empty() {
            write!(f, "; no page says since which Windows there is {}", self.undated.join(", "))?;
        }
        Ok(())
    }
}

/// Checks an image, signed or not.
///
/// # Errors
/// It is no image, or something is wrong with it; the text has everything that is.
pub fn check(image: &[u8], expected: Expected<'_>) -> Result<Report> {
    let problems = problems(image, expected)?;
    ensure!(
        problems.is_empty(),
        "the driver's image is not as it should be:\n    {}",
        problems.join("\n    ")
    );
    let imports = imports(&PeFile64::parse(image)?)?;
    let undated = expected.exports.undated(&imports).into_iter().map(str::to_owned).collect();
    Ok(Report { size: image.len(), imports: imports.count(), undated })
}

/// Everything that is wrong with an image.
///
/// # Errors
/// It is no image.
pub fn problems(image: &[u8], expected: Expected<'_>) -> Result<Vec<String>> {
    let file = PeFile64::parse(image).context("the driver is not a 64-bit image for Windows")?;
    let mut problems = headers(&file, expected.arch);
    problems.extend(directories(&file, expected.relocated));
    problems.extend(sections(&file));
    problems.extend(version::problems(&file, expected.version)?);
    problems.extend(expected.exports.problems(&imports(&file)?, expected.windows));
    problems.extend(texts(image, expected.texts));
    if image.len() > expected.largest {
        problems.push(format!("{} bytes, more than {}", image.len(), expected.largest));
    }
    problems.extend(check_checksum(image).err().map(|error| error.to_string()));
    Ok(problems)
}

/// The loader's switches, each with what it is for.
const SWITCHES: [(u16, &str); 4] = [
    (pe::IMAGE_DLLCHARACTERISTICS_NX_COMPAT, "NX_COMPAT: data is not executed"),
    (pe::IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE, "DYNAMIC_BASE: loaded at any address"),
    (pe::IMAGE_DLLCHARACTERISTICS_HIGH_ENTROPY_VA, "HIGH_ENTROPY_VA: loaded at any 64-bit address"),
    (pe::IMAGE_DLLCHARACTERISTICS_FORCE_INTEGRITY, "FORCE_INTEGRITY: only loaded if signed"),
];

fn headers(file: &PeFile64<'_>, arch: Arch) -> Vec<String> {
    let mut problems = Vec::new();
    let nt = file.nt_headers();
    let machine = nt.file_header.machine.get(LE);
    let (wanted, name) = match arch {
        Arch::X64 => (pe::IMAGE_FILE_MACHINE_AMD64, "x64"),
        Arch::Arm64 => (pe::IMAGE_FILE_MACHINE_ARM64, "ARM64"),
    };
    if machine != wanted {
        problems.push(format!("machine {machine:#06x}, not {name}"));
    }
    let characteristics = nt.file_header.characteristics.get(LE);
    if characteristics & pe::IMAGE_FILE_EXECUTABLE_IMAGE == 0 {
        problems.push("not marked as executable".to_owned());
    }
    if characteristics & pe::IMAGE_FILE_RELOCS_STRIPPED != 0 {
        problems.push("relocations are marked as stripped".to_owned());
    }
    let subsystem = nt.optional_header.subsystem.get(LE);
    if subsystem != pe::IMAGE_SUBSYSTEM_NATIVE {
        problems.push(format!("subsystem {subsystem}, not native"));
    }
    let switches = nt.optional_header.dll_characteristics.get(LE);
    for (switch, meaning) in SWITCHES {
        if switches & switch == 0 {
            problems.push(format!("without {meaning}"));
        }
    }
    problems
}

/// The directories that must have something in them, and the one that must not.
fn directories(file: &PeFile64<'_>, relocated: bool) -> Vec<String> {
    let present =
        |directory: usize| file.data_directory(directory).is_some_and(|entry| entry.size.get(LE) > 0);
    let required = [
        (pe::IMAGE_DIRECTORY_ENTRY_BASERELOC, "no relocations"),
        (pe::IMAGE_DIRECTORY_ENTRY_EXCEPTION, "no unwind table (.pdata)"),
    ];
    let mut problems: Vec<String> = required
        .iter()
        .filter(|(directory, _)| !present(*directory))
        .filter(|(directory, _)| relocated || *directory != pe::IMAGE_DIRECTORY_ENTRY_BASERELOC)
        .map(|(_, problem)| (*problem).to_owned())
        .collect();
    if present(pe::IMAGE_DIRECTORY_ENTRY_TLS) {
        problems.push("thread-local storage, which the kernel does not have".to_owned());
    }
    problems
}

fn sections(file: &PeFile64<'_>) -> Vec<String> {
    let mut problems = Vec::new();
    let entry = file.nt_headers().optional_header.address_of_entry_point.get(LE);
    let mut entry_found = false;
    for section in file.section_table().iter() {
        let name = String::from_utf8_lossy(section.raw_name()).into_owned();
        let flags = section.characteristics.get(LE);
        let executable = flags & pe::IMAGE_SCN_MEM_EXECUTE != 0;
        if executable && flags & pe::IMAGE_SCN_MEM_WRITE != 0 {
            problems.push(format!("section {name} is writable and executable"));
        }
        let begin = section.virtual_address.get(LE);
        entry_found |= executable && (begin..begin + section.virtual_size.get(LE)).contains(&entry);
    }
    if !entry_found {
        problems.push(format!("the entry point {entry:#x} lies in no executable section"));
    }
    problems
}

/// A text that must not be in an image.
fn texts(image: &[u8], texts: &[(&'static str, String)]) -> Option<String> {
    let holds = |text: &str| image.windows(text.len()).any(|window| window == text.as_bytes());
    let (reason, _) = texts.iter().find(|(_, text)| holds(text))?;
    Some((*reason).to_owned())
}

/// What an image imports.
///
/// # Errors
/// Its import table is broken.
pub fn imports(file: &PeFile64<'_>) -> Result<Imports> {
    let mut imports = Imports::default();
    let Some(table) = file.import_table()? else { return Ok(imports) };
    let mut descriptors = table.descriptors()?;
    while let Some(descriptor) = descriptors.next()? {
        let module = String::from_utf8_lossy(table.name(descriptor.name.get(LE))?).into_owned();
        let mut thunks = table.thunks(descriptor.original_first_thunk.get(LE))?;
        while let Some(thunk) = thunks.next::<pe::ImageNtHeaders64>()? {
            if thunk.is_ordinal() {
                imports.add(&module, &format!("#{}", thunk.ordinal()));
            } else {
                let (_, name) = table.hint_name(thunk.address())?;
                imports.add(&module, &String::from_utf8_lossy(name));
            }
        }
    }
    Ok(imports)
}

/// Checks the sum in the image's header, without which the kernel does not load it.
///
/// # Errors
/// It is another, or this is no image.
fn check_checksum(image: &[u8]) -> Result<()> {
    let place = checksum_place(image).context("too short for an image")?;
    let found = u32::from_le_bytes(image[place..place + 4].try_into()?);
    let right = checksum(image, place);
    if found != right {
        bail!("checksum {found:#x}, not {right:#x}");
    }
    Ok(())
}

/// Where the headers stand, from their signature on.
#[must_use]
pub fn headers_place(image: &[u8]) -> Option<usize> {
    let place = u32::from_le_bytes(image.get(0x3C..0x40)?.try_into().ok()?);
    usize::try_from(place).ok()
}

/// Puts the right sum into an image's header.
///
/// # Errors
/// This is no image.
pub fn set_checksum(image: &mut [u8]) -> Result<()> {
    let place = checksum_place(image).context("too short for an image")?;
    let sum = checksum(image, place);
    image[place..place + 4].copy_from_slice(&sum.to_le_bytes());
    Ok(())
}

/// Where the sum stands: in the optional header, which follows the signature and the file header.
fn checksum_place(image: &[u8]) -> Option<usize> {
    let place = headers_place(image)?.checked_add(24 + 64)?;
    (place.checked_add(4)? <= image.len()).then_some(place)
}

/// The sum of all 16-bit words but the sum's own, with the carries added in, and of the length.
fn checksum(image: &[u8], place: usize) -> u32 {
    let mut sum: u32 = 0;
    for (index, word) in image.chunks(2).enumerate() {
        if (place..place + 4).contains(&(index * 2)) {
            continue;
        }
        sum += u32::from(word[0]) | u32::from(word.get(1).copied().unwrap_or_default()) << 8;
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    // A PE image is smaller than 4 GiB: its own fields count its bytes in 32 bits.
    u32::try_from(image.len()).map_or(u32::MAX, |length| sum.wrapping_add(length))
}
