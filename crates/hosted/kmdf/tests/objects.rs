//! Objects: contexts, parents and children, references, memory; and what a driver's structures are refused with.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::common::{self, Made, Opened, Options, Rig, SPECIAL, trace, wdf};
use kmdf::{
    _WDF_EXECUTION_LEVEL as Level, _WDF_IO_QUEUE_DISPATCH_TYPE as Type, NTSTATUS, STATUS_BUFFER_TOO_SMALL,
    STATUS_INFO_LENGTH_MISMATCH, STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_PARAMETER,
    STATUS_OBJECT_NAME_EXISTS, STATUS_SUCCESS, STATUS_UNSUCCESSFUL, STATUS_WDF_EXECUTION_LEVEL_INVALID,
    STATUS_WDF_NO_CALLBACK, STATUS_WDF_OBJECT_ATTRIBUTES_INVALID, WDF_OBJECT_ATTRIBUTES, WDFOBJECT, WDFQUEUE,
    WDFREQUEST,
};
use ntos::Machine;
use readings::{ChildOrder, Readings};

/// Runs `entry` in a `DriverEntry`, and unloads the driver.
fn in_entry(entry: fn(&Made) -> NTSTATUS) -> Vec<String> {
    let rig = Rig::new(Options { entry: Some(entry), ..Options::default() });
    let seen = rig.taken();
    rig.end();
    seen
}

extern "C" fn child_cleanup(_object: WDFOBJECT) {
    trace("child cleanup");
}

extern "C" fn child_destroy(_object: WDFOBJECT) {
    trace("child destroy");
}

extern "C" fn parent_cleanup(_object: WDFOBJECT) {
    trace("parent cleanup");
}

extern "C" fn parent_destroy(_object: WDFOBJECT) {
    trace("parent destroy");
}

fn parent_and_child() -> (WDFOBJECT, WDFOBJECT) {
    let mut attributes = WDF_OBJECT_ATTRIBUTES {
        EvtCleanupCallback: Some(parent_cleanup),
        EvtDestroyCallback: Some(parent_destroy),
        ..wdf::attributes()
    };
    let parent = wdf::object_create(&mut attributes).expect("a parent");
    let mut attributes = WDF_OBJECT_ATTRIBUTES {
        EvtCleanupCallback: Some(child_cleanup),
        EvtDestroyCallback: Some(child_destroy),
        ..wdf::child_of(parent)
    };
    (parent, wdf::object_create(&mut attributes).expect("a child"))
}

#[test]
fn children_go_before_their_parents() {
    let seen = in_entry(|_| {
        let (parent, _) = parent_and_child();
        wdf::delete(parent);
        STATUS_SUCCESS
    });
    assert_eq!(seen, ["child cleanup", "parent cleanup", "child destroy", "parent destroy"]);
}

#[test]
fn a_reference_delays_only_the_destruction() {
    let seen = in_entry(|_| {
        let (parent, child) = parent_and_child();
        wdf::reference(child);
        wdf::delete(parent);
        trace("deleted");
        wdf::dereference(child);
        STATUS_SUCCESS
    });
    assert_eq!(seen, ["child cleanup", "parent cleanup", "parent destroy", "deleted", "child destroy"]);
}

#[test]
fn a_child_deleted_alone_leaves_its_parent() {
    let seen = in_entry(|_| {
        let (parent, child) = parent_and_child();
        wdf::delete(child);
        trace("deleted");
        wdf::delete(parent);
        STATUS_SUCCESS
    });
    assert_eq!(seen, ["child cleanup", "child destroy", "deleted", "parent cleanup", "parent destroy"]);
}

extern "C" fn destroyed_with_context(object: WDFOBJECT) {
    trace(format!("zero: {}", wdf::file_context_is_zero(object.cast())));
}

