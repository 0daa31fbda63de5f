//! One thread a worker. Between two stages each thread sends every other one exactly one parcel through a channel of
//! its own, so the channels stay as short as a tick and nobody waits for room.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{self, JoinHandle};

use arrow::array::RecordBatch;

use super::Executor;
use crate::operator::Save;
use crate::worker::{Done, NodeState, NodeStatus, Parcel, Tick, Worker};
use crate::{Error, Result};

enum Command {
    Tick(Tick),
    Save(Arc<[Save]>),
    Load(usize, RecordBatch),
    Stop(String, String),
    Status,
}

enum Answer {
    Done(Box<Result<Done>>),
    Saved(Result<Vec<NodeState>>),
    Loaded(Result<()>),
    Stopped,
    Status(Vec<NodeStatus>),
}

/// What one worker sends another between stages; nothing when the sender's tick failed.
type Mail = Option<Parcel>;

/// Workers on threads of their own. Dropping it ends them.
pub struct Threads {
    lines: Vec<Line>,
}

struct Line {
    commands: Option<Sender<Command>>,
    answers: Receiver<Answer>,
    thread: Option<JoinHandle<()>>,
}

impl Threads {
    pub fn new(workers: Vec<Worker>, stages: usize) -> Result<Threads> {
        let count = workers.len();
        let mut senders: Vec<Vec<SyncSender<Mail>>> = (0..count).map(|_| Vec::new()).collect();
        let mut receivers: Vec<Vec<Receiver<Mail>>> = (0..count).map(|_| Vec::new()).collect();
        for from in &mut senders {
            for to in &mut receivers {
                let (sender, receiver) = sync_channel(stages.max(1));
                from.push(sender);
                to.push(receiver);
            }
        }
        let mut lines = Vec::with_capacity(count);
        for (index, (worker, mail)) in workers.into_iter().zip(senders.into_iter().zip(receivers)).enumerate() {
            let (commands, inbox) = channel();
            let (outbox, answers) = channel();
            let body = move || serve(worker, stages, &mail.0, &mail.1, &inbox, &outbox);
            let thread = thread::Builder::new()
                .name(format!("worker-{index}"))
                .spawn(body)
                .map_err(|error| Error::internal(format!("cannot start a worker thread: {error}")))?;
            lines.push(Line { commands: Some(commands), answers, thread: Some(thread) });
        }
        Ok(Threads { lines })
    }

    fn ask(&mut self, command: impl Fn() -> Command) -> Result<Vec<Answer>> {
        for line in &self.lines {
            line.send(command())?;
        }
        self.lines.iter().map(Line::receive).collect()
    }
}

impl Line {
    fn send(&self, command: Command) -> Result<()> {
        let sent = self.commands.as_ref().map(|commands| commands.send(command));
        if matches!(sent, Some(Ok(()))) { Ok(()) } else { Err(gone()) }
    }

    fn receive(&self) -> Result<Answer> {
        self.answers.recv().map_err(|_| gone())
    }
}

fn gone() -> Error {
    Error::internal("a worker thread ended; its panic is in the node's output")
}

fn unexpected<T>() -> Result<T> {
    Err(Error::internal("a worker answered another question"))
}

fn serve(
    mut worker: Worker,
    stages: usize,
    senders: &[SyncSender<Mail>],
    receivers: &[Receiver<Mail>],
    inbox: &Receiver<Command>,
    outbox: &Sender<Answer>,
) {
    while let Ok(command) = inbox.recv() {
        let answer = match command {
            Command::Tick(tick) => Answer::Done(Box::new(run(&mut worker, stages, &tick, senders, receivers))),
            Command::Save(which) => Answer::Saved(worker.save(&which)),
            Command::Load(node, rows) => Answer::Loaded(worker.load(node, &rows)),
            Command::Stop(relation, reason) => {
                worker.stop(&relation, &reason);
                Answer::Stopped
            }
            Command::Status => Answer::Status(worker.status()),
        };
        if outbox.send(answer).is_err() {
            return;
        }
    }
}

/// One tick of one worker. A worker whose tick fails still sends its mail, so that the others do not wait for ever.
fn run(
    worker: &mut Worker,
    stages: usize,
    tick: &Tick,
    senders: &[SyncSender<Mail>],
    receivers: &[Receiver<Mail>],
) -> Result<Done> {
    let mut parcels = worker.start(tick);
    for stage in 1..stages {
        let sent: Vec<Mail> = match &mut parcels {
            Ok(parcels) => parcels.drain(..).map(Some).collect(),
            Err(_) => senders.iter().map(|_| None).collect(),
        };
        for (sender, mail) in senders.iter().zip(sent) {
            sender.send(mail).map_err(|_| gone())?;
        }
        let received: Vec<Mail> =
            receivers.iter().map(|receiver| receiver.recv().map_err(|_| gone())).collect::<Result<_>>()?;
        if parcels.is_ok() {
            parcels = match received.into_iter().collect::<Option<Vec<Parcel>>>() {
                Some(parcels) => worker.resume(stage, parcels, tick),
                None => Err(Error::internal("the tick failed at another worker")),
            };
        }
    }
    parcels.map(|_| worker.finish())
}

impl Executor for Threads {
    fn workers(&self) -> usize {
        self.lines.len()
    }

    fn start(&mut self, ticks: Vec<Tick>) -> Result<()> {
        self.lines.iter().zip(ticks).try_for_each(|(line, tick)| line.send(Command::Tick(tick)))
    }

    fn wait(&mut self) -> Result<Vec<Done>> {
        // All answers are taken before any error is returned, so that none is left for the next question.
        let answers: Vec<Answer> = self.lines.iter().map(Line::receive).collect::<Result<_>>()?;
        let results = answers.into_iter().map(|answer| match answer {
            Answer::Done(done) => *done,
            _ => unexpected(),
        });
        results.collect()
    }

    fn save(&mut self, which: Arc<[Save]>) -> Result<Vec<Vec<NodeState>>> {
        let answers = self.ask(|| Command::Save(Arc::clone(&which)))?.into_iter();
        answers
            .map(|answer| match answer {
                Answer::Saved(saved) => saved,
                _ => unexpected(),
            })
            .collect()
    }

    fn load(&mut self, node: usize, rows: &RecordBatch) -> Result<()> {
        let mut answers = self.ask(|| Command::Load(node, rows.clone()))?.into_iter();
        answers.try_for_each(|answer| match answer {
            Answer::Loaded(loaded) => loaded,
            _ => unexpected(),
        })
    }

    fn stop(&mut self, relation: &str, reason: &str) -> Result<()> {
        self.ask(|| Command::Stop(relation.to_owned(), reason.to_owned())).map(drop)
    }

    fn status(&mut self) -> Result<Vec<Vec<NodeStatus>>> {
        let answers = self.ask(|| Command::Status)?.into_iter();
        answers
            .map(|answer| match answer {
                Answer::Status(status) => Ok(status),
                _ => unexpected(),
            })
            .collect()
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        for line in &mut self.lines {
            line.commands = None;
        }
        for line in &mut self.lines {
            if let Some(thread) = line.thread.take() {
                // A panic of the worker was printed when it happened.
                let _ = thread.join();
            }
        }
    }
}
