//! One run under a limit of time, in a thread of its own, and the noticing of panics in threads of the store.

use std::{
    panic,
    sync::{
        Once,
        atomic::{AtomicUsize, Ordering},
        mpsc::{RecvTimeoutError, channel},
    },
    thread,
    time::{Duration, Instant},
};

/// No call, however the disk behaves, may take that long.
const TOO_LONG: Duration = Duration::from_secs(60);

static STORE_PANICS: AtomicUsize = AtomicUsize::new(0);

/// Runs `work`; `what` says which run failed.
pub fn bounded<T: Send + 'static>(what: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if thread::current().name().is_some_and(|name| name.starts_with("store-")) {
                STORE_PANICS.fetch_add(1, Ordering::Relaxed);
            }
            before(info);
        }));
    });
    let (done, wait) = channel();
    let runner = thread::spawn(move || _ = done.send(work()));
    let result = wait.recv_timeout(TOO_LONG);
    assert!(!matches!(result, Err(RecvTimeoutError::Timeout)), "{what}: hangs");
    let ended = runner.join();
    assert!(ended.is_ok(), "{what}: failed as told above");
    assert_eq!(STORE_PANICS.load(Ordering::Relaxed), 0, "{what}: a thread of the store panicked");
    result.unwrap()
}

/// Waits until `holds`, as long as a run may take.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + TOO_LONG / 2;
    while !holds() {
        assert!(Instant::now() < deadline, "waited {:?} until {what}", TOO_LONG / 2);
        thread::yield_now();
    }
}
