//! What tests of several rooms begin with.

use std::time::Duration;

use jiff::Timestamp;
use policy::{Address, End, Grant, IdleRule, SecondFactor, SecondLogin};

/// A grant of no service at 10.20.3.47, with the usual limits, until `ends_at`.
pub(crate) fn grant(ends_at: Timestamp) -> Grant {
    Grant {
        workstation: "anagrafe-07".into(),
        address: Address::Ip("10.20.3.47".parse().unwrap()),
        services: Vec::new(),
        structure: "Servizi Demografici".into(),
        profile: "standard".into(),
        idle: Duration::from_secs(900),
        ends_at,
        ends_by: End::Longest,
        grace: Duration::from_secs(120),
        unused: policy::USUAL_WAIT,
        unanswered: policy::USUAL_WAIT,
        second_login: SecondLogin::Replace,
        second_factor: SecondFactor::None,
        redirect: Vec::new(),
        single_sign_on: false,
        wireguard_config: false,
        require_post_quantum: false,
        warnings: Vec::new(),
        idle_rule: IdleRule::default(),
        wake: None,
        certificate: None,
        notices: Vec::new(),
    }
}
