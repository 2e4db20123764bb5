//! What the callbacks are given does not outlive them, and what a driver keeps it may drop anywhere.
use wdf::{Device, Driver, FileRef, Request, WorkItem};

fn file_of_a_completed_request<D: Driver>(request: Request<D>) -> &'static D::File {
    &request.file()
}

fn driver_kept<D: Driver>(driver: &D) -> &'static D {
    driver
}

fn made_later<D: Driver>(device: Device<'_, D>) -> Device<'static, D> {
    device
}

fn file_dropped_while_borrowed<D: Driver>(file: FileRef<D>) {
    let inner: &D::File = &file;
    drop(file);
    let _ = inner as *const _;
}

struct Other;

fn work_item_of_another_driver<D: Driver>(device: &Device<'_, D>) {
    let _ = WorkItem::new(device, |_: &Other, _| ());
}

fn main() {}
