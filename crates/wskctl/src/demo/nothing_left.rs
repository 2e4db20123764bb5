//! After everything is closed, the counts are at zero and the addresses are free.

use super::{Demo, Failure, PATIENCE, STD, exclusive, irps};

pub(super) fn show(demo: &mut Demo<'_>) -> Result<(), Failure> {
    let session = demo.session()?;
    let began = demo.began;
    let mut last = session.statistics()?;
    let settled = super::eventually(PATIENCE, || {
        session.statistics().is_ok_and(|now| {
            last = now;
            now.sockets_open == began.sockets_open && irps(&now) == irps(&began)
        })
    });
    let allocated = last.irps_allocated - began.irps_allocated;
    demo.check(
        format!("every socket is closed, and each of {allocated} IRPs is freed"),
        settled && allocated > 0,
        || {
            format!(
                "{} sockets are open and {} IRPs are not freed; when the demo began, {} and {}",
                last.sockets_open,
                irps(&last),
                began.sockets_open,
                irps(&began)
            )
        },
    );
    let submitted = last.operations_submitted - began.operations_submitted;
    let completed = last.operations_completed - began.operations_completed;
    demo.check(
        format!("of {submitted} operations handed to WSK, {completed} were completed"),
        submitted == completed && submitted > 0,
        || "some are still under way".to_owned(),
    );
    demo.check(
        "no handle of the demo is open but the one that asks",
        last.handles_open == began.handles_open,
        || format!("{} are open, {} were when the demo began", last.handles_open, began.handles_open),
    );
    session.close();

    let mut used = std::mem::take(&mut demo.used);
    used.sort();
    used.dedup();
    let taken: Vec<_> = used.iter().filter(|address| !exclusive::eventually_free(**address)).collect();
    demo.seen_by(
        format!("each of the {} addresses that the driver had can be bound again", used.len()),
        STD,
        taken.is_empty(),
        || format!("still taken: {taken:?}"),
    );

    let device = demo.device;
    let Some(unloaded) = device.unload(PATIENCE) else {
        demo.skip(
            "the driver unloads and leaves nothing",
            "the driver stays: it is for `sc.exe stop` to unload it",
        );
        return Ok(());
    };
    demo.check("the driver unloads", unloaded.is_ok(), || {
        unloaded.as_ref().err().map(ToString::to_string).unwrap_or_default()
    });
    super::eventually(PATIENCE, || device.alive().iter().all(|(_, count)| *count == 0));
    let alive = device.alive();
    let names: Vec<_> = alive.iter().map(|(name, _)| *name).collect();
    demo.check(
        format!("and the kernel has nothing of it: no {}", names.join(", ")),
        alive.iter().all(|(_, count)| *count == 0),
        || alive.iter().map(|(name, count)| format!("{count} {name}")).collect::<Vec<_>>().join(", "),
    );
    Ok(())
}
