//! The registry, as a test fills it and a driver reads it.
#![expect(unsafe_code, reason = "tests play the driver")]

use std::ptr;

use crate::common::{assert_names, bug_check, machine};
use crate::io::Text;
use ntos::{LeakScope, Machine, Owner, rule};
use wsk_sys::{
    APC_LEVEL, DRIVER_OBJECT, HANDLE, KEY_READ, KEY_VALUE_FULL_INFORMATION, KEY_VALUE_PARTIAL_INFORMATION,
    KeyValueBasicInformation, KeyValueFullInformation, KeyValuePartialInformation, KfRaiseIrql, NTSTATUS,
    OBJ_CASE_INSENSITIVE, OBJ_KERNEL_HANDLE, OBJECT_ATTRIBUTES, PCUNICODE_STRING, REG_BINARY,
    REG_CREATED_NEW_KEY, REG_DWORD, REG_OPENED_EXISTING_KEY, REG_OPTION_NON_VOLATILE, REG_SZ,
    STATUS_BUFFER_OVERFLOW, STATUS_BUFFER_TOO_SMALL, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER,
    STATUS_KEY_DELETED, STATUS_OBJECT_NAME_INVALID, STATUS_OBJECT_NAME_NOT_FOUND, STATUS_SUCCESS, ZwClose,
    ZwCreateKey, ZwDeleteValueKey, ZwOpenKey, ZwQueryValueKey, ZwSetValueKey,
};

const SERVICE: &str = r"\Registry\Machine\System\CurrentControlSet\Services\mine";

/// Calls with the attributes of a key.
fn with_name<R>(root: HANDLE, name: &str, call: impl FnOnce(&mut OBJECT_ATTRIBUTES) -> R) -> R {
    let text = Text::new(name);
    let mut name = text.raw();
    call(&mut OBJECT_ATTRIBUTES {
        Length: u32::try_from(size_of::<OBJECT_ATTRIBUTES>()).unwrap(),
        RootDirectory: root,
        ObjectName: &raw mut name,
        Attributes: OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE,
        SecurityDescriptor: ptr::null_mut(),
        SecurityQualityOfService: ptr::null_mut(),
    })
}

fn open_in(root: HANDLE, name: &str) -> Result<HANDLE, NTSTATUS> {
    let mut handle = ptr::null_mut();
    let status =
        with_name(root, name, |attributes| kernel!(ZwOpenKey(&raw mut handle, KEY_READ, attributes)));
    if status == STATUS_SUCCESS { Ok(handle) } else { Err(status) }
}

fn open(name: &str) -> Result<HANDLE, NTSTATUS> {
    open_in(ptr::null_mut(), name)
}

fn create(root: HANDLE, name: &str) -> Result<(HANDLE, u32), NTSTATUS> {
    let (mut handle, mut disposition) = (ptr::null_mut(), 0);
    let status = with_name(root, name, |attributes| {
        kernel!(ZwCreateKey(
            &raw mut handle,
            KEY_READ,
            attributes,
            0,
            ptr::null_mut(),
            REG_OPTION_NON_VOLATILE,
            &raw mut disposition
        ))
    });
    if status == STATUS_SUCCESS { Ok((handle, disposition)) } else { Err(status) }
}

fn close(handle: HANDLE) {
    assert_eq!(kernel!(ZwClose(handle)), STATUS_SUCCESS);
}

/// The status, the length that is needed, and what came.
fn query(handle: HANDLE, name: &str, class: i32, room: usize) -> (NTSTATUS, u32, Vec<u8>) {
    let (text, mut needed, mut buffer) = (Text::new(name), 0, vec![0xCC; room]);
    let mut name = text.raw();
    let length = u32::try_from(room).unwrap();
    let status = kernel!(ZwQueryValueKey(
        handle,
        &raw mut name,
        class,
        buffer.as_mut_ptr().cast(),
        length,
        &raw mut needed
    ));
    (status, needed, buffer)
}

fn set(handle: HANDLE, name: &str, kind: u32, data: &mut [u8]) -> NTSTATUS {
    let text = Text::new(name);
    let (mut name, length) = (text.raw(), u32::try_from(data.len()).unwrap());
    kernel!(ZwSetValueKey(handle, &raw mut name, 0, kind, data.as_mut_ptr().cast(), length))
}

