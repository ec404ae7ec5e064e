//! Who has which role, and since when: noted whenever somebody signs in, and looked at again each hour.

use gateway_record::{
    Draft, Fields, Kind,
    review::{Held, Role, Signed},
};
use jiff::{Timestamp, civil::Date};
use policy::Policy;

use super::{All, Holder, Office, ROLE_NEWS, Reviews};
use crate::{
    directory::{Directory, Inquiry, Person, Standing, Standings},
    store::StoreError,
};

impl Reviews {
    /// Who has just signed in, with their roles of this moment, which are noted.
    pub(crate) async fn signed(&self, office: &Office, person: &Person) -> Result<Signed, String> {
        let roles = roles(&office.policy, &person.groups, office.today());
        let tags = self.tags(office, person).map_err(|StoreError(why)| why)?;
        let (id, name) = (person.id.to_string(), person.name.to_string());
        let mut all = self.all.lock().await;
        let before = all.held_by(&id);
        let gone = before.iter().filter(|held| !roles.contains(&held.role)).count();
        // What this server does not know of is used for nothing, and gone only once the directory was asked.
        let known: Vec<Role> = before.into_iter().map(|held| held.role).chain(roles.iter().cloned()).collect();
        self.note_roles(&mut all, (&id, &name), &known, office.now).await?;
        if gone > 0 {
            self.look.notify_one();
        }
        let mine = all.held_by(&id).into_iter().filter(|held| roles.contains(&held.role));
        let who = Signed { id, name, roles: mine.collect(), tags };
        self.recognise(&mut all, &who, office.now).await;
        Ok(who)
    }

    /// New roles begin now, lost ones end; both are recorded first, and told to the director general.
    async fn note_roles(
        &self,
        all: &mut All,
        (id, name): (&str, &str),
        now_held: &[Role],
        now: Timestamp,
    ) -> Result<(), String> {
        let before: Vec<Role> = all.held_by(id).into_iter().map(|held| held.role).collect();
        let changes = now_held
            .iter()
            .filter(|role| !before.contains(role))
            .map(|role| (Kind::RoleSeen, role))
            .chain(before.iter().filter(|role| !now_held.contains(role)).map(|role| (Kind::RoleGone, role)));
        for (kind, role) in changes {
            let mut register = all.register.clone();
            match kind {
                Kind::RoleSeen => register.holders.push(Holder {
                    id: id.to_owned(),
                    name: name.to_owned(),
                    held: Held { role: role.clone(), since: now },
                }),
                _ => register.holders.retain(|holder| holder.id != id || holder.held.role != *role),
            }
            let fields = Fields::default().with("role", role.word());
            let names = Fields::default().with("worker", name);
            let structure = role.structure().map(str::to_owned);
            let draft = Draft { structure, fields, names, ..Draft::new(kind, now) };
            tracing::warn!(role = role.word(), change = kind.word(), "a role changed hands: see `review requests`");
            let row = self.register(&register, now)?;
            self.store.keep_review(vec![row], draft).await.map_err(|StoreError(why)| why)?;
            all.register = register;
        }
        Ok(())
    }

