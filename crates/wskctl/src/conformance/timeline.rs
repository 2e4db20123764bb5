//! The IRPs of a test, drawn: a line for each, with a mark for each thing that happened to it, in the order of all of them.

use maud::{Markup, html};
use wsk_sys::{APC_LEVEL, DISPATCH_LEVEL, KIRQL, NT_SUCCESS, PASSIVE_LEVEL};

use crate::device::{IrpEvent, IrpStep};
use crate::step::status_name;

/// More IRPs of a test are counted only.
const SHOWN: usize = 48;
/// The width of the drawing, the height of a line, and the radius of a mark, in pixels.
const WIDTH: usize = 320;
const HEIGHT: usize = 14;
const RADIUS: usize = 4;

/// The colours of the marks.
pub(super) const STYLE: &str = "\
.irps { width: auto } .irps svg { max-width: none } .irps td { padding: 0 .5rem 0 0; border: 0; font-size: 13px; white-space: nowrap; text-align: left } .irps line { stroke: #bbb }
circle { stroke: #fff } .allocated { fill: #bbb } .sent { fill: #27c } .cancelled { fill: #e80 } .succeeded { fill: #083 }
.ended { fill: #b33 } .returned { fill: #95c } .reused { fill: #777 } .freed { fill: #333 }";

/// What the marks mean.
const LEGEND: [(&str, &str); 8] = [
    ("allocated", "IoAllocateIrp"),
    ("sent", "sent"),
    ("cancelled", "IoCancelIrp"),
    ("succeeded", "completed with success"),
    ("ended", "completed with another status"),
    ("returned", "the completion routine returned"),
    ("reused", "IoReuseIrp"),
    ("freed", "freed"),
];

pub(super) fn legend() -> Markup {
    html! {
        p class="note" {
            "IRPs, from left to right in the order of what happened in the test: "
            @for (class, meaning) in LEGEND {
                svg viewBox="0 0 10 10" width="10" height="10" { circle class=(class) cx="5" cy="5" r=(RADIUS) {} } " " (meaning) "; "
            }
            "a mark says more under the pointer."
        }
    }
}

/// The IRPs of these events.
pub(super) fn of(events: &[IrpEvent]) -> Markup {
    let lives = lives(events);
    html! {
        details {
            summary { (lives.len()) @if lives.len() == 1 { " IRP" } @else { " IRPs" } }
            table class="irps" {
                @for (_, life) in lives.iter().take(SHOWN) {
                    tr { td { (drawing(life, events.len())) } td { (sent(life)) } td { (completed(life)) } }
                }
            }
            @if lives.len() > SHOWN { p class="note" { "And " (lives.len() - SHOWN) " more." } }
        }
    }
}

/// The events of each IRP with their places among all, in the order in which the IRPs came.
fn lives(events: &[IrpEvent]) -> Vec<(u64, Vec<(usize, &IrpEvent)>)> {
    let mut lives: Vec<(u64, Vec<_>)> = Vec::new();
    for (place, event) in events.iter().enumerate() {
        match lives.iter_mut().find(|(irp, _)| *irp == event.irp) {
            Some((_, life)) => life.push((place, event)),
            None => lives.push((event.irp, vec![(place, event)])),
        }
    }
    lives
}

fn drawing(life: &[(usize, &IrpEvent)], all: usize) -> Markup {
    let x = |place: usize| RADIUS + place * (WIDTH - 2 * RADIUS) / all.saturating_sub(1).max(1);
    let ends = life.first().zip(life.last()).map(|((first, _), (last, _))| (x(*first), x(*last)));
    let middle = HEIGHT / 2;
    html! {
        svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } width=(WIDTH) height=(HEIGHT) {
            @if let Some((first, last)) = ends {
                line x1=(first) x2=(last) y1=(middle) y2=(middle) {}
            }
            @for (place, event) in life {
                circle class=(class(&event.step)) cx=(x(*place)) cy=(middle) r=(RADIUS) { title { (describe(event)) } }
            }
        }
    }
}

/// What it was first sent to do, and how often it was sent again.
fn sent(life: &[(usize, &IrpEvent)]) -> String {
    let mut sent = life.iter().filter_map(|(_, event)| match &event.step {
        IrpStep::Sent { what } => Some(what),
        _ => None,
    });
    let Some(first) = sent.next() else { return "not sent".to_owned() };
    match sent.count() {
        0 => first.clone(),
        more => format!("{first}, and {more} more"),
    }
}

/// How it was last completed.
fn completed(life: &[(usize, &IrpEvent)]) -> String {
    let last = life.iter().rev().find_map(|(_, event)| match &event.step {
        IrpStep::Completed { status, information } => Some((status_name(status.0), *information)),
        _ => None,
    });
    match last {
        Some((status, 0)) => status,
        Some((status, information)) => format!("{status}, {information:#x}"),
        None => String::new(),
    }
}

fn class(step: &IrpStep) -> &'static str {
    match step {
        IrpStep::Allocated { .. } => "allocated",
        IrpStep::Sent { .. } => "sent",
        IrpStep::Cancelled => "cancelled",
        IrpStep::Completed { status, .. } if NT_SUCCESS(status.0) => "succeeded",
        IrpStep::Completed { .. } => "ended",
        IrpStep::RoutineReturned { .. } => "returned",
        IrpStep::Reused => "reused",
        IrpStep::Freed => "freed",
    }
}

fn describe(event: &IrpEvent) -> String {
    let what = match &event.step {
        IrpStep::Allocated { stack_count } => format!("allocated with {stack_count} stack locations"),
        IrpStep::Sent { what } => format!("sent: {what}"),
        IrpStep::Cancelled => "IoCancelIrp".to_owned(),
        IrpStep::Completed { status, information } => {
            format!("completed with {}, Information {information:#x}", status_name(status.0))
        }
        IrpStep::RoutineReturned { status } => {
            format!("the completion routine returned {}", status_name(status.0))
        }
        IrpStep::Reused => "IoReuseIrp".to_owned(),
        IrpStep::Freed => "freed".to_owned(),
    };
    format!("IRP {}: {what}, at {}", event.irp, level(event.irql))
}

fn level(irql: KIRQL) -> String {
    match irql {
        PASSIVE_LEVEL => "PASSIVE_LEVEL".to_owned(),
        APC_LEVEL => "APC_LEVEL".to_owned(),
        DISPATCH_LEVEL => "DISPATCH_LEVEL".to_owned(),
        other => format!("IRQL {other}"),
    }
}
