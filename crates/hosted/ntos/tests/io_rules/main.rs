//! Each rule of the I/O manager, broken by a driver: the report names the rule and the object.
#![expect(unsafe_code, reason = "broken drivers are written in terms of the kernel's C interface")]

#[path = "../io/mod.rs"]
mod io;

/// Tests of the form `name: RULE, "object", |machine| { ... };`, and the list of the rules that they break.
macro_rules! violations {
    ($($name:ident: $rule:expr, $object:literal, $test:expr;)*) => {
        $(
            #[test]
            fn $name() {
                crate::io::expect_violation(&$rule, $object, $test);
            }
        )*

        pub(crate) static BROKEN: &[&ntos::Rule] = &[$(&$rule),*];
    };
}

mod complete;
mod device;
mod dispatch;
mod irp;

#[test]
fn no_rule_is_without_test() {
    let broken = [complete::BROKEN, device::BROKEN, dispatch::BROKEN, irp::BROKEN, irp::WRITTEN].concat();
    for rule in ntos::io_rules::RULES {
        assert!(broken.contains(rule), "no test breaks {rule}");
    }
}
