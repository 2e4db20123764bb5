//! Input and output may be the same memory: the input is used before the output is written.
use wdf::{Driver, Request};

fn echo<D: Driver>(mut request: Request<D>) -> nt::Result {
    let input = request.input()?;
    let written = request.write_output(input);
    request.complete(written);
    Ok(())
}

fn kept<D: Driver>(request: Request<D>) -> &'static [u8] {
    request.input().unwrap_or(&[])
}

fn main() {}
