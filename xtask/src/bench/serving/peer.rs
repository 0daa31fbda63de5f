//! What people would serve with instead, each in an environment of its own.

use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Result, bail};

use crate::shell;

const READY: Duration = Duration::from_secs(300);

pub struct Peer {
    name: &'static str,
    packages: &'static [&'static str],
    script: &'static str,
}

/// Runs until it is dropped, with all processes that it started: a group of their own.
pub struct Server {
    pub address: String,
    process: Child,
}

impl Peer {
    pub const FEAST: Peer = Peer { name: "feast", packages: &["feast==0.67.0"], script: "feast_server.py" };
    pub const MLFLOW: Peer =
        Peer { name: "mlflow", packages: &["mlflow==3.17.2", "scikit-learn", "pandas"], script: "mlflow_server.py" };

    pub fn serve(&self, peers: &Path, scripts: &Path, folder: &Path) -> Result<Server> {
        let python = peers.join(format!("venv-{}/bin/python", self.name));
        if !python.exists() {
            let mut install = Command::new("bash");
            install.arg(scripts.join("install.sh")).arg(self.name).args(self.packages);
            shell::run(install.env("PEERS", peers))?;
        }
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let log = std::fs::File::create(folder.join(format!("{}.log", self.name)))?;
        let mut command = Command::new(python);
        command.arg(shell::root().join("bench/serving").join(self.script)).arg(folder).arg(port.to_string());
        let process = command.stdout(log.try_clone()?).stderr(log).stdin(Stdio::null()).process_group(0).spawn()?;
        let mut server = Server { address: format!("127.0.0.1:{port}"), process };
        let began = shell::now();
        while TcpStream::connect(&server.address).is_err() {
            if server.process.try_wait()?.is_some() || began.elapsed() > READY {
                bail!("{} does not serve: see {}", self.name, folder.join(format!("{}.log", self.name)).display());
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        // It listens before it answers.
        std::thread::sleep(Duration::from_secs(3));
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Workers outlive a server that is killed alone. It may have ended by itself.
        let _ = Command::new("kill").args(["-KILL", "--", &format!("-{}", self.process.id())]).status();
        let _ = self.process.wait();
    }
}