fn delete(handle: HANDLE, name: &str) -> NTSTATUS {
    let text = Text::new(name);
    let mut name = text.raw();
    kernel!(ZwDeleteValueKey(handle, &raw mut name))
}

#[test]
fn a_driver_reads_what_the_test_has_set() {
    let machine = machine();
    let _entered = machine.enter();
    let registry = machine.registry();
    registry.set_dword(SERVICE, "Limit", 7);
    registry.set_string(SERVICE, "Text", "ab");
    let handle = open(&SERVICE.to_uppercase()).expect("the case does not count");
    let (status, needed, bytes) = query(handle, "LIMIT", KeyValuePartialInformation, 16);
    assert_eq!((status, needed), (STATUS_SUCCESS, 16));
    // SAFETY: the structure, with four bytes of data in its last eight.
    let partial = unsafe { bytes.as_ptr().cast::<KEY_VALUE_PARTIAL_INFORMATION>().read_unaligned() };
    assert_eq!((partial.Type, partial.DataLength, &bytes[12..16]), (REG_DWORD, 4, &[7, 0, 0, 0][..]));
    let (status, needed, bytes) = query(handle, "text", KeyValueFullInformation, 100);
    // SAFETY: the structure is smaller.
    let full = unsafe { bytes.as_ptr().cast::<KEY_VALUE_FULL_INFORMATION>().read_unaligned() };
    assert_eq!((status, needed, full.DataOffset, full.DataLength, full.NameLength), (0, 38, 32, 6, 8));
    assert_eq!(
        (full.Type, &bytes[20..28], &bytes[32..38]),
        (REG_SZ, &b"T\0e\0x\0t\0"[..], &b"a\0b\0\0\0"[..])
    );
    let (status, needed, bytes) = query(handle, "text", KeyValueBasicInformation, 20);
    assert_eq!((status, needed, &bytes[8..20]), (STATUS_SUCCESS, 20, &b"\x08\0\0\0T\0e\0x\0t\0"[..]));
    // Too little room: for the numbers, for the data.
    let none = query(handle, "Limit", KeyValuePartialInformation, 11);
    assert_eq!((none.0, none.1, &none.2[..2]), (STATUS_BUFFER_TOO_SMALL, 16, &[0xCC; 2][..]));
    let some = query(handle, "Limit", KeyValuePartialInformation, 13);
    assert_eq!((some.0, some.1, &some.2[12..]), (STATUS_BUFFER_OVERFLOW, 16, &[7][..]));
    assert_eq!(query(handle, "Other", KeyValuePartialInformation, 16).0, STATUS_OBJECT_NAME_NOT_FOUND);
    assert_eq!(query(handle, "Limit", 99, 16).0, STATUS_INVALID_PARAMETER);
    close(handle);
    machine.shutdown();
}

#[test]
fn a_driver_makes_keys_and_values() {
    let machine = machine();
    let _entered = machine.enter();
    machine.registry().create_key(SERVICE);
    assert_eq!(
        create(ptr::null_mut(), &format!(r"{SERVICE}\No\Parameters")),
        Err(STATUS_OBJECT_NAME_NOT_FOUND)
    );
    let service = open(SERVICE).unwrap();
    let (parameters, disposition) = create(service, "Parameters").unwrap();
    assert_eq!(disposition, REG_CREATED_NEW_KEY);
    assert_eq!(set(parameters, "Raw", REG_BINARY, &mut [1, 2]), STATUS_SUCCESS);
    assert_eq!(set(parameters, "RAW", REG_BINARY, &mut [3]), STATUS_SUCCESS);
    assert_eq!(set(parameters, "Empty", REG_BINARY, &mut []), STATUS_SUCCESS);
    let path = format!(r"{SERVICE}\Parameters");
    let get = |name| machine.registry().get(&path, name);
    assert_eq!((get("raw"), get("Empty")), (Some((REG_BINARY, vec![3])), Some((REG_BINARY, vec![]))));
    assert_eq!((delete(parameters, "raw"), delete(parameters, "raw")), (0, STATUS_OBJECT_NAME_NOT_FOUND));
    assert_eq!(get("raw"), None);
    let (again, disposition) = create(ptr::null_mut(), &path).unwrap();
    assert_eq!(disposition, REG_OPENED_EXISTING_KEY);
    machine.registry().remove_key(SERVICE);
    assert!(!machine.registry().has_key(&path));
    assert_eq!(set(again, "Raw", REG_BINARY, &mut [1]), STATUS_KEY_DELETED);
    [service, parameters, again].into_iter().for_each(close);
    machine.shutdown();
}

