//! A driver that echoes, fills a buffer of the process, and has requests wait until another one releases them.
//!
//! The driver is what stands in `mod driver`; `main` plays a process, with the driver in the hosted kernel:
//!
//! ```text
//! cargo run -p wsk-wdf --example echo
//! ```

/// The driver.
pub(crate) mod driver {
    use nt::{Error, Passive, Result, SpinLock, dispatch_drop};
    use nt_sys::{
        CTL_CODE, FILE_ANY_ACCESS, FILE_DEVICE_UNKNOWN, METHOD_BUFFERED, METHOD_OUT_DIRECT, NTSTATUS,
    };
    use wdf::raw::{PCUNICODE_STRING, PDRIVER_OBJECT};
    use wdf::{Cancel, ControlDevice, Device, Driver, File, InFlight, Request, WorkItem};

    /// Writes the input back, in capitals.
    pub(crate) const ECHO: u32 = code(0x800, METHOD_BUFFERED);
    /// Fills the process' own buffer with the byte of the input.
    pub(crate) const FILL: u32 = code(0x801, METHOD_OUT_DIRECT);
    /// Waits for a [`RELEASE`], and then tells how many handles there were.
    pub(crate) const WAIT: u32 = code(0x802, METHOD_BUFFERED);
    /// Has a work item end the request that waits.
    pub(crate) const RELEASE: u32 = code(0x803, METHOD_BUFFERED);

    const fn code(function: u32, method: u32) -> u32 {
        CTL_CODE(FILE_DEVICE_UNKNOWN, function, method, FILE_ANY_ACCESS)
    }

    /// A value that several have, in memory of this driver's.
    type Shared<T> = nt::Shared<T, { nt::pool::tag(b"Echo") }>;

    /// The driver's state.
    pub(crate) struct Echo {
        waiting: Shared<SpinLock<Waiting>>,
        handles: Shared<SpinLock<u32>>,
        release: WorkItem<Echo>,
    }

    /// The request that waits, one at a time, with its number.
    #[derive(Default)]
    pub(crate) struct Waiting {
        last: u64,
        request: Option<(u64, InFlight<Echo>)>,
    }

    impl Waiting {
        /// Takes the request out, if it is this one.
        fn take(&mut self, number: u64) -> Option<InFlight<Echo>> {
            self.request.take_if(|(waits, _)| *waits == number).map(|(_, request)| request)
        }
    }

    /// What a handle has: its part in the number of them.
    pub(crate) struct Handle(Shared<SpinLock<u32>>);

    dispatch_drop!(Handle(handles));

    impl File<Echo> for Handle {
        fn create(driver: &Echo) -> Result<Handle> {
            driver.handles.with(|handles| *handles += 1);
            Ok(Handle(driver.handles.clone()))
        }

        fn close(&self, _: &Echo) {
            self.0.with(|handles| *handles -= 1);
        }
    }

    /// What a cancel of the request that waits goes to.
    pub(crate) struct Waiter {
        number: u64,
        waiting: Shared<SpinLock<Waiting>>,
    }

    impl Cancel<Echo> for Waiter {
        type Outcome = ();

        fn cancel(&self) {
            // None if it is being released.
            if let Some(request) = self.waiting.with(|waiting| waiting.take(self.number)) {
                request.finish((), Err(Error::CANCELLED));
            }
        }

        fn end(self, _: &Handle, (): ()) {}
    }

    impl Driver for Echo {
        const DEVICE: ControlDevice = ControlDevice {
            name: &wdf::utf16(br"\Device\Echo"),
            link: &wdf::utf16(br"\DosDevices\Echo"),
            sddl: &wdf::utf16(b"D:P(A;;GA;;;SY)(A;;GA;;;BA)"),
        };
        type File = Handle;
        type Cancel = Waiter;

        fn create(device: &Device<'_, Echo>, _: &Passive) -> Result<Echo> {
            Ok(Echo {
                waiting: Shared::new(SpinLock::default())?,
                handles: Shared::new(SpinLock::default())?,
                release: WorkItem::new(device, Echo::release)?,
            })
        }

