//! The question: who, in which groups, on what kind of computer, when.

use jiff::Timestamp;

/// Everything a decision rests on besides the policy itself.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The worker's directory name, as the directory spells it.
    pub worker: &'a str,
    /// The groups the directory counts the worker in, nested ones included: DNs or plain names, of those that
    /// `Policy::groups` lists.
    pub groups: &'a [String],
    /// The kind of home computer.
    pub device: Device,
    /// The name on the certificate of a managed computer; nothing for a personal one.
    pub device_name: Option<&'a str>,
    /// On how many days of the running quota period, the present day not counted, the worker already had a session;
    /// 0 where no quota is agreed. `Policy::quota` says which days to count.
    pub days_used: u32,
    /// The moment of asking.
    pub at: Timestamp,
}

impl<'a> Request<'a> {
    /// A question about a computer without a name and a worker who used no day of a quota.
    pub fn new(worker: &'a str, groups: &'a [String], device: Device, at: Timestamp) -> Self {
        Self { worker, groups, device, device_name: None, days_used: 0, at }
    }
}

/// The kind of home computer a session comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Device {
    /// Shows a certificate that the office issued.
    Managed,
    /// Anything else.
    Personal,
}
