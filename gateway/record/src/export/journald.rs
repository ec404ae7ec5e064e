//! The native protocol of systemd's journal (systemd.io/JOURNAL_NATIVE_PROTOCOL): a datagram of fields.
//!
//! A value without an end of line is `NAME=value`; any other has its length before it. All are written in the second way, so that none
//! can be taken for another field.

use super::Exported;

impl Exported {
    /// As a datagram.
    pub fn journald(&self) -> Vec<u8> {
        let mut datagram = Vec::new();
        let mut field = |name: &str, value: &str| {
            datagram.extend_from_slice(name.as_bytes());
            datagram.push(b'\n');
            datagram.extend_from_slice(&(value.len() as u64).to_le_bytes());
            datagram.extend_from_slice(value.as_bytes());
            datagram.push(b'\n');
        };
        field("MESSAGE", &self.json());
        field("PRIORITY", &(self.severity() as u8).to_string());
        field("SYSLOG_IDENTIFIER", "deskgate-record");
        field("DESKGATE_GATEWAY", &self.gateway);
        field("DESKGATE_JOURNAL", self.journal.word());
        field("DESKGATE_SEQUENCE", &self.sequence.to_string());
        field("DESKGATE_TIME", &self.time.to_string());
        field("DESKGATE_KIND", self.kind.word());
        self.session.iter().for_each(|session| field("DESKGATE_SESSION", &session.to_string()));
        self.structure.iter().for_each(|structure| field("DESKGATE_STRUCTURE", structure));
        datagram
    }
}
