//! Open files and held locks of a simulated machine; both die with the life they were made in.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::content::{index, torn_length};
use super::machine::{Fate, Shared, State, off};
use crate::files::{Error, File, Lock, Result};

#[derive(Debug)]
pub(super) struct Held {
    pub shared: Arc<Shared>,
    pub path: PathBuf,
    pub life: u64,
}

impl Lock for Held {}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        if state.life == self.life {
            state.locked.remove(&self.path);
        }
    }
}

/// An open file of one life of the machine.
#[derive(Debug)]
pub(super) struct Handle {
    pub shared: Arc<Shared>,
    pub path: PathBuf,
    pub file: usize,
    pub life: u64,
}

impl Handle {
    fn run<T>(&self, operation: &'static str, act: impl FnOnce(&mut State) -> io::Result<T>) -> Result<T> {
        let mut state = self.shared.state();
        let alive = if state.life == self.life {
            state.on()
        } else {
            Err(io::Error::other("stale handle: the simulated machine has crashed since it was opened"))
        };
        alive.and_then(|()| act(&mut state)).map_err(|source| Error::new(operation, &self.path, source))
    }
}

impl File for Handle {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        self.run("read", |state| {
            if state.fails_to_read() {
                return Err(io::Error::other("simulated I/O error"));
            }
            let bytes = &state.files[self.file].current;
            let from = index(offset).min(bytes.len());
            let count = buffer.len().min(bytes.len() - from);
            buffer[..count].copy_from_slice(&bytes[from..from + count]);
            Ok(count)
        })
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        self.run("write", |state| {
            let fate = state.begin()?;
            let (fits, outcome) = match fate {
                Fate::Dies => (torn_length(bytes.len(), offset, &mut state.random), Err(off())),
                Fate::Goes if state.fails() => {
                    let kept = torn_length(bytes.len(), offset, &mut state.random);
                    (kept, Err(io::Error::other("simulated I/O error")))
                }
                Fate::Goes => match state.room(self.file, bytes.len(), offset) {
                    fits if fits < bytes.len() => (fits, Err(io::ErrorKind::StorageFull.into())),
                    fits => (fits, Ok(())),
                },
            };
            let now_us = state.clock.now_us();
            let content = &mut state.files[self.file];
            if fits > 0 {
                content.write(&bytes[..fits], offset);
            }
            content.modified_us = now_us;
            outcome
        })
    }

    fn length(&self) -> Result<u64> {
        self.run("look at", |state| Ok(state.files[self.file].current.len() as u64))
    }

    fn set_length(&self, length: u64) -> Result<()> {
        self.run("truncate", |state| match state.begin()? {
            Fate::Dies => {
                if state.random.chance(1, 2) {
                    state.files[self.file].set_length(length);
                }
                Err(off())
            }
            Fate::Goes if state.fails() => Err(io::Error::other("simulated I/O error")),
            Fate::Goes => {
                state.files[self.file].set_length(length);
                Ok(())
            }
        })
    }

    fn sync_data(&self) -> Result<()> {
        self.run("sync", |state| match state.begin()? {
            Fate::Dies => {
                if state.random.chance(1, 2) {
                    state.files[self.file].sync();
                }
                Err(off())
            }
            Fate::Goes if state.fails() => {
                let State { files, random, .. } = state;
                files[self.file].fail_sync(random);
                Err(io::Error::other("simulated I/O error"))
            }
            Fate::Goes => {
                state.files[self.file].sync();
                Ok(())
            }
        })
    }
}
