//! The machine's device objects: their memory, who has them open, when they go.
#![expect(unsafe_code, reason = "the table owns device objects, which drivers hold by address")]

use std::backtrace::Backtrace;
use std::collections::HashMap;
use std::mem;
use std::ops::Range;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use readings::DeviceName;
use wsk_sys::{
    ACCESS_MASK, DEVICE_OBJECT, DEVICE_TYPE, DO_DEVICE_INITIALIZING, DO_EXCLUSIVE, DRIVER_DISPATCH,
    FILE_DEVICE_SECURE_OPEN, NTSTATUS, STATUS_ACCESS_DENIED, STATUS_INSUFFICIENT_RESOURCES,
    STATUS_NO_SUCH_DEVICE, ULONG,
};

use crate::ex::pool::block::{self, Kind};
use crate::ex::{pool, work_item};
use crate::io::device::namespace::Namespace;
use crate::io::driver::DriverBody;
use crate::io::shutdown;
use crate::machine::Machine;
use crate::machine::bugcheck::Broken;
use crate::machine::frames;
use crate::machine::owner::{LeakScope, Owner, leak_report};
use crate::machine::stuck;
use crate::process;
use crate::rule::io::{DEVICE_LEAK, LINK_LEAK};
use crate::se::security::{SecurityDescriptor, Token};
use crate::sync::Pointer;

/// `IO_TYPE_DEVICE`.
const IO_TYPE_DEVICE: i16 = 3;
/// The tag under which Windows allocates device objects.
const TAG: [u8; 4] = *b"Devi";
/// `DO_DEVICE_HAS_NAME`.
const DO_DEVICE_HAS_NAME: ULONG = 0x40;

/// What `IoCreateDevice` is told.
pub(crate) struct NewDevice {
    pub(crate) name: Option<String>,
    pub(crate) extension_size: ULONG,
    pub(crate) device_type: DEVICE_TYPE,
    pub(crate) characteristics: ULONG,
    pub(crate) flags: ULONG,
    pub(crate) security: SecurityDescriptor,
    /// The exported function that is told.
    pub(crate) export: &'static str,
}

struct Entry {
    device: Pointer<DEVICE_OBJECT>,
    /// The size of the object and its extension.
    size: usize,
    name: Arc<str>,
    driver: Arc<DriverBody>,
    security: SecurityDescriptor,
    characteristics: ULONG,
    /// Who created it, if that is asked for, and with which function.
    created: (Option<Backtrace>, &'static str),
    /// Files, each of which has the device open.
    opens: u32,
    /// References of `ObfReferenceObject`.
    references: isize,
    /// Deleted while open.
    deleting: bool,
}

#[derive(Default)]
struct State {
    devices: HashMap<usize, Entry>,
    names: Namespace,
    generated: u32,
    /// What was wrong with devices when they were freed, for the next look for leaks.
    damaged: Vec<Broken>,
}

/// A machine's devices and names.
#[derive(Default)]
pub(crate) struct DeviceTable {
    state: Mutex<State>,
    /// Signalled when a device is closed.
    closed: Condvar,
}

/// A device that a file has open.
pub(crate) struct Opened {
    pub(crate) device: Pointer<DEVICE_OBJECT>,
    pub(crate) granted: ACCESS_MASK,
    /// What followed the device's name in the path.
    pub(crate) rest: String,
    pub(crate) stack_size: i8,
}

/// Where `IofCallDriver` sends an IRP.
pub(crate) struct Target {
    pub(crate) name: Arc<str>,
    pub(crate) owner: Owner,
    driver: Arc<DriverBody>,
}

impl Target {
    /// The driver's routine for a major function, or none if there is no such function.
    pub(crate) fn dispatch(&self, major: u8) -> Option<DRIVER_DISPATCH> {
        self.driver.dispatch(major)
    }
}

/// The device table of a machine.
pub(crate) fn of(machine: &Machine) -> Arc<DeviceTable> {
    machine.extension::<DeviceTable>(|| {
        machine.on_leak_check(check_leaks);
        DeviceTable::default()
    })
}

/// The device object at this address, if there is one.
pub(crate) fn target(machine: &Machine, device: *mut DEVICE_OBJECT) -> Option<Target> {
    let table = of(machine);
    let state = table.state.lock();
    let entry = state.devices.get(&device.addr())?;
    Some(Target {
        name: Arc::clone(&entry.name),
        owner: entry.driver.owner(),
        driver: Arc::clone(&entry.driver),
    })
}

fn check_leaks(machine: &Machine, scope: LeakScope) -> Vec<Broken> {
    // First, as an open handle explains a device that is left.
    let handles = process::left_open(machine, scope);
    let table = of(machine);
    let mut state = table.state.lock();
    DeviceTable::sweep(machine, &mut state);
    let links = state.names.links(|owner| scope.covers(owner));
    let mut devices: Vec<&Entry> =
        state.devices.values().filter(|entry| scope.covers(entry.driver.owner())).collect();
    devices.sort_unstable_by_key(|entry| &entry.name);
    let name = |entry: &&Entry| {
        let (frames, export) = &entry.created;
        format!("{}{}", entry.name, frames::caller(frames.as_ref(), "created", &[export]))
    };
    let devices = leak_report(&DEVICE_LEAK, "devices", scope, devices.iter().map(name));
    let links = leak_report(&LINK_LEAK, "symbolic links", scope, links);
    let found = handles.into_iter().chain(devices).chain(links).collect::<Vec<_>>();
    found.into_iter().chain(state.damaged.drain(..)).collect()
}

impl DeviceTable {
    pub(crate) fn names<R>(&self, f: impl FnOnce(&mut Namespace) -> R) -> R {
        f(&mut self.state.lock().names)
    }

