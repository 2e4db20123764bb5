//! Ways to break an image, each with what the checks must then find: a check that finds nothing is worth nothing.
//!
//! The table is tried on an image that the tests make, and on a copy of the driver's after each build.

use anyhow::{Context, Result, ensure};
use object::pe;

use super::pe::{Expected, headers_place, problems, set_checksum};

/// Offsets in the headers, from the signature.
const MACHINE: usize = 4;
const SECTION_COUNT: usize = 6;
const CHARACTERISTICS: usize = 22;
const ENTRY: usize = 24 + 16;
const SUBSYSTEM: usize = 24 + 68;
const SWITCHES: usize = 24 + 70;
const DIRECTORIES: usize = 24 + 112;
const SECTIONS: usize = DIRECTORIES + 16 * 8;

/// A name that every image here imports.
const IMPORTED: &[u8] = b"\0KeBugCheckEx\0";
/// The signature of the numbers in a version resource.
const VERSION: &[u8] = &[0xBD, 0x04, 0xEF, 0xFE];

/// A way to break an image.
struct Break {
    /// What is done to it.
    name: &'static str,
    /// Does it; `None` if the image has nothing to break in this way.
    apply: fn(&mut Image) -> Option<()>,
    /// How each problem that must be found begins.
    found: &'static [&'static str],
}

/// The bytes of an image, and where its headers are.
struct Image {
    bytes: Vec<u8>,
    headers: usize,
}

impl Image {
    fn put(&mut self, place: usize, value: &[u8]) -> Option<()> {
        self.bytes.get_mut(place..place + value.len())?.copy_from_slice(value);
        Some(())
    }

    /// Puts bytes into the headers.
    fn header(&mut self, offset: usize, value: &[u8]) -> Option<()> {
        self.put(self.headers + offset, value)
    }

    fn half(&self, offset: usize) -> Option<u16> {
        let place = self.headers + offset;
        Some(u16::from_le_bytes(self.bytes.get(place..place + 2)?.try_into().ok()?))
    }

    fn number(&self, offset: usize) -> Option<u32> {
        let place = self.headers + offset;
        Some(u32::from_le_bytes(self.bytes.get(place..place + 4)?.try_into().ok()?))
    }

    /// Changes bits of one of the 16-bit fields.
    fn bits(&mut self, offset: usize, clear: u16, set: u16) -> Option<()> {
        let value = self.half(offset)?;
        (value & clear == clear && value & set == 0).then_some(())?;
        self.header(offset, &(value & !clear | set).to_le_bytes())
    }

    /// Empties one of the directories.
    fn empty(&mut self, index: usize) -> Option<()> {
        (self.number(DIRECTORIES + index * 8)? != 0).then_some(())?;
        self.header(DIRECTORIES + index * 8, &[0; 8])
    }

    fn find(&self, bytes: &[u8]) -> Option<usize> {
        self.bytes.windows(bytes.len()).position(|window| window == bytes)
    }

    /// The offset of the flags of the first section with all of some flags.
    fn section(&self, flags: u32) -> Option<usize> {
        let count = usize::from(self.half(SECTION_COUNT)?);
        let mut places = (0..count).map(|index| SECTIONS + index * 40 + 36);
        places.find(|place| self.number(*place).is_some_and(|found| found & flags == flags))
    }
}

