//! A `headwater` process under test: started as a user starts it, asked over its command line,
//! killed without warning.
//!
//! Every process is a child of ours and dies with its handle.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

use crate::{csv, shell};

/// Which binary a task drives.
#[derive(Debug, Clone, clap::Args)]
pub struct Which {
    /// Tests take a dev build and measurements a release build unless told otherwise.
    #[arg(long, value_enum)]
    profile: Option<Profile>,
    /// One that is built already, instead of building it.
    #[arg(long)]
    binary: Option<PathBuf>,
}

impl Which {
    pub fn get(&self, usual: Profile) -> Result<Binary> {
        match &self.binary {
            Some(path) => Ok(Binary(path.canonicalize().with_context(|| format!("there is no {}", path.display()))?)),
            None => Binary::build(self.profile.unwrap_or(usual)),
        }
    }

    /// As a headline names it.
    pub fn named(&self, usual: Profile) -> String {
        match &self.binary {
            Some(path) => path.display().to_string(),
            None => format!("profile {:?}", self.profile.unwrap_or(usual)).to_lowercase(),
        }
    }
}

/// How a binary is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Profile {
    Dev,
    Release,
}

/// A built binary.
#[derive(Debug, Clone)]
pub struct Binary(PathBuf);

impl Binary {
    /// Builds the binary. The dev profile takes the same features and dependencies as the tests
    /// (`--workspace --bins --tests`), so that CI compiles the engine once.
    pub fn build(profile: Profile) -> Result<Binary> {
        let mut cargo = shell::cargo();
        let folder = match profile {
            Profile::Dev => {
                cargo.args(["build", "--workspace", "--bins", "--tests"]);
                "debug"
            }
            Profile::Release => {
                cargo.args(["build", "--release", "--package", "headwater"]);
                "release"
            }
        };
        shell::run(&mut cargo)?;
        let path = shell::target_dir().join(folder).join("headwater");
        if !path.exists() {
            bail!("cargo built no {}", path.display());
        }
        Ok(Binary(path))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A command of this binary with nothing of ours in its environment but what is passed on.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.0);
        command.args(arguments).current_dir(shell::root());
        command
    }

    /// Asks one query of a data folder, over its node if one runs there.
    pub fn sql(&self, data_dir: &Path, query: &str) -> Result<Vec<Vec<String>>> {
        let mut command = self.command(&["sql", query, "--format", "csv", "--data-dir"]);
        let done = command.arg(data_dir).output().with_context(|| format!("cannot start {}", self.0.display()))?;
        if !done.status.success() {
            let said = String::from_utf8_lossy(&done.stderr).trim().to_string();
            bail!("`{query}` ended with {}: {said}", done.status);
        }
        let mut rows = csv::parse(&String::from_utf8_lossy(&done.stdout));
        if rows.is_empty() {
            bail!("`{query}` printed no header");
        }
        rows.remove(0);
        Ok(rows)
    }
}

/// How to start a node.
#[derive(Debug, Clone)]
pub struct Start {
    pub project: PathBuf,
    pub data_dir: PathBuf,
    pub settings: Vec<(String, String)>,
    /// Of the environment.
    pub variables: Vec<(String, String)>,
    pub until_idle: bool,
    pub workers: Option<usize>,
}

impl Start {
    pub fn new(project: impl Into<PathBuf>, data_dir: impl Into<PathBuf>) -> Start {
        Start {
            project: project.into(),
            data_dir: data_dir.into(),
            settings: Vec::new(),
            variables: Vec::new(),
            until_idle: false,
            workers: None,
        }
    }

    pub fn set(mut self, name: &str, value: impl ToString) -> Start {
        self.settings.push((name.to_string(), value.to_string()));
        self
    }

    pub fn variable(mut self, name: &str, value: impl ToString) -> Start {
        self.variables.push((name.to_string(), value.to_string()));
        self
    }

    pub fn until_idle(mut self) -> Start {
        self.until_idle = true;
        self
    }

    pub fn workers(mut self, workers: Option<usize>) -> Start {
        self.workers = workers;
        self
    }

