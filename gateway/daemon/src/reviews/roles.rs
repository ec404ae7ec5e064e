//! Who has which role, and since when: noted whenever somebody signs in, and looked at again each hour.

use gateway_record::{
    Draft, Fields, Kind,
    review::{Held, Role, Signed},
};
use jiff::{Timestamp, civil::Date};
use policy::Policy;

use super::{All, Holder, Office, ROLE_NEWS, Reviews};
use crate::{
    directory::{Directory, Inquiry, Person, Standing},
    store::StoreError,
};

impl Reviews {
    /// Who has just signed in, with their roles of this moment, which are noted.
    pub(crate) async fn signed(&self, office: &Office, person: &Person) -> Result<Signed, String> {
        let roles = roles(&office.policy, &person.groups, office.today());
        let mut all = self.all.lock().await;
        self.note_roles(&mut all, (&person.id, &person.name), &roles, office.now).await?;
        let mine = all.register.holders.iter().filter(|holder| *holder.id == *person.id);
        let roles = mine.map(|holder| holder.held.clone()).collect();
        drop(all);
        let tags = self.tags(office, person).map_err(|StoreError(why)| why)?;
        Ok(Signed { id: person.id.to_string(), name: person.name.to_string(), roles, tags })
    }

    /// New roles begin now, lost ones end; both are recorded first, and told to the director general.
    async fn note_roles(
        &self,
        all: &mut All,
        (id, name): (&str, &str),
        now_held: &[Role],
        now: Timestamp,
    ) -> Result<(), String> {
        let before: Vec<Role> = all
            .register
            .holders
            .iter()
            .filter(|holder| holder.id == id)
            .map(|holder| holder.held.role.clone())
            .collect();
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
        let (standings, _) = directory.standings(&Inquiry { accounts, groups, at: office.now }).await?;
        let mut all = self.all.lock().await;
        for (id, standing) in standings {
            let held = match standing {
                Standing::InOrder(groups) => roles(&office.policy, &groups, office.today()),
                Standing::Left(_) => Vec::new(),
            };
            let name = holders.iter().find(|holder| *holder.id == *id).map(|holder| holder.name.clone());
            self.note_roles(&mut all, (&id, &name.unwrap_or_default()), &held, office.now).await?;
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
