//! What the help says after its lists: examples of every command, what happens on an error, exit codes.

use crate::script;

macro_rules! on_error {
    () => {
        "On an error: one sentence with the status by name and number, what it means, and what to do, on standard \
         error; with --json it is the member `error` of the document, also for a command line that is not right. Nothing \
         that comes after it is done.\n\
         Exit codes: 0 done; 1 refused by the driver or by Windows, or not as expected; 2 usage or environment; 130 \
         interrupted (Ctrl-C) before it was done."
    };
}

/// The help after a command's lists: examples, what else there is to know, and how it ends.
macro_rules! after {
    ($($example:literal)*; $($more:literal)*) => {
        concat!("Examples:\n", $("  ", $example, "\n",)* "\n", $($more, "\n\n",)* on_error!())
    };
}

/// Of the program.
pub const PROGRAM: &str = after! {
    "wskctl demo                               # everything at a glance"
    "wskctl options                            # the names that get, set and ioctl take"
    "wskctl get SO_RCVBUF"
    "wskctl recv --bind 127.0.0.1:7777         # in one terminal"
    "wskctl send 127.0.0.1:7777 hello          # in another"
    "wskctl script steps.txt                   # several steps on one socket"
    "wskctl --device hosted conformance        # the driver's own tests";
    "WSK (Winsock Kernel) is the interface by which drivers use the network. wskdrv is such a driver; this program \
     tells it what to do. `--device hosted` needs no driver and no Windows: it runs the same driver inside this \
     program, on a user-mode kernel, and leaves nothing behind.\n\n\
     Each command opens the device, does its work on a socket of its own, and closes it. Times are written as 500ms, \
     5s or 2m, sizes in bytes, numbers as 65536 or 0x10000, addresses as 127.0.0.1:7777 or [::1]:7777: names are not \
     resolved, as the driver has no request for that."
};

/// Of `demo`.
pub const DEMO: &str = after! {
    "wskctl demo"
    "wskctl --device hosted --completion delayed:7 demo"
    "wskctl demo --json";
    "Exit code 1 means that a claim does not hold."
};

/// Of `info`.
pub const INFO: &str = after! {
    "wskctl info"
    "wskctl info --json";
    "The counts are the driver's since it was loaded, over all handles; an operation is one request to WSK."
};

/// Of `probe`.
pub const PROBE: &str = after! {
    "wskctl probe"
    "wskctl --device hosted --readings seed:7 probe --json";
    "Each line is a question of docs/fidelity.md, the reading that the kernel follows, and the statuses that were seen. The \
     driver asks by calls of its own to WSK; it has to be built with the feature `probe`, as the one inside this program is. \
     A question that could stop the machine is not asked."
};

/// Of `readings`.
pub const READINGS: &str = after! {
    "wskctl readings"
    "wskctl readings seed:7                      # what a seed has chosen"
    "wskctl readings windows,receive-truncated=success --json";
    "Each line is a question of docs/fidelity.md, the reading that is followed, and the others that can be. Nothing is asked \
     of any kernel: `wskctl probe` does that. In a test the same text is parsed as `Readings`."
};

/// Of `options`.
pub const OPTIONS: &str = after! {
    "wskctl options"
    "wskctl options --json";
    "DO is what can be done with it: get, set, ioctl, or client for what the driver does by itself. WHEN is before \
     or after the bind, or any time. IRP is whether WSK wants one of a driver. Below stand what it does, which numbers it \
     takes if not every one, the numbers by which WSK knows it, and the IRQL of the call. This needs no device."
};

/// Of `completions`.
pub const COMPLETIONS: &str = after! {
    "wskctl completions bash                       # into ~/.local/share/bash-completion/completions/wskctl"
    "wskctl completions powershell                 # at the end of $PROFILE";
    "What is printed is for a file that the shell reads when it starts. This needs no device."
};

/// Of `man`.
pub const MAN: &str = after! {
    "wskctl man                                    # into a file wskctl.1"
    "wskctl man send";
    "The page is roff, as man(1) takes it: `man -l -` reads it from a pipe. This needs no device."
};

/// Of `get`.
pub const GET: &str = after! {
    "wskctl get SO_RCVBUF"
    "wskctl get IPV6_V6ONLY --bind [::1]:0";
    "The socket is created, bound with --bind, asked, and closed: what is shown is the value of a new socket."
};

/// Of `set`.
pub const SET: &str = after! {
    "wskctl set SO_BROADCAST on"
    "wskctl set SO_RCVBUF 0x20000"
    "wskctl set SO_EXCLUSIVEADDRUSE on --bind 127.0.0.1:7777"
    "wskctl set IP_ADD_MEMBERSHIP 239.1.2.3,on=127.0.0.1"
    "wskctl get IP_MULTICAST_TTL --set IP_MULTICAST_TTL=9";
    "The socket is closed afterwards, and the option gone with it: whether WSK takes the value is what this shows. \
     In a script the socket stays for further steps."
};

