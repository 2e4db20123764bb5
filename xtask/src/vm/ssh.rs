//! Starts the script by the guest's SSH server, so that nobody has to type.
//!
//! `vm.cmd` makes a task of the script and starts it: what runs then needs no connection, which a restart would break.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// What is typed in the guest: the payload's letter is whichever is free.
pub(super) const LINE: &str = r"cmd /c for %d in (D E F G H I J K L M N) do @if exist %d:\vm.cmd %d:\vm.cmd";
/// What `vm.cmd` says when it has started the script.
const STARTED: &str = "started";
/// How long to wait between attempts: the guest may still boot.
const PAUSE: Duration = Duration::from_secs(5);
/// The exit code with which ssh says that it is the connection that failed.
const CONNECTION: i32 = 255;

/// How the guest is reached.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) user: String,
    /// The private key; without one, ssh's own choice.
    pub(super) key: Option<PathBuf>,
    /// The host keys of guests that were seen, by image.
    pub(super) known_hosts: PathBuf,
    /// The name that this image's host key has there.
    pub(super) alias: String,
    pub(super) port: u16,
}

impl Target {
    /// ssh's command line. The key that the guest shows first is kept; another one later is refused. Nothing of this
    /// machine (agent, displays, ports) is offered to the guest, and nothing is asked of a terminal.
    fn arguments(&self) -> Vec<String> {
        let mut all: Vec<String> = ["-F", "none", "-T", "-a", "-x"].map(str::to_owned).to_vec();
        let known = self.known_hosts.display().to_string().replace('%', "%%");
        for option in [
            "BatchMode=yes".to_owned(),
            "ConnectTimeout=10".to_owned(),
            "ServerAliveInterval=15".to_owned(),
            "ClearAllForwardings=yes".to_owned(),
            "GlobalKnownHostsFile=none".to_owned(),
            format!("UserKnownHostsFile=\"{known}\""),
            format!("HostKeyAlias={}", self.alias),
            "StrictHostKeyChecking=accept-new".to_owned(),
        ] {
            all.extend(["-o".to_owned(), option]);
        }
        if let Some(key) = &self.key {
            all.extend(["-o".into(), "IdentitiesOnly=yes".into(), "-i".into(), key.display().to_string()]);
        }
        all.extend(["-p".into(), self.port.to_string(), "-l".into(), self.user.clone()]);
        all.extend(["127.0.0.1".to_owned(), LINE.to_owned()]);
        all
    }
}

/// A port of this machine that is free now.
pub(super) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0)).context("looking for a free port")?.local_addr()?.port())
}

/// The name of an image among the host keys: nothing of it means something to ssh.
pub(super) fn alias(image: &Path) -> String {
    let name = image.file_stem().unwrap_or_default().to_string_lossy();
    let plain: String =
        name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect();
    format!("vm-{plain}")
}

/// The attempts to start the script.
pub(super) struct Ssh {
    target: Target,
    log: PathBuf,
    running: Option<Child>,
    /// When to try next; never, once the script was started.
    next: Option<Instant>,
}

impl Ssh {
    pub(super) fn new(target: Target, log: PathBuf) -> Ssh {
        Ssh { target, log, running: None, next: Some(Instant::now()) }
    }

    /// Tries once more, if it is time to.
    ///
    /// # Errors
    /// The guest answers, and refuses: another host key than before, the user, or the command.
    pub(super) fn poll(&mut self) -> Result<()> {
        let Some(child) = &mut self.running else {
            if self.next.is_some_and(|next| next <= Instant::now()) {
                self.running = Some(self.attempt()?);
            }
            return Ok(());
        };
        let Some(status) = child.try_wait().context("waiting for ssh")? else { return Ok(()) };
        self.running = None;
        self.next = Some(Instant::now() + PAUSE);
        let said = fs::read_to_string(&self.log).unwrap_or_default();
        if said.contains("Host key verification failed") {
            bail!(
                "the guest shows another host key than at an earlier run; if that is right, remove {} from {}\n{said}",
                self.target.alias,
                self.target.known_hosts.display()
            );
        }
        if said.contains("Permission denied") {
            bail!(
                "the guest does not let {} in: it must know the key of --ssh-key, or of your agent (for an administrator, in \
                 C:\\ProgramData\\ssh\\administrators_authorized_keys)\n{said}",
                self.target.user
            );
        }
        match status.code() {
            Some(CONNECTION) => {}
            Some(0) if said.contains(STARTED) => self.next = None,
            Some(0) => bail!("the guest has no disk with vm.cmd: has it drivers for USB storage?\n{said}"),
            _ => bail!("the guest could not start the script: {status}\n{said}"),
        }
        Ok(())
    }

    fn attempt(&self) -> Result<Child> {
        let log = File::create(&self.log)?;
        let mut command = Command::new("ssh");
        command.args(self.target.arguments()).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        command.spawn().context("starting ssh: install OpenSSH's client, or leave --ssh out")
    }
}

impl Drop for Ssh {
    fn drop(&mut self) {
        if let Some(child) = &mut self.running {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> Target {
        Target {
            user: "me".into(),
            key: None,
            known_hosts: "a b/%known".into(),
            alias: alias(Path::new("disks/Windows 11,x.qcow2")),
            port: 2222,
        }
    }

    #[test]
    fn the_host_key_is_kept_by_image_and_nothing_is_asked() {
        let line = target().arguments().join(" ");
        for part in [
            "-o BatchMode=yes",
            "-o StrictHostKeyChecking=accept-new",
            "-o HostKeyAlias=vm-Windows-11-x",
            r#"-o UserKnownHostsFile="a b/%%known""#,
            "-p 2222 -l me 127.0.0.1 cmd /c for",
        ] {
            assert!(line.contains(part), "{part}: {line}");
        }
        assert!(!line.contains("IdentitiesOnly"), "{line}");
        let target = Target { key: Some("key".into()), ..target() };
        assert!(target.arguments().join(" ").contains("IdentitiesOnly=yes -i key"));
    }
}
