//! Which readings a kernel follows: each question that can be asked through the driver, and the answer.

use readings::{About, Probe};
use serde_json::{Map, Value, json};
use wsk_sys::{MSG_BCAST, MSG_CTRUNC, MSG_MCAST, MSG_TRUNC, NamedStatus, STATUS_INVALID_DEVICE_REQUEST};

use crate::error::Error;
use crate::session::Session;

/// What a kernel says to a question.
#[derive(Debug)]
pub struct Asked {
    /// The question.
    pub about: &'static About,
    /// What came of it.
    pub answer: Answer,
}

/// What came of a question.
#[derive(Debug)]
pub enum Answer {
    /// The name of the reading that the kernel follows; none if what the probe has seen is none that is known. With the
    /// statuses that it has seen.
    Told {
        /// The reading.
        reading: Option<&'static str>,
        /// The statuses.
        seen: Vec<i32>,
    },
    /// It is not asked; the reason.
    NotAsked(&'static str),
    /// The probe could not be made.
    Failed(Error),
}

impl Asked {
    /// The name of the reading, if there is one.
    #[must_use]
    pub const fn reading(&self) -> Option<&'static str> {
        match &self.answer {
            Answer::Told { reading, .. } => *reading,
            Answer::NotAsked(_) | Answer::Failed(_) => None,
        }
    }

    /// What there is to say beside the reading, for people.
    #[must_use]
    pub fn note(&self) -> String {
        match &self.answer {
            Answer::Told { reading, seen } => {
                let kinds = kinds(self.about.id);
                let kind = |place| kinds.get(place).copied().unwrap_or(Kind::Status);
                let seen: Vec<_> =
                    seen.iter().enumerate().map(|(place, one)| kind(place).text(*one)).collect();
                let none = if reading.is_none() { "none of the known readings; " } else { "" };
                if seen.is_empty() { none.to_owned() } else { format!("{none}seen: {}", seen.join(", ")) }
            }
            Answer::NotAsked(reason) => format!("not asked: {reason}"),
            Answer::Failed(error) => format!("could not be asked: {error}"),
        }
    }
}

/// What one of the numbers is that a probe has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Status,
    /// The flags of a receive.
    Flags,
    /// A length, a count or a value.
    Number,
}

impl Kind {
    fn text(self, seen: i32) -> String {
        match self {
            Kind::Status => NamedStatus(seen).to_string(),
            Kind::Number => seen.cast_unsigned().to_string(),
            Kind::Flags => {
                let flags = seen.cast_unsigned();
                let set = FLAGS.iter().filter(|flag| flags & flag.0 != 0);
                let rest = flags & !FLAGS.iter().fold(0, |all, flag| all | flag.0);
                let names = set.map(|flag| flag.1.to_owned());
                let rest = (rest != 0).then(|| format!("{rest:#x}"));
                let names: Vec<_> = names.chain(rest).collect();
                if names.is_empty() { "no flags".to_owned() } else { names.join(" | ") }
            }
        }
    }
}

const FLAGS: [(u32, &str); 4] = [
    (MSG_TRUNC, "MSG_TRUNC"),
    (MSG_CTRUNC, "MSG_CTRUNC"),
    (MSG_BCAST, "MSG_BCAST"),
    (MSG_MCAST, "MSG_MCAST"),
];

/// What the numbers are that the probe of a question has seen; beyond these they are statuses.
fn kinds(id: &str) -> &'static [Kind] {
    use Kind::{Flags, Number, Status};
    match id {
        "receive-truncated" | "coalesced-truncated" | "control-truncated-status" => &[Status, Flags],
        "control-truncated-bytes" => &[Status, Flags, Number],
        "receive-control-order"
        | "receive-control-missing"
        | "receive-control-family"
        | "coalescing"
        | "coalesced-size"
        | "receive-interface"
        | "arrival-interface"
        | "type-of-service"
        | "error-reports"
        | "error-data"
        | "boolean-value"
        | "receive-buffer-default"
        | "default-hops"
        | "default-protection"
        | "default-coverage" => &[Status, Number],
        "class-congestion" | "byte-boolean" => &[Status, Status, Number],
        "indicated-mdls" => &[Number, Number],
        "error-family" => &[Number],
        _ => &[],
    }
}

