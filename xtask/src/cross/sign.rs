//! A signature for test machines, with a key that is made for it and thrown away.
//!
//! The private key lies in a temporary directory outside the tree and is gone when the image is signed. A test machine
//! trusts the certificate, which has signed this image and can sign nothing else.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::tools::{self, run_quietly};

/// Signs `image` as `signed`, and writes the certificate.
pub(crate) fn sign(image: &Path, signed: &Path, certificate: &Path) -> Result<()> {
    // Readable by this user only, by tempfile's contract.
    let scratch = tempfile::tempdir().context("making a directory for the key")?;
    let key = scratch.path().join("key.pem");
    let pem = scratch.path().join("certificate.pem");
    let mut openssl = Command::new(tools::OPENSSL);
    openssl
        .args(["req", "-x509", "-newkey", "rsa:3072", "-sha256", "-nodes", "-days", "365"])
        .args(["-subj", "/CN=wskdrv test signing", "-addext", "extendedKeyUsage=codeSigning"])
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
        .args(["sign", "-h", "sha256", "-ph", "-n", "wskdrv"])
        .arg("-certs")
        .arg(&pem)
        .arg("-key")
        .arg(&key);
    run_quietly(osslsigncode.arg("-in").arg(image).arg("-out").arg(signed))?;
    let mut convert = Command::new(tools::OPENSSL);
    run_quietly(convert.args(["x509", "-outform", "DER"]).arg("-in").arg(&pem).arg("-out").arg(certificate))
}

/// Verifies that the certificate's key has signed the image as it is.
pub(crate) fn verify(signed: &Path, certificate: &Path) -> Result<()> {
    let scratch = tempfile::tempdir().context("making a directory for the certificate")?;
    let pem = scratch.path().join("certificate.pem");
    let mut convert = Command::new(tools::OPENSSL);
    run_quietly(convert.args(["x509", "-inform", "DER"]).arg("-in").arg(certificate).arg("-out").arg(&pem))?;
    let mut verify = Command::new(tools::SIGN);
    run_quietly(verify.arg("verify").arg("-CAfile").arg(&pem).arg("-in").arg(signed))
}
