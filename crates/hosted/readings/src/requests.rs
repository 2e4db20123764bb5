//! How requests run.

questions! { Requests;
    CallReturns = "call-returns": "what a WSK function returns for a good request with an IRP" {
        Either = "either": "`STATUS_PENDING`, or the final status if the request is completed within the call: which, says the completion mode; `mixed` has both",
    }
    strict Either; windows Either;
    why "both are allowed; a client must take the result from the IRP in any case";
    evidence {
        Tested: "Wine's `driver_netio.c`: `STATUS_PENDING` from every successful call; `win-net-test`'s client waits only on it",
        Shipping: "`usbip-win2`: the completion routine of `WskReceive` may run before the call returns",
    }
    probe Probe::NotAsked("the answer may differ from request to request");

    SendParameters = "send-parameters": "when a send reads the `WSK_BUF` or the list of them, the address and the control information" {
        Late = "late": "when it runs, which is after the call has returned, unless it is completed within it; freed or changed before completion, they are a bug check, or wrong",
        InCall = "in-call": "within the call; only the MDLs and the data must stay until completion",
    }
    strict Late; windows InCall;
    why "the pages name only some of the buffers; a client that keeps all of them is right under both";
    evidence {
        Shipping("in-call"): "`msquic`, `ovpn-dco-win` and `wireguard-nt` have all three on the stack; the last has followed the calls in `afd.sys` and `tcpip.sys`",
    }
    probe Probe::NotAsked("it could be told only by what is wrong under the other reading");

    OtherParameters = "other-parameters": "when other requests read their parameters, and how long those must stay" {
        Late = "late": "when they run; until completion. To free one before, or to return from the routine on whose stack it is, is a bug check that names the request",
    }
    others { "in-call": "within the call, but for what is written", }
    strict Late; windows Late;
    why "a client may not let go of buffers before completion; reading late finds those that do";
    evidence { Documented: "`wsk.h` says it of the output parameters of `WskReceiveFrom`; nothing is said of the address of a bind", }
    probe Probe::NotAsked("it could be told only by what is wrong under the other reading");

    CancelWaiting = "cancel-waiting": "cancelling a request that waits for its turn" {
        Cancelled = "cancelled": "it ends with `STATUS_CANCELLED`, without effect",
    }
    strict Cancelled; windows Cancelled;
    why "the general rule of `IoCancelIrp`; WSK's pages say only that the routine must be invoked on cancellation";
    evidence { Shipping("cancelled"): "`win-net-test`'s client cancels after a time limit, waits, and takes this status for the limit's", }
    probe Probe::NotAsked("no client can have a request wait for its turn");

    CancelReceive = "cancel-receive": "cancelling a receive that is pending, and closing with receives pending" {
        Cancelled = "cancelled": "`STATUS_CANCELLED`, `Information` 0",
    }
    strict Cancelled; windows Cancelled;
    why "the same for datagrams as for the operations where it is known";
    evidence { Tested("cancelled"): "Wine's `driver_netio.c`: of a pending `WskAccept`; `win-net-test` takes it for the end of its own cancelled receives", }
    probe Probe::Asked;

    CancelReturns = "cancel-returns": "when `IoCancelIrp` has returned for a request that was pending" {
        Completed = "completed": "its completion routine has run, on the same stack",
        Later = "later": "its completion routine runs later, on a thread of the provider's",
    }
    strict Completed; windows Completed;
    why "a cancel routine usually completes the IRP itself; a client that waits for the completion is right under both";
    probe Probe::NotAsked("a completion that comes a moment later cannot be told from one within the call");

    CancelClose = "cancel-close": "cancelling a close" {
        Ignored = "ignored": "not possible",
    }
    strict Ignored; windows Ignored;
    why "a socket must not stay half closed";
    evidence { Documented("ignored"): "Microsoft's sample `echosrv`: a close can never fail", }
    probe Probe::NotAsked("a close that waits for long enough cannot be made from outside");

    IrpCancelledBefore = "irp-cancelled-before": "an IRP that was cancelled before it is sent" {
        ByTurn = "by-turn": "a request that does not run in the call ends with `STATUS_CANCELLED`; one that does runs, unless it would have to wait",
        Cancelled = "cancelled": "every request but a close ends with `STATUS_CANCELLED`, without effect",
    }
    strict ByTurn; windows ByTurn;
    why "no guarantee of `STATUS_CANCELLED` exists; what has been done cannot be undone";
    probe Probe::NotAsked("the answer may differ from request to request");

    NoIrp = "no-irp": "no IRP where one is required" {
        InvalidParameter = "invalid-parameter": "`STATUS_INVALID_PARAMETER` is returned, nothing happens",
    }
    strict InvalidParameter; windows InvalidParameter;
    why "observed for `WskSocket`";
    evidence { Tested("invalid-parameter"): "Wine's `driver_netio.c`: `WskSocket`, `WskGetAddressInfo`", }
    probe Probe::Asked;

    UnwantedIrp = "unwanted-irp": "an IRP with a request that must have none, such as all client control codes but one" {
        Refused = "refused": "it is completed with `STATUS_INVALID_PARAMETER`, and nothing is done",
        Result = "result": "the request is done, and the IRP completed with its result",
        Ignored = "ignored": "the request is done within the call, and the IRP is not looked at",
    }
    strict Refused; windows Ignored;
    why "a supplied IRP is always completed, and the mistake is seen";
    evidence { Documented("ignored"): "`wsk.h`: the parameter is ignored, and must be null", }
    probe Probe::Asked;

    NullClient = "null-client": "a null `Client`, with an IRP" {
        Completed = "completed": "`STATUS_INVALID_HANDLE`, and the IRP is completed with it",
        Returned = "returned": "`STATUS_INVALID_HANDLE` is returned, and the IRP is left alone",
    }
    strict Completed; windows Completed;
    why "the return value is observed; a supplied IRP is always completed";
    evidence { Tested: "Wine's `driver_netio.c`: the return value, not whether the IRP is completed", }
    probe Probe::Asked;

    CompletionOrder = "completion-order": "the order of completions" {
        ByMode = "by-mode": "deferred: the order of the requests; delayed and mixed: none, except that a close comes after everything else on its socket",
    }
    strict ByMode; windows ByMode;
    why "none is documented but that of the close";
    evidence { Shipping: "`ovpn-dco-win`: a send completes when the card has sent it", }
    probe Probe::NotAsked("an order that is seen once says nothing");

    CloseAndRoutines = "close-and-routines": "a close while completion routines run" {
        Waits = "waits": "the close IRP completes when they have returned",
    }
    strict Waits; windows Waits;
    why "the page promises that nothing is outstanding afterwards";
    evidence { Documented("waits"): "Microsoft's sample `echosrv`: no request or callback of the socket is outstanding then; `WskCloseSocket` says it of callbacks", }
    probe Probe::NotAsked("a routine that is held could hold the network's thread");

    DeregisterAndRoutines = "deregister-and-routines": "`WskDeregister` and the tail of a completion routine" {
        Waits = "waits": "it waits until the routine has returned",
    }
    others { "returns": "it may return before", }
    strict Waits; windows Waits;
    why "it is part of \"calls that have not returned\" in spirit; the client must protect its unload in any case";
    probe Probe::NotAsked("a routine that is held could hold the network's thread");

    ReservedFlags = "reserved-flags": "reserved `Flags` that are not zero" {
        InvalidParameter = "invalid-parameter": "`STATUS_INVALID_PARAMETER`",
        Ignored = "ignored": "the request is done",
    }
    strict InvalidParameter; windows InvalidParameter;
    why "the usual status for a reserved field";
    evidence { Documented("invalid-parameter"): "`WskConnectEx`", }
    probe Probe::Asked;
}
