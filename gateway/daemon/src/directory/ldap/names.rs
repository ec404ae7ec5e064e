//! The ways in which people write their name: `user`, `user@domain`, `DOMAIN\user`.
//!
//! A domain that is written must be the one that the entry is in: nobody becomes their namesake of another domain.

/// A name as typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Typed<'n> {
    /// The account's name alone.
    Account(&'n str),
    /// `account@domain`. Some directories know such names as they are; to others the domain is where the entry is.
    AtDomain { account: &'n str, domain: &'n str },
    /// `DOMAIN\account`: Active Directory's short name of a domain.
    InDomain { domain: &'n str, account: &'n str },
}

impl<'n> Typed<'n> {
    pub(super) fn of(name: &'n str) -> Self {
        if let Some((domain, account)) = name.split_once('\\') {
            return Self::InDomain { domain, account };
        }
        match name.rsplit_once('@') {
            Some((account, domain)) => Self::AtDomain { account, domain },
            None => Self::Account(name),
        }
    }
}

/// The domain that an entry is in by its DN: `azienda.test` for `CN=…,DC=azienda,DC=test`; empty if the DN names none.
pub(super) fn domain_of(dn: &str) -> String {
    let folded = policy::folded_group(dn);
    let mut labels: Vec<&str> = folded.rsplit(',').map_while(|part| part.strip_prefix("dc=")).collect();
    labels.reverse();
    labels.join(".")
}

/// Whether an entry is in the domain of this DNS name.
pub(super) fn is_in_domain(dn: &str, domain: &str) -> bool {
    let own = domain_of(dn);
    !own.is_empty() && own == policy::folded(domain.trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        assert_eq!(Typed::of("mario"), Typed::Account("mario"));
        assert_eq!(Typed::of("mario@azienda.test"), Typed::AtDomain { account: "mario", domain: "azienda.test" });
        assert_eq!(Typed::of("a@b@c"), Typed::AtDomain { account: "a@b", domain: "c" });
        assert_eq!(Typed::of("AZIENDA\\mario"), Typed::InDomain { domain: "AZIENDA", account: "mario" });
    }

    #[test]
    fn an_entry_is_in_the_domain_that_ends_its_name() {
        let dn = "CN=Rossi\\, Mario,OU=Anagrafe, DC=Azienda,DC=test";
        assert_eq!(domain_of(dn), "azienda.test");
        assert!(is_in_domain(dn, "AZIENDA.test.") && is_in_domain(dn, "azienda.test"));
        assert!(!is_in_domain(dn, "test") && !is_in_domain(dn, "other.test"));
        assert!(!is_in_domain("uid=mario,o=azienda", ""), "no domain is not the empty one");
    }
}
