//! Creates, sent by a driver, for what no process can send: one that is cancelled already, and what follows a refused one
//! where the I/O manager opens the file all the same.

use kmdf::{STATUS_CANCELLED, STATUS_DEVICE_NOT_READY, STATUS_SUCCESS};
use wsk_sys::{IRP_MJ_CLEANUP, IRP_MJ_CLOSE, IRP_MJ_CREATE, IRP_MJ_READ};

use super::common::{Options, Rig, boot};
use super::sender::{below, cancelled_create, file_object, of_file};
use super::{driver, every, on};

#[test]
fn a_create_that_was_cancelled_before_it_arrives_is_not_presented() {
    on(Rig::new(driver(every)), |rig| {
        let mut file = file_object();
        assert_eq!(cancelled_create(below(), &mut file).wait().status, STATUS_CANCELLED);
        assert_eq!(rig.taken(), ["cleanup WDFFILEOBJECT", "the IRP is completed"]);
    });
}

#[test]
fn a_file_that_is_open_although_its_create_was_refused_is_not_served() {
    let machine = boot();
    kmdf::set_refused_creates_open(&machine, true);
    let options = Options { create: STATUS_DEVICE_NOT_READY, ..driver(every) };
    on(Rig::on(machine, options), |rig| {
        let mut file = file_object();
        let create = of_file(below(), IRP_MJ_CREATE, &mut file);
        assert_eq!(create.wait().status, STATUS_DEVICE_NOT_READY);
        rig.taken();
        assert_eq!(of_file(below(), IRP_MJ_READ, &mut file).wait().status, STATUS_DEVICE_NOT_READY);
        assert_eq!(of_file(below(), IRP_MJ_CLEANUP, &mut file).wait().status, STATUS_SUCCESS);
        assert_eq!(of_file(below(), IRP_MJ_CLOSE, &mut file).wait().status, STATUS_SUCCESS);
        assert_eq!(rig.taken(), ["the IRP is completed"; 3], "no callback is called");
        // The address serves another file, which is told apart.
        let create = of_file(below(), IRP_MJ_CREATE, &mut file);
        assert_eq!(create.wait().status, STATUS_DEVICE_NOT_READY);
        assert!(rig.taken().contains(&"EvtDeviceFileCreate".to_owned()));
    });
}

#[test]
fn a_second_handle_of_an_exclusive_device_is_not_served_either() {
    let machine = boot();
    kmdf::set_refused_creates_open(&machine, true);
    on(Rig::on(machine, Options { exclusive: true, ..driver(every) }), |rig| {
        let (mut first, mut second) = (file_object(), file_object());
        assert_eq!(of_file(below(), IRP_MJ_CREATE, &mut first).wait().status, STATUS_SUCCESS);
        assert_eq!(of_file(below(), IRP_MJ_CREATE, &mut second).wait().status, kmdf::STATUS_ACCESS_DENIED);
        assert_eq!(of_file(below(), IRP_MJ_READ, &mut second).wait().status, kmdf::STATUS_ACCESS_DENIED);
        assert_eq!(of_file(below(), IRP_MJ_CLOSE, &mut second).wait().status, STATUS_SUCCESS);
        rig.taken();
        assert_eq!(of_file(below(), IRP_MJ_CLEANUP, &mut first).wait().status, STATUS_SUCCESS);
        assert_eq!(of_file(below(), IRP_MJ_CLOSE, &mut first).wait().status, STATUS_SUCCESS);
        assert!(rig.taken().contains(&"EvtFileClose".to_owned()), "the first one is the driver's still");
    });
}
