//! A request is completed once: what completes it takes it.
use wdf::{Driver, InFlight, Outcome, Request, Uncompleted};

fn completed_twice<D: Driver>(request: Request<D>) {
    request.complete(Ok(0));
    request.complete(Ok(0));
}

fn completed_in_flight<D: Driver>(request: Request<D>, cancel: D::Cancel) {
    let _ = request.mark_cancelable(cancel);
    request.complete(Ok(0));
}

fn finished_twice<D: Driver>(request: InFlight<D>, one: Outcome<D>, other: Outcome<D>) {
    request.finish(one, Ok(0));
    request.finish(other, Ok(0));
}

fn written_after_its_completion<D: Driver>(mut request: Request<D>) {
    let output: &mut Uncompleted<D> = &mut request;
    request.complete(Ok(0));
    let _ = output.write_output(&[0]);
}

fn copied<D: Driver>(request: &Request<D>) -> Request<D> {
    request.clone()
}

fn completed_without_being_finished<D: Driver>(request: InFlight<D>) {
    request.complete(Ok(0));
}

fn main() {}