    pub(super) async fn look_at_roles(&self, directory: &Directory, office: &Office) -> Result<(), String> {
        let holders = self.all.lock().await.register.holders.clone();
        if holders.is_empty() {
            return Ok(());
        }
        let accounts = holders.iter().map(|holder| (holder.id.as_str().into(), holder.name.as_str().into())).collect();
        let groups = office.policy.groups().iter().map(ToString::to_string).collect();
        let inquiry = Inquiry { accounts, groups, at: office.now };
        let (standings, server) = directory.standings(&inquiry).await?;
        let held = |standings: &Standings, id: &str| match standings.get(id) {
            Some(Standing::InOrder(groups)) => roles(&office.policy, groups, office.today()),
            Some(Standing::Left(_)) | None => Vec::new(),
        };
        let is_gone = |holder: &Holder| !held(&standings, &holder.id).contains(&holder.held.role);
        let elsewhere = match holders.iter().any(is_gone) && !directory.is_one_server() {
            true => Some(directory.standings_elsewhere(&inquiry, server).await?),
            false => None,
        };
        let mut all = self.all.lock().await;
        for (id, name) in &inquiry.accounts {
            let elsewhere = elsewhere.as_ref().map(|elsewhere| held(elsewhere, id));
            // Roles that were seen since the directory was asked are not what it was asked about.
            let (before, newer): (Vec<Held>, Vec<Held>) = all
                .held_by(id)
                .into_iter()
                .partition(|own| holders.iter().any(|holder| *holder.id == **id && holder.held == *own));
            let mut held = still_held(&before, held(&standings, id), elsewhere.as_deref());
            held.extend(newer.into_iter().map(|held| held.role));
            self.note_roles(&mut all, (id, name), &held, office.now).await?;
        }
        Ok(())
    }

    /// Those who have a role since a short while, for the director general.
    pub(crate) async fn new_holders(&self, who: &Signed, now: Timestamp) -> Vec<Holder> {
        if !who.roles.iter().any(|held| held.role == Role::DirectorGeneral) {
            return Vec::new();
        }
        let all = self.all.lock().await;
        let is_new = |holder: &&Holder| now.duration_since(holder.held.since) < ROLE_NEWS;
        all.register.holders.iter().filter(is_new).cloned().collect()
    }
}

/// The roles that somebody has by one server's answer, and those they had that another server still knows of: one that lags behind takes
/// nobody's role away, which would begin anew.
fn still_held(before: &[Held], mut roles: Vec<Role>, elsewhere: Option<&[Role]>) -> Vec<Role> {
    let known = before.iter().map(|held| &held.role).filter(|role| elsewhere.is_some_and(|known| known.contains(role)));
    let known: Vec<Role> = known.filter(|role| !roles.contains(role)).cloned().collect();
    roles.extend(known);
    roles
}

/// What somebody in these groups does besides working, in the words of reviews.
fn roles(policy: &Policy, groups: &[String], on: Date) -> Vec<Role> {
    policy.roles(groups, on).into_iter().map(role).collect()
}

fn role(role: policy::Role) -> Role {
    match role {
        policy::Role::Administrator => Role::Administrator,
        policy::Role::Technician => Role::Technician,
        policy::Role::ExternalTechnician => Role::ExternalTechnician,
        policy::Role::DirectorGeneral => Role::DirectorGeneral,
        policy::Role::HeadOfStructure(structure) => Role::HeadOfStructure(structure.to_string()),
        policy::Role::ServiceHead(structure) => Role::ServiceHead(structure.to_string()),
        policy::Role::ReviewerOffice => Role::ReviewerOffice,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_gone_only_if_no_server_knows_of_it() {
        let (general, office) = (Role::DirectorGeneral, Role::ReviewerOffice);
        let before = [&general, &office].map(|role| Held { role: role.clone(), since: Timestamp::UNIX_EPOCH });
        let held = |first: &[&Role], elsewhere: Option<&[Role]>| {
            still_held(&before, first.iter().map(|role| (*role).clone()).collect(), elsewhere)
        };
        let both = [general.clone(), office.clone()];
        assert_eq!(held(&[&general, &office], None), both);
        assert_eq!(held(&[&general], Some(&both)), both, "one server lags behind");
        assert_eq!(held(&[&general], Some(&both[..1])), both[..1], "both say so");
        assert_eq!(held(&[&general], None), both[..1], "there is one server alone");
        let head = Role::HeadOfStructure("Tributi".to_owned());
        let new = held(&[&general, &office, &head], Some(std::slice::from_ref(&head)));
        assert_eq!(new, [general.clone(), office.clone(), head.clone()]);
        assert_eq!(held(&[], Some(&[head])), [], "what only another server knows of is seen by the next look");
    }
}
