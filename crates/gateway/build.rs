//! Builds the console with Node and writes the table of its files, which `src/console.rs` embeds.
//!
//! Where the console can't be built, the crate still builds: the node then serves a page that gives the reason. Nothing
//! is written outside cargo's own folder but `console/node_modules`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

/// What the built console is made of, relative to its folder.
const SOURCES: [&str; 9] = [
    "build",
    "index.html",
    "package.json",
    "package-lock.json",
    "public",
    "src",
    "svelte.config.js",
    "tsconfig.json",
    "vite.config.ts",
];

/// The first major version of Node that the build tools run on.
const NODE_MAJOR_MIN: u32 = 20;

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    let console = variable("CARGO_MANIFEST_DIR")?.join("../../console");
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", console.join(source).display());
    }
    let out = variable("OUT_DIR")?;
    let built = out.join("console");
    let (files, missing) = match build(&console, &built) {
        Ok(()) => (rows(&built)?, String::new()),
        Err(reason) => {
            println!("cargo::warning=the console is left out of this binary: {reason}");
            (String::new(), reason)
        }
    };
    let table = format!("const FILES: &[File] = &[\n{files}];\nconst MISSING: &str = {missing:?};\n");
    fs::write(out.join("console.rs"), table)
}

fn variable(name: &str) -> io::Result<PathBuf> {
    env::var_os(name).map(PathBuf::from).ok_or_else(|| io::Error::other(format!("cargo did not set {name}")))
}

/// Runs Node's tools; the error is the reason in one line.
fn build(console: &Path, built: &Path) -> Result<(), String> {
    let version = run(Command::new("node").arg("--version"))
        .map_err(|_| format!("Node.js is not installed; install version {NODE_MAJOR_MIN} or newer and build again"))?;
    let major = version.trim().trim_start_matches('v').split('.').next().and_then(|text| text.parse::<u32>().ok());
    if major.is_none_or(|major| major < NODE_MAJOR_MIN) {
        let version = version.trim();
        return Err(format!("Node.js is {version}; install version {NODE_MAJOR_MIN} or newer and build again"));
    }
    install(console)?;
    let mut vite = Command::new("npm");
    vite.args(["run", "build"]).env("HEADWATER_CONSOLE_OUT", built).current_dir(console);
    run(&mut vite).map(|_| ())
}

/// Packages by the lock file, unless it is what they were installed by.
fn install(console: &Path) -> Result<(), String> {
    let read = |path: &Path| fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()));
    let wanted = read(&console.join("package-lock.json"))?;
    let installed = console.join("node_modules/.installed-by");
    if read(&installed).is_ok_and(|lock| lock == wanted) {
        return Ok(());
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(console);
    run(&mut npm)?;
    fs::write(&installed, wanted).map_err(|error| format!("{}: {error}", installed.display()))
}

/// What a command printed, or, in one line, how it failed.
fn run(command: &mut Command) -> Result<String, String> {
    let shown = format!("{command:?}");
    let output = command.output().map_err(|error| format!("{shown}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
    Err(format!("{shown}: {}: {}", output.status, said.chars().take(600).collect::<String>()))
}

/// The manifest that `console/build/pack.ts` leaves, as Rust; it is in the order of paths.
fn rows(built: &Path) -> io::Result<String> {
    let mut rows = String::new();
    for line in fs::read_to_string(built.join("manifest.txt"))?.lines() {
        let [path, media_type, hash] = line.split('\t').collect::<Vec<_>>()[..] else {
            return Err(io::Error::other(format!("manifest.txt of the console has the line '{line}'")));
        };
        let gzip = built.join(format!("{path}.gz"));
        let path = format!("/{path}");
        let tag = format!("W/\"{hash}\"");
        let row = writeln!(
            rows,
            "    File {{ path: {path:?}, media_type: {media_type:?}, tag: {tag:?}, gzip: include_bytes!({:?}) }},",
            gzip.display().to_string()
        );
        row.map_err(io::Error::other)?;
    }
    Ok(rows)
}
