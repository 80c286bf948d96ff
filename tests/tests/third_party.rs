//! Other people's COSE libraries verify our objects: pycose (PyPI) and @auth0/cose (npm), where they are installed.
//!
//! `.ci/run` puts them into target/third-party; whoever has them elsewhere names the directory in
//! `ANTIBRUSH_THIRD_PARTY` (with `python/` and `npm/` in it). A library that is missing is skipped, aloud.

use std::{
    env,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output},
};

fn installed() -> PathBuf {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/third-party");
    env::var_os("ANTIBRUSH_THIRD_PARTY").map_or_else(beside, PathBuf::from)
}

fn program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors").join(name)
}

/// Past the harness, which keeps what a passing test prints to itself.
fn skip(library: &str, why: &str) {
    let line = format!("third_party: SKIPPED {library}: {why} (.ci/run installs it)\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

/// Runs a verifier and returns the lines of what it verified.
fn lines(output: Output) -> Vec<String> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn pycose_verifies_our_signatures_and_cbor2_makes_our_bytes() {
    let python = |arguments: &[&str]| {
        Command::new("python3").env("PYTHONPATH", installed().join("python")).args(arguments).output()
    };
    let Ok(found) = python(&["-c", "import pycose.messages, cbor2, cryptography"]) else {
        return skip("pycose", "there is no python3 here");
    };
    if !found.status.success() {
        return skip("pycose", "it is not installed");
    }
    let verified = lines(python(&[program("generate_wire.py").to_str().unwrap()]).unwrap());
    assert!(verified.iter().all(|line| line.starts_with("ok ")) && verified.len() > 20, "{verified:?}");
}

#[test]
fn auth0_cose_verifies_our_signatures_and_no_forged_one() {
    let output = Command::new("node").arg(program("verify_cose.mjs")).arg(installed().join("npm")).output();
    let Ok(output) = output else { return skip("@auth0/cose", "there is no node here") };
    if output.status.code() == Some(77) {
        return skip("@auth0/cose", "it is not installed");
    }
    let verified = lines(output);
    assert!(verified.last().is_some_and(|line| line.ends_with(" signatures verified")), "{verified:?}");
    for object in [
        "batch_header_signed",
        "charter_third_signed",
        "ceremony_call",
        "join_request_signed",
        "post_usage",
        "post_purge",
    ] {
        assert!(verified.contains(&format!("{object}.txt: verified")), "{object}: {verified:?}");
    }
}
