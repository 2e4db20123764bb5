//! The registry and verifier.exe of the running Windows system.

use std::process::{Command, Stdio};
use std::{env, io};

use winreg::RegKey;
use winreg::enums::{HKEY_LOCAL_MACHINE, KEY_READ, KEY_WRITE, REG_DWORD, REG_MULTI_SZ, REG_SZ};
use winreg::types::FromRegValue;

use super::{Run, System, Value};

/// The running system.
pub(super) struct Local;

impl System for Local {
    fn has_key(&self, key: &str) -> io::Result<bool> {
        Ok(open(key, KEY_READ)?.is_some())
    }

    fn get(&self, key: &str, name: &str) -> io::Result<Option<Value>> {
        let Some(key) = open(key, KEY_READ)? else { return Ok(None) };
        let Some(raw) = there(key.get_raw_value(name))? else { return Ok(None) };
        match raw.vtype {
            REG_DWORD => FromRegValue::from_reg_value(&raw).map(Value::Dword),
            REG_SZ => FromRegValue::from_reg_value(&raw).map(Value::Text),
            REG_MULTI_SZ => FromRegValue::from_reg_value(&raw).map(Value::Strings),
            other => Err(io::Error::new(io::ErrorKind::InvalidData, format!("{name} is a {other:?}"))),
        }
        .map(Some)
    }

    fn set(&self, key: &str, name: &str, value: &Value) -> io::Result<()> {
        let (key, _) =
            RegKey::predef(HKEY_LOCAL_MACHINE).create_subkey_with_flags(key, KEY_READ | KEY_WRITE)?;
        match value {
            Value::Dword(number) => key.set_value(name, number),
            Value::Text(text) => key.set_value(name, text),
            Value::Strings(strings) => key.set_value(name, strings),
        }
    }

    fn delete(&self, key: &str, name: &str) -> io::Result<()> {
        let Some(key) = open(key, KEY_READ | KEY_WRITE)? else { return Ok(()) };
        there(key.delete_value(name)).map(drop)
    }

    fn prune(&self, key: &str) -> io::Result<()> {
        let Some(open) = open(key, KEY_READ)? else { return Ok(()) };
        let held = open.query_info()?;
        drop(open);
        if held.values == 0 && held.sub_keys == 0 {
            RegKey::predef(HKEY_LOCAL_MACHINE).delete_subkey(key)?;
        }
        Ok(())
    }

    fn verifier(&self, arguments: &[String]) -> io::Result<Run> {
        // Never one that lies beside this program or in the current folder.
        let root = env::var_os("SystemRoot").unwrap_or_else(|| r"C:\Windows".into());
        let program = std::path::Path::new(&root).join(r"System32\verifier.exe");
        let ended = Command::new(program).args(arguments).stdin(Stdio::null()).output()?;
        let mut output = String::from_utf8_lossy(&ended.stdout).into_owned();
        output.push_str(&String::from_utf8_lossy(&ended.stderr));
        Ok(Run { code: ended.status.code().unwrap_or(1), output })
    }
}

fn open(key: &str, access: u32) -> io::Result<Option<RegKey>> {
    there(RegKey::predef(HKEY_LOCAL_MACHINE).open_subkey_with_flags(key, access))
}

/// That something is not there is an answer.
fn there<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        result => result.map(Some),
    }
}