    pub(crate) fn generate_name(&self) -> String {
        let mut state = self.state.lock();
        state.generated += 1;
        format!("\\Device\\{:08x}", state.generated)
    }

    /// The device extension that contains an address.
    pub(crate) fn extension_at(&self, address: usize) -> Option<Range<usize>> {
        self.state.lock().devices.values().find_map(|entry| {
            let device = entry.device.key();
            let extension = device + mem::size_of::<DEVICE_OBJECT>()..device + entry.size;
            extension.contains(&address).then_some(extension)
        })
    }

    /// The extension of a device that nobody would keep if it were deleted now.
    pub(crate) fn loose_extension(
        &self,
        machine: &Machine,
        device: *mut DEVICE_OBJECT,
    ) -> Option<Range<usize>> {
        let state = self.state.lock();
        let entry = state.devices.get(&device.addr())?;
        let used = entry.opens != 0 || entry.references != 0 || work_item::refers_to(machine, device);
        let start = device.addr();
        (!used).then(|| start + mem::size_of::<DEVICE_OBJECT>()..start + entry.size)
    }

    pub(crate) fn create(
        &self,
        machine: &Machine,
        driver: &Arc<DriverBody>,
        new: NewDevice,
    ) -> Result<*mut DEVICE_OBJECT, NTSTATUS> {
        let size = mem::size_of::<DEVICE_OBJECT>()
            .checked_add(new.extension_size as usize)
            .ok_or(STATUS_INSUFFICIENT_RESOURCES)?;
        // Captured outside of the lock: it takes as long as the stack is deep.
        let created = (frames::capture(), new.export);
        let mut state = self.state.lock();
        Self::sweep(machine, &mut state);
        let block = block::Request::zeroed(Kind::Device, size, TAG);
        let device: *mut DEVICE_OBJECT = machine.parts.pool.allocate(&block).cast();
        if device.is_null() {
            return Err(STATUS_INSUFFICIENT_RESOURCES);
        }
        if let Some(name) = &new.name
            && let Err(status) = state.names.add_device(name, device.addr())
        {
            state.damaged.extend(pool::release(machine, device.addr(), "a name that is taken").err());
            return Err(status);
        }
        // SAFETY: zeroed memory, which is a valid device object, known to nobody else yet.
        let object = unsafe { &mut *device };
        object.Type = IO_TYPE_DEVICE;
        // The field is this short in C, too.
        object.Size = u16::try_from(size).unwrap_or(u16::MAX);
        object.DriverObject = driver.object();
        object.NextDevice = driver.push_device(device);
        object.Flags = new.flags | DO_DEVICE_INITIALIZING;
        if new.name.is_some() {
            object.Flags |= DO_DEVICE_HAS_NAME;
        }
        object.Characteristics = new.characteristics;
        object.DeviceType = new.device_type;
        object.StackSize = 1;
        if new.extension_size != 0 {
            // SAFETY: the extension follows the object in the allocation.
            object.DeviceExtension = unsafe { device.add(1) }.cast();
        }
        let name = new.name.unwrap_or_else(|| format!("an unnamed device of {}", driver.name()));
        state.devices.insert(
            device.addr(),
            Entry {
                device: Pointer(device),
                size,
                name: name.into(),
                driver: Arc::clone(driver),
                security: new.security,
                characteristics: new.characteristics,
                created,
                opens: 0,
                references: 0,
                deleting: false,
            },
        );
        drop(state);
        machine.parts.gauges.devices.add(1);
        Ok(device)
    }

