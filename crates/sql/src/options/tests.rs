//! Typed getters, hints and durations.
