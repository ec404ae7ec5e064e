//! The way of a login through the directory, step by step and in words, for administrators.

use gateway_api::login::Password;

use super::{LdapDirectory, bind::Outcome, connection};
use crate::{
    config::LdapSecurity,
    directory::{MustAct, Step},
};

impl LdapDirectory {
    /// Connects to each server, signs the searching account in, and asks for a person as a login would.
    pub(crate) async fn walk(&self, user: Option<(&str, &Password)>, groups: &[String], say: &mut impl FnMut(Step)) {
        let mut any = false;
        for (index, server) in self.servers.addresses().enumerate() {
            let name = format!("{}:{}", server.host, server.port);
            match self.servers.connect_to(index, &self.config).await {
                Err(why) => say(Step::failed(format!("{name}: {why}"))),
                Ok(mut connection) => {
                    any = true;
                    say(Step::done(match server.security {
                        LdapSecurity::Ldaps => format!("{name}: connected, TLS, certificate in order"),
                        LdapSecurity::StartTls => format!("{name}: connected, StartTLS, certificate in order"),
                        LdapSecurity::PlainLoopback => format!("{name}: connected, without TLS on this machine"),
                    }));
                    match self.look_around(&mut connection).await {
                        Ok(what) => say(Step::done(format!("{name}: {what}"))),
                        Err(why) => say(Step::failed(format!("{name}: {why}"))),
                    }
                }
            }
        }
        if let Some((user, password)) = user.filter(|_| any) {
            self.walk_as(user, password, groups, say).await;
        }
        for url in self.servers.referrals() {
            say(Step::done(format!("searches are referred to {url}: not followed; nobody is found there")));
        }
    }

    async fn look_around(&self, connection: &mut connection::Connection) -> Result<String, String> {
        connection::sign_in(connection, &self.config).await?;
        connection.recognise().await?;
        let kind = if connection.kind.is_active_directory { "Active Directory" } else { "LDAP" };
        for base in &self.config.search_bases {
            if connection.search(base, ldap3::Scope::Base, "(objectClass=*)", &["1.1"]).await?.is_empty() {
                return Err(format!("nothing is seen of `{base}`: does the searching account have the right to?"));
            }
        }
        Ok(match &self.config.bind {
            Some(_) => format!("{kind}; the searching account signs in and sees the search bases"),
            None => format!("{kind}; the search bases are seen without an account"),
        })
    }

    async fn walk_as(&self, user: &str, password: &Password, groups: &[String], say: &mut impl FnMut(Step)) {
        let found = match self.find(user).await {
            Ok(Some(found)) => found,
            Ok(None) => return say(Step::failed(format!("`{user}`: `user_filter` finds nobody, or more than one"))),
            Err(why) => return say(Step::failed(why)),
        };
        say(Step::done(format!("`{user}` is `{}`, known to agreements as `{}`", found.dn, found.name)));
        match self.bind(&found.dn, password).await {
            Ok(Outcome::Holds) => say(Step::done("the password holds".to_owned())),
            Ok(Outcome::Wrong) => return say(Step::failed("the password is wrong".to_owned())),
            Ok(Outcome::Locked) => {
                return say(Step::failed("the account is locked: unlock it in the directory".to_owned()));
            }
            Ok(Outcome::MustAct(what)) => return say(Step::failed(must_act(what).to_owned())),
            Ok(Outcome::Unclear(why)) | Err(why) => return say(Step::failed(why)),
        }
        match self.groups(&found, groups).await {
            Ok(own) if own.is_empty() => {
                say(Step::failed(format!("in none of the {} groups that the policy names", groups.len())));
            }
            Ok(own) => own.iter().for_each(|group| say(Step::done(format!("in the group `{group}`")))),
            Err(why) => say(Step::failed(why)),
        }
    }
}

fn must_act(what: MustAct) -> &'static str {
    match what {
        MustAct::PasswordExpired => "the password holds, and has expired",
        MustAct::ChangePassword => "the password holds, and must be changed first",
        MustAct::AccountExpired => "the password holds, and the account has expired",
        MustAct::Disabled => "the password holds, and the account is disabled",
        MustAct::OutsideDirectoryHours => {
            "the password holds, and the directory does not let the account in at this hour"
        }
        MustAct::NotFromHere => "the password holds, and the directory lets the account in from certain computers only",
    }
}
