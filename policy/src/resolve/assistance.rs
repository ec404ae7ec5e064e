//! `[assistance]`: services that are declared, and how long one may last.

use super::{Declared, Resolver};
use crate::{
    Service,
    assistance::{Assistance, LONGEST, SHORTEST, USUAL},
    error::Mistake,
    syntax::Written,
};

impl Resolver<'_> {
    pub(super) fn assistance(&mut self, written: &mut Written, services: &Declared<Service>) -> Option<Assistance> {
        let written = written.assistance.take()?;
        let longest = self.within("longest", written.longest, SHORTEST..LONGEST, USUAL);
        let named = written.services?;
        if named.value.is_empty() {
            let mistake = Mistake::error(named.span, "assistance by no service").label("nothing could be reached");
            self.mistakes.push(mistake.advice("write `services = [\"vnc\"]`, or remove `[assistance]`"));
        }
        let services = self.listed_services(&named.value, services).into();
        Some(Assistance { services, longest, span: written.span })
    }
}
