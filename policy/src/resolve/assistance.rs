//! `[assistance]`: services that are declared, and how long one may last.

use super::{Declared, Resolver};
use crate::{
    Service,
    assistance::{Assistance, LONGEST, SHORTEST, USUAL},
    error::{Mistake, typed},
    syntax::Written,
};

/// A Windows desktop belongs to one person at a time: whoever signs in by this port, takes it from who is there.
const RDP: u16 = 3389;

impl Resolver<'_> {
    pub(super) fn assistance(&mut self, written: &mut Written, services: &Declared<Service>) -> Option<Assistance> {
        let written = written.assistance.take()?;
        let longest = self.within("longest", written.longest, SHORTEST..LONGEST, USUAL);
        let named = written.services?;
        if named.value.is_empty() {
            let mistake = Mistake::error(named.span, "assistance by no service").label("nothing could be reached");
            self.mistakes.push(mistake.advice("write `services = [\"vnc\"]`, or remove `[assistance]`"));
        }
        let services = self.listed_services(&named.value, services);
        for service in services.iter().filter(|service| service.tcp.contains(&RDP)) {
            // By the name that is written here: the service itself is right for workers.
            let Some(name) = named.value.iter().find(|name| *name.value == *service.name) else { continue };
            let message = format!("a technician who signs in by {} throws the worker out", typed(&service.name));
            let mistake = Mistake::warning(name.span, message).label(format!("TCP port {RDP} is the remote desktop's"));
            self.mistakes
                .push(mistake.advice("name a service by which two people share the open desktop, such as VNC"));
        }
        Some(Assistance { services: services.into(), longest, span: written.span })
    }
}
