//! How WSK behaves in a run: how it completes requests, and what it does where Microsoft's pages leave it open.

use std::fmt;

use readings::Readings;

/// A mode. Its text is what reports call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mode {
    pub(crate) completion: String,
    pub(crate) readings: Readings,
}

impl Mode {
    /// Each way of completing with each of the readings.
    pub(crate) fn all(completions: &[String], readings: &[Readings]) -> Vec<Mode> {
        let with = |readings: &Readings| {
            let readings = readings.clone();
            completions
                .iter()
                .map(move |completion| Mode { completion: completion.clone(), readings: readings.clone() })
        };
        readings.iter().flat_map(with).collect()
    }

    /// The variables that tell `netio.sys`.
    pub(crate) fn variables(&self) -> [(&'static str, String); 2] {
        [("WSK_COMPLETION", self.completion.clone()), ("WSK_READINGS", self.readings.to_string())]
    }

    /// What `netio.sys` prints when it has understood them.
    pub(crate) fn line(&self) -> String {
        format!("netio: completion is {}, readings are {}", self.completion, self.readings)
    }

    /// The options that tell the hosted kernel.
    pub(crate) fn options(&self) -> [String; 4] {
        [
            "--completion".to_owned(),
            self.completion.clone(),
            "--readings".to_owned(),
            self.readings.to_string(),
        ]
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.completion)?;
        if self.readings == Readings::STRICT { Ok(()) } else { write!(f, ", {}", self.readings) }
    }
}

/// A completion mode, as `netio.sys` and `wskctl` take it.
///
/// # Errors
/// It is none.
pub(super) fn completion(text: &str) -> Result<String, String> {
    let seeded =
        |(mode, seed): (&str, &str)| matches!(mode, "delayed" | "mixed") && seed.parse::<u64>().is_ok();
    if matches!(text, "inline" | "deferred") || text.split_once(':').is_some_and(seeded) {
        return Ok(text.to_owned());
    }
    Err("expected inline, deferred, delayed:SEED or mixed:SEED, where SEED is a number".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_completion_is_refused() {
        for text in ["inline", "deferred", "delayed:0", "mixed:7"] {
            assert_eq!(completion(text).as_deref(), Ok(text));
        }
        for text in ["", "delayed", "mixed:", "inline:1", "late"] {
            assert!(completion(text).is_err(), "{text}");
        }
    }

    #[test]
    fn each_completion_is_run_with_each_of_the_readings() {
        let readings = ["strict", "seed:7,receive-truncated=overflow"].map(|text| text.parse().unwrap());
        let modes = Mode::all(&["inline".to_owned(), "deferred".to_owned()], &readings);
        let names: Vec<String> = modes.iter().map(Mode::to_string).collect();
        let seed = "seed:7,receive-truncated=overflow";
        assert_eq!(names, ["inline", "deferred", &format!("inline, {seed}"), &format!("deferred, {seed}")]);
        assert_eq!(modes[3].options().join(" "), format!("--completion deferred --readings {seed}"));
        assert_eq!(modes[0].line(), "netio: completion is inline, readings are strict");
    }
}
