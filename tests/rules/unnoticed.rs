//! Mistakes that an earlier hosted kernel let through, each with the test that sees it stopped.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use ntos::{Rule, io_rules, rule};

use super::{Layer, Source};

const HEAD: &str = "
# Mistakes that once went unnoticed

An attack with 102 wrong drivers found these that an earlier hosted kernel did not stop. **Test** is the driver that makes the
mistake and is stopped by the rule; `no` says why there is none.

| mistake | rule | test |
|---|---|---|
";

/// A mistake, the rule that stops it or why there is none, and the test: its file and name.
type Row = (&'static str, Result<&'static Rule, &'static str>, &'static str, &'static str);

const NTOS: &str = "crates/hosted/ntos/tests";
const NETIO: &str = "crates/hosted/netio/tests";
const KMDF: &str = "crates/hosted/kmdf/tests";

const SPECIAL_POOL: &str = "special_pool.rs";

/// What is done to memory.
static MEMORY: &[Row] = &[
    (
        "memory is read after its free",
        Ok(&rule::POOL_ACCESS_AFTER_FREE),
        SPECIAL_POOL,
        "a_freed_block_is_read",
    ),
    (
        "memory is written to after its free, which was found late",
        Ok(&rule::POOL_ACCESS_AFTER_FREE),
        SPECIAL_POOL,
        "a_freed_block_is_written_to",
    ),
    (
        "an MDL is used after its free",
        Ok(&rule::POOL_ACCESS_AFTER_FREE),
        SPECIAL_POOL,
        "an_mdl_is_used_after_it_was_freed",
    ),
    (
        "an IRP is used after its free",
        Ok(&rule::POOL_ACCESS_AFTER_FREE),
        SPECIAL_POOL,
        "an_irp_is_used_after_it_was_freed",
    ),
    (
        "memory is used through its MDL after its free",
        Ok(&rule::POOL_ACCESS_AFTER_FREE),
        SPECIAL_POOL,
        "memory_is_used_by_its_mdl_after_it_was_freed",
    ),
    (
        "pool is freed while an MDL has its pages locked",
        Ok(&rule::POOL_FREED_LOCKED),
        SPECIAL_POOL,
        "a_block_is_freed_while_its_pages_are_locked",
    ),
    (
        "what is behind a block is read; not seen up to the next multiple of 16 bytes",
        Ok(&rule::POOL_ACCESS_BEYOND_END),
        SPECIAL_POOL,
        "the_byte_behind_the_end_is_read_or_written_to",
    ),
    (
        "a write beyond the end that misses the red zone",
        Ok(&rule::POOL_ACCESS_BEYOND_END),
        SPECIAL_POOL,
        "a_write_far_beyond_the_end",
    ),
    (
        "a write beyond the end of the red zone's own byte",
        Ok(&rule::POOL_OVERRUN),
        SPECIAL_POOL,
        "a_write_next_to_the_block_that_no_guard_sees",
    ),
    (
        "one byte beyond the system buffer is read",
        Ok(&rule::POOL_ACCESS_BEYOND_END),
        SPECIAL_POOL,
        "one_byte_beyond_the_system_buffer_is_read",
    ),
    (
        "a buffer is read after the completion",
        Ok(&rule::POOL_ACCESS_AFTER_FREE),
        SPECIAL_POOL,
        "the_system_buffer_is_used_after_the_completion",
    ),
    (
        "the memory of a process is used after the completion",
        Ok(&rule::POOL_ACCESS_AFTER_FREE),
        SPECIAL_POOL,
        "the_memory_of_a_process_is_used_after_the_completion",
    ),
    (
        "paged memory is used at `DISPATCH_LEVEL`",
        Ok(&rule::PAGED_ACCESS_AT_DISPATCH),
        "paged_pool.rs",
        "paged_pool_is_used_at_dispatch_level",
    ),
    (
        "an event or a spin lock in paged pool",
        Ok(&rule::OBJECT_IN_PAGED_POOL),
        "paged_pool.rs",
        "objects_of_the_kernel_in_paged_pool",
    ),
    (
        "an address of the process' is locked as the kernel's",
        Ok(&rule::MDL_USER_AS_KERNEL),
        "io_rules/buffers.rs",
        "locks_a_buffer_of_the_process_as_the_kernels",
    ),
    (
        "pool is used that nothing was written to",
        Err(
            "no kernel sees what a driver reads of its own memory; it is filled with bytes that look random, so that what comes of them does not pass for a value; and Miri sees such a read",
        ),
        SPECIAL_POOL,
        "memory_that_was_not_asked_to_be_zeroed_looks_random",
    ),
];

/// Locks, events and levels.
static LOCKS: &[Row] = &[
    (
        "two locks are taken in both orders",
        Ok(&rule::LOCK_ORDER),
        "lock_order.rs",
        "two_locks_in_both_orders",
    ),
    (
        "locks are released out of order",
        Ok(&rule::LOWER_WITH_SPIN_LOCK),
        "spinlock.rs",
        "a_release_to_a_low_level_with_another_lock_held",
    ),
    (
        "`KeReleaseSpinLock` with another IRQL than was before",
        Ok(&rule::SPIN_LOCK_OLD_IRQL),
        "spinlock.rs",
        "a_release_to_another_level_than_before",
    ),
    (
        "an event is initialised again while a thread waits",
        Ok(&rule::OBJECT_INITIALIZED_IN_USE),
        "event.rs",
        "an_event_is_initialised_while_a_thread_waits_for_it",
    ),
];

/// Requests, and devices.
static IRPS: &[Row] = &[
    (
        "a cancel routine is set without a look at `Cancel`",
        Ok(&io_rules::CANCEL_FIELD),
        "io_rules/dispatch.rs",
        "cancel_field_not_looked_at",
    ),
    (
        "output is claimed that was never written",
        Ok(&io_rules::OUTPUT_NOT_WRITTEN),
        "io_rules/buffers.rs",
        "output_not_written",
    ),
    (
        "a work item is queued after `IoDeleteDevice`",
        Ok(&rule::WORK_ITEM_DEVICE_DELETED),
        "io_rules/device.rs",
        "work_item_queued_after_its_device_was_deleted",
    ),
];

/// Calls of WSK.
static WSK: &[Row] = &[
    (
        "an option's value is on the stack of an asynchronous call",
        Ok(&io_rules::FREED_IN_FLIGHT),
        "in_flight.rs",
        "an_option_value_on_a_stack_that_is_gone",
    ),
    (
        "an option's value, a buffer or an MDL is freed while a request has it",
        Ok(&io_rules::FREED_IN_FLIGHT),
        "in_flight.rs",
        "what_a_request_in_flight_uses",
    ),
    (
        "the same was freed before the call",
        Ok(&io_rules::FREED_IN_FLIGHT),
        "in_flight.rs",
        "what_is_freed_already",
    ),
    (
        "`WskBind` at `DISPATCH_LEVEL`",
        Err("its page, PFN_WSK_BIND, says `<= DISPATCH_LEVEL`"),
        "irql.rs",
        "each_function_at_its_limit",
    ),
    (
        "each function of WSK above the limit of its page",
        Ok(&netio::rules::IRQL),
        "irql.rs",
        "each_function_above_its_limit",
    ),
    (
        "each control request above the limit of its page",
        Ok(&netio::rules::IRQL),
        "irql.rs",
        "each_control_request_above_its_limit",
    ),
    (
        "WSK is called under a spin lock",
        Ok(&netio::rules::CALL_UNDER_SPIN_LOCK),
        "rules.rs",
        "a_call_under_a_spin_lock",
    ),
];

/// Calls of the framework.
static FRAMEWORK: &[Row] = &[(
    "a driver deletes its default queue",
    Ok(&kmdf::rules::CANNOT_DELETE),
    "rules/objects.rs",
    "which requests are sent to",
)];

/// All of them, by the folder of their tests.
const ALL: [(&str, &[Row]); 5] =
    [(NTOS, MEMORY), (NTOS, LOCKS), (NTOS, IRPS), (NETIO, WSK), (KMDF, FRAMEWORK)];

/// The code of a test: of a function, with those of the file that it calls; or the line of a table.
fn code_of(file: &Source, test: &str) -> Option<String> {
    let body = |name: &str| {
        let (_, rest) = file.code.split_once(&format!("\nfn {name}("))?;
        Some(rest.split("\n}\n").next().unwrap_or(rest).to_owned())
    };
    let Some(own) = body(test) else {
        return file.code.lines().find(|line| line.contains(test)).map(str::to_owned);
    };
    let functions = file.code.split("\nfn ").skip(1).filter_map(|function| function.split(['(', '<']).next());
    let called = functions.filter(|name| own.contains(&format!("{name}("))).filter_map(body);
    Some(called.fold(own.clone(), |code, function| code + &function))
}

/// Appends the list to the page.
pub(super) fn write(page: &mut String) {
    page.push_str(HEAD);
    for (folder, rows) in ALL {
        for &(mistake, rule, file, test) in rows {
            let rule = rule.map_or_else(|why| format!("no: {why}"), |rule| format!("`{}`", rule.name));
            let _ = writeln!(page, "| {mistake} | {rule} | [{file}](../{folder}/{file}): `{test}` |");
        }
    }
}

#[test]
fn each_is_stopped_by_its_rule_in_its_test() {
    let names: Vec<_> = Layer::ALL.into_iter().flat_map(Layer::rules).collect();
    for (folder, rows) in ALL {
        for &(mistake, rule, file, test) in rows {
            let path = format!("{folder}/{file}");
            let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(&path));
            let source = Source::new(path, &text.unwrap_or_else(|error| panic!("{file}: {error}")));
            let code = code_of(&source, test).unwrap_or_else(|| panic!("{file} has no {test}"));
            let Ok(rule) = rule else { continue };
            let (_, name) =
                names.iter().find(|(own, _)| std::ptr::eq(*own, rule)).expect("a rule of the lists");
            // A test may name the rule in another crate, by a longer path.
            let ends = |after: &str| !after.starts_with(|c: char| c == '_' || c.is_alphanumeric());
            let expects = code.match_indices(name).any(|(at, _)| ends(&code[at + name.len()..]));
            assert!(expects, "{mistake}: {test} does not expect {name}");
        }
    }
}
