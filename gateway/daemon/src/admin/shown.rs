//! How the gateway and its sessions stand, as programs read it. Never an address of somebody's home, and no name.

use gateway_api::SessionNumber;
use gateway_core::{Phase, View, Way};
use serde_json::{Value, json};

use super::Desk;

pub(super) async fn status(desk: &Desk) -> Result<Value, String> {
    let (counters, census) = desk.ledger.counters().await.ok_or_else(|| "the gateway is stopping".to_owned())?;
    let sessions = census.peers() + census.pending;
    let drops: serde_json::Map<_, _> =
        counters.reasons().map(|(reason, count)| (reason.word().to_owned(), json!(count))).collect();
    Ok(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "started_at": desk.started_at,
        "fingerprint": desk.certificate.fingerprint().map(|fingerprint| fingerprint.to_string()).ok(),
        "sessions": sessions,
        "peers": census.peers(),
        "addresses": sessions,
        "flows": census.flows,
        "policy": desk.change.policy().standing(),
        "directory": desk.alarm.said(),
        "record": desk.checkpoints.said(),
        "export": desk.export.said(),
        "norms": desk.adopted.said(),
        "mail": desk.mailer.as_ref().map(|mailer| mailer.said()),
        "loops": desk.loops,
        "handshakes": counters.handshakes,
        "cookies": counters.cookies,
        "handed_over": counters.handed_over,
        "drops": drops,
        // Of the whole office, never of a person.
        "idle": { "would_have_ended": counters.idle.would_have_ended, "jigglers": counters.idle.jigglers },
        "unsent": counters.unsent,
    }))
}

fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Pending => "pending",
        Phase::Attached => "attached",
        Phase::Away => "away",
    }
}

pub(super) fn listed(view: &View, assists: Option<SessionNumber>) -> Value {
    json!({
        "number": view.number,
        "structure": &*view.grant.structure,
        "assists": assists,
        "phase": phase(view.phase),
        "opened_at": view.opened_at,
        "ends_at": view.grant.ends_at,
    })
}

/// Which way a session's datagrams take. Never the address: where somebody works from is nobody's business.
fn by(way: Way) -> &'static str {
    match way {
        Way::Udp(_) => "udp",
        Way::Channel(_) => "channel",
    }
}

pub(super) fn shown(view: &View, assists: Option<SessionNumber>) -> Value {
    let services: Vec<&str> = view.grant.services.iter().map(|service| &*service.name).collect();
    let drops: serde_json::Map<String, Value> =
        view.drops.iter().map(|(reason, count)| (reason.word().to_owned(), json!(count))).collect();
    json!({
        "number": view.number,
        "structure": &*view.grant.structure,
        "assists": assists,
        "profile": &*view.grant.profile,
        "services": services,
        "phase": phase(view.phase),
        "connected": view.endpoint.is_some(),
        "by": view.endpoint.map(by),
        "opened_at": view.opened_at,
        "ends_at": view.grant.ends_at,
        "idle_s": view.grant.idle.as_secs(),
        "grace_s": view.grant.grace.as_secs(),
        "unused_s": view.grant.unused.as_secs(),
        "unanswered_s": view.grant.unanswered.as_secs(),
        "address": view.address,
        "flows": view.flows,
        "packets_to_office": view.traffic.packets_to_office,
        "bytes_to_office": view.traffic.bytes_to_office,
        "packets_to_home": view.traffic.packets_to_home,
        "bytes_to_home": view.traffic.bytes_to_home,
        "drops": drops,
    })
}
