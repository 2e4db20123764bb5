//! Security descriptors.

use nt::Result;
use readings::{CachedTwice, Question};

use crate::Probe;
use crate::answer::Answer;
use crate::client::Client;

pub(crate) const PROBES: &[(&str, Probe)] = &[(CachedTwice::ABOUT.id, cached_twice)];

fn cached_twice(client: &Client<'_>) -> Result<Answer> {
    let first = client.cache_security()?;
    let second = client.cache_security();
    let answer = second.map(|second| {
        client.release_security(second);
        Answer::followed(if first == second { CachedTwice::Shared } else { CachedTwice::Copies })
    });
    client.release_security(first);
    answer
}
