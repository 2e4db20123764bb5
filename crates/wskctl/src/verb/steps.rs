//! The steps that a verb comes to, and the socket around them.

use std::net::SocketAddr;
use std::time::Duration;

use wsk_requests::StateRule;

use crate::family::Family;
use crate::step::Step;

/// Steps to do: some of them again and again.
#[derive(Clone, Debug, Default)]
pub struct Steps {
    /// Before the others.
    pub first: Vec<Step>,
    /// Those that are repeated.
    pub again: Vec<Step>,
    /// How often; `None` until the program is interrupted.
    pub times: Option<u64>,
    /// After the others.
    pub last: Vec<Step>,
}

impl From<Vec<Step>> for Steps {
    fn from(first: Vec<Step>) -> Steps {
        Steps { first, times: Some(0), ..Self::default() }
    }
}

impl From<Step> for Steps {
    fn from(step: Step) -> Steps {
        vec![step].into()
    }
}

impl Steps {
    /// `each` so many times, with a pause between one request and the next.
    #[must_use]
    pub fn paced(each: Vec<Step>, pause: Option<Duration>, times: u64) -> Steps {
        let Some(pause) = pause else { return Steps { again: each, times: Some(times), ..Steps::default() } };
        let again: Vec<Step> = each.into_iter().flat_map(|step| [Step::Sleep(pause), step]).collect();
        // The first request has none before it.
        Steps { first: again[1..].to_vec(), again, times: Some(times - 1), last: Vec::new() }
    }

    /// The steps in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Step> {
        let again = (0..self.times.unwrap_or(u64::MAX)).flat_map(|_| &self.again);
        self.first.iter().chain(again).chain(&self.last)
    }

    /// Whether they go on until the program is interrupted.
    #[must_use]
    pub const fn is_endless(&self) -> bool {
        self.times.is_none()
    }

    /// The steps with a socket of their own: created, `settings` set, and bound where it must be, or where `bind` says so.
    #[must_use]
    pub fn around(mut self, family: Family, bind: Option<SocketAddr>, settings: Vec<Step>) -> Steps {
        let state = self.state();
        let bind = bind.or((state == StateRule::AfterBind).then_some(family.wildcard()));
        let after = self.first.split_off(usize::from(state == StateRule::BeforeBind));
        // Each option that can be written can be set when the socket has just been created.
        let before = [Step::Create(family)].into_iter().chain(settings).chain(self.first);
        self.first = before.chain(bind.map(Step::Bind)).chain(after).collect();
        self
    }

    /// In which state of the socket they can be done: the first one decides, unless one needs a bound socket.
    fn state(&self) -> StateRule {
        let mut rules = self.first.iter().chain(&self.again).map(state_for);
        let first = rules.next().unwrap_or(StateRule::AnyTime);
        if rules.any(|rule| rule == StateRule::AfterBind) { StateRule::AfterBind } else { first }
    }
}

/// In which state of the socket a step can be done.
fn state_for(step: &Step) -> StateRule {
    match step {
        Step::Set(row, _) | Step::Ioctl(row, _) => row.state,
        Step::Local
        | Step::Send(..)
        | Step::Receive(_)
        | Step::SendMany(..)
        | Step::ReceiveMany(_)
        | Step::Enable(_)
        | Step::Disable { .. }
        | Step::Drain(_) => StateRule::AfterBind,
        Step::Within(_, step) | Step::Cancel(_, step) | Step::On(_, step) | Step::Expect(_, step) => {
            state_for(step)
        }
        Step::Security(Some(_)) => StateRule::BeforeBind,
        Step::Transports
        | Step::Wait(_)
        | Step::Sort(_)
        | Step::Security(None)
        | Step::Create(_)
        | Step::Bind(_)
        | Step::Get(_)
        | Step::Sleep(_) => StateRule::AnyTime,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::{self, Value};
    use crate::step::Target;

    fn shape(steps: impl Into<Steps>, bind: bool) -> String {
        let bind = bind.then(|| Family::V4.loopback());
        let steps = steps.into().around(Family::V4, bind, Vec::new());
        let names = steps.iter().map(|step| match step {
            Step::Create(_) => 'c',
            Step::Bind(address) if address.ip().is_unspecified() => 'w',
            Step::Bind(_) => 'b',
            _ => 's',
        });
        names.collect()
    }

    #[test]
    fn between_two_requests_is_one_pause() {
        let shape = |pause, times| {
            let each = ["a", "b"].map(|data| Step::Send(Target::Itself, data.into())).to_vec();
            let steps = Steps::paced(each, pause, times);
            steps
                .iter()
                .map(|step| if matches!(step, Step::Sleep(_)) { '.' } else { 's' })
                .collect::<String>()
        };
        assert_eq!(shape(None, 2), "ssss");
        assert_eq!(shape(Some(Duration::ZERO), 1), "s.s");
        assert_eq!(shape(Some(Duration::ZERO), 2), "s.s.s.s");
    }

    #[test]
    fn steps_are_surrounded_by_what_their_state_needs() {
        let early = || Step::Set(rows::option("SO_REUSEADDR").unwrap(), Value::Bool(true));
        let any = || Step::Set(rows::option("SO_BROADCAST").unwrap(), Value::Bool(true));
        let late = || Step::Ioctl(rows::ioctl("SIO_WSK_SET_REMOTE_ADDRESS").unwrap(), None);
        assert_eq!(shape(early(), false), "cs");
        assert_eq!(shape(early(), true), "csb");
        assert_eq!(shape(any(), false), "cs");
        assert_eq!(shape(any(), true), "cbs");
        assert_eq!(shape(late(), false), "cws");
        assert_eq!(shape(late(), true), "cbs");
        assert_eq!(shape(vec![early(), any()], true), "csbs");
        assert_eq!(shape(vec![any(), late()], false), "cwss");
        assert_eq!(shape(Steps { again: vec![late()], times: Some(2), ..Steps::default() }, false), "cwss");
    }
}
