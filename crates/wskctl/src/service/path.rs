//! Paths of driver files, as the service manager takes and shows them.

use super::Error;

/// The prefixes that make a Win32 path out of the kernel's way to write it.
const PREFIXES: [&str; 2] = [r"\??\", r"\\?\"];

/// The path to register for a file: an absolute Win32 path on a drive. The service manager turns it into
/// `\??\C:\...`, the kernel's way to write it.
///
/// # Errors
///
/// [`Error::Path`] if the path is relative, or on another machine: the kernel loads drivers from this one only.
pub fn registered(path: &str) -> Result<String, Error> {
    let plain = plain(path);
    let refuse = |what| Error::Path { path: path.to_owned(), what };
    if plain.starts_with(r"\\") || plain.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(r"UNC\")) {
        return Err(refuse("it lies on another machine"));
    }
    match plain.as_bytes() {
        [drive, b':', b'\\', _, ..] if drive.is_ascii_alphabetic() => Ok(plain.to_owned()),
        _ => Err(refuse(r"it is not of the form C:\folder\name.sys")),
    }
}

/// Whether two registered paths are written the same, but for case and the kernel's prefix.
#[must_use]
pub fn same_file(one: &str, other: &str) -> bool {
    plain(one).eq_ignore_ascii_case(plain(other))
}

/// The path without the prefix, if it has one.
pub(super) fn plain(path: &str) -> &str {
    PREFIXES.iter().find_map(|prefix| path.strip_prefix(prefix)).unwrap_or(path)
}

/// The Win32 path of the file that a driver's service has, as the kernel finds it: `root` is the folder that Windows is in.
#[must_use]
pub fn located(path: &str, service: &str, root: &str) -> String {
    let path = plain(path);
    let below = |folder: &str| {
        let start = path.get(..folder.len()).filter(|start| start.eq_ignore_ascii_case(folder));
        start.map(|start| &path[start.len()..])
    };
    if path.is_empty() {
        return format!(r"{root}\System32\drivers\{service}.sys");
    }
    match below(r"\SystemRoot\").or_else(|| below(r"%SystemRoot%\")) {
        Some(rest) => format!(r"{root}\{rest}"),
        None if path.contains(':') => path.to_owned(),
        // A path that does not begin at a drive begins at the folder of Windows.
        None => format!(r"{root}\{}", path.trim_start_matches('\\')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_where_the_kernel_finds_it() {
        let expected = r"C:\Windows\System32\drivers\wskdrv.sys";
        for path in [
            "",
            r"\SystemRoot\System32\drivers\wskdrv.sys",
            r"\systemroot\System32\drivers\wskdrv.sys",
            r"%SystemRoot%\System32\drivers\wskdrv.sys",
            r"System32\drivers\wskdrv.sys",
            r"\??\C:\Windows\System32\drivers\wskdrv.sys",
        ] {
            assert_eq!(located(path, "wskdrv", r"C:\Windows"), expected, "{path}");
        }
    }

    #[test]
    fn absolute_paths_on_a_drive_are_registered_as_they_are() {
        for path in [r"C:\drivers\wskdrv.sys", r"\??\C:\drivers\wskdrv.sys", r"\\?\C:\drivers\wskdrv.sys"] {
            assert_eq!(registered(path).unwrap(), r"C:\drivers\wskdrv.sys");
        }
        assert_eq!(registered(r"z:\a b\ä.sys").unwrap(), r"z:\a b\ä.sys");
    }

    #[test]
    fn what_the_kernel_cannot_load_from_is_refused() {
        for path in [r"\\server\share\x.sys", r"\\?\UNC\server\share\x.sys", r"\??\unc\server\share\x.sys"] {
            assert!(registered(path).unwrap_err().to_string().contains("another machine"), "{path}");
        }
        for path in ["x.sys", r"..\x.sys", r"C:x.sys", r"C:\", "/tmp/x.sys", "", "ä", r"1:\x.sys"] {
            assert!(registered(path).unwrap_err().to_string().contains("not of the form"), "{path}");
        }
    }

    #[test]
    fn case_and_prefix_make_no_other_file() {
        assert!(same_file(r"\??\C:\D\wskdrv.sys", r"c:\d\WSKDRV.SYS"));
        assert!(!same_file(r"C:\d\wskdrv.sys", r"C:\e\wskdrv.sys"));
    }
}
