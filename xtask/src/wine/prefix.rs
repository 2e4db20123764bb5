//! A Wine prefix of our own: made, used, and stopped.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::programs::Wine;

/// How long it may take to make a prefix, or to set something in it.
const SETUP_LIMIT: Duration = Duration::from_mins(5);
/// How long Wine's server may take to stop everything.
const STOP_LIMIT: Duration = Duration::from_secs(20);
/// How often a program is asked whether it has ended.
const INTERVAL: Duration = Duration::from_millis(50);
/// The services' environment, which is the system's and not that of the program that starts Wine.
const ENVIRONMENT: &str = r"HKLM\System\CurrentControlSet\Control\Session Manager\Environment";
/// Drivers of Wine's for game controllers and USB.
const DEVICES: [&str; 2] = ["winebus", "wineusb"];

/// A prefix. Nothing of Wine runs in it when it is dropped.
pub(crate) struct Prefix {
    directory: PathBuf,
    wine: Wine,
}

/// What a run left.
pub(crate) struct Run {
    /// None if it was stopped at the limit.
    pub(crate) status: Option<ExitStatus>,
    pub(crate) output: String,
    /// Wine's log, with what the driver printed in it.
    pub(crate) log: String,
}

impl Prefix {
    /// The prefix for a Wine, or for this machine's, in the directory of what is built; it is made if it is not there. Each version
    /// has its own, as a newer one would change it.
    pub(crate) fn open(out: &Path, wine: Option<Wine>) -> Result<Prefix> {
        let wine = wine.map_or_else(|| Wine::find(None), Ok)?;
        let directory = out.join(format!("prefix-{}", wine.number()));
        let made = directory.join("system.reg").exists();
        fs::create_dir_all(&directory).with_context(|| format!("making {}", directory.display()))?;
        let prefix = Prefix { directory, wine };
        // What an interrupted run may have left.
        prefix.stop();
        if !made {
            println!("making a Wine prefix in {}", prefix.directory.display());
            prefix.set_up(prefix.wine.loader().args(["wineboot", "--init"]))?;
            prefix.remove_devices()?;
            prefix.wait_for_end();
        }
        Ok(prefix)
    }

    /// Removes the drivers of Wine's that make devices of the plug and play manager's. In Wine 8, where the machine is busy, one
    /// may make its device before there is that manager's driver object: a page fault in `IoCreateDevice`.
    fn remove_devices(&self) -> Result<()> {
        for service in DEVICES {
            let key = format!(r"HKLM\System\CurrentControlSet\Services\{service}");
            // It fails where Wine has no such driver.
            self.run(self.wine.loader().args(["reg", "delete", &key, "/f"]), SETUP_LIMIT)?;
        }
        Ok(())
    }

    /// The Wine that it is for.
    pub(crate) fn wine(&self) -> &Wine {
        &self.wine
    }

    /// A directory or file on the prefix's drive C.
    pub(crate) fn on_drive(&self, path: &str) -> PathBuf {
        self.directory.join("drive_c").join(path)
    }

    /// Copies a file to the prefix's drive C.
    pub(crate) fn install(&self, file: &Path, path: &str) -> Result<()> {
        let place = self.on_drive(path);
        if let Some(directory) = place.parent() {
            fs::create_dir_all(directory)?;
        }
        fs::copy(file, &place)
            .with_context(|| format!("copying {} to {}", file.display(), place.display()))?;
        Ok(())
    }

    /// Sets variables in the services' environment, for all further runs.
    pub(crate) fn set_variables(&self, variables: &[(&str, String)]) -> Result<()> {
        for (name, value) in variables {
            let mut command = self.wine.loader();
            command.args(["reg", "add", ENVIRONMENT, "/v", name, "/t", "REG_SZ", "/d", value, "/f"]);
            self.set_up(&mut command)?;
        }
        // The services read it when they start.
        self.wait_for_end();
        Ok(())
    }

    /// Runs a program for Windows that must succeed.
    pub(crate) fn run_program(&self, program: &Path) -> Result<()> {
        self.set_up(self.wine.loader().arg(program))
    }

    /// Makes `command` one that runs programs of this prefix.
    pub(crate) fn use_in<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        self.environment(command)
    }

    fn set_up(&self, command: &mut Command) -> Result<()> {
        let run = self.run(command, SETUP_LIMIT)?;
        match run.status {
            Some(status) if status.success() => Ok(()),
            Some(status) => bail!("{command:?} failed: {status}\n{}{}", run.output, run.log),
            None => bail!("{command:?} did not end within {} s\n{}", SETUP_LIMIT.as_secs(), run.log),
        }
    }

    /// Runs a batch file's text.
    pub(crate) fn run_batch(&self, text: &str, limit: Duration) -> Result<Run> {
        let file = self.on_drive("run.bat");
        fs::write(&file, text).with_context(|| format!("writing {}", file.display()))?;
        let run = self.run(self.wine.loader().args(["cmd", "/c", r"C:\run.bat"]), limit)?;
        self.stop();
        Ok(run)
    }

    /// Runs a program of Wine's, at most for so long.
    fn run(&self, command: &mut Command, limit: Duration) -> Result<Run> {
        // Into files: whoever stays in the background holds on to a pipe.
        let (output, log) = (self.directory.join("output.txt"), self.directory.join("log.txt"));
        command
            .stdin(Stdio::null())
            .stdout(File::create(&output).with_context(|| format!("making {}", output.display()))?)
            .stderr(File::create(&log).with_context(|| format!("making {}", log.display()))?);
        let mut child = self
            .environment(command)
            .spawn()
            .with_context(|| format!("starting {}", command.get_program().display()))?;
        let status = wait(&mut child, limit)?;
        if status.is_none() {
            self.stop();
        }
        let read = |file: &Path| fs::read(file).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Ok(Run { status, output: read(&output)?, log: read(&log)? })
    }

    fn environment<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command
            .env("WINEPREFIX", &self.directory)
            .env("WINEARCH", "win64")
            // What DbgPrint prints, and errors.
            .env("WINEDEBUG", "-all,warn+debugstr,err+all")
            // Our netio.sys in place of Wine's. No installers, no menus and no debugger: they want windows.
            .env("WINEDLLOVERRIDES", "netio.sys=n;mscoree,mshtml,winemenubuilder.exe,winedbg.exe=")
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY")
    }

    /// Waits until Wine's last program has ended, or ends it.
    fn wait_for_end(&self) {
        let ended = self.server("-w");
        if !ended {
            self.stop();
        }
    }

    /// Ends everything that runs in the prefix.
    fn stop(&self) {
        if !self.server("-k") || !self.server("-w") {
            self.server("-k9");
        }
    }

    /// Asks Wine's server for something; whether it did it in time.
    fn server(&self, what: &str) -> bool {
        let mut command = self.wine.server();
        command.arg(what).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let Ok(mut child) = self.environment(&mut command).spawn() else { return false };
        // It exits with 1 if no server runs, which is as good.
        matches!(wait(&mut child, STOP_LIMIT), Ok(Some(_)))
    }
}

impl Drop for Prefix {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Waits for a program; none if it was killed at the limit.
fn wait(child: &mut Child, limit: Duration) -> Result<Option<ExitStatus>> {
    let end = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= end {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(INTERVAL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_ends_is_waited_for() {
        let mut child = Command::new("true").spawn().unwrap();
        assert!(wait(&mut child, Duration::from_mins(1)).unwrap().unwrap().success());
    }

    #[test]
    fn a_program_that_does_not_end_is_killed() {
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        assert!(wait(&mut child, Duration::from_millis(100)).unwrap().is_none());
    }
}
