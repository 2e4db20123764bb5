//! A pointer that may travel between threads.
#![expect(unsafe_code, reason = "says that a pointer may be sent")]

/// A raw pointer, or a value with raw pointers in it, that the framework only stores. Whoever uses it says there why
/// that is allowed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shared<T>(pub(crate) T);

// SAFETY: storing and copying a pointer touches nothing behind it; each use is an unsafe operation of its own.
unsafe impl<T> Send for Shared<T> {}
// SAFETY: storing and copying a pointer touches nothing behind it; each use is an unsafe operation of its own.
unsafe impl<T> Sync for Shared<T> {}
