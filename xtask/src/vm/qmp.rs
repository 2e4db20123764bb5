//! QEMU's monitor: commands to it, and its events, as JSON over its standard input and output.

use std::io::{BufRead, BufReader, Read, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};

/// How long an answer may take.
const ANSWER: Duration = Duration::from_mins(1);

/// What the monitor says of the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// The guest was reset, by itself.
    Reset,
    /// The guest was shut down.
    Shutdown,
    /// The guest's system has failed; with what it says of it.
    Panicked(String),
    /// QEMU has ended.
    End,
}

/// The monitor of one QEMU.
pub(super) struct Monitor {
    input: Box<dyn Write + Send>,
    lines: Receiver<Value>,
    events: Vec<Event>,
}

impl Monitor {
    /// Begins to talk: `output` is read on a thread of its own, to its end.
    pub(super) fn open(
        input: impl Write + Send + 'static,
        output: impl Read + Send + 'static,
    ) -> Result<Monitor> {
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                // Nothing else is said there.
                let Ok(value) = serde_json::from_str(&line) else { continue };
                if sender.send(value).is_err() {
                    return;
                }
            }
        });
        let mut monitor = Monitor { input: Box::new(input), lines, events: Vec::new() };
        monitor.execute("qmp_capabilities", &json!({}))?;
        Ok(monitor)
    }

    /// Executes a command, and waits for its answer.
    ///
    /// # Errors
    /// QEMU refuses, in its own words; or it has ended.
    pub(super) fn execute(&mut self, command: &str, arguments: &Value) -> Result<Value> {
        let text = json!({ "execute": command, "arguments": arguments });
        writeln!(self.input, "{text}").and_then(|()| self.input.flush()).context("QEMU has ended")?;
        let until = Instant::now() + ANSWER;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let value = self.lines.recv_timeout(left).map_err(|error| match error {
                RecvTimeoutError::Timeout => anyhow!("QEMU does not answer {command}"),
                RecvTimeoutError::Disconnected => anyhow!("QEMU has ended"),
            })?;
            if let Some(answer) = value.get("return") {
                return Ok(answer.clone());
            }
            if let Some(error) = value.get("error") {
                bail!("{command}: {}", error.get("desc").and_then(Value::as_str).unwrap_or("refused"));
            }
            self.events.extend(event(&value));
        }
    }

    /// The next event, if there is one within that time.
    pub(super) fn event(&mut self, within: Duration) -> Option<Event> {
        if !self.events.is_empty() {
            return Some(self.events.remove(0));
        }
        match self.lines.recv_timeout(within) {
            Ok(value) => event(&value),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Event::End),
        }
    }
}

/// The event that a line is, if it matters here.
fn event(value: &Value) -> Option<Event> {
    let data = &value["data"];
    match value["event"].as_str()? {
        "RESET" if data["guest"] == true => Some(Event::Reset),
        "SHUTDOWN" => Some(Event::Shutdown),
        "GUEST_PANICKED" | "GUEST_CRASHLOADED" => Some(Event::Panicked(panic(&data["info"]))),
        _ => None,
    }
}

/// What a failing system says: Windows gives the code of its bug check and the four parameters.
fn panic(info: &Value) -> String {
    if info["type"] != "hyper-v" {
        return "the guest's system has failed".into();
    }
    let number = |name: &str| info[name].as_u64().unwrap_or(0);
    let parameters = ["arg2", "arg3", "arg4", "arg5"].map(|name| format!("{:#x}", number(name)));
    format!("bug check {:#x} ({})", number("arg1"), parameters.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GREETING: &str = r#"{"QMP": {"version": {}, "capabilities": []}}"#;

    /// A monitor that has said all it will.
    fn opened(lines: &[&str]) -> Result<Monitor> {
        let text = [&[GREETING], lines].concat().join("\n");
        Monitor::open(Vec::new(), std::io::Cursor::new(text.into_bytes()))
    }

    #[test]
    fn events_between_answers_are_kept() {
        let mut monitor = opened(&[
            r#"{"return": {}}"#,
            r#"{"event": "RESET", "data": {"guest": true, "reason": "guest-reset"}}"#,
            r#"{"event": "RESET", "data": {"guest": false, "reason": "host-qmp-system-reset"}}"#,
            r#"{"return": {"status": "running"}}"#,
            r#"{"event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-shutdown"}}"#,
        ])
        .unwrap();
        assert_eq!(monitor.execute("query-status", &json!({})).unwrap()["status"], "running");
        let events: Vec<_> = std::iter::from_fn(|| monitor.event(ANSWER)).take(3).collect();
        assert_eq!(events, [Event::Reset, Event::Shutdown, Event::End]);
    }

    #[test]
    fn a_refusal_has_qemus_words() {
        let mut monitor =
            opened(&[r#"{"return": {}}"#, r#"{"error": {"class": "GenericError", "desc": "no such disk"}}"#])
                .unwrap();
        let error = monitor.execute("eject", &json!({})).unwrap_err().to_string();
        assert_eq!(error, "eject: no such disk");
        assert!(opened(&[]).err().unwrap().to_string().contains("ended"));
    }

    #[test]
    fn windows_names_its_bug_check() {
        let line = json!({ "event": "GUEST_PANICKED", "data": { "action": "run", "info": {
            "type": "hyper-v", "arg1": 0xD1, "arg2": 16, "arg3": 2, "arg4": 0, "arg5": 0xFFFF_F800_0000_1000_u64 } } });
        let Some(Event::Panicked(text)) = event(&line) else { panic!("{line}") };
        assert_eq!(text, "bug check 0xd1 (0x10, 0x2, 0x0, 0xfffff80000001000)");
        let line = json!({ "event": "GUEST_PANICKED", "data": { "action": "run" } });
        assert_eq!(event(&line), Some(Event::Panicked("the guest's system has failed".into())));
    }
}
