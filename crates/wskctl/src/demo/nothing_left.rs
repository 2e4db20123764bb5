//! After everything is closed, the counts are at zero and the addresses are free.

use super::{PATIENCE, Stage, Trouble, exclusive};

pub(super) fn show(stage: &mut Stage<'_>) -> Result<(), Trouble> {
    let session = stage.session()?;
    // Another program may use the same driver, but then it is not for the demo to say what is left of it.
    let mut last = session.statistics()?;
    let settled = super::eventually(PATIENCE, || {
        session.statistics().is_ok_and(|now| {
            last = now;
            now.sockets_open == 0 && now.irps_allocated == now.irps_freed
        })
    });
    stage.check(
        format!(
            "no socket is open, and of {} IRPs allocated {} are freed",
            last.irps_allocated, last.irps_freed
        ),
        settled,
        || format!("{last:?}"),
    );
    stage.check(
        format!(
            "{} operations were handed to WSK, {} completed",
            last.operations_submitted, last.operations_completed
        ),
        last.operations_submitted == last.operations_completed,
        || format!("{last:?}"),
    );
    stage.check("the only handle open is the one that asks", last.handles_open == 1, || {
        format!("{} are open", last.handles_open)
    });
    session.close();

    let mut used = std::mem::take(&mut stage.used);
    used.sort();
    used.dedup();
    let taken: Vec<_> = used.iter().filter(|address| !exclusive::eventually_free(**address)).collect();
    stage.witness(
        format!("each of the {} addresses that the driver had can be bound again", used.len()),
        "std::net",
        taken.is_empty(),
        || format!("still taken: {taken:?}"),
    );

    let device = stage.device;
    let Some(unloaded) = device.unload(PATIENCE) else {
        stage.skip(
            "the driver unloads and leaves nothing",
            "the driver stays: it is for `sc.exe stop` to unload it",
        );
        return Ok(());
    };
    stage.check("the driver unloads", unloaded.is_ok(), || format!("{unloaded:?}"));
    super::eventually(PATIENCE, || device.alive().iter().all(|(_, count)| *count == 0));
    let alive = device.alive();
    let names: Vec<_> = alive.iter().map(|(name, _)| *name).collect();
    stage.check(
        format!("and the kernel has nothing of it: no {}", names.join(", ")),
        alive.iter().all(|(_, count)| *count == 0),
        || format!("{alive:?}"),
    );
    Ok(())
}