    /// Deletes a device, or says what is wrong.
    pub(crate) fn delete(&self, machine: &Machine, device: *mut DEVICE_OBJECT) -> Result<(), String> {
        let mut state = self.state.lock();
        let Some(entry) = state.devices.get_mut(&device.addr()) else {
            return Err("IoDeleteDevice of an address that is no device object, or no longer one".to_owned());
        };
        if mem::replace(&mut entry.deleting, true) {
            return Err(format!("IoDeleteDevice of {}, which is being deleted already", entry.name));
        }
        entry.driver.remove_device(device);
        shutdown::forget(machine, device);
        work_item::device_deleted(machine, device);
        if machine.reading::<DeviceName>() == DeviceName::AtDelete {
            state.names.remove_device(device.addr());
        }
        Self::sweep(machine, &mut state);
        Ok(())
    }

    /// Whether the driver has deleted a device that is still there, as somebody uses it.
    pub(crate) fn is_deleted(&self, device: *mut DEVICE_OBJECT) -> bool {
        self.state.lock().devices.get(&device.addr()).is_some_and(|entry| entry.deleting)
    }

    /// Adds a reference to a device, or drops one; the count of those that are left, with the table's own until it is
    /// deleted. An error says what is wrong.
    pub(crate) fn refer(
        &self,
        machine: &Machine,
        device: *mut DEVICE_OBJECT,
        change: isize,
    ) -> Result<isize, String> {
        let mut state = self.state.lock();
        let Some(entry) = state.devices.get_mut(&device.addr()) else {
            return Err("a reference to an address that is no device object, or no longer one".to_owned());
        };
        if entry.references + change < 0 {
            return Err(format!("a reference to {} was dropped that nobody has", entry.name));
        }
        entry.references += change;
        let left = entry.references + isize::from(!entry.deleting);
        Self::sweep(machine, &mut state);
        Ok(left)
    }

    /// Frees the deleted devices that nobody has open or a reference to, and no queued work item refers to.
    fn sweep(machine: &Machine, state: &mut State) {
        let State { devices, names, damaged, .. } = state;
        devices.retain(|_, entry| {
            let device = entry.device.0;
            let used = entry.opens != 0 || entry.references != 0;
            let keep = !entry.deleting || used || work_item::refers_to(machine, device);
            if !keep {
                damaged.extend(pool::release(machine, device.addr(), "IoDeleteDevice").err());
                machine.parts.gauges.devices.remove(1);
                names.remove_device(device.addr());
            }
            keep
        });
    }

