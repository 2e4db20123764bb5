//! A driver without a framework: a timer's DPC counts, and queues a work item, which may wait, at each tick.
//!
//! The driver is what stands in `mod driver`; `main` plays the system, and loads it into the hosted kernel:
//!
//! ```text
//! cargo run -p wsk-nt --example ticks
//! ```
#![expect(unsafe_code, reason = "an entry point is called with raw pointers")]

mod driver {
    use core::ptr::{self, NonNull};
    use core::time::Duration;

    use nt::{Dpc, Passive, Result, SpinLock, check};
    use nt_sys::{
        DRIVER_OBJECT, FALSE, FILE_DEVICE_UNKNOWN, IoCreateDevice, IoDeleteDevice, NTSTATUS, STATUS_SUCCESS,
        UNICODE_STRING,
    };

    /// The tag of the driver's memory, and the types that have it.
    const TAG: u32 = nt::pool::tag(b"Tick");
    type Event = nt::Event<TAG>;
    type PoolBox<T> = nt::PoolBox<T, TAG>;
    type Timer<T> = nt::Timer<T, TAG>;
    type WorkItem<T> = nt::WorkItem<T, TAG>;

    /// What the driver has from its load to its unload.
    struct State {
        // The timer's drop ends the ticks; then the work item's waits for the last report.
        timer: Timer<Ticker>,
    }

    struct Ticker {
        ticks: SpinLock<u32>,
        report: WorkItem<Event>,
    }

    impl Ticker {
        /// The DPC: at `DISPATCH_LEVEL`, where nothing waits.
        fn tick(&self) {
            self.ticks.with(|ticks| *ticks += 1);
            self.report.queue();
        }
    }

    static STATE: SpinLock<Option<PoolBox<State>>> = SpinLock::new(None);

    /// `DriverEntry`: makes a device, starts the timer, and waits for the first report.
    pub(crate) unsafe extern "system" fn entry(
        driver: *mut DRIVER_OBJECT,
        _: *const UNICODE_STRING,
    ) -> NTSTATUS {
        // SAFETY: DriverEntry is called at PASSIVE_LEVEL.
        let passive = unsafe { Passive::assume() };
        let mut device = ptr::null_mut();
        // SAFETY: the system passes the driver object; the device has no name and no extension.
        let status =
            unsafe { IoCreateDevice(driver, 0, ptr::null(), FILE_DEVICE_UNKNOWN, 0, FALSE, &raw mut device) };
        let started = check(status).and_then(|()| {
            // SAFETY: the system passes the driver object.
            unsafe { (*driver).DriverUnload = Some(unload) };
            let device = NonNull::new(device).ok_or(nt::Error::UNSUCCESSFUL)?;
            // SAFETY: the work item is gone when the device is deleted, here or in `unload`.
            let report = unsafe { WorkItem::new(device, Event::notification()?, |first, _| first.set()) }?;
            start(report, &passive)
        });
        match started {
            Ok(state) => {
                STATE.with(|place| *place = Some(state));
                STATUS_SUCCESS
            }
            Err(error) => {
                if !device.is_null() {
                    // SAFETY: made just now, and nobody uses it.
                    unsafe { IoDeleteDevice(device) };
                }
                error.status()
            }
        }
    }

    fn start(report: WorkItem<Event>, passive: &Passive) -> Result<PoolBox<State>> {
        let ticker = Ticker { ticks: SpinLock::new(0), report };
        let state = PoolBox::new(State { timer: Timer::new(Dpc::new(ticker, Ticker::tick)?)? })?;
        state.timer.set_periodic(Duration::from_millis(1), Duration::from_millis(1));
        state.timer.context().report.context().wait(passive.within(Duration::from_secs(10)))?;
        Ok(state)
    }

    /// `DriverUnload`, at `PASSIVE_LEVEL`.
    unsafe extern "system" fn unload(driver: *mut DRIVER_OBJECT) {
        // Taken out first: under the lock a drop must not wait.
        let state = STATE.with(Option::take);
        drop(state);
        // SAFETY: the system passes the driver object, which has one device.
        let device = unsafe { (*driver).DeviceObject };
        // SAFETY: nothing uses the device any more.
        unsafe { IoDeleteDevice(device) };
    }
}

fn main() {
    let machine = ntos::Machine::boot(ntos::Config::default());
    let loaded = machine.load_driver("ticks", driver::entry).expect("it has ticked");
    loaded.unload().expect("it unloads");
    machine.shutdown();
    println!("the driver has ticked, reported and left nothing");
}