#[test]
fn the_context_is_there_in_the_destroy_callback() {
    let seen = in_entry(|_| {
        let mut attributes = WDF_OBJECT_ATTRIBUTES {
            EvtDestroyCallback: Some(destroyed_with_context),
            ContextTypeInfo: wdf::FILE.0.UniqueType,
            ..wdf::attributes()
        };
        let object = wdf::object_create(&mut attributes).expect("an object");
        wdf::reference(object);
        wdf::delete(object);
        trace("deleted");
        wdf::dereference(object);
        STATUS_SUCCESS
    });
    assert_eq!(seen, ["deleted", "zero: true"]);
}

/// The child that [`deletes_child`] deletes.
#[derive(Default)]
struct Child(AtomicUsize);

extern "C" fn deletes_child(_parent: WDFOBJECT) {
    trace("parent cleanup");
    // Relaxed: stored by this thread.
    let child = Machine::current().extension(Child::default).0.load(Ordering::Relaxed);
    wdf::delete(std::ptr::without_provenance_mut(child));
}

#[test]
fn a_cleanup_callback_may_delete_the_child_that_goes_anyhow() {
    let seen = in_entry(|_| {
        let mut attributes =
            WDF_OBJECT_ATTRIBUTES { EvtCleanupCallback: Some(deletes_child), ..wdf::attributes() };
        let parent = wdf::object_create(&mut attributes).expect("a parent");
        let mut attributes = WDF_OBJECT_ATTRIBUTES {
            EvtCleanupCallback: Some(child_cleanup),
            EvtDestroyCallback: Some(child_destroy),
            ..wdf::child_of(parent)
        };
        let child = wdf::object_create(&mut attributes).expect("a child");
        Machine::current().extension(Child::default).0.store(child.addr(), Ordering::Relaxed);
        wdf::delete(parent);
        STATUS_SUCCESS
    });
    assert_eq!(seen, ["child cleanup", "parent cleanup", "child destroy"]);
}

extern "C" fn adopting_cleanup(parent: WDFOBJECT) {
    let mut attributes =
        WDF_OBJECT_ATTRIBUTES { ContextTypeInfo: wdf::FILE.0.UniqueType, ..wdf::child_of(parent) };
    trace(format!("{:x?}", wdf::object_create(&mut attributes)));
}

#[test]
fn an_object_that_is_being_deleted_has_no_new_children() {
    let seen = in_entry(|_| {
        let mut attributes =
            WDF_OBJECT_ATTRIBUTES { EvtCleanupCallback: Some(adopting_cleanup), ..wdf::attributes() };
        let parent = wdf::object_create(&mut attributes).expect("a parent");
        wdf::delete(parent);
        STATUS_SUCCESS
    });
    assert_eq!(seen, [format!("{:x?}", Err::<WDFOBJECT, _>(kmdf::STATUS_DELETE_PENDING))]);
}

#[test]
fn an_object_without_a_parent_goes_with_the_driver() {
    let entry = |_: &Made| {
        parent_and_child();
        STATUS_SUCCESS
    };
    let rig = Rig::new(Options { entry: Some(entry), ..Options::default() });
    let Rig { machine, driver, .. } = rig;
    driver.unload().expect("the driver unloads");
    let seen = machine.extension(common::Trace::default).seen();
    assert!(seen.ends_with(&["parent destroy".to_owned()]), "{seen:?}");
    machine.shutdown();
}

#[test]
fn an_object_has_one_context_of_each_type() {
    in_entry(|made| {
        let device = made.device.cast();
        assert!(wdf::context(device, &wdf::REQUEST).is_null(), "not this type");
        let (status, context) = wdf::allocate_context(device, &wdf::REQUEST);
        assert_eq!(status, STATUS_SUCCESS);
        assert_eq!(wdf::context(device, &wdf::REQUEST), context);
        assert_eq!(wdf::object_of(context), device);
        assert_eq!(wdf::allocate_context(device, &wdf::REQUEST), (STATUS_OBJECT_NAME_EXISTS, context));
        assert_eq!(wdf::made(made.device).queue, made.queue, "the first context is as it was");
        STATUS_SUCCESS
    });
}

