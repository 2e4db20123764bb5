//! `wskctl demo`, told to a person as it happens.

use std::io::{self, Write};

use wsk_sys::{APC_LEVEL, DISPATCH_LEVEL, KIRQL, PASSIVE_LEVEL};
use wskctl::Device;
use wskctl::demo::{Claim, Life, Outcome, Report, Watch};
use wskctl::device::IrpStep;
use wskctl::step::status_name;

use crate::print::{ASIDE, BAD, GOOD, Printer, TITLE};

/// How far a claim may run before who has seen it is put on a line of its own.
const WIDTH: usize = 96;

/// Tells the demo, to people only; the first failure to print ends the telling, and is kept.
pub(crate) struct Output<'a> {
    printer: &'a mut Printer,
    printed: io::Result<()>,
}

impl<'a> Output<'a> {
    pub(crate) fn begin(printer: &'a mut Printer, device: &Device) -> Self {
        let mut output = Self { printer, printed: Ok(()) };
        output.tell(|out| writeln!(out, "{TITLE}wskdrv{TITLE:#} {ASIDE}({}){ASIDE:#}", device.describe()));
        output
    }

    pub(crate) fn end(self, report: &Report) -> io::Result<()> {
        self.printed?;
        if self.printer.json() {
            return Ok(());
        }
        let Report { held, failed, skipped, .. } = report;
        let style = if *failed == 0 { GOOD } else { BAD };
        write!(self.printer, "\n{style}{held} claims held, {failed} failed{style:#}")?;
        match skipped {
            0 => writeln!(self.printer),
            _ => writeln!(self.printer, ", {skipped} could not be looked at here"),
        }
    }

    fn tell(&mut self, text: impl FnOnce(&mut Printer) -> io::Result<()>) {
        if self.printed.is_ok() && !self.printer.json() {
            self.printed = text(self.printer);
        }
    }
}

impl Watch for Output<'_> {
    fn section(&mut self, number: usize, title: &str) {
        self.printer.doing(|| title.to_owned());
        self.tell(|out| writeln!(out, "\n{TITLE}{number}  {title}{TITLE:#}"));
    }

    fn claim(&mut self, claim: &Claim) {
        let (style, mark) = match claim.outcome {
            Outcome::Held => (GOOD, '✓'),
            Outcome::Failed => (BAD, '✗'),
            Outcome::Skipped => (ASIDE, '–'),
        };
        self.tell(|out| {
            write!(out, "   {style}{mark}{style:#} {}", claim.claim)?;
            match claim.seen_by {
                Some(who) if claim.claim.chars().count() > WIDTH => {
                    writeln!(out, "\n     {ASIDE}[seen by {who}]{ASIDE:#}")?;
                }
                Some(who) => writeln!(out, " {ASIDE}[seen by {who}]{ASIDE:#}")?,
                None => writeln!(out)?,
            }
            match &claim.detail {
                Some(detail) => writeln!(out, "     {style}{detail}{style:#}"),
                None => Ok(()),
            }
        });
    }

    fn life(&mut self, life: &Life) {
        self.tell(|out| {
            writeln!(out, "     IRP {}", life.irp)?;
            let last = life.moments.len().saturating_sub(1);
            for (index, moment) in life.moments.iter().enumerate() {
                let edge = match index {
                    _ if index == last => '└',
                    0 => '┌',
                    _ => '│',
                };
                let text = happened(&moment.step);
                let level = irql_name(moment.irql);
                writeln!(out, "     {ASIDE}{edge}{ASIDE:#} {text:<64} {ASIDE}{level}{ASIDE:#}")?;
            }
            Ok(())
        });
    }
}

fn happened(step: &IrpStep) -> String {
    match step {
        IrpStep::Allocated { stack_count: 1 } => "allocated, with 1 stack location".to_owned(),
        IrpStep::Allocated { stack_count } => format!("allocated, with {stack_count} stack locations"),
        IrpStep::Sent { what } => format!("sent: {what}"),
        IrpStep::Cancelled => "asked to be cancelled".to_owned(),
        IrpStep::Completed { status, information } => {
            let status = status_name(status.0);
            // A count of bytes; from WskSocket, the address of the socket.
            match u32::try_from(*information) {
                Ok(count) => format!("completed by WSK: {status}, information {count}"),
                Err(_) => format!("completed by WSK: {status}, information {information:#x}"),
            }
        }
        IrpStep::RoutineReturned { status } => format!("completion routine: {}", status_name(status.0)),
        IrpStep::Reused => "made ready to be used again".to_owned(),
        IrpStep::Freed => "freed".to_owned(),
    }
}

fn irql_name(irql: KIRQL) -> String {
    match irql {
        PASSIVE_LEVEL => "PASSIVE_LEVEL".to_owned(),
        APC_LEVEL => "APC_LEVEL".to_owned(),
        DISPATCH_LEVEL => "DISPATCH_LEVEL".to_owned(),
        other => format!("IRQL {other}"),
    }
}
