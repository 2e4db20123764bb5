//! A request is completed once. The driver's modules are its own, so they are modules of this program here.
#![allow(dead_code, missing_docs, unfulfilled_lint_expectations, unsafe_code, reason = "only one module is used")]

#[path = "../../src/batch.rs"]
mod batch;
#[path = "../../src/context.rs"]
mod context;
#[path = "../../src/datagrams.rs"]
mod datagrams;
#[path = "../../src/device.rs"]
mod device;
#[path = "../../src/driver.rs"]
mod driver;
#[path = "../../src/file.rs"]
mod file;
#[path = "../../src/inbox.rs"]
mod inbox;
#[path = "../../src/input.rs"]
mod input;
#[path = "../../src/io.rs"]
mod io;
#[path = "../../src/operation.rs"]
mod operation;
#[path = "../../src/request/mod.rs"]
mod request;
#[path = "../../src/ring.rs"]
mod ring;
#[path = "../../src/switch.rs"]
mod switch;
#[path = "../../src/wdf.rs"]
mod wdf;
#[path = "../../src/wdf_request.rs"]
mod wdf_request;

use wdf_request::{Cancel, InFlight, Request, Uncompleted};

fn completed_twice(request: Request) {
    request.complete(0, 0);
    request.complete(0, 0);
}

fn completed_in_flight(request: Request, cancel: Cancel) {
    let _ = request.mark_cancelable(cancel);
    request.complete(0, 0);
}

fn finished_twice(request: InFlight) {
    request.finish(None, 0, 0);
    request.finish(None, 0, 0);
}

fn written_after_its_completion(request: Request) {
    let output: &Uncompleted = &request;
    request.complete(0, 0);
    let _ = output.write_output(&[0]);
}

fn copied(request: &Request) -> Request {
    *request
}

fn main() {}
