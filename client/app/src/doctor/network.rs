//! From this computer to the gateway: each step rests on the one before.

use gateway_api::GatewayName;

use super::{Check, Finding, shortened};
use crate::{
    api::{
        Client,
        look::{Greeting, Step},
        plain,
        portal::is_no_network,
        resolve,
        trust::Distrust,
    },
    clock, udp,
};

/// Codes of a second factor bear half a minute; one that is off by more than this makes them fail.
const BEARABLE_S: u64 = 60;

/// What rests on what: each on those before it.
const STEPS: [Check; 7] =
    [Check::Names, Check::Gateway, Check::Certificate, Check::Clock, Check::Protocol, Check::Udp, Check::Workstation];

/// Looks at each step until one fails.
pub(super) async fn look(server: &GatewayName, client: &Client, tell: &mut impl FnMut(Finding)) {
    let found = match resolve(server).await {
        Ok(addresses) if !addresses.is_empty() => addresses,
        _ if !udp::leads_out() => return failed(Finding::NoNetwork, tell),
        _ if client.is_portal().await => {
            tell(Finding::NotLooked(Check::Names));
            return failed(Finding::Portal, tell);
        }
        _ => return failed(Finding::NameUnknown { server: server.host().to_owned() }, tell),
    };
    tell(Finding::Names { server: server.host().to_owned(), addresses: found.len() });
    let failure = match client.greet(&found).await {
        Ok(greeting) => return greeted(&greeting, tell),
        Err(failure) => failure,
    };
    // A network that wants something first answers in the place of others, or lets nobody answer. The office's own certificate it cannot show.
    let is_portal = match &failure {
        Step::Reach(error) if is_no_network(error, &found) => return failed(Finding::NoNetwork, tell),
        Step::Reach(_) | Step::Trust { why: Distrust::Certificate(_) | Distrust::Protocol(_), .. } => {
            client.is_portal().await
        }
        Step::Trust { why: Distrust::Time, .. } | Step::Ask { .. } => false,
    };
    match failure {
        // What shows a foreign certificate may want a password: whoever it is, that comes first.
        Step::Trust { from, why: Distrust::Certificate(cause) } if is_portal => {
            tell(Finding::Gateway { from: shortened(from) });
            failed(Finding::UntrustedAtPortal { cause }, tell);
        }
        _ if is_portal => failed(Finding::Portal, tell),
        Step::Reach(error) => {
            failed(Finding::Unreachable { server: server.to_string(), cause: plain(&error) }, tell);
        }
        Step::Trust { from, why } => {
            tell(Finding::Gateway { from: shortened(from) });
            match why {
                Distrust::Time => {
                    tell(Finding::ClockDoubtful { now: clock::unix() });
                    rest(Check::Clock, tell);
                }
                Distrust::Certificate(cause) => failed(Finding::Untrusted { cause }, tell),
                Distrust::Protocol(cause) => failed(Finding::NotTls { cause }, tell),
            }
        }
        Step::Ask { from, cause } => {
            tell(Finding::Gateway { from: shortened(from) });
            tell(Finding::Certificate);
            tell(Finding::NotLooked(Check::Clock));
            failed(Finding::NotAGateway { cause }, tell);
        }
    }
}

/// Without knowing whom to believe, nobody is asked.
pub(super) fn unreadable(cause: String, tell: &mut impl FnMut(Finding)) {
    tell(Finding::NotLooked(Check::Names));
    tell(Finding::NotLooked(Check::Gateway));
    failed(Finding::TrustUnreadable { cause }, tell);
}

fn greeted(greeting: &Greeting, tell: &mut impl FnMut(Finding)) {
    tell(Finding::Gateway { from: shortened(greeting.from) });
    tell(Finding::Certificate);
    tell(match greeting.date {
        None => Finding::NotLooked(Check::Clock),
        Some(theirs) => {
            let ours = clock::unix();
            let off = ours.abs_diff(theirs);
            let off_s = u32::try_from(off).unwrap_or(u32::MAX);
            if off > BEARABLE_S {
                Finding::ClockWrong { off_s, behind: ours < theirs }
            } else {
                Finding::Clock { off_s }
            }
        }
    });
    match greeting.status {
        405 => tell(Finding::Protocol),
        404 => failed(Finding::OtherProtocol, tell),
        status => failed(Finding::NotAGateway { cause: format!("status {status}") }, tell),
    }
}

/// What comes after this one rests on it.
fn failed(finding: Finding, tell: &mut impl FnMut(Finding)) {
    let check = finding.check();
    tell(finding);
    rest(check, tell);
}

/// Says of all steps after one that they were not looked at.
fn rest(after: Check, tell: &mut impl FnMut(Finding)) {
    let rest = STEPS.into_iter().skip_while(|step| *step != after).skip(1);
    rest.for_each(|step| tell(Finding::NotLooked(step)));
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn told(look: impl FnOnce(&mut dyn FnMut(Finding))) -> Vec<Finding> {
        let mut told = Vec::new();
        look(&mut |finding| told.push(finding));
        told
    }

    fn greeting(status: u16, off: i64) -> Greeting {
        Greeting { from: IpAddr::from([192, 168, 1, 5]), status, date: Some(clock::unix() + off) }
    }

    #[test]
    fn what_rests_on_a_step_that_failed_is_not_looked_at_and_said_so() {
        let all = told(|mut tell| failed(Finding::NoNetwork, &mut tell));
        let skipped =
            [Check::Gateway, Check::Certificate, Check::Clock, Check::Protocol, Check::Udp, Check::Workstation];
        assert_eq!(all[1..], skipped.map(Finding::NotLooked));
        let all = told(|mut tell| greeted(&greeting(404, 0), &mut tell));
        assert!(all.ends_with(&[Check::Udp, Check::Workstation].map(Finding::NotLooked)));
        assert!(all.contains(&Finding::OtherProtocol));
    }

    #[test]
    fn a_clock_is_wrong_by_more_than_a_minute_in_either_direction() {
        let clock = |off| {
            let all = told(|mut tell| greeted(&greeting(405, off), &mut tell));
            all.into_iter().find(|finding| finding.check() == Check::Clock)
        };
        assert!(matches!(clock(30), Some(Finding::Clock { .. })));
        assert!(matches!(clock(3600), Some(Finding::ClockWrong { behind: true, .. })));
        assert!(matches!(clock(-3600), Some(Finding::ClockWrong { behind: false, off_s: 3590.. })));
    }
}
