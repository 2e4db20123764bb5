//! A signature for test machines, with a key that is made for it and thrown away.
//!
//! The private key lies in a temporary directory outside the tree and is gone when the image is signed. A test machine
//! trusts the certificate, which has signed this image and can sign nothing else.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::pe;
use super::tools::{self, run_quietly};

/// Signs `image` as `signed` for the driver of that name, and writes the certificate.
///
/// # Errors
/// A program is missing or fails.
pub fn sign(name: &str, image: &Path, signed: &Path, certificate: &Path) -> Result<()> {
    // Readable by this user only, by tempfile's contract.
    let scratch = tempfile::tempdir().context("making a directory for the key")?;
    let key = scratch.path().join("key.pem");
    let pem = scratch.path().join("certificate.pem");
    let mut openssl = Command::new(tools::OPENSSL);
    openssl
        .args(["req", "-x509", "-newkey", "rsa:3072", "-sha256", "-nodes", "-days", "365"])
        .args(["-subj", &format!("/CN={name} test signing"), "-addext", "extendedKeyUsage=codeSigning"])
        .args(["-addext", "keyUsage=digitalSignature"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&pem);
    run_quietly(&mut openssl)?;
    if signed.exists() {
        fs::remove_file(signed)?;
    }
    let mut osslsigncode = Command::new(tools::SIGN);
    osslsigncode
        .args(["sign", "-h", "sha256", "-ph", "-n", name])
        .arg("-certs")
        .arg(&pem)
        .arg("-key")
        .arg(&key);
    run_quietly(osslsigncode.arg("-in").arg(image).arg("-out").arg(signed))?;
    let mut convert = Command::new(tools::OPENSSL);
    run_quietly(convert.args(["x509", "-outform", "DER"]).arg("-in").arg(&pem).arg("-out").arg(certificate))
}

/// Verifies that the certificate's key has signed the image as it is.
///
/// # Errors
/// It has not, or a program is missing.
pub fn verify(signed: &Path, certificate: &Path) -> Result<()> {
    let scratch = tempfile::tempdir().context("making a directory for the certificate")?;
    let pem = scratch.path().join("certificate.pem");
    let mut convert = Command::new(tools::OPENSSL);
    run_quietly(convert.args(["x509", "-inform", "DER"]).arg("-in").arg(certificate).arg("-out").arg(&pem))?;
    let mut verify = Command::new(tools::SIGN);
    run_quietly(verify.arg("verify").arg("-CAfile").arg(&pem).arg("-in").arg(signed))
}

/// Sees to it that the verification above refuses what it should: an image without a signature, one that was changed
/// after it was signed, and one that another key has signed.
///
/// # Errors
/// It does not.
pub fn check_refusals(image: &Path, signed: &Path, certificate: &Path) -> Result<()> {
    ensure!(verify(image, certificate).is_err(), "an image without a signature was verified");
    let scratch = tempfile::tempdir().context("making a directory for broken copies")?;
    let tampered = scratch.path().join("tampered.sys");
    let mut bytes = fs::read(signed).with_context(|| format!("reading {}", signed.display()))?;
    // In the middle of the image, with the sum put right: only the signature can tell.
    let place = fs::metadata(image)?.len() / 2;
    bytes[usize::try_from(place)?] ^= 1;
    pe::set_checksum(&mut bytes)?;
    fs::write(&tampered, &bytes).with_context(|| format!("writing {}", tampered.display()))?;
    ensure!(
        verify(&tampered, certificate).is_err(),
        "an image that was changed after it was signed was verified"
    );
    let (other, other_certificate) = (scratch.path().join("other.sys"), scratch.path().join("other.cer"));
    sign("other", image, &other, &other_certificate)?;
    ensure!(verify(&other, certificate).is_err(), "an image that another key has signed was verified");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pe_tests;

    #[test]
    fn only_the_image_as_it_was_signed_is_verified() {
        for program in [tools::OPENSSL, tools::SIGN] {
            if Command::new(program).arg("version").output().is_err() {
                eprintln!("not tried: {program} is missing; `cargo wdk-cross` tries it after each build");
                return;
            }
        }
        let scratch = tempfile::tempdir().unwrap();
        let [image, signed, certificate] =
            ["image.sys", "signed.sys", "cer"].map(|name| scratch.path().join(name));
        fs::write(&image, pe_tests::image()).unwrap();
        sign("test", &image, &signed, &certificate).unwrap();
        verify(&signed, &certificate).unwrap();
        check_refusals(&image, &signed, &certificate).unwrap();
        // What it would say of a signature that is none.
        assert!(check_refusals(&signed, &signed, &certificate).is_err());
    }
}