/// Of `ioctl`.
pub const IOCTL: &str = after! {
    "wskctl ioctl SIO_WSK_SET_REMOTE_ADDRESS 192.0.2.1:53"
    "wskctl ioctl SIO_WSK_SET_SENDTO_ADDRESS self"
    "wskctl ioctl SIO_WSK_SET_REMOTE_ADDRESS clear --family v6"
    "wskctl ioctl SIO_ADDRESS_LIST_QUERY           # takes no address: shows the local ones";
    "The socket is bound first, as WSK asks for it, and closed afterwards."
};

/// Of `transports`.
pub const TRANSPORTS: &str = after! {
    "wskctl transports"
    "wskctl transports --json";
};

/// Of `wait`.
pub const WAIT: &str = after! {
    "wskctl wait addresses --family v6 --timeout none"
    "wskctl wait transports --timeout 2m"
    "wskctl wait addresses --cancel-after 100ms    # ends with STATUS_CANCELLED";
    "Without a change it ends with STATUS_IO_TIMEOUT when --timeout has passed, after 5 s if nothing is said."
};

/// Of `sort`.
pub const SORT: &str = after! {
    "wskctl sort [2001:db8::1]:53 [::1]:53 [::ffff:192.0.2.1]:53 --family v6";
};

/// Of `security`.
pub const SECURITY: &str = after! {
    "wskctl security                               # of a new socket"
    "wskctl security \"D:P(A;;GA;;;BA)\"             # set before the bind, and read back";
};

/// Of `send`.
pub const SEND: &str = after! {
    "wskctl send 127.0.0.1:7777 hello \"two words\""
    "wskctl send [::1]:7777 a b c --together"
    "wskctl send 127.0.0.1:7777 hello --with ttl=9,tos=0xB8"
    "wskctl send 127.0.0.1:7777 hex:00ff text:@home"
    "wskctl send 127.0.0.1:7777 hello --count 100 --rate 50"
    "wskctl send 127.0.0.1:7777 hello --bind 127.0.0.1:7000"
    "wskctl send 255.255.255.255:7777 hello --set SO_BROADCAST=on";
    "Without --together each datagram is a request of its own; with it, one of up to 64. A datagram that was sent \
     need not have arrived."
};

/// Of `recv`.
pub const RECV: &str = after! {
    "wskctl recv --bind 127.0.0.1:7777 --timeout none"
    "wskctl recv --bind [::1]:7777 --count 3"
    "wskctl recv --bind 127.0.0.1:7777 --follow --json-lines"
    "wskctl recv --bind 127.0.0.1:7777 hello        # only if it is this"
    "wskctl recv --bind 127.0.0.1:7777 --many"
    "wskctl recv --bind 127.0.0.1:7777 --queue 4096 --gather 2s --disable wait"
    "wskctl recv --bind 127.0.0.1:0 --cancel-after 100ms";
    "Three ways to receive. One request for each datagram, without anything. With --many, one request takes what has \
     come. With --queue, WSK's receive event calls the driver with each datagram, the driver keeps it in a queue, and \
     one request drains the queue; what finds no room is dropped, and counted. Each request waits for the first \
     datagram, and ends with STATUS_IO_TIMEOUT if none comes within --timeout. With --follow it goes on until it is \
     interrupted (Ctrl-C), which is no error then; without, what came until then is printed, also in a --json document."
};

const SCRIPT: &str = after! {
    "wskctl script steps.txt"
    "wskctl --device hosted --json script -"
    "wskctl script steps.txt --define PORT=7777";
    "A script, for example:\n\
     \x20 create v4\n\
     \x20 set SO_EXCLUSIVEADDRUSE on\n\
     \x20 bind 127.0.0.1:0\n\
     \x20 ioctl SIO_WSK_SET_REMOTE_ADDRESS self\n\
     \x20 send - \"to the fixed address\"\n\
     \x20 recv \"to the fixed address\"\n\
     \x20 enable 4096                       # datagrams go to a queue from here on\n\
     \x20 send self one two\n\
     \x20 drain one two\n\
     \x20 disable\n\
     \x20 expect STATUS_IO_TIMEOUT within 20ms recv\n\
     \x20 expect STATUS_CANCELLED cancel 20ms recv\n\
     \x20 let FAMILY v4                     # a word for the lines that follow\n\
     \x20 on other create $FAMILY           # a second socket\n\
     \x20 on other bind 127.0.0.1:0\n\
     \x20 ioctl SIO_WSK_SET_REMOTE_ADDRESS self:other\n\
     \x20 send - hex:00ff\n\
     \x20 on other recv hex:00ff"
};

/// Of `script`: the steps, and what follows them.
#[must_use]
pub fn script() -> String {
    format!(
        "Steps, one a line, with words as in a shell and comments after #:\n{}\n\n\
         Those that are commands too have the options of the command, but for --family, --bind and --set: `wskctl send \
         --help`. A payload that begins with - stands after --. A step that waits ends after --timeout.\n\n\
         `on NAME` makes a socket for each name; the steps without it have one more. `self:NAME` is such a socket's address. \
         $NAME in a word is what `let` or --define has said; $$ is a dollar sign.\n\n\
         The script is text in UTF-8, or in UTF-16 as Windows' editors and PowerShell write it. It is read in full before \
         its first step is done; the first step that fails ends it, and the message names its line.\n\n{SCRIPT}",
        script::usage()
    )
}
