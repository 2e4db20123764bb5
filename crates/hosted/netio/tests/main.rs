//! The tests of `netio`, in one program: one link instead of one for each file.
#![allow(missing_docs, reason = "a test")]

mod support;

mod address_list;
mod coalescing;
mod conformance;
mod control;
mod control_info;
mod control_readings;
mod endings;
mod event_rules;
mod events;
mod faults;
mod icmp;
mod in_flight;
mod irql;
mod options;
mod readings_datagrams;
mod readings_events;
mod readings_requests;
mod readings_unreachable;
mod registration;
mod release;
mod rules;
mod security;
mod security_rules;
mod transports;