#[test]
fn memory_is_copied_within_its_bounds() {
    in_entry(|_| {
        let (memory, _) = wdf::memory_create(4).expect("memory");
        assert_eq!(wdf::memory_write(memory, 0, &mut [1, 2, 3, 4]), STATUS_SUCCESS);
        assert_eq!(wdf::memory_write(memory, 1, &mut [1, 2, 3, 4]), STATUS_BUFFER_TOO_SMALL);
        let mut read = [0; 2];
        assert_eq!(wdf::memory_read(memory, 2, &mut read), STATUS_SUCCESS);
        assert_eq!(read, [3, 4]);
        assert_eq!(wdf::memory_read(memory, usize::MAX, &mut read), STATUS_BUFFER_TOO_SMALL);
        assert_eq!(wdf::memory_create(0).err(), Some(STATUS_INVALID_PARAMETER));
        wdf::delete(memory.cast());
        STATUS_SUCCESS
    });
}

#[test]
fn wrong_attributes_are_refused() {
    in_entry(|_| {
        let refused = |change: fn(&mut WDF_OBJECT_ATTRIBUTES)| {
            let mut attributes = wdf::attributes();
            change(&mut attributes);
            wdf::object_create(&mut attributes).err()
        };
        assert_eq!(refused(|attributes| attributes.Size = 0), Some(STATUS_INFO_LENGTH_MISMATCH));
        // What `Default` alone gives: zero is not a level.
        let zeroed = |attributes: &mut WDF_OBJECT_ATTRIBUTES| {
            attributes.ExecutionLevel = Level::WdfExecutionLevelInvalid;
        };
        assert_eq!(refused(zeroed), Some(STATUS_WDF_OBJECT_ATTRIBUTES_INVALID));
        let level = |attributes: &mut WDF_OBJECT_ATTRIBUTES| {
            attributes.ExecutionLevel = Level::WdfExecutionLevelPassive;
        };
        assert_eq!(refused(level), Some(STATUS_WDF_EXECUTION_LEVEL_INVALID));
        let untyped = |attributes: &mut WDF_OBJECT_ATTRIBUTES| attributes.ContextSizeOverride = 8;
        assert_eq!(refused(untyped), Some(STATUS_WDF_OBJECT_ATTRIBUTES_INVALID));
        let small = |attributes: &mut WDF_OBJECT_ATTRIBUTES| {
            attributes.ContextTypeInfo = wdf::FILE.0.UniqueType;
            attributes.ContextSizeOverride = 99;
        };
        assert_eq!(refused(small), Some(STATUS_WDF_OBJECT_ATTRIBUTES_INVALID));
        STATUS_SUCCESS
    });
}

extern "C" fn handler(_queue: WDFQUEUE, request: WDFREQUEST, _output: usize, _input: usize, _code: u32) {
    wdf::complete(request, STATUS_SUCCESS);
}

#[test]
fn wrong_queues_are_refused() {
    in_entry(|made| {
        let device = made.device;
        let second = wdf::queue_create(device, Type::WdfIoQueueDispatchSequential, true, Some(handler));
        assert_eq!(second.err(), Some(STATUS_UNSUCCESSFUL), "there is a default queue");
        let silent = wdf::queue_create(device, Type::WdfIoQueueDispatchSequential, false, None);
        assert_eq!(silent.err(), Some(STATUS_WDF_NO_CALLBACK));
        let manual = wdf::queue_create(device, Type::WdfIoQueueDispatchManual, false, Some(handler));
        assert_eq!(manual.err(), Some(STATUS_INVALID_PARAMETER), "nobody would call it");
        let kind = wdf::queue_create(device, Type::WdfIoQueueDispatchInvalid, false, Some(handler));
        assert_eq!(kind.err(), Some(STATUS_INVALID_PARAMETER));
        let mut config = wdf::queue_config(Type::WdfIoQueueDispatchSequential, false, Some(handler));
        config.Settings.Parallel.NumberOfPresentedRequests = 1;
        assert_eq!(wdf::queue_create_with(device, config).err(), Some(STATUS_INVALID_PARAMETER));
        config.Size = 0x40;
        assert_eq!(wdf::queue_create_with(device, config).err(), Some(STATUS_INFO_LENGTH_MISMATCH));
        assert_eq!(wdf::retrieve_next(made.queue).err(), Some(STATUS_INVALID_DEVICE_STATE), "it is parallel");
        STATUS_SUCCESS
    });
}

