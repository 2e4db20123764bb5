//! A driver's file: which one it is.

use object::LittleEndian as LE;
use object::pe::{IMAGE_DIRECTORY_ENTRY_SECURITY, RT_VERSION};
use object::read::pe::{PeFile64, ResourceDirectoryTable};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// Where `VS_FIXEDFILEINFO` stands in a version resource: after its lengths, its key `VS_VERSION_INFO` and padding.
const FIXED: usize = 40;
/// What it begins with, `VS_FFI_SIGNATURE`; and where in it the two halves of the file's version stand.
const SIGNATURE: u32 = 0xFEEF_04BD;
const VERSION: [usize; 2] = [8, 12];

/// A driver's file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DriverFile {
    /// Its path.
    pub path: String,
    /// Its length in bytes.
    pub size: usize,
    /// The SHA-256 of its bytes.
    pub sha256: String,
    /// The file's version by its version resource, if it has one.
    pub version: Option<String>,
    /// Whether a signature is embedded in it. Whether that is trusted, the kernel decides when it loads the file.
    pub signed: bool,
}

impl DriverFile {
    /// What there is to say of the file at `path` that has these bytes.
    #[must_use]
    pub fn new(path: String, bytes: &[u8]) -> DriverFile {
        let file = PeFile64::parse(bytes).ok();
        let signature = file.as_ref().and_then(|file| file.data_directory(IMAGE_DIRECTORY_ENTRY_SECURITY));
        DriverFile {
            path,
            size: bytes.len(),
            sha256: sha256(bytes),
            version: file.as_ref().and_then(version),
            signed: signature.is_some_and(|directory| directory.size.get(LE) != 0),
        }
    }
}

/// The SHA-256 of some bytes, in hexadecimal.
pub(super) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// The file's version by its version resource.
fn version(file: &PeFile64<'_>) -> Option<String> {
    let (data, sections) = (file.data(), file.section_table());
    let directory = file.data_directories().resource_directory(data, &sections).ok()??;
    let first = |table: ResourceDirectoryTable<'_>| table.entries.first().copied();
    // Three levels: the kind, the name, the language. There is one version, so one name and one language.
    let kinds = directory.root().ok()?.entries;
    let kind = kinds.iter().find(|kind| kind.name_or_id().id() == Some(RT_VERSION))?;
    let name = first(kind.data(directory).ok()?.table()?)?;
    let language = first(name.data(directory).ok()?.table()?)?;
    let entry = language.data(directory).ok()?.data()?;
    let resource = sections.pe_data_at(data, entry.offset_to_data.get(LE))?;
    let number = |place: usize| {
        let bytes = resource.get(FIXED + place..)?.first_chunk()?;
        Some(u32::from_le_bytes(*bytes))
    };
    if number(0)? != SIGNATURE {
        return None;
    }
    let [high, low] = [number(VERSION[0])?, number(VERSION[1])?];
    Some(format!("{}.{}.{}.{}", high >> 16, high & 0xFFFF, low >> 16, low & 0xFFFF))
}