    /// Starts the process; what it prints is appended to `node.log` beside the data folder.
    pub fn spawn(&self, binary: &Binary) -> Result<Node> {
        let log_path = self.data_dir.with_extension("log");
        let log = OpenOptions::new().create(true).append(true).open(&log_path);
        let log = log.with_context(|| format!("cannot open {}", log_path.display()))?;
        let mut command = binary.command(&["run"]);
        command.arg(&self.project).arg("--data-dir").arg(&self.data_dir);
        command.args(["--http", "127.0.0.1:0", "--postgres", "127.0.0.1:0"]);
        command.envs(self.variables.iter().cloned());
        for (name, value) in &self.settings {
            command.arg("--set").arg(format!("{name}={value}"));
        }
        if let Some(workers) = self.workers {
            command.args(["--workers", &workers.to_string()]);
        }
        if self.until_idle {
            command.arg("--until-idle");
        }
        let child = command.stdin(Stdio::null()).stdout(clone(&log)?).stderr(log).spawn();
        let child = child.with_context(|| format!("cannot start {}", binary.0.display()))?;
        Ok(Node { child, data_dir: self.data_dir.clone(), log_path })
    }

    /// Runs a node to its end and says how long that took.
    pub fn finish(&self, binary: &Binary, limit: Duration) -> Result<Duration> {
        let started = shell::now();
        self.spawn(binary)?.wait(limit)?;
        Ok(started.elapsed())
    }
}

fn clone(file: &File) -> Result<File> {
    file.try_clone().context("cannot share the node's log file")
}

/// A running node.
#[derive(Debug)]
pub struct Node {
    child: Child,
    data_dir: PathBuf,
    log_path: PathBuf,
}

impl Node {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether the process still runs; one that ended with an error is an error.
    pub fn is_running(&mut self) -> Result<bool> {
        match self.child.try_wait()? {
            None => Ok(true),
            Some(status) if status.success() => Ok(false),
            Some(status) => Err(self.ended(status)),
        }
    }

    /// The address of the HTTP door, once this process (not an earlier one) has announced it.
    pub fn http(&self) -> Option<String> {
        self.announced("http")
    }

    /// The address for PostgreSQL clients, likewise.
    pub fn postgres(&self) -> Option<String> {
        self.announced("postgres")
    }

    fn announced(&self, door: &str) -> Option<String> {
        let text = std::fs::read_to_string(self.data_dir.join("node.json")).ok()?;
        let announced: serde_json::Value = serde_json::from_str(&text).ok()?;
        if announced.get("pid").and_then(|pid| pid.as_u64()) != Some(u64::from(self.child.id())) {
            return None;
        }
        Some(announced.get(door)?.as_str()?.to_string())
    }

    /// Waits until the node answers on its HTTP door.
    pub fn wait_ready(&mut self, limit: Duration) -> Result<Duration> {
        let started = shell::now();
        loop {
            if let Some(address) = self.http()
                && std::net::TcpStream::connect(&address).is_ok()
            {
                return Ok(started.elapsed());
            }
            if !self.is_running()? {
                bail!("the node ended before it was ready; see {}", self.log_path.display());
            }
            if started.elapsed() > limit {
                bail!("the node was not ready within {}; see {}", shell::spoken(limit), self.log_path.display());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for the process to end by itself.
    pub fn wait(&mut self, limit: Duration) -> Result<()> {
        let started = shell::now();
        while self.is_running()? {
            if started.elapsed() > limit {
                let log = self.log_path.display();
                bail!("the node did not end within {}; see {log}", shell::spoken(limit));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// SIGKILL, and wait until the process is gone.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill().context("cannot kill the node")?;
        self.child.wait().context("cannot wait for the node")?;
        Ok(())
    }

    fn ended(&self, status: ExitStatus) -> anyhow::Error {
        let log = std::fs::read_to_string(&self.log_path).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let tail = lines[lines.len().saturating_sub(15)..].join("\n  ");
        anyhow!("the node ended with {status}; its log {} ends:\n  {tail}", self.log_path.display())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // The process may have ended by itself; either way none is left behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
