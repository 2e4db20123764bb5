//! Events.

questions! { Events;
    EventStack = "event-stack": "whose stack `WskReceiveFromEvent` is called on" {
        SenderOrProvider = "sender-or-provider": "requests that complete inline: the sender's, if that is a thread of this kernel and in no callback; otherwise the provider's thread; always at `DISPATCH_LEVEL`, and the flag says so",
    }
    strict SenderOrProvider; windows SenderOrProvider;
    why "all of it happens on Windows, where any processor may serve the network";
    evidence { Documented("sender-or-provider"): "`wsk.h`: an arbitrary thread; the flag tells `DISPATCH_LEVEL`", }
    probe Probe::NotAsked("a client does not see whose thread it is");

    EventConcurrency = "event-concurrency": "several calls of a `WskReceiveFromEvent` at a time" {
        Senders = "senders": "requests that complete inline: as many as there are senders",
        Serial = "serial": "one after the other",
    }
    strict Senders; windows Senders;
    why "the page does not say that calls are serialised";
    evidence { Shipping("senders"): "`msquic` is called on each processor; only of connections Microsoft says that calls are serial", }
    probe Probe::NotAsked("calls that come one after the other prove nothing");

    IndicatedCount = "indicated-count": "how many datagrams a call brings" {
        Eight = "eight": "up to eight that were sent in the same way",
        One = "one": "one",
        Many = "many": "up to 64",
    }
    strict Eight; windows Eight;
    why "a client must not count on less";
    probe Probe::NotAsked("no number that was seen is the greatest");

    IndicatedMdls = "indicated-mdls": "how many MDLs the data of an indicated datagram has" {
        Two = "two": "two, from an offset in the first",
        One = "one": "one, from its beginning",
    }
    others { "one-offset": "one, from an offset", }
    strict Two; windows One;
    why "a client must bear a chain, and an offset";
    evidence {
        Shipping("one"): "`ovpn-dco-win`: normally one, several mean that it was fragmented; `msquic` drops datagrams in more than one",
    }
    probe Probe::Asked;

    IndicationMemory = "indication-memory": "memory is short for a list" {
        Dropped = "dropped": "its datagrams are dropped",
    }
    others { "kept": "they come later", }
    strict Dropped; windows Dropped;
    why "as a network adapter does";
    probe Probe::NotAsked("memory is not short at will");

    EventTable = "event-table": "when the client's dispatch table is read" {
        AtSocket = "at-socket": "when `WskSocket` runs",
    }
    others { "at-call": "at each call", }
    strict AtSocket; windows AtSocket;
    why "a client that keeps the table is right under every reading";
    probe Probe::NotAsked("a table that changes under a call could stop the machine");

    EnableBeforeBind = "enable-before-bind": "`SO_WSK_EVENT_CALLBACK` before the bind" {
        InvalidState = "invalid-device-state": "`STATUS_INVALID_DEVICE_STATE`",
        Enabled = "enabled": "the event is enabled, and comes once the socket is bound",
    }
    strict InvalidState; windows InvalidState;
    why "documented for `WskGetLocalAddress` in that state";
    probe Probe::Asked;

    EnableMalformed = "enable-malformed": "no event, an event of other sockets, several with `WSK_EVENT_DISABLE`, a wrong size, no `NpiId`" {
        InvalidParameter = "invalid-parameter": "`STATUS_INVALID_PARAMETER`",
    }
    others { "ignored": "events that the socket has not are ignored", }
    strict InvalidParameter; windows InvalidParameter;
    why "the usual status";
    probe Probe::Asked;

    ForeignNpi = "foreign-npi": "an `NpiId` other than WSK's" {
        NotSupported = "not-supported": "`STATUS_NOT_SUPPORTED`",
        InvalidParameter = "invalid-parameter": "`STATUS_INVALID_PARAMETER`",
    }
    strict NotSupported; windows NotSupported;
    why "documented for an extension that does not exist";
    probe Probe::Asked;

    EnableWithIrp = "enable-with-irp": "an IRP with an enabling request" {
        Refused = "refused": "it is completed with `STATUS_INVALID_PARAMETER`",
        Completed = "completed": "the event is enabled, and the IRP completed with `STATUS_SUCCESS`",
        Ignored = "ignored": "the event is enabled, and the IRP left alone",
    }
    strict Refused; windows Completed;
    why "none is to be specified";
    evidence {
        Tested("completed"): "`win-net-test` enables its callbacks so; that the IRP is completed is not seen there",
        Documented: "`wsk.h`: where none is wanted it is ignored, and must be null",
    }
    probe Probe::Asked;

    EnableWithoutFunction = "enable-without-function": "enabling a socket that has no function for the event" {
        BugCheck = "bug-check": "bug check",
    }
    others { "refused": "a status", }
    strict BugCheck; windows BugCheck;
    why "there is nothing to call; Windows would jump to null";
    probe Probe::NotAsked("it could stop the machine");

    EnabledTwice = "enabled-twice": "enabling an event that is enabled, disabling one that is not" {
        Success = "success": "`STATUS_SUCCESS`",
        InvalidState = "invalid-device-state": "`STATUS_INVALID_DEVICE_STATE`",
    }
    strict Success; windows Success;
    why "the state asked for is there";
    probe Probe::Asked;

    StaticSwitched = "static-switched": "enabling or disabling static events" {
        InvalidRequest = "invalid-device-request": "`STATUS_INVALID_DEVICE_REQUEST`",
        InvalidParameter = "invalid-parameter": "`STATUS_INVALID_PARAMETER`",
    }
    strict InvalidRequest; windows InvalidRequest;
    why "the page says that it cannot be done";
    evidence { Documented: "`SO_WSK_EVENT_CALLBACK`: it cannot be done; no status", }
    probe Probe::Asked;

    DisableCancelled = "disable-cancelled": "a disable that waits is cancelled" {
        Off = "off": "`STATUS_CANCELLED`; the event is disabled all the same",
    }
    others { "on": "`STATUS_CANCELLED`; the event is enabled again", }
    strict Off; windows Off;
    why "it was when the request ran";
    probe Probe::NotAsked("a disable waits for calls only, which do not wait for a probe");

    StaticLate = "static-late": "`WSK_SET_STATIC_EVENT_CALLBACKS` when a socket was made" {
        InvalidState = "invalid-device-state": "`STATUS_INVALID_DEVICE_STATE`",
        InvalidParameter = "invalid-parameter": "`STATUS_INVALID_PARAMETER`",
    }
    strict InvalidState; windows InvalidState;
    why "it must come first";
    evidence { Documented: "`WSK_SET_STATIC_EVENT_CALLBACKS`: it must come first; no status", }
    probe Probe::Asked;

    StaticWithoutFunction = "static-without-function": "static events, and a socket without a function" {
        NotCalled = "not-called": "it is not called",
    }
    strict NotCalled; windows NotCalled;
    why "the sensible reading";
    evidence { Shipping: "`echosrv` has static events, and accepted sockets without a table; but only the event of the listener", }
    probe Probe::NotAsked("it could stop the machine");

    EventStatus = "event-status": "a return value of `WskReceiveFromEvent` that the page has not" {
        BugCheck = "bug-check": "bug check; on a lenient machine the list is taken as consumed",
        Consumed = "consumed": "the list is taken as consumed",
    }
    strict BugCheck; windows Consumed;
    why "drivers that return others exist";
    evidence { Shipping("consumed"): "`msquic` returns `STATUS_DEVICE_NOT_READY`; `ovpn-dco-win` returned others, without a crash", }
    probe Probe::NotAsked("it could stop the machine");

    NotAccepted = "not-accepted": "`STATUS_DATA_NOT_ACCEPTED`" {
        PutBack = "put-back": "the datagrams go back to the front of the receive buffer, as many as they are; static: they are dropped",
    }
    strict PutBack; windows PutBack;
    why "the page's words";
    evidence { Documented("put-back"): "`WskReceiveFromEvent`", }
    probe Probe::Asked;

    ReleasedEarly = "released-early": "`WskRelease` before the call that retains has returned" {
        Accepted = "accepted": "accepted",
    }
    strict Accepted; windows Accepted;
    why "no client can tell when its return takes effect";
    evidence { Shipping("accepted"): "`wireguard-nt` releases within the call", }
    probe Probe::NotAsked("it could stop the machine");

    ReleasedInParts = "released-in-parts": "`WskRelease` of a list that the client has linked anew: a part of one, single nodes, several lists together" {
        AsLinked = "as-linked": "exactly what is linked to the node it is given; the rest stays the client's",
    }
    strict AsLinked; windows AsLinked;
    why "no page says that a list must come back as it went out";
    evidence { Shipping("as-linked"): "`wireguard-nt` releases node by node", }
    probe Probe::NotAsked("it could stop the machine");

    TakenBack = "taken-back": "a callback that has taken nodes out of its list and returns `STATUS_SUCCESS`" {
        All = "all": "all that the call brought is taken back",
    }
    strict All; windows All;
    why "the list was the client's for the call only";
    probe Probe::NotAsked("it could stop the machine");

    ReleasedWrongly = "released-wrongly": "`WskRelease` of what was released, or of nodes whose call then returns something else than `STATUS_PENDING`, or of a list that goes on at anything else or at itself; a close with datagrams retained, which are named" {
        BugCheck = "bug-check": "bug check",
    }
    strict BugCheck; windows BugCheck;
    why "on Windows, memory of the network's is used after it was given back, or never given back";
    evidence { Documented("bug-check"): "`WskRelease`, `WskCloseSocket`: forbidden", }
    probe Probe::NotAsked("it could stop the machine");

    ReleasedUnknown = "released-unknown": "`WskRelease` of anything else" {
        InvalidParameter = "invalid-parameter": "`STATUS_INVALID_PARAMETER`",
    }
    strict InvalidParameter; windows InvalidParameter;
    why "documented";
    evidence { Documented("invalid-parameter"): "`WskRelease`: among its return values", }
    probe Probe::NotAsked("it could stop the machine");
}
