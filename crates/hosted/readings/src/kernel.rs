//! The kernel.

questions! { Kernel;
    DeviceName = "device-name": "when a device's name goes" {
        AtDelete = "at-delete": "at `IoDeleteDevice`, not with the last handle",
        AtLastHandle = "at-last-handle": "with the last handle; until then no other device can have it",
    }
    strict AtDelete; windows AtDelete;
    why "either way nobody can open it any more";
    probe Probe::NotAsked("the driver would have to be stopped with a handle open");

    DeviceSecurity = "device-security": "the security of a device without an SDDL string" {
        Everyone = "everyone": "SYSTEM and Administrators everything, everyone read, write and execute",
    }
    strict Everyone; windows Everyone;
    why "the default of the I/O manager for such devices; a driver should not rely on it. A control device of the framework always has a string";
    evidence { Documented("everyone"): "Controlling Device Access, for most types of device", }
    probe Probe::NotAsked("the driver's device has a string");

    CloseThread = "close-thread": "the thread of an `IRP_MJ_CLOSE` that a completion causes" {
        System = "system": "a system thread of process 4",
        Completing = "completing": "the one that completes, if it is at `PASSIVE_LEVEL` and holds no spin lock; otherwise a system thread",
    }
    strict System; windows System;
    why "the page says any thread; a driver that expects the caller's is found";
    evidence { Documented: "`IRP_MJ_CLOSE`: not necessarily in the process that closed the handle", }
    probe Probe::NotAsked("it differs from one close to the next");

    Stuck = "stuck": "a wait for a driver that does not end: an unload with a device open, a routine that does not return, a spin lock that is kept, a request that a process waits for" {
        BugCheck = "bug-check": "bug check after `Config::hang_limit` or `Config::request_limit`, two minutes at first, which names what is in flight",
    }
    strict BugCheck; windows BugCheck;
    why "Windows waits for ever, or has a watchdog with a limit of its own";
    probe Probe::NotAsked("of the stand-in");

    ShutdownOrder = "shutdown-order": "when devices are told of a shutdown" {
        LastFirst = "last-first": "by `Machine::notify_shutdown`, each once, the last that asked first; then those that asked for the last chance",
    }
    strict LastFirst; windows LastFirst;
    why "the pages name this order; the rest of a shutdown is not modelled";
    evidence { Documented("last-first"): "`IoRegisterShutdownNotification`, `IoRegisterLastChanceShutdownNotification`", }
    probe Probe::NotAsked("the machine would have to be shut down");

    KilledProcess = "killed-process": "a killed process whose cancelled requests do not complete" {
        BugCheck = "bug-check": "bug check after 30 s",
    }
    strict BugCheck; windows BugCheck;
    why "Windows waits five minutes, then gives up on the process (Canceling IRPs)";
    probe Probe::NotAsked("of the stand-in");

    InformationTooLarge = "information-too-large": "`Information` larger than the output buffer" {
        BugCheck = "bug-check": "bug check, for every transfer method; without an output buffer it may be any number",
    }
    others { "copied": "what lies behind the buffer is copied", "cut": "as much as fits is copied", }
    strict BugCheck; windows BugCheck;
    why "Windows copies what lies behind the buffer; the framework's own check is the same";
    probe Probe::NotAsked("it could stop the machine");

    SystemBufferRest = "system-buffer-rest": "bytes of a system buffer past the input" {
        Pattern = "pattern": "a pattern, not zeros",
    }
    strict Pattern; windows Pattern;
    why "the I/O manager promises no zeros; a driver that returns them leaks pool";
    evidence { Documented("pattern"): "Failure to Initialize Output Buffers: nothing past the input is initialised", }
    probe Probe::NotAsked("it is whatever the memory was before");

    VerifierNumber = "verifier-number": "a rule of Driver Verifier with two numbers in its pages" {
        One = "one": "one of the two",
    }
    strict One; windows One;
    why "the name is what matters";
    probe Probe::NotAsked("it would stop the machine");

    PoolPage = "pool-page": "blocks of pool below a page" {
        Within = "within": "within a page, aligned to 16 bytes exactly",
    }
    strict Within; windows Within;
    why "the page promises both, and no more; a driver that needs more is found";
    evidence { Documented("within"): "`ExAllocatePool2`: they do not cross a page, and are aligned to 16 bytes", }
    probe Probe::NotAsked("some blocks say nothing of the others");

    BadMemory = "bad-memory": "`MmProbeAndLockPages` on bad memory" {
        BugCheck = "bug-check": "bug check 0x1E",
    }
    others { "raises": "an exception", }
    because "it is a structured exception, which no Rust code can catch, on Windows either";
    strict BugCheck; windows BugCheck;
    why "for a driver in Rust it comes to that";
    evidence { Documented("raises"): "`MmProbeAndLockPages`", }
    probe Probe::NotAsked("it would stop the machine");

    AccessViolation = "access-violation": "an access violation of a driver" {
        BugCheck = "bug-check": "on Unix a bug check 0x1E, whatever the IRQL, with the routine and the last events of IRPs; the process ends. On other systems the process ends as the system ends it",
    }
    strict BugCheck; windows BugCheck;
    why "the host tells of it by a signal; elsewhere nothing looks";
    probe Probe::NotAsked("it would stop the machine");

    DriverPanic = "driver-panic": "a driver's panic" {
        BugCheck = "bug-check": "bug check 0x1E, once; on Unix the driver's destructors run, until one enters the kernel",
    }
    strict BugCheck; windows BugCheck;
    why "on Windows there is nobody to catch it, and nothing runs after it";
    probe Probe::NotAsked("it would stop the machine");

    RequestMemory = "request-memory": "how long the memory of a request must stay" {
        UntilCompleted = "until-completed": "until it is completed, all of it: data, MDLs, addresses, control information, whether in pool, in a buffer of the I/O manager's or on the stack of a routine; freed earlier, a bug check at the free",
    }
    strict UntilCompleted; windows UntilCompleted;
    why "the careful reading of pages that name some of it only";
    probe Probe::NotAsked("it could stop the machine");

    OwnMdl = "own-mdl": "an MDL that a driver initialises itself (`MmInitializeMdl`)" {
        PoolOrExtension = "pool-or-extension": "taken for one if it lies in non-paged pool or in a device extension, with the size that its buffer needs; elsewhere, as on a stack, a bug check",
        Anywhere = "anywhere": "taken for one wherever it lies, unless in pool that was freed, with the size that its buffer needs",
    }
    strict PoolOrExtension; windows PoolOrExtension;
    why "there only can be looked whether the memory lives";
    probe Probe::NotAsked("of the stand-in");
}
