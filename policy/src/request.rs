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
    /// The moment of asking.
    pub at: Timestamp,
}

/// The kind of home computer a session comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Device {
    /// Shows a certificate that the office issued.
    Managed,
    /// Anything else.
    Personal,
}
