//! What `pnputil /enum-drivers` prints.

/// The name, `oem`*N*`.inf`, under which Windows keeps a package. The labels before the colons are in the system's language;
/// the names are not.
#[must_use]
pub fn published(output: &str, original: &str) -> Option<String> {
    let mut candidate = None;
    for line in output.lines() {
        let value = line.rsplit_once(':').map_or("", |(_, value)| value.trim());
        let is_published = value
            .to_ascii_lowercase()
            .strip_prefix("oem")
            .and_then(|rest| {
                rest.strip_suffix(".inf").map(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
            })
            .unwrap_or(false);
        if is_published {
            candidate = Some(value.to_owned());
        } else if value.eq_ignore_ascii_case(original) {
            return candidate;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "Microsoft PnP Utility\r\n\r\nPublished Name:     oem0.inf\r\nOriginal Name:      \
        prnms009.inf\r\nProvider Name:      Microsoft\r\n\r\nVeröffentlichter Name:     oem12.inf\r\nOriginalname:      \
        wskdrv.inf\r\nClass Name:         System\r\n\r\nPublished Name:     oem3.inf\r\nOriginal Name:      other.inf\r\n";

    #[test]
    fn the_published_name_stands_before_the_original() {
        assert_eq!(published(LIST, "wskdrv.inf").unwrap(), "oem12.inf");
        assert_eq!(published(LIST, "WSKDRV.INF").unwrap(), "oem12.inf");
        assert_eq!(published(LIST, "prnms009.inf").unwrap(), "oem0.inf");
        assert_eq!(published(LIST, "absent.inf"), None);
        assert_eq!(published("", "wskdrv.inf"), None);
        assert_eq!(published("Original Name: wskdrv.inf", "wskdrv.inf"), None);
    }
}
