//! The disks that stand beside the guest's own: FAT, which Windows reads and writes.
//!
//! They are removable and without a partition table, as memory sticks are: no policy of Windows takes such a disk offline, and
//! what is written to one is not kept back in a cache that a bug check would lose.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Component, Path};

use anyhow::{Context, Result, bail};
use fatfs::{Dir, FileSystem, FormatVolumeOptions, FsOptions};

/// The least size, in bytes: FAT needs some.
const LEAST: u64 = 32 << 20;
/// The most that is taken from a disk which the guest has written, in files and in bytes.
const MOST_FILES: usize = 2000;
const MOST_BYTES: u64 = 2 << 30;
/// How deep its folders are followed.
const DEEPEST: usize = 8;

/// A file of a disk: its path with `/`, and its bytes.
pub(super) type Entry = (String, Vec<u8>);

/// Makes a disk of a size that the files fit into, `free` bytes beside them.
pub(super) fn make(disk: &Path, label: &str, files: &[Entry], free: u64) -> Result<()> {
    let bytes: u64 = files.iter().map(|(_, bytes)| bytes.len() as u64 + 32 * 1024).sum();
    let file = File::options().read(true).write(true).create(true).truncate(true).open(disk);
    let file = file.with_context(|| format!("making {}", disk.display()))?;
    file.set_len((bytes + free).max(LEAST).next_multiple_of(1 << 20))?;
    let mut name = [b' '; 11];
    for (to, from) in name.iter_mut().zip(label.bytes()) {
        *to = from;
    }
    fatfs::format_volume(&file, FormatVolumeOptions::new().volume_label(name))?;
    let volume = FileSystem::new(&file, FsOptions::new())?;
    for (path, bytes) in files {
        write(&volume.root_dir(), path, bytes).with_context(|| format!("writing {path} to the disk"))?;
    }
    volume.unmount()?;
    Ok(())
}

fn write(root: &Dir<'_, &File>, path: &str, bytes: &[u8]) -> Result<()> {
    for (index, _) in path.match_indices('/') {
        root.create_dir(&path[..index])?;
    }
    root.create_file(path)?.write_all(bytes)?;
    Ok(())
}

/// All files of a disk.
pub(super) fn read(disk: &Path) -> Result<Vec<Entry>> {
    let file = File::options().read(true).write(true).open(disk);
    let file = file.with_context(|| format!("opening {}", disk.display()))?;
    let volume = FileSystem::new(&file, FsOptions::new())
        .with_context(|| format!("{} has no file system that can be read", disk.display()))?;
    let mut files = Vec::new();
    let mut left = MOST_BYTES;
    collect(&volume.root_dir(), "", 0, &mut files, &mut left)?;
    Ok(files)
}

/// The guest wrote these: every number has a bound.
fn collect(
    folder: &Dir<'_, &File>,
    path: &str,
    depth: usize,
    files: &mut Vec<Entry>,
    left: &mut u64,
) -> Result<()> {
    for entry in folder.iter().take(MOST_FILES) {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.as_str(), "." | ".." | "System Volume Information") {
            continue;
        }
        let path = if path.is_empty() { name } else { format!("{path}/{name}") };
        if entry.is_dir() {
            if depth < DEEPEST {
                collect(&entry.to_dir(), &path, depth + 1, files, left)?;
            }
            continue;
        }
        if entry.len() > *left || files.len() == MOST_FILES {
            bail!("the guest has written more than is taken from it; look at the disk itself");
        }
        *left -= entry.len();
        let mut bytes = Vec::new();
        entry
            .to_file()
            .take(entry.len())
            .read_to_end(&mut bytes)
            .with_context(|| format!("reading {path}"))?;
        files.push((path, bytes));
    }
    Ok(())
}

/// Writes files into a folder of this machine. A path that would lead out of it is refused.
pub(super) fn unpack(files: &[Entry], folder: &Path) -> Result<()> {
    for (path, bytes) in files {
        let inside = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
        if !inside || path.contains(['\\', ':']) {
            bail!("a file of the guest is named {path:?}");
        }
        let to = folder.join(path);
        fs::create_dir_all(to.parent().unwrap_or(folder))?;
        fs::write(&to, bytes).with_context(|| format!("writing {}", to.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let disk = directory.path().join("disk.img");
        let files: Vec<Entry> = vec![
            ("wskdrv.sys".into(), (0..=255).cycle().take(300_000).collect()),
            ("a name that is longer than eight and three.json".into(), b"{}".to_vec()),
            ("one/two/empty".into(), Vec::new()),
            ("one/other".into(), b"x".to_vec()),
        ];
        make(&disk, "WSKDRV", &files, 0).unwrap();
        let mut back = read(&disk).unwrap();
        back.sort();
        let mut sorted = files.clone();
        sorted.sort();
        assert_eq!(back, sorted);

        let to = directory.path().join("to");
        unpack(&back, &to).unwrap();
        assert_eq!(fs::read(to.join("one/other")).unwrap(), b"x");
    }

    #[test]
    fn a_disk_that_is_none_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let disk = directory.path().join("disk.img");
        fs::write(&disk, vec![0x5A; 1 << 20]).unwrap();
        let error = format!("{:#}", read(&disk).unwrap_err());
        assert!(error.contains("no file system"), "{error}");
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["../out", "/out", "a/../../out", "c:out", r"..\out"] {
            assert!(unpack(&[(name.into(), Vec::new())], directory.path()).is_err(), "{name}");
        }
    }
}
