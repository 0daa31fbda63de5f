//! Tests of what runs, over a simulated disk and on one thread.

mod replays;
mod world;
