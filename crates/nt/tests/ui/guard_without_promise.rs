//! The lock without a closure is for those who promise not to wait.
use nt::SpinLock;

fn held(lock: &SpinLock<u32>) -> u32 {
    *lock.lock()
}

fn sent<T: Send>(_: T) {}

fn given_to_another_thread(lock: &SpinLock<u32>) {
    // SAFETY: a test of the compiler.
    sent(unsafe { lock.lock() });
}

fn main() {}