/// Asks a kernel one question.
///
/// # Errors
///
/// The driver cannot ask any: it was built without the probes.
pub fn ask(session: &Session, about: &'static About) -> Result<Asked, Error> {
    let answer = match about.probe {
        Probe::NotAsked(reason) => Answer::NotAsked(reason),
        Probe::Asked => match session.probe(about.id) {
            Ok(probed) => {
                let name = probed.reading.split(|byte| *byte == 0).next().unwrap_or_default();
                let reading = about.readings().map(|reading| reading.name).find(|one| one.as_bytes() == name);
                let used = probed.seen.iter().rposition(|status| *status != 0).map_or(0, |last| last + 1);
                Answer::Told { reading, seen: probed.seen[..used].to_vec() }
            }
            // WSK may have said so to what the probe needs; a driver without the probes says so to any question.
            Err(error)
                if has_no_probes(&error) && session.probe("").is_err_and(|error| has_no_probes(&error)) =>
            {
                return Err(error);
            }
            Err(error) => Answer::Failed(error),
        },
    };
    Ok(Asked { about, answer })
}

fn has_no_probes(error: &Error) -> bool {
    error.status() == Some(STATUS_INVALID_DEVICE_REQUEST)
}

/// The answers as one value: for each question its reading, or null, and the note.
#[must_use]
pub fn document(answers: &[Asked]) -> Value {
    let entries = answers.iter().map(|asked| {
        (asked.about.id.to_owned(), json!({ "reading": asked.reading(), "note": asked.note() }))
    });
    Value::Object(entries.collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use wsk_sys::{
        NamedStatus, STATUS_BUFFER_OVERFLOW, STATUS_INVALID_DEVICE_REQUEST, STATUS_NOT_SUPPORTED,
        STATUS_SUCCESS,
    };
    use wskdrv_abi::{PROBE_ID_MAX, Probed};

    use super::{Answer, Asked, ask};
    use crate::Device;
    use crate::device::fake::Fake;
    use crate::device::{Hosted, Network};
    use crate::session::Session;

    /// A probe that could not be made is not a driver that has none.
    #[test]
    fn a_driver_without_probes_is_told_from_a_probe_that_fails() {
        let about = readings::find("stack-options").expect("it is a question");
        let asked = |second| {
            let answers = [STATUS_INVALID_DEVICE_REQUEST, second].map(|status| (status, Vec::new()));
            let session = Session::new(Fake::answering(answers).device().open().expect("a fake opens"));
            ask(&session, about).map(|asked| asked.answer)
        };
        assert!(matches!(asked(STATUS_NOT_SUPPORTED), Ok(Answer::Failed(_))));
        assert!(asked(STATUS_INVALID_DEVICE_REQUEST).is_err());
    }

    /// A number that is no status is not shown as one, and each that a probe of the hosted kernel sees has a name.
    #[test]
    fn what_is_seen_has_names() {
        let about = readings::find("control-truncated-bytes").expect("it is a question");
        let told = |seen| Asked { about, answer: Answer::Told { reading: None, seen } }.note();
        let note = told(vec![STATUS_BUFFER_OVERFLOW, 0x300, 24, STATUS_SUCCESS]);
        let [cut, success] = [STATUS_BUFFER_OVERFLOW, STATUS_SUCCESS].map(NamedStatus);
        let expected = format!("seen: {cut}, MSG_TRUNC | MSG_CTRUNC, 24, {success}");
        assert_eq!(note, format!("none of the known readings; {expected}"));
        assert!(told(vec![0, 0x4100]).ends_with(", MSG_TRUNC | 0x4000"));
        assert!(told(vec![0, 0, 7]).ends_with(", no flags, 7"));
        let device =
            Device::hosted(&Hosted { network: Network::Memory, ..Hosted::default() }).expect("it boots");
        let session = Session::new(device.open().expect("it opens"));
        for about in readings::all() {
            let note = ask(&session, about).expect("it has probes").note();
            let without_name = note.trim_start_matches("seen: ").split(", ").any(|one| one.starts_with("0x"));
            assert!(!without_name, "{}: {note}", about.id);
        }
    }

    /// What goes over the contract fits it.
    #[test]
    fn ids_and_names_fit_the_request() {
        let room = size_of_val(&Probed { reading: [0; _], seen: [0; _] }.reading);
        for about in readings::all() {
            assert!(about.id.len() <= PROBE_ID_MAX, "{}", about.id);
            assert!(about.readings().all(|reading| reading.name.len() <= room), "{}", about.id);
        }
    }
}
