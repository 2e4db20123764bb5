//! The page of the rules, `docs/rules.md`, against the rules themselves. `UPDATE_EXPECT=1` writes it anew.

use std::fmt::Write;

use expect_test::expect_file;
use ntos::Rule;

const HEAD: &str = "\
# The rules, and what has checked them

Breaking one of these is a bug check that names it. The tables follow from the rules' own declarations (`tests/rules.rs`);
`source` is the Microsoft page that states the rule.

- **Hosted**: the hosted kernel enforces it, and a test of the crate has a driver that breaks it and is caught. `no test`:
  it is enforced, and nothing shows it.
- **Wine**: the rule is in force when the driver runs under Wine (`cargo xtask wine`). `yes`: by the same code, in
  `wdfldr.sys` and `netio.sys`; `stand-in`: by what stands there for a function of Wine's kernel; `no`: not checked,
  because Wine's kernel does not, or has nothing to check it with ([fidelity.md](fidelity.md)).
- **Windows**: nothing yet. No Windows has run the driver.
";

/// The rules whose wrong driver is missing.
const WITHOUT_TEST: [&str; 1] = ["WskDeregisterStuck"];

/// Rules of the kernel that are checked by what stands in for Wine's functions.
const STAND_IN: [&str; 6] =
    ["PoolBadAddress", "PoolDoubleFree", "PoolWrongTag", "PoolLeak", "FreeIrpInUse", "IoAllocateFree"];

/// Rules of framework and WSK that need what Wine has not: IRQLs, a list of all IRPs, a look at `DriverEntry`.
const NOT_UNDER_WINE: [&str; 10] = [
    "IrqlReturn",
    "KmdfIrql",
    "WdfSpinlock",
    "RequestChildNeedsPassive",
    "DriverCreate",
    "CtlDeviceFinishInitDrEntry",
    "WskIrql",
    "WskEventIrql",
    "WskNotAnIrp",
    "WskRegistrationLeft",
];

#[derive(Clone, Copy)]
enum Module {
    Kernel,
    Framework,
    Wsk,
}

fn table(page: &mut String, title: &str, module: Module, rules: &[&[&Rule]]) {
    let _ =
        write!(page, "\n## {title}\n\n| rule | source | hosted | Wine | Windows |\n|---|---|---|---|---|\n");
    for rule in rules.iter().copied().flatten() {
        let hosted = if WITHOUT_TEST.contains(&rule.name) { "no test" } else { "yes" };
        let wine = match module {
            Module::Kernel if STAND_IN.contains(&rule.name) => "stand-in",
            Module::Framework | Module::Wsk if !NOT_UNDER_WINE.contains(&rule.name) => "yes",
            _ => "no",
        };
        let _ = writeln!(page, "| `{}` | {} | {hosted} | {wine} | |", rule.name, rule.source);
    }
}

#[test]
fn page_lists_every_rule() {
    let mut page = String::from(HEAD);
    table(&mut page, "The kernel (`ntos`)", Module::Kernel, &[ntos::rule::RULES, ntos::io_rules::RULES]);
    table(&mut page, "The framework (`kmdf`)", Module::Framework, &[kmdf::rules::RULES]);
    table(&mut page, "WSK (`netio`)", Module::Wsk, &[netio::rules::RULES]);
    expect_file!["../docs/rules.md"].assert_eq(&page);
}

#[test]
fn exceptions_are_rules() {
    let all = [ntos::rule::RULES, ntos::io_rules::RULES, kmdf::rules::RULES, netio::rules::RULES];
    let known = |name: &str| all.iter().copied().flatten().any(|rule| rule.name == name);
    for name in WITHOUT_TEST.iter().chain(&STAND_IN).chain(&NOT_UNDER_WINE) {
        assert!(known(name), "{name}");
    }
}
