//! Transports.

use nt::Result;
use readings::{Question, TransportList};
use wsk_sys::{AF_INET, AF_INET6, AF_UNSPEC, STATUS_SUCCESS, WSK_TRANSPORT};

use crate::Probe;
use crate::answer::Answer;
use crate::client::Client;

pub(crate) const PROBES: &[(&str, Probe)] = &[(TransportList::ABOUT.id, transport_list)];

#[expect(clippy::unnecessary_wraps, reason = "a probe, as the others")]
fn transport_list(client: &Client<'_>) -> Result<Answer> {
    let mut list = [WSK_TRANSPORT::default(); 16];
    let (status, size) = client.transports(&mut list);
    let found = list.get(..size / size_of::<WSK_TRANSPORT>()).filter(|_| status == STATUS_SUCCESS);
    let has = |family| found.is_some_and(|found| found.iter().any(|one| one.AddressFamily == family));
    let answer = if has(AF_UNSPEC) {
        Answer::followed(TransportList::Unspecified)
    } else if has(AF_INET) && has(AF_INET6) {
        Answer::followed(TransportList::UdpAndTcp)
    } else {
        Answer::default()
    };
    Ok(answer.seeing(&[status]))
}
