//! Models that scikit-learn trained and exported, imported from ONNX, asked as clients of MLflow and SageMaker ask.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::node::{Binary, Start};
use crate::shell;

const READY: Duration = Duration::from_secs(60);

const PROJECT: &str = "
CREATE MODEL gone FROM ONNX (PATH 'gone.onnx', COLUMNS 'age, visits, spent', TASK 'classification');
CREATE MODEL tier FROM ONNX (PATH 'tier.onnx', COLUMNS 'age, visits, spent', TASK 'classification');
CREATE MODEL value FROM ONNX (PATH 'value.onnx', COLUMNS 'age, visits, spent', TASK 'regression');
";

/// Returns the number of checks that passed.
pub fn check(binary: &Binary) -> Result<usize> {
    let python = super::python()?;
    let folder = shell::target_dir().join("clients-models");
    shell::fresh_dir(&folder)?;
    let project = folder.join("project");
    std::fs::create_dir_all(&project)?;
    let script = || {
        let mut command = Command::new(&python);
        command.arg(shell::root().join("tests/clients/models.py"));
        command
    };
    shell::run(script().arg("make").arg(&project))?;
    std::fs::write(project.join("main.sql"), PROJECT)?;
    let data = folder.join("data");
    let mut node = Start::new(&project, &data).spawn(binary)?;
    let checked = (|| {
        node.wait_ready(READY)?;
        let address = node.http().context("the node has announced no address for HTTP")?;
        wait_until_they_serve(binary, &data)?;
        let mut passed = 0;
        let mut ask = script();
        shell::run_watched(ask.arg("ask").arg(&project).arg(&address), |line| {
            passed += usize::from(line.starts_with("ok "));
        })?;
        if passed == 0 {
            bail!("models.py checked nothing");
        }
        Ok(passed)
    })();
    node.kill()?;
    checked
}

/// A file is read by the first run of a model.
fn wait_until_they_serve(binary: &Binary, data: &std::path::Path) -> Result<()> {
    let begin = shell::now();
    while begin.elapsed() < READY {
        let states = binary.sql(data, "SELECT count(*) FROM system.models WHERE state = 'serving'")?;
        if states.first().and_then(|row| row.first()).is_some_and(|count| count == "3") {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    bail!("the models never served")
}
