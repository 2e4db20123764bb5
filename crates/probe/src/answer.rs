//! What a probe has seen.

use readings::Question;
use wsk_sys::NTSTATUS;

/// How many statuses an answer has.
pub const SEEN: usize = 4;

/// What a probe has seen, and the reading that it names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The name of the reading; none if what was seen is none of the question's readings.
    pub reading: Option<&'static str>,
    /// The statuses that tell, in the order in which they were seen; those that are not used are zero.
    pub seen: [NTSTATUS; SEEN],
}

impl Answer {
    /// A reading that a hosted kernel can follow.
    pub(crate) fn followed<Q: Question + PartialEq>(reading: Q) -> Answer {
        let number = Q::FOLLOWED.iter().position(|one| *one == reading);
        Answer { reading: number.map(|number| Q::ABOUT.followed[number].name), ..Answer::default() }
    }

    /// A reading that no hosted kernel follows, by its name.
    pub(crate) fn other<Q: Question>(name: &str) -> Answer {
        let reading = Q::ABOUT.others.iter().find(|other| other.name == name);
        Answer { reading: reading.map(|reading| reading.name), ..Answer::default() }
    }

    /// The reading of the question for one of these statuses; none for another.
    pub(crate) fn by_status<Q: Question + PartialEq>(status: NTSTATUS, readings: &[(NTSTATUS, Q)]) -> Answer {
        let reading = readings.iter().find(|reading| reading.0 == status).map(|reading| reading.1);
        reading.map_or_else(Answer::default, Answer::followed).seeing(&[status])
    }

    /// With the statuses that were seen.
    pub(crate) fn seeing(mut self, statuses: &[NTSTATUS]) -> Answer {
        for (seen, status) in self.seen.iter_mut().zip(statuses) {
            *seen = *status;
        }
        self
    }
}