    /// Opens the device that a name leads to.
    pub(crate) fn open(&self, name: &str, token: Token, desired: ACCESS_MASK) -> Result<Opened, NTSTATUS> {
        let mut state = self.state.lock();
        let (key, rest) = state.names.resolve(name)?;
        let entry =
            state.devices.get_mut(&key).filter(|entry| !entry.deleting).ok_or(STATUS_NO_SUCH_DEVICE)?;
        let device = entry.device;
        // SAFETY: in the table, so not freed; read field by field, as the driver has it, too.
        let flags = unsafe { (*device.0).Flags };
        // SAFETY: in the table, so not freed; read field by field, as the driver has it, too.
        let stack_size = unsafe { (*device.0).StackSize };
        if flags & DO_DEVICE_INITIALIZING != 0 || !entry.driver.accepts_opens() {
            return Err(STATUS_NO_SUCH_DEVICE);
        }
        // Below its own name the device is asked by path, and only secured if it wants to be.
        let granted = if rest.is_empty() || entry.characteristics & FILE_DEVICE_SECURE_OPEN != 0 {
            entry.security.grant(token, desired)
        } else {
            SecurityDescriptor::unspecified().grant(Token::System, desired)
        };
        let granted = granted.ok_or(STATUS_ACCESS_DENIED)?;
        if flags & DO_EXCLUSIVE != 0 && entry.opens != 0 {
            return Err(STATUS_ACCESS_DENIED);
        }
        entry.opens += 1;
        Self::mirror(entry);
        Ok(Opened { device, granted, rest, stack_size })
    }

    /// Keeps a device as if it were open, until [`DeviceTable::close`]; its name and stack size. None if it is gone.
    pub(crate) fn reference(&self, device: *mut DEVICE_OBJECT) -> Option<(Arc<str>, i8)> {
        let mut state = self.state.lock();
        let entry = state.devices.get_mut(&device.addr()).filter(|entry| !entry.deleting)?;
        entry.opens += 1;
        Self::mirror(entry);
        // SAFETY: in the table, so not freed; read field by field, as the driver has it, too.
        let stack_size = unsafe { (*entry.device.0).StackSize };
        Some((Arc::clone(&entry.name), stack_size))
    }

    /// Ends what `open` or `reference` began.
    pub(crate) fn close(&self, machine: &Machine, device: *mut DEVICE_OBJECT) {
        let mut state = self.state.lock();
        if let Some(entry) = state.devices.get_mut(&device.addr()) {
            entry.opens -= 1;
            Self::mirror(entry);
            Self::sweep(machine, &mut state);
        }
        drop(state);
        self.closed.notify_all();
    }

    /// Shows the number of opens in the object, where drivers' tools look for it.
    fn mirror(entry: &Entry) {
        let count = i32::try_from(entry.opens).unwrap_or(i32::MAX);
        // SAFETY: in the table, so not freed; the field is the I/O manager's, written under the table's lock.
        unsafe { (*entry.device.0).ReferenceCount = count };
    }

    /// Clears `DO_DEVICE_INITIALIZING` of the devices that a driver made in its `DriverEntry`.
    pub(crate) fn make_ready(&self, driver: &DriverBody) {
        let state = self.state.lock();
        for entry in state.devices.values().filter(|entry| ptr::eq(Arc::as_ptr(&entry.driver), driver)) {
            // SAFETY: in the table, so not freed; the driver's entry has returned.
            unsafe { (*entry.device.0).Flags &= !DO_DEVICE_INITIALIZING };
        }
    }

    /// Waits until no device of the driver is open; tells whether that came within the limit.
    pub(crate) fn wait_until_closed(&self, driver: &DriverBody, limit: Duration) -> bool {
        let deadline = stuck::deadline(limit);
        let mut state = self.state.lock();
        let open = |state: &State| {
            state
                .devices
                .values()
                .any(|entry| entry.opens != 0 && ptr::eq(Arc::as_ptr(&entry.driver), driver))
        };
        while open(&state) {
            match deadline {
                None => self.closed.wait(&mut state),
                Some(deadline) if self.closed.wait_until(&mut state, deadline).timed_out() => {
                    return !open(&state);
                }
                Some(_) => {}
            }
        }
        true
    }
}
