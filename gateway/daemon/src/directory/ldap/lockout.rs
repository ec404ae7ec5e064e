//! What the directory does after wrong passwords, where it tells.

use std::time::Duration;

use ldap3::Scope;

use super::{LdapDirectory, NoAnswer, connection::Connection};
use crate::directory::Lockout;

/// For a directory that never forgets a wrong password by itself.
const LONG: Duration = Duration::from_secs(24 * 3600);

impl LdapDirectory {
    /// Active Directory tells in the domain's entry, OpenLDAP in its password policies, of which the strictest counts.
    pub(in crate::directory) async fn lockout(&self) -> Result<Lockout, NoAnswer> {
        let mut connection = self.servers.searching(&self.config).await?;
        match connection.kind.domain.clone() {
            Some(domain) => of_domain(&mut connection, &domain).await,
            None => self.of_policies(&mut connection).await,
        }
    }

    async fn of_policies(&self, connection: &mut Connection) -> Result<Lockout, NoAnswer> {
        const ASKED: [&str; 3] = ["pwdLockout", "pwdMaxFailure", "pwdFailureCountInterval"];
        let mut strictest = Lockout::NotTold;
        for base in &self.config.search_bases {
            for policy in connection.search(base, Scope::Subtree, "(objectClass=pwdPolicy)", &ASKED).await? {
                let value = |name: &str| {
                    let values = policy.attrs.iter().find(|(attribute, _)| attribute.eq_ignore_ascii_case(name));
                    values.and_then(|(_, values)| values.first()).map(String::as_str)
                };
                let number = |name: &str| value(name).and_then(|text| text.parse::<u32>().ok());
                let locks = value("pwdLockout").is_some_and(|locks| locks.eq_ignore_ascii_case("true"));
                let wrong = number("pwdMaxFailure").filter(|wrong| locks && *wrong > 0);
                let quiet = number("pwdFailureCountInterval").filter(|seconds| *seconds > 0);
                let quiet = quiet.map_or(LONG, |seconds| Duration::from_secs(seconds.into()));
                strictest = stricter(strictest, wrong.map_or(Lockout::Never, |wrong| Lockout::After { wrong, quiet }));
            }
        }
        Ok(strictest)
    }
}

async fn of_domain(connection: &mut Connection, domain: &str) -> Result<Lockout, NoAnswer> {
    let asked = ["lockoutThreshold", "lockOutObservationWindow"];
    let Some(entry) = connection.entry(domain, &asked).await? else { return Ok(Lockout::NotTold) };
    let number = |name: &str| {
        let values = entry.attrs.iter().find(|(attribute, _)| attribute.eq_ignore_ascii_case(name));
        values.and_then(|(_, values)| values.first()).and_then(|text| text.parse::<i64>().ok())
    };
    // Windows writes lengths of time as negative counts of 100 ns.
    let quiet = number("lockOutObservationWindow").map(|ticks| Duration::from_secs(ticks.unsigned_abs() / 10_000_000));
    Ok(match (number("lockoutThreshold"), quiet) {
        (Some(0), _) => Lockout::Never,
        (Some(wrong), quiet) => Lockout::After {
            wrong: u32::try_from(wrong).unwrap_or(u32::MAX),
            quiet: quiet.filter(|quiet| !quiet.is_zero()).unwrap_or(LONG),
        },
        (None, _) => Lockout::NotTold,
    })
}

/// The one that locks sooner, and the longer of the two quiet times.
fn stricter(one: Lockout, other: Lockout) -> Lockout {
    match (one, other) {
        (Lockout::NotTold | Lockout::Never, other) => other,
        (one, Lockout::NotTold | Lockout::Never) => one,
        (Lockout::After { wrong, quiet }, Lockout::After { wrong: other, quiet: longer }) => {
            Lockout::After { wrong: wrong.min(other), quiet: quiet.max(longer) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strictest_of_several_policies_counts() {
        let after = |wrong, seconds| Lockout::After { wrong, quiet: Duration::from_secs(seconds) };
        assert_eq!(stricter(Lockout::NotTold, Lockout::Never), Lockout::Never);
        assert_eq!(stricter(Lockout::Never, after(5, 60)), after(5, 60));
        assert_eq!(stricter(after(5, 60), Lockout::Never), after(5, 60));
        assert_eq!(stricter(after(5, 60), after(3, 30)), after(3, 60));
    }
}
