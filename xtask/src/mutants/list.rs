//! The mutants: what a forgetful author might leave out.

/// One change of the driver, and the test that must notice it.
pub(crate) struct Mutant {
    /// What goes wrong.
    pub(crate) name: &'static str,
    /// Relative to the root.
    pub(crate) file: &'static str,
    /// What stands there, once.
    pub(crate) line: &'static str,
    /// What stands there in the mutant.
    pub(crate) instead: &'static str,
    /// The conformance test.
    pub(crate) caught_by: &'static str,
}

pub(crate) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "the driver does not complete its requests",
        file: "crates/wdf/src/in_flight.rs",
        line: "    unsafe { request::complete(request, &ending) };\n",
        instead: "",
        caught_by: "basics::a_socket_is_created_bound_and_closed_v4",
    },
    Mutant {
        name: "a request is completed while it is marked cancelable",
        file: "crates/wdf/src/in_flight.rs",
        line: "unsafe { call_unsafe_wdf_function_binding!(WdfRequestUnmarkCancelable, handle) };",
        instead: "nt_sys::STATUS_SUCCESS;",
        caught_by: "basics::a_socket_is_created_bound_and_closed_v4",
    },
    Mutant {
        name: "a cancel does not reach the operation",
        file: "src/operation.rs",
        line: "Cancel::One(canceller) => canceller.cancel(),",
        instead: "Cancel::One(_) => {}",
        caught_by: "changes::a_wait_can_be_cancelled",
    },
    Mutant {
        name: "a cancel does not reach the operations of a receive",
        file: "src/operation.rs",
        line: "Cancel::Many(batch) => batch.cancel(),",
        instead: "Cancel::Many(_) => {}",
        caught_by: "cancelling::a_cancelled_receive_is_cancelled",
    },
    Mutant {
        name: "the close of a handle leaves its socket open",
        file: "src/file.rs",
        line: "        request::close(self);\n",
        instead: "",
        caught_by: "closing::closing_the_handle_ends_its_receives",
    },
    Mutant {
        name: "a failed bind is not taken back",
        file: "src/request/bind.rs",
        line: "    end(finished.file, result.is_ok());\n",
        instead: "",
        caught_by: "binding::a_failed_bind_leaves_the_socket_to_be_bound_again",
    },
    Mutant {
        name: "a captured provider is not released",
        file: "crates/wsk/src/provider.rs",
        line: "        unsafe { WskReleaseProviderNPI(self.registration.as_ptr()) };\n",
        instead: "",
        caught_by: "basics::a_socket_is_created_bound_and_closed_v4",
    },
    Mutant {
        name: "an operation that has completed stays submitted",
        file: "crates/wsk/src/op/complete.rs",
        line: "        // SAFETY: passed on.\n        unsafe { completed(header, 1) };\n",
        instead: "",
        caught_by: "datagrams::datagrams_go_out_and_come_in_v4",
    },
];