        fn device_control(&self, mut request: Request<Echo>) {
            let result = match request.code() {
                ECHO => echo(&mut request),
                FILL => fill(&mut request),
                WAIT => return self.wait(request),
                RELEASE => {
                    self.release.enqueue();
                    Ok(0)
                }
                _ => Err(Error::INVALID_DEVICE_REQUEST),
            };
            request.complete(result);
        }
    }

    /// The output is written over the input, so that is copied first: without it, this does not compile.
    fn echo(request: &mut Request<Echo>) -> Result<usize> {
        let mut copy = [0; 64];
        let copy = copy.get_mut(..request.input_len()).ok_or(Error::INVALID_PARAMETER)?;
        copy.copy_from_slice(request.input()?);
        copy.make_ascii_uppercase();
        request.write_output(copy)
    }

    fn fill(request: &mut Request<Echo>) -> Result<usize> {
        let &[byte] = request.input()? else { return Err(Error::INVALID_PARAMETER) };
        let mut filled = 0;
        while filled < request.output_len() {
            let part = [byte; 64];
            let rest = part.len().min(request.output_len() - filled);
            filled += request.write_output_at(filled, &part[..rest])?;
        }
        Ok(filled)
    }

    impl Echo {
        fn wait(&self, request: Request<Echo>) {
            // A cancel may come as soon as the request is marked. It waits for the lock, and then finds the request.
            let refused = self.waiting.with(|waiting| {
                if waiting.request.is_some() {
                    return Some((Error::INVALID_DEVICE_STATE, request));
                }
                waiting.last += 1;
                let waiter = Waiter { number: waiting.last, waiting: self.waiting.clone() };
                match request.mark_cancelable(waiter) {
                    Ok(request) => {
                        waiting.request = Some((waiting.last, request));
                        None
                    }
                    Err(refused) => Some(refused),
                }
            });
            if let Some((error, request)) = refused {
                request.complete(Err(error));
            }
        }

        /// The work item's routine.
        fn release(&self, _: &Passive) {
            let handles = self.handles.with(|handles| *handles);
            if let Some((_, mut request)) = self.waiting.with(|waiting| waiting.request.take()) {
                let result = request.write_output(&handles.to_ne_bytes());
                request.finish((), result);
            }
        }
    }

    /// `DriverEntry`
    ///
    /// # Safety
    /// Called once by the system for each load, at `PASSIVE_LEVEL`, with these arguments.
    #[expect(unsafe_code, reason = "an entry point is called with raw pointers")]
    pub(crate) unsafe extern "system" fn driver_entry(
        driver: PDRIVER_OBJECT,
        path: PCUNICODE_STRING,
    ) -> NTSTATUS {
        // SAFETY: the system calls this once, with these arguments.
        unsafe { wdf::driver_entry::<Echo>(driver, path) }
    }
}

#[cfg_attr(test, allow(dead_code, reason = "a test has a main of its own"))]
fn main() {
    use ntos::security::{GENERIC_READ, GENERIC_WRITE};

    let machine = ntos::Machine::boot(ntos::Config::default());
    let loaded = kmdf::load(&machine, "echo", driver::driver_entry).expect("it loads");
    let process = machine.process(ntos::Token::Administrator);
    let file = process.create_file(r"\\.\Echo", GENERIC_READ | GENERIC_WRITE).expect("it opens");

    let mut text = *b"........";
    println!("echo: {:?}", file.device_io_control(driver::ECHO, b"hello", &mut text));
    println!("      {:?}", str::from_utf8(&text));
    println!("fill: {:?}", file.device_io_control(driver::FILL, b"*", &mut text));
    println!("      {:?}", str::from_utf8(&text));
    let other = file.begin(driver::WAIT, Vec::new(), vec![0; 4]);
    file.device_io_control(driver::RELEASE, &[], &mut []);
    println!("wait: {:?}", other.wait());

    drop(file);
    drop(process);
    loaded.unload().expect("it unloads");
    machine.shutdown();
}
