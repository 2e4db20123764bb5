//! Sockets that are no longer functional.

questions! { Dead;
    DeadCalls = "dead-calls": "calls on a dead socket" {
        ForcedClosed = "forced-closed": "`STATUS_FILE_FORCED_CLOSED`, the IRP completed with it; but `WskCloseSocket` and `WskRelease` work",
    }
    strict ForcedClosed; windows ForcedClosed;
    why "documented, but for the release, which must come before the close";
    evidence { Documented("forced-closed"): "the pages of the functions", }
    probe Probe::NotAsked("no client can make a socket dead");

    DeadPending = "dead-pending": "requests that were pending when the socket died" {
        ForcedClosed = "forced-closed": "they end with `STATUS_FILE_FORCED_CLOSED`",
    }
    strict ForcedClosed; windows ForcedClosed;
    why "the reason is the same";
    evidence { Shipping("forced-closed"): "`usbip-win2` meets it in the completion of sends", }
    probe Probe::NotAsked("no client can make a socket dead");

    DeadTold = "dead-told": "who is told of a dead socket" {
        Once = "once": "the callback, once, if it is enabled, with a null list",
    }
    strict Once; windows Once;
    why "documented";
    evidence { Documented("once"): "`WskReceiveFromEvent`; Microsoft's sample `echosrv`: exactly once", }
    probe Probe::NotAsked("no client can make a socket dead");

    DeadAddress = "dead-address": "the local address of a dead socket" {
        Free = "free": "is free at once",
        Kept = "kept": "is the socket's until it is closed",
    }
    strict Free; windows Free;
    why "the transport is gone";
    probe Probe::NotAsked("no client can make a socket dead");

    NoProvider = "no-provider": "`WskSocket` while the provider is away" {
        NotReady = "not-ready": "`STATUS_DEVICE_NOT_READY`",
        ForcedClosed = "forced-closed": "`STATUS_FILE_FORCED_CLOSED`",
    }
    strict NotReady; windows NotReady;
    why "documented for the capture";
    probe Probe::NotAsked("no client can take the provider away");
}
