//! Who may share an address with whom, and what a failed bind leaves.

use wsk_sys::{
    NTSTATUS, SO_EXCLUSIVEADDRUSE, SO_REUSEADDR, SOL_SOCKET, STATUS_ACCESS_DENIED,
    STATUS_ADDRESS_ALREADY_EXISTS, STATUS_INVALID_DEVICE_STATE,
};

use super::lab::Lab;
use super::outcome::{Outcome, holds, refused};
use super::test::tests;
use crate::family::Family;

tests! { binding:
    "Two sockets that both have SO_REUSEADDR share an address." two_that_share_can_bind_the_same_address;
    "SO_EXCLUSIVEADDRUSE of the first refuses the second bind, which SO_REUSEADDR would allow."
        exclusive_use_refuses_one_that_would_share;
    "SO_EXCLUSIVEADDRUSE of the second does not take an address that is shared."
        one_that_wants_it_alone_gets_no_shared_address;
    "A bind that fails leaves the socket unbound, and it can be bound elsewhere."
        a_failed_bind_leaves_the_socket_to_be_bound_again;
}

fn two_that_share_can_bind_the_same_address(lab: &Lab) -> Outcome {
    bind_twice(lab, SO_REUSEADDR, SO_REUSEADDR, None)
}

fn exclusive_use_refuses_one_that_would_share(lab: &Lab) -> Outcome {
    bind_twice(lab, SO_EXCLUSIVEADDRUSE, SO_REUSEADDR, Some(STATUS_ACCESS_DENIED))
}

fn one_that_wants_it_alone_gets_no_shared_address(lab: &Lab) -> Outcome {
    bind_twice(lab, SO_REUSEADDR, SO_EXCLUSIVEADDRUSE, Some(STATUS_ADDRESS_ALREADY_EXISTS))
}

/// Binds two sockets to one address, each with an option set; the second bind is refused with `expected`.
fn bind_twice(lab: &Lab, first_has: u32, second_has: u32, expected: Option<NTSTATUS>) -> Outcome {
    let on = 1_u32.to_ne_bytes();
    let first = lab.socket(Family::V4)?;
    first.set_option(SOL_SOCKET, first_has, &on)?;
    first.bind(Family::V4.loopback())?;
    let address = first.local_address()?;
    let second = lab.socket(Family::V4)?;
    second.set_option(SOL_SOCKET, second_has, &on)?;
    match expected {
        None => Ok(second.bind(address)?),
        Some(status) => refused(second.bind(address), status, "the second bind"),
    }
}

fn a_failed_bind_leaves_the_socket_to_be_bound_again(lab: &Lab) -> Outcome {
    let (_first, taken) = lab.bound(Family::V4)?;
    let second = lab.socket(Family::V4)?;
    refused(second.bind(taken), STATUS_ADDRESS_ALREADY_EXISTS, "to bind to an address that is taken")?;
    refused(
        second.local_address(),
        STATUS_INVALID_DEVICE_STATE,
        "the address of a socket that is not bound",
    )?;
    second.bind(Family::V4.loopback())?;
    holds(second.local_address()? != taken, "another address")
}
