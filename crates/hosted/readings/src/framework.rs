//! The framework. `The published source` is Microsoft's, of KMDF 1.33.

questions! { Framework;
    CancelThread = "cancel-thread": "the thread that calls `EvtRequestCancel`, `EvtIoCanceledOnQueue` and the handlers" {
        Dispatching = "dispatching": "one that is in the queue's dispatch loop already, when the handler that it called has returned; one that goes in with a new request or a change of the queue's state; else the one that made it due",
    }
    strict Dispatching; windows Dispatching;
    why "the pages name none. A handler that waits for a cancel callback of its own queue waits for ever, on Windows too";
    evidence { Documented("dispatching"): "the published source, `fxioqueue.cpp`", }
    probe Probe::NotAsked("of the framework alone, which is the same code on every Windows of its version");

    NextSequential = "next-sequential": "the next request of a sequential queue whose handler has completed its request and not returned" {
        Left = "left": "left to the handler's thread, or presented beside it by a thread that comes with a request",
    }
    strict Left; windows Left;
    why "the pages leave it open";
    evidence { Documented("left"): "the published source, `fxioqueue.cpp`", }
    probe Probe::NotAsked("of the framework alone");

    QueueStopped = "queue-stopped": "when a stop, purge or drain is done" {
        Returned = "returned": "when the driver has no request of the queue and no other thread is in its dispatch loop",
    }
    strict Returned; windows Returned;
    why "no handler's tail runs any more";
    evidence { Documented("returned"): "the published source, `fxioqueue.cpp`", }
    probe Probe::NotAsked("of the framework alone");

    PurgeCancels = "purge-cancels": "during a purge, and a stop with purge, until it is done or the queue started" {
        Cancelled = "cancelled": "what is marked cancelable or requeued is cancelled",
    }
    strict Cancelled; windows Cancelled;
    why "the pages leave it open";
    evidence { Documented("cancelled"): "the published source, `fxioqueue.cpp`", }
    probe Probe::NotAsked("of the framework alone");

    UnmarkCompleted = "unmark-completed": "`WdfRequestUnmarkCancelable` of a request that its cancel callback has completed" {
        BugCheck = "bug-check": "bug check; `STATUS_INVALID_DEVICE_REQUEST` without the verifier",
    }
    strict BugCheck; windows BugCheck;
    why "a driver must keep the callback from completing the request meanwhile";
    evidence { Documented("bug-check"): "the published source", }
    probe Probe::NotAsked("it could stop the machine");

    RequestCancelledBefore = "request-cancelled-before": "a request that was cancelled before it arrives" {
        Presented = "presented": "presented, if the queue can present it at once; a create, and one that has to wait, ends with `STATUS_CANCELLED`",
    }
    strict Presented; windows Presented;
    why "the pages leave it open";
    evidence { Documented("presented"): "the published source, `fxioqueue.cpp`", }
    probe Probe::NotAsked("of the framework alone");

    AtCompletion = "at-completion": "what happens at completion" {
        CleanupFirst = "cleanup-first": "cleanup callbacks of the request and its children; the children are destroyed; the IRP is completed; the queue goes on; the request is destroyed",
    }
    strict CleanupFirst; windows CleanupFirst;
    why "the pages leave it open";
    evidence { Documented("cleanup-first"): "the published source, `fxrequest.cpp`", }
    probe Probe::NotAsked("of the framework alone");

    ChildOrder = "child-order": "the order in which children are disposed" {
        OldestFirst = "oldest-first": "oldest first",
        NewestFirst = "newest-first": "newest first",
    }
    strict OldestFirst; windows OldestFirst;
    why "not documented; a driver must not depend on it";
    evidence { Documented("oldest-first"): "the published source, `fxobject.cpp`, `fxobjectstatemachine.cpp`", }
    probe Probe::NotAsked("of the framework alone");

    BufferedMdl = "buffered-mdl": "`WdfRequestRetrieve...WdmMdl` where the buffer is copied" {
        SystemBuffer = "system-buffer": "one MDL for each request, of the system buffer, with the length that was asked for first",
    }
    strict SystemBuffer; windows SystemBuffer;
    why "the pages leave the length open";
    evidence { Documented("system-buffer"): "the published source, `fxrequestkm.cpp`", }
    probe Probe::NotAsked("of the framework alone");

    InputInformation = "input-information": "`Information` of a device control without output" {
        Any = "any": "any: a driver may report how much of the input it used; with `METHOD_NEITHER` it is checked like the others",
    }
    strict Any; windows Any;
    why "the pages leave it open";
    evidence { Documented("any"): "the published source", }
    probe Probe::NotAsked("of the framework alone");

    DeletedQueue = "deleted-queue": "deleting the default queue, or one to which requests are sent" {
        BugCheck = "bug-check": "bug check",
    }
    strict BugCheck; windows BugCheck;
    why "such queues cannot be deleted";
    evidence { Documented("bug-check"): "the published source", }
    probe Probe::NotAsked("it would stop the machine");

    CallbackLock = "callback-lock": "a thread that holds the lock which keeps a queue's callbacks apart, and makes something due on that queue" {
        Later = "later": "leaves it to a work item or, for a queue at `DISPATCH_LEVEL`, a DPC",
    }
    strict Later; windows Later;
    why "the pages leave it open";
    evidence { Documented("later"): "the published source, `fxioqueue.cpp`", }
    probe Probe::NotAsked("of the framework alone");

    CallbackSpinLock = "callback-spin-lock": "automatic serialisation at `DISPATCH_LEVEL`" {
        OwnLock = "own-lock": "not a kernel spin lock: the thread that holds it may take it again",
        KernelSpinLock = "kernel-spin-lock": "a kernel spin lock: who takes it twice is stopped by `WDF_RECURSIVE_LOCK`. That a thread which has it completes a request is no mistake under either reading, as the framework's is not the driver's own",
    }
    strict OwnLock; windows KernelSpinLock;
    why "the page says no more than that a lock is held";
    evidence { Documented("kernel-spin-lock"): "the published source, `fxcallbackspinlock.hpp`", }
    probe Probe::NotAsked("it could stop the machine");

    ForgottenRequest = "forgotten-request": "a request that the driver has forgotten" {
        Named = "named": "unloading waits for `Config::hang_limit`, which is two minutes, then names it",
    }
    strict Named; windows Named;
    why "on Windows the unload hangs, with a warning after a minute under the verifier";
    probe Probe::NotAsked("of the stand-in");

    EnqueueElsewhere = "enqueue-elsewhere": "`WdfDeviceEnqueueRequest` with a device that the request was not sent to" {
        Rule = "rule": "a rule, and `STATUS_INVALID_DEVICE_REQUEST`",
    }
    strict Rule; windows Rule;
    why "the page names no such case";
    probe Probe::NotAsked("of the framework alone");

    OtherUserMemory = "other-user-memory": "`WdfRequestProbeAndLockUserBuffer...` of an address outside of the two buffers of a request of the process" {
        AccessViolation = "access-violation": "`STATUS_ACCESS_VIOLATION`",
    }
    strict AccessViolation; windows AccessViolation;
    why "a process has no other memory here";
    probe Probe::NotAsked("of the stand-in");

    BuildNumber = "build-number": "the build number in `WdfDriverRetrieveVersionString`" {
        Zero = "zero": "0",
    }
    strict Zero; windows Zero;
    why "each Windows has its own";
    probe Probe::NotAsked("of the stand-in");

    ControlDevicePower = "control-device-power": "callbacks for Plug and Play and power, set for a control device" {
        NeverCalled = "never-called": "taken, never called",
    }
    strict NeverCalled; windows NeverCalled;
    why "as on Windows";
    probe Probe::NotAsked("of the framework alone");
}
