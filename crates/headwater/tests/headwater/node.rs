//! A project in a folder of its own, and the binary over it: run to its end, served, or asked.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// The files that tests read: `tests/slt/data` in the workspace.
pub fn data() -> PathBuf {
    root().join("tests/slt/data")
}

pub fn root() -> PathBuf {
    // As cargo says now: what was built in may be another checkout's, with which a target folder is shared.
    let here = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    here.join("../..").canonicalize().unwrap()
}

/// A project whose files may use `${data}`, with its data folder inside.
pub struct Project {
    folder: TempDir,
}

impl Project {
    pub fn new() -> Project {
        let project = Project { folder: tempfile::tempdir().unwrap() };
        project.write("headwater.toml", &format!("[settings]\ndata = '{}'\n", data().display()));
        project
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn data_folder(&self) -> PathBuf {
        self.path().join(".headwater")
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }

    /// Makes sure that the project has no such file.
    pub fn remove(&self, name: &str) {
        std::fs::remove_file(self.path().join(name)).unwrap();
    }

    /// The binary inside of the project's folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_headwater"));
        command.args(arguments).current_dir(self.path()).stdin(Stdio::null());
        command
    }

    /// What a command prints, whether it succeeds or not.
    pub fn ends(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What a command says to standard error when it fails, as it must.
    pub fn fails(&self, arguments: &[&str]) -> String {
        let done = self.ends(arguments);
        let said = String::from_utf8(done.stderr).unwrap();
        assert!(!done.status.success(), "{arguments:?} succeeded:\n{said}");
        said
    }

    /// Runs the project until it is idle, which must succeed.
    pub fn run(&self) {
        let done = self.ends(&["run", "--http", "off", "--postgres", "off", "--until-idle"]);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    /// The rows of a query over the data folder, without a node, as CSV lines without the header.
    pub fn sql(&self, query: &str) -> Vec<String> {
        let done = self.ends(&["sql", "--format", "csv", query]);
        assert!(done.status.success(), "{query}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().lines().skip(1).map(str::to_owned).collect()
    }

    /// Starts a node that serves HTTP, and waits until it does.
    pub fn serve(&self) -> Node {
        self.serve_with(&[])
    }

    pub fn serve_with(&self, arguments: &[&str]) -> Node {
        let mut command = self.command(&["run", "--http", "127.0.0.1:0", "--postgres", "127.0.0.1:0"]);
        let process = command.args(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut node = Node { process, address: String::new() };
        for _ in 0..3000 {
            if let Some(address) = self.announced(node.process.id()) {
                node.address = address;
                return node;
            }
            if node.process.try_wait().unwrap().is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the node never announced itself: {}", node.stop());
    }

    fn announced(&self, process: u32) -> Option<String> {
        let text = std::fs::read(self.data_folder().join("node.json")).ok()?;
        let node: serde_json::Value = serde_json::from_slice(&text).ok()?;
        let is_it = node["pid"].as_u64() == Some(process.into());
        is_it.then(|| node["http"].as_str().map(str::to_owned))?
    }
}

/// A node that serves; it dies with this handle.
pub struct Node {
    process: Child,
    pub address: String,
}

impl Node {
    /// Kills the process and returns what it wrote to standard error.
    pub fn stop(&mut self) -> String {
        use std::io::Read;
        // It may have ended by itself.
        let _ = self.process.kill();
        self.process.wait().unwrap();
        let mut said = String::new();
        self.process.stderr.take().map(|mut pipe| pipe.read_to_string(&mut said));
        said
    }
}

impl Node {
    /// Asks the process to end, and says whether it did within a time.
    pub fn end(&mut self, limit: Duration) -> bool {
        let asked = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().unwrap();
        assert!(asked.success());
        let steps = limit.as_millis() / 10;
        for _ in 0..steps {
            if self.process.try_wait().unwrap().is_some() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        false
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop();
    }
}
