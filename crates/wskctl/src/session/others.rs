//! Further handles of the device, by name: the sockets of a script.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::Session;
use crate::device::Device;
use crate::error::Error;

/// The handles that were named so far.
#[derive(Debug)]
pub(super) struct Others {
    device: Device,
    open: Mutex<BTreeMap<String, Session>>,
}

impl Session {
    /// Lets steps name further handles of the device.
    #[must_use]
    pub fn with_others(self, device: &Device) -> Session {
        let others = Others { device: device.clone(), open: Mutex::default() };
        Session { others: Some(Arc::new(others)), ..self }
    }

    /// The handle of this name, which is opened when it is first named, with this session's limits.
    ///
    /// # Errors
    ///
    /// The device cannot be opened; or there are no further handles.
    pub fn other(&self, name: &str) -> Result<Session, Error> {
        let others = self.others.as_ref().ok_or(Error::NoOthers)?;
        let mut open = others.open.lock().unwrap_or_else(PoisonError::into_inner);
        let session = if let Some(session) = open.get(name) {
            session.clone()
        } else {
            let mut session = Session::new(others.device.open()?);
            if let Some(watching) = &self.watching {
                session = session.interruptible(watching.interrupt());
            }
            open.entry(name.to_owned()).or_insert(session).clone()
        };
        // Those that are kept have no others: they would keep themselves.
        Ok(Session {
            limit: self.limit,
            cancel_after: self.cancel_after,
            others: Some(Arc::clone(others)),
            ..session
        })
    }
}