#[test]
fn a_parallel_queue_presents_up_to_its_number() {
    let entry = |made: &Made| {
        let mut config = wdf::queue_config(Type::WdfIoQueueDispatchParallel, false, Some(handler));
        config.Settings.Parallel.NumberOfPresentedRequests = 0;
        let mut made = *made;
        made.manual = wdf::queue_create_with(made.device, config).expect("a queue");
        wdf::set_made(made.device, made);
        STATUS_SUCCESS
    };
    let test = Opened::new(Options { entry: Some(entry), ..Options::default() });
    let waiting = test.begin(common::PEND);
    assert!(!waiting.is_done(), "a queue of a zeroed configuration presents nothing at all");
    waiting.cancel();
    assert_eq!(waiting.wait().status, kmdf::STATUS_CANCELLED);
    test.end();
}

#[test]
fn parameters_are_those_of_the_request() {
    let special = |_: &Made, request| {
        let parameters = wdf::parameters(request, 0x28);
        assert_eq!(parameters.Size, 0x28);
        assert_eq!(parameters.Type, kmdf::_WDF_REQUEST_TYPE::WdfRequestTypeDeviceControl);
        assert_eq!(wdf::control_parameters(&parameters), (3, 2, SPECIAL));
        wdf::complete(request, STATUS_SUCCESS);
    };
    let test = Opened::new(Options { special: Some(special), ..Options::default() });
    assert_eq!(test.file.device_io_control(SPECIAL, b"ab", &mut [0; 3]).status, STATUS_SUCCESS);
    test.end();
}

#[test]
fn a_request_that_the_driver_never_saw_has_neither_cleanup_nor_destroy_callback() {
    let entry = |made: &Made| {
        wdf::queue_stop(made.queue, None);
        STATUS_SUCCESS
    };
    let test = Opened::new(Options { entry: Some(entry), destroyed: true, ..Options::default() });
    test.taken();
    let unseen = test.begin(SPECIAL);
    unseen.cancel();
    assert_eq!(unseen.wait().status, kmdf::STATUS_CANCELLED);
    assert!(test.taken().is_empty());
    test.end();
}

extern "C" fn younger_cleanup(_object: WDFOBJECT) {
    trace("younger cleanup");
}

extern "C" fn younger_destroy(_object: WDFOBJECT) {
    trace("younger destroy");
}

#[test]
fn the_order_of_children_is_that_of_the_reading() {
    let cleanup = ["child cleanup", "younger cleanup", "child destroy", "younger destroy"];
    let reversed = ["younger cleanup", "child cleanup", "younger destroy", "child destroy"];
    for (reading, order) in [(ChildOrder::OldestFirst, cleanup), (ChildOrder::NewestFirst, reversed)] {
        let readings = Readings::STRICT.with(reading);
        let machine = Machine::boot(ntos::Config { readings, ..ntos::Config::default() });
        let entry: fn(&Made) -> NTSTATUS = |_| {
            let (parent, _) = parent_and_child();
            let mut attributes = WDF_OBJECT_ATTRIBUTES {
                EvtCleanupCallback: Some(younger_cleanup),
                EvtDestroyCallback: Some(younger_destroy),
                ..wdf::child_of(parent)
            };
            wdf::object_create(&mut attributes).expect("a second child");
            wdf::delete(parent);
            STATUS_SUCCESS
        };
        let rig = Rig::on(machine, Options { entry: Some(entry), ..Options::default() });
        let seen = rig.taken();
        rig.end();
        let of_children: Vec<_> = seen.iter().filter(|seen| !seen.starts_with("parent")).collect();
        assert_eq!(of_children, order, "{reading:?}");
    }
}