#[test]
fn a_key_is_not_opened() {
    let machine = machine();
    let _entered = machine.enter();
    assert_eq!(open(SERVICE), Err(STATUS_OBJECT_NAME_NOT_FOUND));
    assert_eq!(open(r"\Device\Mine"), Err(STATUS_OBJECT_NAME_INVALID));
    let mut handle = ptr::null_mut();
    assert_eq!(kernel!(ZwOpenKey(&raw mut handle, KEY_READ, ptr::null_mut())), STATUS_INVALID_PARAMETER);
    machine.registry().create_key(SERVICE);
    machine.faults().fail_nth(0);
    assert_eq!(open(SERVICE), Err(STATUS_INSUFFICIENT_RESOURCES));
    assert_eq!(machine.faults().fired(), Some("ZwOpenKey"));
    machine.shutdown();
}

/// Opens the key whose path it gets.
unsafe extern "system" fn entry(_: *mut DRIVER_OBJECT, path: PCUNICODE_STRING) -> NTSTATUS {
    let mut attributes = OBJECT_ATTRIBUTES {
        Length: u32::try_from(size_of::<OBJECT_ATTRIBUTES>()).unwrap(),
        RootDirectory: ptr::null_mut(),
        ObjectName: path.cast_mut(),
        Attributes: OBJ_KERNEL_HANDLE,
        SecurityDescriptor: ptr::null_mut(),
        SecurityQualityOfService: ptr::null_mut(),
    };
    let mut handle = ptr::null_mut();
    assert_eq!(kernel!(ZwOpenKey(&raw mut handle, KEY_READ, &raw mut attributes)), STATUS_SUCCESS);
    let found = query(handle, "Limit", KeyValuePartialInformation, 16);
    close(handle);
    found.0
}

#[test]
fn a_driver_opens_the_key_of_its_service() {
    let machine = machine();
    assert_eq!(machine.load_driver("mine", entry).err().unwrap(), STATUS_OBJECT_NAME_NOT_FOUND);
    machine.registry().set_dword(SERVICE, "Limit", 1);
    assert!(machine.load_driver("mine", entry).is_ok());
    machine.shutdown();
}

#[test]
fn a_handle_is_used_wrongly() {
    let report = bug_check(|| {
        Machine::current().registry().create_key(SERVICE);
        let handle = open(SERVICE).unwrap();
        close(handle);
        query(handle, "Limit", KeyValuePartialInformation, 16);
    });
    assert_names(&report, &rule::HANDLE_INVALID, "ZwQueryValueKey");
    let report = bug_check(|| {
        Machine::current().registry().create_key(SERVICE);
        let handle = open(SERVICE).unwrap();
        close(handle);
        close(handle);
    });
    assert_names(&report, &rule::HANDLE_INVALID, "ZwClose");
}

#[test]
fn a_handle_is_left_open() {
    let report = bug_check(|| {
        let machine = Machine::current();
        machine.registry().create_key(SERVICE);
        let owner = Owner::new_driver();
        owner.run(|| open(SERVICE).unwrap());
        machine.check_leaks(LeakScope::Unload(Owner::new_driver()));
        machine.check_leaks(LeakScope::Unload(owner));
    });
    assert_names(&report, &rule::HANDLE_LEAK, r"\SERVICES\MINE");
}

#[test]
fn a_system_service_is_called_above_passive_level() {
    let calls: [(fn(), &str); 4] = [
        (|| assert!(open(SERVICE).is_ok()), "ZwOpenKey"),
        (|| assert!(create(ptr::null_mut(), SERVICE).is_ok()), "ZwCreateKey"),
        (|| drop(query(ptr::null_mut(), "Limit", 2, 16)), "ZwQueryValueKey"),
        (|| assert_eq!(delete(ptr::null_mut(), "Limit"), 0), "ZwDeleteValueKey"),
    ];
    for (call, name) in calls {
        let report = bug_check(move || {
            kernel!(KfRaiseIrql(APC_LEVEL));
            call();
        });
        assert_names(&report, &rule::IRQL_ZW_PASSIVE, name);
    }
}
