//! What `verifier /querysettings` prints.

use serde::Serialize;

/// What Driver Verifier is set to, from the next start of Windows on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Settings {
    /// The flags, where they could be read.
    pub flags: Option<u32>,
    /// The files that it watches; `*` is all.
    pub drivers: Vec<String>,
}

/// Reads the output; `None` if there is no list of drivers in it, as in a translated Windows.
#[must_use]
pub fn parse(output: &str) -> Option<Settings> {
    let flags = output.lines().find_map(|line| after(line, "Verifier Flags:")).and_then(number);
    let mut lines = output.lines().skip_while(|line| after(line, "Verified Drivers:").is_none());
    let first = after(lines.next()?, "Verified Drivers:")?;
    // On the line of the title, or below it after an empty line, up to the next one.
    let names = std::iter::once(first).chain(lines.map(str::trim));
    let names = names.skip_while(|line| line.is_empty()).take_while(|line| !line.is_empty());
    let drivers = names
        .filter(|name| !name.eq_ignore_ascii_case("None"))
        .map(|name| if starts(name, "All") && !name.contains('.') { "*".to_owned() } else { name.to_owned() })
        .collect();
    Some(Settings { flags, drivers })
}

/// What follows a title at the beginning of a line.
fn after<'l>(line: &'l str, title: &str) -> Option<&'l str> {
    let line = line.trim();
    starts(line, title).then(|| line[title.len()..].trim())
}

fn starts(line: &str, title: &str) -> bool {
    line.get(..title.len()).is_some_and(|start| start.eq_ignore_ascii_case(title))
}

fn number(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))?;
    u32::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drivers(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn flags_and_drivers_are_read() {
        let output = "\r\nVerifier Flags: 0x000209bb\r\n\r\n  Standard Flags:\r\n\r\n    [X] 0x00000001 Special pool.\r\n\
                      \r\n  Boot Mode:\r\n\r\n    Persistent\r\n\r\nVerified Drivers:\r\n\r\n  wskdrv.sys\r\n  \
                      Wdf01000.sys\r\n\r\nOther:\r\n  x.sys\r\n";
        let settings = parse(output).unwrap();
        assert_eq!(settings.flags, Some(0x2_09BB));
        assert_eq!(settings.drivers, drivers(&["wskdrv.sys", "Wdf01000.sys"]));
    }

    #[test]
    fn nothing_and_all_are_understood() {
        let none = parse("Verifier Flags: 0x00000000\n\nVerified Drivers:\n\nNone\n").unwrap();
        assert_eq!(none, Settings { flags: Some(0), drivers: Vec::new() });
        assert_eq!(parse("Verified drivers: All drivers\n").unwrap().drivers, ["*"]);
        assert_eq!(parse("Verified drivers:\n\nallegro.sys").unwrap().drivers, ["allegro.sys"]);
        assert_eq!(parse("Verified drivers:").unwrap(), Settings::default());
    }

    #[test]
    fn the_older_format_has_drivers_and_no_flags() {
        let older =
            "Special pool: Disabled\nLow resources simulation: Enabled\n\nVerified drivers:\n\nblah.sys\n";
        assert_eq!(parse(older).unwrap(), Settings { flags: None, drivers: drivers(&["blah.sys"]) });
    }

    #[test]
    fn what_is_not_understood_is_none() {
        for output in ["", "Überprüfte Treiber:\n\nwskdrv.sys\n", "Verifier Flags: 0x1\n"] {
            assert_eq!(parse(output), None, "{output}");
        }
        assert_eq!(parse("Verifier Flags: many\nVerified Drivers:\n").unwrap().flags, None);
    }
}
