//! Where this program waits.

use std::io;

use tokio::runtime::Builder;

/// Runs what waits, on this thread, and waits for nothing more once it is done: the system may look for half a minute for a name that nobody
/// needs any longer.
pub(crate) fn run<T>(work: impl Future<Output = T>) -> io::Result<T> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(work);
    runtime.shutdown_background();
    Ok(done)
}
