//! The version resource: which release a file is, as Windows reads it.

use anyhow::{Context, Result, ensure};
use object::LittleEndian as LE;
use object::pe;
use object::read::pe::{PeFile64, ResourceDirectoryTable};

/// Where the numbers stand in the resource: after its lengths, its key `VS_VERSION_INFO` and padding.
const FIXED: usize = 40;
/// What the numbers begin with.
const SIGNATURE: u32 = 0xFEEF_04BD;
/// `VFT_DRV` and `VFT2_DRV_SYSTEM`: a driver, of the kind "system".
pub(crate) const DRIVER: [u32; 2] = [3, 7];

/// What is wrong with the version resource of an image that should have this version, if any.
pub(crate) fn problems(file: &PeFile64<'_>, expected: Option<[u16; 4]>) -> Result<Vec<String>> {
    let Some(expected) = expected else { return Ok(Vec::new()) };
    let Some(resource) = find(file)? else { return Ok(vec!["no version resource".to_owned()]) };
    let number = |index: usize| {
        let place = FIXED + index * 4;
        let bytes = resource.get(place..place + 4).context("the version resource is too short")?;
        anyhow::Ok(u32::from_le_bytes(bytes.try_into()?))
    };
    ensure!(number(0)? == SIGNATURE, "the version resource has no signature");
    let mut problems = Vec::new();
    for (what, first) in [("file", 2), ("product", 4)] {
        let found = [number(first)?, number(first + 1)?];
        let [major, minor, patch, build] = expected.map(u32::from);
        if found != [major << 16 | minor, patch << 16 | build] {
            let [a, b, c, d] = [found[0] >> 16, found[0] & 0xFFFF, found[1] >> 16, found[1] & 0xFFFF];
            problems.push(format!(
                "the version of the {what} is {a}.{b}.{c}.{d}, the package's {major}.{minor}.{patch}.{build}"
            ));
        }
    }
    if [number(9)?, number(10)?] != DRIVER {
        problems.push("the version resource is not a driver's".to_owned());
    }
    Ok(problems)
}

/// The bytes of the version resource.
fn find<'data>(file: &PeFile64<'data>) -> Result<Option<&'data [u8]>> {
    let (data, sections) = (file.data(), file.section_table());
    let Some(directory) = file.data_directories().resource_directory(data, &sections)? else {
        return Ok(None);
    };
    let first = |table: Option<ResourceDirectoryTable<'data>>| table.and_then(|table| table.entries.first());
    // Three levels: the kind, the name, the language. There is one version, so one name and one language.
    let kinds = directory.root()?.entries;
    let is_version = |id: Option<u16>| id == Some(pe::RT_VERSION);
    let Some(kind) = kinds.iter().find(|kind| is_version(kind.name_or_id().id())) else { return Ok(None) };
    let Some(name) = first(kind.data(directory)?.table()) else { return Ok(None) };
    let Some(language) = first(name.data(directory)?.table()) else { return Ok(None) };
    let Some(entry) = language.data(directory)?.data() else { return Ok(None) };
    let bytes = sections.pe_data_at(data, entry.offset_to_data.get(LE));
    let size = usize::try_from(entry.size.get(LE))?;
    Ok(Some(
        bytes.and_then(|bytes| bytes.get(..size)).context("the version resource lies outside the image")?,
    ))
}
