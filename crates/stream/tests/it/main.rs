//! The engine from outside: what it keeps equals what the batch engine gives, whatever the workers, the batches, the
//! order of rows and the crashes.

mod archiver;
mod equals_batch;
mod random_queries;
mod simulated;
mod tables;
mod world;
