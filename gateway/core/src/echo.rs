//! Pings: what asks whether a computer is there, and its answer (RFC 792 types 8 and 0; RFC 4443 types 128 and 129).
//!
//! They pass where the grant has `echo`, from home to its workstation, and back as often as home has asked. An identifier
//! names who asks, as a port does; the system draws one for each program that pings. Where the office sees the gateway's
//! address, the system's own masquerading keeps two workers' equal identifiers apart, and gives each its own back.

use std::net::IpAddr;

use crate::{Family, icmp::Frame};

/// A question or an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Echo<'a> {
    bytes: &'a [u8],
    /// Who says it.
    pub source: IpAddr,
    /// Who is asked, or had asked; of the same family.
    pub destination: IpAddr,
    /// Which of the two it is.
    pub kind: EchoKind,
    /// Whose question it is, or answers.
    pub identifier: u16,
}

/// What a ping is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EchoKind {
    /// Are you there?
    Request,
    /// Yes.
    Reply,
}

impl<'a> Echo<'a> {
    /// Reads a packet that may be followed by padding; none if it is anything else, or does not hold.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        Self::read(&Frame::parse(bytes)?)
    }

    pub(crate) fn read(frame: &Frame<'a>) -> Option<Self> {
        let kind = match (frame.family, frame.kind) {
            (Family::V4, [8, 0]) | (Family::V6, [128, 0]) => EchoKind::Request,
            (Family::V4, [0, 0]) | (Family::V6, [129, 0]) => EchoKind::Reply,
            _ => return None,
        };
        let [i0, i1, ..] = frame.rest;
        let identifier = u16::from_be_bytes([i0, i1]);
        Some(Self { bytes: frame.bytes, source: frame.source, destination: frame.destination, kind, identifier })
    }

    /// The whole packet, without padding.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }
}
