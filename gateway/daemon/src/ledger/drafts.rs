//! What is recorded of a session's opening and its end, and of anything between.

use std::net::IpAddr;

use gateway_api::{CloseReason, SessionNumber};
use gateway_core::Traffic;
use gateway_record::{Draft, Fields, Kind, rounded};

use super::Opening;
use crate::clock;

pub(super) fn draft(kind: Kind, number: SessionNumber, structure: &str) -> Draft {
    Draft { session: Some(number), structure: Some(structure.to_owned()), ..Draft::new(kind, clock::now().wall) }
}

pub(super) fn opening_draft(number: SessionNumber, opening: &Opening, address: IpAddr) -> Draft {
    let grant = &opening.grant;
    let services: Vec<&str> = grant.services.iter().map(|service| &*service.name).collect();
    let fields = Fields::default()
        .with("profile", &*grant.profile)
        .with("device", if opening.device.is_some() { "managed" } else { "personal" })
        .with("services", services.join(" "))
        .with("key_exchange", opening.key_exchange.word())
        .with("ends_at", grant.ends_at.to_string())
        .with("policy", opening.policy.to_string());
    let fields = match &opening.assists {
        Some(assisted) => fields.with("assists", assisted.session.to_string()),
        None => fields,
    };
    let names = Fields::default()
        .with("worker", &*opening.person.name)
        .with("worker_id", &*opening.person.id)
        .with("workstation", &*grant.workstation)
        .with("workstation_address", opening.workstation.to_string())
        .with("tunnel_address", address.to_string())
        .with("from", opening.from.to_string());
    let names = match &opening.device {
        Some(device) => names.with("device", &*device.name).with("serial", &*device.serial),
        None => names,
    };
    Draft { fields, names, ..draft(Kind::SessionOpened, number, &grant.structure) }
}

pub(super) fn closing_draft(number: SessionNumber, structure: &str, reason: CloseReason, traffic: Traffic) -> Draft {
    let fields = Fields::default()
        .with("reason", reason.word())
        .with("bytes_to_office", rounded(traffic.bytes_to_office))
        .with("bytes_to_home", rounded(traffic.bytes_to_home));
    Draft { fields, ..draft(Kind::SessionClosed, number, structure) }
}
