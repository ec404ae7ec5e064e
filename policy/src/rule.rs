//! Rules as meant: whom each names, when it holds, what it opens.
//!
//! Everything here is checked; names have become numbers of the lists in [`Policy`](crate::Policy).

use std::{net::IpAddr, sync::Arc, time::Duration};

use crate::{
    Address, Device, IdleRule, Notice, Redirection, SecondFactor, SecondLogin, Service, Wake,
    day::{Day, Weekdays, Window},
    source::Span,
};

/// How long workers' session records are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Retention {
    /// So many days; at most 89, the shortest three calendar months.
    Days(u16),
    /// So many calendar months; at most 3.
    Months(u16),
}

impl Default for Retention {
    fn default() -> Self {
        Self::Days(30)
    }
}

/// How many days with a session an agreement allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quota {
    /// 1 to 7 a week, 1 to 31 a month.
    pub days: u8,
    /// In which period.
    pub per: Per,
}

/// The period of a quota: calendar weeks from Monday, calendar months.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Per {
    /// Monday to Sunday.
    Week,
    /// A calendar month.
    Month,
}

/// A network that workstations may lie in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network {
    /// Its first address.
    pub address: IpAddr,
    /// How many bits are the network's: 0 to 32, or 0 to 128.
    pub length: u8,
}

impl Network {
    /// The network of `length` bits around `address`; nothing if there is no such length.
    pub(crate) fn new(address: IpAddr, length: u8) -> Option<Self> {
        let address = match address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32_u32.checked_sub(length.into())?).unwrap_or(0);
                IpAddr::V4((u32::from(address) & mask).into())
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128_u32.checked_sub(length.into())?).unwrap_or(0);
                IpAddr::V6((u128::from(address) & mask).into())
            }
        };
        Some(Self { address, length })
    }

    /// Whether `address` lies in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        Self::new(address, self.length).as_ref() == Some(self)
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

/// One office computer.
#[derive(Debug, Clone)]
pub(crate) struct Workstation {
    pub(crate) name: Arc<str>,
    pub(crate) address: Address,
    pub(crate) services: Arc<[Service]>,
    pub(crate) wake: Option<Wake>,
    /// When its own task switches it off, in minutes since midnight, 0 to 1439.
    pub(crate) power_off_after: Option<u16>,
    pub(crate) certificate: Option<[u8; 32]>,
    pub(crate) shared: bool,
    pub(crate) span: Span,
}

/// What differs between the kinds of home computer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) idle: Duration,
    pub(crate) longest: Duration,
    pub(crate) grace: Duration,
    pub(crate) unused: Duration,
    pub(crate) unanswered: Duration,
    pub(crate) second_factor: SecondFactor,
    pub(crate) redirect: Vec<Redirection>,
    pub(crate) single_sign_on: bool,
    /// Ordered, longest first.
    pub(crate) warnings: Vec<Duration>,
    pub(crate) wireguard_config: bool,
}

/// A named set of limits.
#[derive(Debug, Clone)]
pub(crate) struct Profile {
    pub(crate) name: Arc<str>,
    /// As written, and folded for comparison.
    pub(crate) groups: Vec<(Arc<str>, Box<str>)>,
    pub(crate) managed: Option<Limits>,
    pub(crate) personal: Option<Limits>,
    pub(crate) second_login: SecondLogin,
    pub(crate) idle_rule: IdleRule,
    pub(crate) require_post_quantum: bool,
    pub(crate) notices: Vec<Arc<Notice>>,
    pub(crate) span: Span,
    /// Where the tighter limits of personal devices stand.
    pub(crate) personal_span: Option<Span>,
}

impl Profile {
    /// The limits on that kind of device, if it is admitted.
    pub(crate) fn limits(&self, device: Device) -> Option<&Limits> {
        match device {
            Device::Managed => self.managed.as_ref(),
            Device::Personal => self.personal.as_ref(),
        }
    }
}

/// Who works from home, where, when. Small: there may be a hundred thousand.
#[derive(Debug, Clone)]
pub(crate) struct Agreement {
    pub(crate) worker: u32,
    pub(crate) structure: u32,
    pub(crate) workstation: u32,
    pub(crate) profile: u32,
    /// The set of windows.
    pub(crate) hours: u32,
    /// The one managed device, by its number among the names.
    pub(crate) device: Option<u32>,
    pub(crate) from: Day,
    /// Included.
    pub(crate) until: Day,
    pub(crate) days: Weekdays,
    pub(crate) phone_app: bool,
    pub(crate) quota: Option<Quota>,
    pub(crate) span: Span,
}

/// What a day is made by an exception.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// No session from midnight to midnight, and no window begins.
    Closed,
    /// The same, for one worker's agreements.
    Suspended,
    /// The weekday's hours hold whatever the day is.
    Open,
    /// These windows too.
    Hours(Box<[Window]>),
    /// The day's last window ends at this minute instead, if that is later.
    Extend(u16),
}

/// A change and the days on which it holds.
#[derive(Debug, Clone)]
pub(crate) struct Exception {
    pub(crate) from: Day,
    pub(crate) until: Day,
    pub(crate) change: Change,
    pub(crate) authorised_by: Option<Arc<str>>,
    pub(crate) reason: Option<Arc<str>>,
    pub(crate) span: Span,
}

impl Exception {
    pub(crate) fn holds_on(&self, day: Day) -> bool {
        self.from <= day && day <= self.until
    }
}

/// The acts that the rules rest on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lawful {
    /// The act by which the office adopted its rules on working from home.
    pub act: Arc<str>,
    /// The day from which they are in force.
    pub from: jiff::civil::Date,
    /// The act by which it adopted its rules on session records.
    pub log_norms: Arc<str>,
}

/// What somebody does besides working.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Runs the gateway.
    Administrator,
    /// Assists workers who consent.
    Technician,
    /// The same, of another firm.
    ExternalTechnician,
    /// Requests and approves reviews of any structure.
    DirectorGeneral,
    /// Requests and approves reviews of this structure.
    HeadOfStructure(Arc<str>),
    /// Requests and approves reviews of workers of this structure.
    ServiceHead(Arc<str>),
    /// Executes approved reviews.
    ReviewerOffice,
}

/// Who holds a role.
#[derive(Debug, Clone)]
pub(crate) struct RoleRule {
    pub(crate) role: Role,
    pub(crate) group: Arc<str>,
    pub(crate) folded: Box<str>,
    /// The last day, where there is one.
    pub(crate) until: Option<Day>,
    pub(crate) span: Span,
}
