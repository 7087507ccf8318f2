//! The suites of other parsers: fetched by the names of their packages, and told as JSON by their own languages.

use gateway::http1::{Limits, Request};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The requests of all suites, those that we do not read alike, too; none where the suites are not to be had.
pub(crate) fn requests() -> Vec<Vec<u8>> {
    let vectors = vectors().unwrap_or_default();
    let input = |line: &str| {
        let vector: Value = serde_json::from_str(line).expect("JSON");
        (vector["kind"] == "request").then(|| hosted(bytes(vector["input"].as_str().expect("a text"))))
    };
    vectors.lines().filter_map(input).collect()
}

/// The vectors as JSON, one a line.
pub(crate) fn vectors() -> Option<String> {
    let told = Command::new("python3").arg(folder().join("suites.py")).arg(fetched()?).output().expect("Python runs");
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    Some(String::from_utf8(told.stdout).expect("text"))
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

/// Where the suites are. Where Python and its pip are not, this says so and shows nothing.
pub(crate) fn fetched() -> Option<PathBuf> {
    static FETCHED: OnceLock<Option<PathBuf>> = OnceLock::new();
    let fetched = FETCHED.get_or_init(|| {
        let pip = Command::new("python3").args(["-m", "pip", "--version"]).output();
        if !pip.is_ok_and(|pip| pip.status.success()) {
            let told = b"the vectors of other parsers did not run: there is no Python with pip to read them\n";
            std::io::Write::write_all(&mut std::io::stderr(), told).ok()?;
            return None;
        }
        let suites = Path::new(env!("CARGO_TARGET_TMPDIR")).join("vectors");
        fetch(&folder().join("suites.txt"), &suites);
        Some(suites)
    });
    fetched.clone()
}

/// Fetches the sources of the suites that are named, unless they are there.
fn fetch(named: &Path, suites: &Path) {
    let all = std::fs::read_to_string(named).expect("the suites");
    let name =
        |line: &str| Some(line.split_once("==")?.0.to_owned() + "-" + line.split_once("==")?.1.split(' ').next()?);
    let all: Vec<PathBuf> = all.lines().filter_map(name).map(|name| suites.join(name)).collect();
    if all.iter().all(|folder| folder.is_dir()) {
        return;
    }
    let run = |program: &str, arguments: &[&str]| {
        let run = Command::new(program).args(arguments).output().expect("it runs");
        assert!(run.status.success(), "{program}: {}", String::from_utf8_lossy(&run.stderr));
    };
    let (named, into) = (named.to_str().expect("a path"), suites.to_str().expect("a path"));
    std::fs::create_dir_all(suites).expect("a folder");
    let pip = ["-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", "-r", named, "-d", into];
    run("python3", &pip);
    for folder in all {
        run("tar", &["xzf", &format!("{}.tar.gz", folder.display()), "-C", into]);
    }
}

/// Bytes that are written in hexadecimal.
pub(crate) fn bytes(hexadecimal: &str) -> Vec<u8> {
    let digits: Vec<_> = hexadecimal.bytes().collect();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("a byte");
    digits.chunks(2).map(pair).collect()
}

/// The host that a request gets which has none.
const HOST: &[u8] = b"Host: given\r\n";

/// A request without a host gets one: to refuse them all would show nothing.
pub(crate) fn hosted(mut bytes: Vec<u8>) -> Vec<u8> {
    if Request::default().read(&bytes, &Limits::default()).is_err_and(|refusal| refusal.why == "Host is missing") {
        let first = bytes.iter().position(|byte| byte.is_ascii_alphabetic()).unwrap_or(0);
        let line = bytes[first..].windows(2).position(|end| end == b"\r\n").expect("a line") + first + 2;
        bytes.splice(line..line, HOST.iter().copied());
    }
    bytes
}
