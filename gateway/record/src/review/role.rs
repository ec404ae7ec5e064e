//! Roles and acts: one table, and nothing else gives a right.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Refusal, Subject, Tag};

/// What somebody does besides working, as the policy's `[roles]` says it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Runs the gateway.
    Administrator,
    /// Assists workers who consent.
    Technician,
    /// The same, of another firm.
    ExternalTechnician,
    /// Of all structures.
    DirectorGeneral,
    /// Of this structure.
    HeadOfStructure(String),
    /// Of the workers of this structure.
    ServiceHead(String),
    /// The office that executes reviews.
    ReviewerOffice,
}

/// What a review is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    /// Ask for the records of a person.
    Request,
    /// Approve such a request of somebody else, or refuse it.
    Approve,
    /// Open what was approved.
    Open,
    /// Put the message to the worker off, with a reason.
    Postpone,
    /// Give a structure a general notice.
    Notice,
    /// Publish a structure's figures.
    Figures,
    /// Read requests, their steps and their minutes.
    Read,
    /// See live sessions and close them, and see how the policy stands: no part of a review.
    Run,
    /// See whether the record is as it was written.
    Verify,
}

impl Act {
    /// All of them, in the order of a review, and what is beside it.
    pub const ALL: [Self; 9] = [
        Self::Request,
        Self::Approve,
        Self::Open,
        Self::Postpone,
        Self::Notice,
        Self::Figures,
        Self::Read,
        Self::Run,
        Self::Verify,
    ];

    /// The word in records and manual.
    pub fn word(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Approve => "approve",
            Self::Open => "open",
            Self::Postpone => "postpone",
            Self::Notice => "notice",
            Self::Figures => "figures",
            Self::Read => "read",
            Self::Run => "run",
            Self::Verify => "verify",
        }
    }
}

impl Role {
    /// The word in the policy, records and manual.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Administrator => "administrators",
            Self::Technician => "technicians",
            Self::ExternalTechnician => "external_technicians",
            Self::DirectorGeneral => "director_general",
            Self::HeadOfStructure(_) => "head_of_structure",
            Self::ServiceHead(_) => "service_head",
            Self::ReviewerOffice => "reviewer_office",
        }
    }

    /// The structure that it is for; None: all of them.
    pub fn structure(&self) -> Option<&str> {
        match self {
            Self::HeadOfStructure(structure) | Self::ServiceHead(structure) => Some(structure),
            Self::Administrator
            | Self::Technician
            | Self::ExternalTechnician
            | Self::DirectorGeneral
            | Self::ReviewerOffice => None,
        }
    }

    /// Whether it gives the right to an act that concerns a structure.
    pub fn may(&self, act: Act, structure: &str) -> bool {
        self.structure().is_none_or(|own| own == structure) && self.acts().contains(&act)
    }

    /// The table.
    fn acts(&self) -> &'static [Act] {
        use Act::{Approve, Figures, Notice, Open, Postpone, Read, Request, Run, Verify};
        match self {
            // Who runs the gateway or assists has no part in a review.
            Self::Administrator => &[Run, Verify],
            Self::Technician | Self::ExternalTechnician => &[],
            Self::DirectorGeneral => &[Request, Approve, Postpone, Notice, Figures, Read, Verify],
            Self::HeadOfStructure(_) => &[Request, Approve, Postpone, Notice, Figures, Read],
            Self::ServiceHead(_) => &[Request, Approve, Read],
            // Who opens neither asks nor approves.
            Self::ReviewerOffice => &[Open, Notice, Figures, Read, Verify],
        }
    }
}

/// A role, and since when somebody is known to have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Which.
    pub role: Role,
    /// Since when.
    pub since: Timestamp,
}

/// Somebody who has just shown all factors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The directory's identity: the same after a change of name, and never another's.
    pub id: String,
    /// The name in the directory.
    pub name: String,
    /// What they do besides working.
    pub roles: Vec<Held>,
    /// The tags that their own records carry.
    pub tags: Vec<Tag>,
}

impl Signed {
    /// The roles that give them the right to an act.
    pub(super) fn entitled<'a>(&'a self, act: Act, structure: &'a str) -> impl Iterator<Item = &'a Held> {
        self.roles.iter().filter(move |held| held.role.may(act, structure))
    }

    /// Whether any role gives them the right to an act, for some structure at least.
    ///
    /// # Errors
    /// [`Refusal::NoRight`] if none does.
    pub fn acts_somewhere(&self, act: Act) -> Result<(), Refusal> {
        let may = self.roles.iter().any(|held| held.role.acts().contains(&act));
        if may { Ok(()) } else { Err(Refusal::NoRight(act)) }
    }

    /// Whether a request is about them: by the directory's identity where that is known, for tags follow names too.
    pub fn is_told(&self, subject: &Subject) -> bool {
        match &subject.id {
            Some(id) => *id == self.id,
            None => self.own(subject).next().is_some(),
        }
    }

    /// Those of the tags of sessions that a request names which are theirs.
    pub(super) fn own<'a>(&'a self, subject: &'a Subject) -> impl Iterator<Item = &'a Tag> {
        subject.tags.iter().filter(|tag| self.tags.contains(tag) || subject.is_known(tag, &self.id))
    }

    /// Whether they run the gateway, whatever else they do.
    pub(super) fn is_administrator(&self) -> bool {
        self.roles.iter().any(|held| held.role == Role::Administrator)
    }

    /// Whether records of theirs may be what a request is about, also by a name that somebody else had before.
    pub fn is(&self, subject: &Subject) -> bool {
        subject.id.as_ref() == Some(&self.id) || self.own(subject).next().is_some()
    }
}
