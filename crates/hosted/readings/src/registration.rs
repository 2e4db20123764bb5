//! Registration.

questions! { Registration;
    RegisterWrong = "register-wrong": "`WskRegister` with null pointers, or with `Reserved` not zero" {
        InvalidParameter = "invalid-parameter": "`STATUS_INVALID_PARAMETER`",
    }
    strict InvalidParameter; windows InvalidParameter;
    why "\"other\" is all the page says";
    probe Probe::NotAsked("a null pointer could stop the machine");

    QueryAfterDeregister = "query-after-deregister": "`WskQueryProviderCharacteristics` after `WskDeregister`" {
        NotReady = "not-ready": "`STATUS_DEVICE_NOT_READY`",
    }
    strict NotReady; windows NotReady;
    why "what `WskCaptureProviderNPI` documents for that case";
    evidence { Documented("not-ready"): "`WskQueryProviderCharacteristics`: among its return values", }
    probe Probe::NotAsked("the driver is registered for as long as it is loaded");

    CaptureWhenGone = "capture-when-gone": "captures after the provider stops being ready" {
        Fail = "fail": "they fail; earlier captures stay valid",
    }
    strict Fail; windows Fail;
    why "the provider of Windows does not go away while it is captured";
    probe Probe::NotAsked("no client can take the provider away");

    DeregisterOpen = "deregister-open": "`WskDeregister` with an open socket, an unreleased capture or a request that nobody ends" {
        BugCheck = "bug-check": "bug check at once; on a lenient machine it waits for ever",
        Waits = "waits": "it waits until there is none, without a limit",
    }
    strict BugCheck; windows Waits;
    why "Windows waits for ever, which a test cannot see";
    evidence { Documented("waits"): "`WskDeregister`; Microsoft's sample `echosrv`", }
    probe Probe::NotAsked("it would never return");

    DeregisterClosing = "deregister-closing": "`WskDeregister` while a close or a call is on its way" {
        Waits = "waits": "it waits, at most `Config::deregister_limit`, which is a minute",
    }
    strict Waits; windows Waits;
    why "documented, but for the limit";
    evidence { Documented("waits"): "`WskDeregister`, without a limit", }
    probe Probe::NotAsked("of the stand-in: its limit");

    CallInRoutine = "call-in-routine": "calling WSK from within a completion routine" {
        BugCheck = "bug-check": "bug check, but for `WskRelease`, which completes nothing, so that it cannot recurse; allowed on a lenient machine",
        Allowed = "allowed": "it works, until the stack is used up",
    }
    strict BugCheck; windows Allowed;
    why "the page advises against it";
    evidence { Shipping("allowed"): "`ovpn-dco-win` enables callbacks in the completion routine of its connect", }
    probe Probe::NotAsked("the page advises against it");

    CallUnderSpinLock = "call-under-spin-lock": "a call with an IRP by a thread that holds a spin lock" {
        BugCheck = "bug-check": "bug check; allowed on a lenient machine",
        Allowed = "allowed": "it works; hosted does not complete the request within the call",
    }
    strict BugCheck; windows Allowed;
    why "no page of WSK's says it. The request may be completed within the call, with the client's routine under the client's lock; the rule SpinLockSafe forbids that to whoever completes";
    evidence { Shipping("allowed"): "`wireguard-nt` calls `WskSendMessages` with a spin lock held that it has acquired shared", }
    probe Probe::NotAsked("it could stop the machine");

    ClientDispatchRead = "client-dispatch-read": "when `WSK_CLIENT_DISPATCH` is read" {
        AtCapture = "at-capture": "at each capture",
    }
    others { "at-register": "once, by `WskRegister`", }
    strict AtCapture; windows AtCapture;
    why "it must stay valid until deregistration; freed before, it is a bug check, as for the `WSK_REGISTRATION`";
    probe Probe::NotAsked("only a client that changes it could tell");

    WaitInDriverEntry = "wait-in-driver-entry": "`WSK_INFINITE_WAIT` in `DriverEntry`" {
        BugCheck = "bug-check": "bug check, whether the provider is ready or not; a lenient machine waits",
        Waits = "waits": "it waits until the provider is ready; while the system starts, perhaps for ever",
    }
    strict BugCheck; windows Waits;
    why "a driver that the system starts early would wait for what starts after it";
    evidence { Shipping("waits"): "`wireguard-nt`, `ovpn-dco-win`: systems that did not start", }
    probe Probe::NotAsked("the system might not start");
}
