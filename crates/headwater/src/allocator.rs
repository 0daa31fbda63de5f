//! The memory allocator, and how it is set: a node is a good neighbour on a laptop, so what it frees goes back.
//!
//! Measured over 10 million sales (`cargo xtask bench retail`): with transparent huge pages and mimalloc's own delay of a
//! second before freed memory is returned, the node peaked at 430 MB; without huge pages (a feature of the build) at
//! 417 MB and with half the time in the kernel; with a delay of 10 ms too at 230 MB, at the same speed.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay` of mimalloc.h, which the bindings leave out; the same in versions 2 and 3.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
const PURGE_DELAY_MS: std::ffi::c_long = 10;

/// Sets the allocator's options, before threads are started.
#[expect(unsafe_code, reason = "the allocator's options are set through its C interface")]
pub fn set() {
    // SAFETY: it stores a number, and the option exists in the version that is linked.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, PURGE_DELAY_MS) }
}
