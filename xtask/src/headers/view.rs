//! The sets of headers that `nt-sys` and `wsk-sys` are compared with.

use std::path::{Path, PathBuf};

/// One set of headers: a C file of its own, as no two of them can be included together.
pub(super) struct View {
    /// The name in the tables of [`super::known`], and of the C file.
    pub(super) name: &'static str,
    /// For the report.
    pub(super) title: &'static str,
    /// A directory that goes before the compiler's own.
    pub(super) include: Option<PathBuf>,
    /// The modules of the two crates whose names these headers cannot have: asking about them costs seconds.
    pub(super) skips: &'static [&'static str],
    /// What must be there.
    needs: PathBuf,
    /// The C file's beginning.
    pub(super) prelude: &'static str,
}

impl View {
    pub(super) fn available(&self) -> bool {
        self.needs.exists()
    }
}

pub(super) fn views(ddk: &Path, wine: &Path) -> Vec<View> {
    vec![
        View {
            name: "ddk",
            title: "mingw-w64's ntifs.h",
            include: Some(ddk.to_path_buf()),
            skips: &["control", "kind", "netio", "sockaddr", "wsk"],
            needs: ddk.join("ntifs.h"),
            // This set has no name for a work item, only for a pointer to one.
            prelude: "#include <ntifs.h>\n#include <ntstatus.h>\n#include <wdmsec.h>\n\
                      typedef struct _IO_WORKITEM IO_WORKITEM;\n",
        },
        View {
            name: "winsock",
            title: "mingw-w64's winsock2.h",
            include: None,
            skips: &["irp", "mdl", "netio", "ntoskrnl", "object", "status", "sync", "wsk"],
            needs: ddk.join("../winsock2.h"),
            prelude: "#include <winsock2.h>\n#include <ws2tcpip.h>\n#include <mswsock.h>\n#include <mstcpip.h>\n",
        },
        View {
            name: "wine",
            title: "Wine's ddk/wsk.h and ddk/ntifs.h",
            include: Some(wine.to_path_buf()),
            skips: &[],
            needs: wine.join("ddk/wsk.h"),
            prelude: "#define WIN32_NO_STATUS\n#include <stdarg.h>\n#include <windef.h>\n#include <winbase.h>\n\
                      #undef WIN32_NO_STATUS\n#include <ntstatus.h>\n#include <winternl.h>\n#include <ddk/wdm.h>\n\
                      #include <ddk/ntifs.h>\n#include <ddk/wsk.h>\n#include <ws2tcpip.h>\n",
        },
    ]
}
