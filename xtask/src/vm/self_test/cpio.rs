//! The archive that Linux takes its first files from: cpio, in the format "newc".

use std::fmt::Write;

/// An archive of files with their modes: the path, whether it may be executed, the bytes. Folders come before what is in them.
pub(super) fn archive(files: &[(&str, bool, &[u8])]) -> Vec<u8> {
    let mut archive = Vec::new();
    for folder in ["bin", "lib", "lib64", "modules"] {
        entry(&mut archive, folder, 0o040_755, &[]);
    }
    for (path, executable, bytes) in files {
        entry(&mut archive, path, if *executable { 0o100_755 } else { 0o100_644 }, bytes);
    }
    entry(&mut archive, "TRAILER!!!", 0, &[]);
    archive
}

fn entry(archive: &mut Vec<u8>, path: &str, mode: u32, bytes: &[u8]) {
    let mut header = "070701".to_owned();
    // Number, mode, user, group, links, time, size, four of devices, length of the name with its zero, checksum.
    let (size, name) = (bytes.len(), path.len() + 1);
    for field in [0, mode as usize, 0, 0, 1, 0, size, 0, 0, 0, 0, name, 0] {
        // Writing to a string does not fail.
        let _ = write!(header, "{field:08x}");
    }
    archive.extend_from_slice(header.as_bytes());
    archive.extend_from_slice(path.as_bytes());
    archive.push(0);
    archive.resize(archive.len().next_multiple_of(4), 0);
    archive.extend_from_slice(bytes);
    archive.resize(archive.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_contents_begin_at_multiples_of_four() {
        let bytes = archive(&[("init", true, b"abcde")]);
        let text = String::from_utf8_lossy(&bytes);
        assert!(bytes.len().is_multiple_of(4));
        assert_eq!(text.matches("070701").count(), 6);
        let at = text.find("init\0").unwrap();
        assert_eq!((at - 110) % 4, 0);
        let contents = text.find("abcde").unwrap();
        assert_eq!((contents % 4, &bytes[contents + 5..contents + 8]), (0, &[0; 3][..]));
    }
}
