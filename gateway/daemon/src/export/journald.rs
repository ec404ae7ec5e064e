//! The journal of this machine: the only file that knows where it listens.

use gateway_record::Exported;
use tokio::net::UnixDatagram;

const JOURNAL: &str = "/run/systemd/journal/socket";

/// Hands records over, a datagram each. It takes one or makes us wait.
pub(super) async fn take(records: &[Exported]) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("the system's journal does not listen on {JOURNAL}: {error}");
    let socket = UnixDatagram::unbound().map_err(failed)?;
    for record in records {
        socket.send_to(&record.journald(), JOURNAL).await.map_err(failed)?;
    }
    Ok(())
}
