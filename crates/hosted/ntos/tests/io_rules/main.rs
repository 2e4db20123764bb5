//! Each rule of the I/O manager, broken by a driver: the report names the rule and the object.
#![expect(unsafe_code, reason = "broken drivers are written in terms of the kernel's C interface")]

#[path = "../io/mod.rs"]
mod io;

/// Tests of the form `name: &RULE, "object", |machine| { ... };`
macro_rules! violations {
    ($($name:ident: $rule:expr, $object:literal, $test:expr;)*) => {
        $(
            #[test]
            fn $name() {
                crate::io::expect_violation($rule, $object, $test);
            }
        )*
    };
}

mod buffers;
mod complete;
mod csq;
mod device;
mod dispatch;
mod in_flight;
mod irp;