const BREAKS: [Break; 18] = [
    Break {
        name: "the machine is ARM64",
        apply: |image| image.header(MACHINE, &pe::IMAGE_FILE_MACHINE_ARM64.to_le_bytes()),
        found: &["machine 0xaa64, not x64"],
    },
    Break {
        name: "not marked as executable",
        apply: |image| image.bits(CHARACTERISTICS, pe::IMAGE_FILE_EXECUTABLE_IMAGE, 0),
        found: &["not marked as executable"],
    },
    Break {
        name: "relocations marked as stripped",
        apply: |image| image.bits(CHARACTERISTICS, 0, pe::IMAGE_FILE_RELOCS_STRIPPED),
        found: &["relocations are marked as stripped"],
    },
    Break {
        name: "the subsystem is that of a console program",
        apply: |image| image.header(SUBSYSTEM, &pe::IMAGE_SUBSYSTEM_WINDOWS_CUI.to_le_bytes()),
        found: &["subsystem 3, not native"],
    },
    Break {
        name: "no NX_COMPAT",
        apply: |image| image.bits(SWITCHES, pe::IMAGE_DLLCHARACTERISTICS_NX_COMPAT, 0),
        found: &["without NX_COMPAT"],
    },
    Break {
        name: "no DYNAMIC_BASE",
        apply: |image| image.bits(SWITCHES, pe::IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE, 0),
        found: &["without DYNAMIC_BASE"],
    },
    Break {
        name: "no HIGH_ENTROPY_VA",
        apply: |image| image.bits(SWITCHES, pe::IMAGE_DLLCHARACTERISTICS_HIGH_ENTROPY_VA, 0),
        found: &["without HIGH_ENTROPY_VA"],
    },
    Break {
        name: "no FORCE_INTEGRITY",
        apply: |image| image.bits(SWITCHES, pe::IMAGE_DLLCHARACTERISTICS_FORCE_INTEGRITY, 0),
        found: &["without FORCE_INTEGRITY"],
    },
    Break {
        name: "no relocations",
        apply: |image| image.empty(pe::IMAGE_DIRECTORY_ENTRY_BASERELOC),
        found: &["no relocations"],
    },
    Break {
        name: "no unwind table",
        apply: |image| image.empty(pe::IMAGE_DIRECTORY_ENTRY_EXCEPTION),
        found: &["no unwind table"],
    },
    Break {
        name: "no resources",
        apply: |image| image.empty(pe::IMAGE_DIRECTORY_ENTRY_RESOURCE),
        found: &["no version resource"],
    },
    Break {
        name: "the version of another release",
        apply: |image| image.put(image.find(VERSION)? + 8, &[0xFF; 4]),
        found: &["the version of the file is 65535.65535."],
    },
    Break {
        name: "the version resource of a program",
        apply: |image| image.put(image.find(VERSION)? + 36, &1_u32.to_le_bytes()),
        found: &["the version resource is not a driver's"],
    },
    Break {
        name: "thread-local storage",
        apply: |image| {
            let entry = [0x1000_u32.to_le_bytes(), 1_u32.to_le_bytes()].concat();
            image.header(DIRECTORIES + pe::IMAGE_DIRECTORY_ENTRY_TLS * 8, &entry)
        },
        found: &["thread-local storage"],
    },
    Break {
        name: "writable code",
        apply: |image| {
            let place = image.section(pe::IMAGE_SCN_MEM_EXECUTE)?;
            let flags = image.number(place)? | pe::IMAGE_SCN_MEM_WRITE;
            image.header(place, &flags.to_le_bytes())
        },
        found: &["section .text is writable and executable"],
    },
    Break {
        name: "executable data",
        apply: |image| {
            let place = image.section(pe::IMAGE_SCN_MEM_WRITE)?;
            let flags = image.number(place)? | pe::IMAGE_SCN_MEM_EXECUTE;
            image.header(place, &flags.to_le_bytes())
        },
        found: &["section .data is writable and executable"],
    },
    Break {
        name: "the entry point in the headers",
        apply: |image| image.header(ENTRY, &0x10_u32.to_le_bytes()),
        found: &["the entry point 0x10 lies in no executable section"],
    },
    Break {
        name: "another import",
        apply: |image| image.put(image.find(IMPORTED)? + 1, b"Xe"),
        found: &["ntoskrnl.exe!XeBugCheckEx is imported, but no Windows is known to export it"],
    },
];

/// Breaks copies of an image in which all is well, and gives how many ways there were.
///
/// # Errors
/// A broken copy passes the checks, or something else is found in it than what was broken.
pub fn tried(image: &[u8], expected: Expected<'_>) -> Result<usize> {
    let headers = headers_place(image).context("too short for an image")?;
    for Break { name, apply, found } in &BREAKS {
        let mut copy = Image { bytes: image.to_vec(), headers };
        apply(&mut copy).with_context(|| format!("{name}: the image has nothing to break in this way"))?;
        set_checksum(&mut copy.bytes)?;
        agree(name, &problems(&copy.bytes, expected)?, found)?;
    }
    let mut copy = image.to_vec();
    copy.resize(expected.largest + 1, 0);
    set_checksum(&mut copy)?;
    let size = format!("{} bytes, more than {}", copy.len(), expected.largest);
    agree("too large", &problems(&copy, expected)?, &[&size])?;
    for (reason, text) in expected.texts {
        let mut copy = [image, text.as_bytes()].concat();
        set_checksum(&mut copy)?;
        agree("a text that is not to be in it", &problems(&copy, expected)?, &[reason])?;
    }
    // The one that no sum is put right after.
    let mut copy = image.to_vec();
    let last = copy.last_mut().context("too short for an image")?;
    *last ^= 1;
    agree("another byte at the end", &problems(&copy, expected)?, &["checksum "])?;
    Ok(BREAKS.len() + expected.texts.len() + 2)
}

fn agree(name: &str, problems: &[String], found: &[&str]) -> Result<()> {
    let all = problems.len() == found.len()
        && problems.iter().zip(found).all(|(problem, beginning)| problem.starts_with(beginning));
    ensure!(all, "an image was broken: {name}; the checks found {problems:?}, not {found:?}");
    Ok(())
}
