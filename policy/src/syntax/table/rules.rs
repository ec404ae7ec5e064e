//! Every table of the language, key by key.

use super::{REDIRECTIONS, Reader, Table, address, broadcast};
use crate::{
    Device, Jiggler, SecondFactor, SecondLogin, UnknownClient,
    error::{Mistake, typed},
    source::{At, Span},
    syntax::{
        AgreementWritten, AssistanceWritten, ExceptionWritten, LawfulWritten, LimitsWritten, NoticeWritten,
        ProfileWritten, RolesWritten, ServiceWritten, TestWritten, WorkstationWritten, Written, keys, value,
    },
};
use toml::de::DeValue;

impl Reader<'_> {
    pub(super) fn top(&mut self, mut top: Table<'_>, written: &mut Written) {
        let timezone = self.text(&mut top, "timezone");
        self.once("timezone", timezone, &mut written.timezone);
        let holidays = self.holidays(&mut top);
        self.once("holidays", holidays, &mut written.holidays);
        let retention =
            self.value(&mut top, "retention", Self::by(value::retention, "a number of days or months, `\"30 days\"`"));
        self.once("retention", retention, &mut written.retention);
        let networks = self.list(
            &mut top,
            "workstation_networks",
            "a list of networks",
            Self::by(value::network, "a network, `\"10.20.0.0/16\"`"),
        );
        self.once("workstation_networks", networks, &mut written.networks);
        let test_accounts = self.texts(&mut top, "test_accounts");
        self.once("test_accounts", test_accounts, &mut written.test_accounts);
        for (name, table) in self.named(&mut top, "services", &keys::SERVICE) {
            let service = self.service(name, table);
            written.services.push(service);
        }
        for (name, table) in self.named(&mut top, "workstations", &keys::WORKSTATION) {
            let workstation = self.workstation(name, table);
            written.workstations.push(workstation);
        }
        for (name, table) in self.named(&mut top, "profiles", &keys::PROFILE) {
            let profile = self.profile(name, table);
            written.profiles.push(profile);
        }
        for table in self.many(&mut top, "agreements", &keys::AGREEMENT) {
            let agreement = self.agreement(table, written);
            written.agreements.push(agreement);
        }
        for table in self.many(&mut top, "exceptions", &keys::EXCEPTION) {
            let exception = self.exception(table, written);
            written.exceptions.push(exception);
        }
        for (name, table) in self.named(&mut top, "notices", &keys::NOTICE) {
            let notice = self.notice(name, table);
            written.notices.push(notice);
        }
        if let Some(table) = self.one(&mut top, "lawful", &keys::LAWFUL) {
            let span = table.span;
            let lawful = self.lawful(table);
            let before = written.lawful.as_ref().map(|lawful| lawful.span);
            self.said_twice("[lawful]", span, before);
            written.lawful.get_or_insert(lawful);
        }
        if let Some(table) = self.one(&mut top, "roles", &keys::ROLES) {
            let span = table.span;
            let roles = self.roles(table);
            let before = written.roles.as_ref().map(|roles| roles.span);
            self.said_twice("[roles]", span, before);
            written.roles.get_or_insert(roles);
        }
        if let Some(table) = self.one(&mut top, "assistance", &keys::ASSISTANCE) {
            let span = table.span;
            let assistance = self.assistance(table);
            let before = written.assistance.as_ref().map(|assistance| assistance.span);
            self.said_twice("[assistance]", span, before);
            written.assistance.get_or_insert(assistance);
        }
        for table in self.many(&mut top, "tests", &keys::TEST) {
            let test = self.test(table);
            written.tests.push(test);
        }
    }

    /// Keeps the first saying of what is said once.
    fn once<T>(&mut self, key: &str, said: Option<At<T>>, kept: &mut Option<At<T>>) {
        let Some(said) = said else { return };
        self.said_twice(&format!("`{key}`"), said.span, kept.as_ref().map(|kept| kept.span));
        kept.get_or_insert(said);
    }

    fn said_twice(&mut self, what: &str, span: Span, before: Option<Span>) {
        if let Some(before) = before {
            let mistake =
                Mistake::error(span, format!("{what} is said twice")).label("here again").related(before, "said here");
            self.mistakes.push(mistake.advice("keep it in one file"));
        }
    }

    fn service(&mut self, name: At<String>, mut table: Table<'_>) -> ServiceWritten {
        let (tcp, tcp_span) = self.ports(&mut table, "tcp");
        let (udp, udp_span) = self.ports(&mut table, "udp");
        let echo = self.switch(&mut table, "echo");
        if tcp.is_empty() && udp.is_empty() && !echo.as_ref().is_some_and(|echo| echo.value) {
            let mistake = Mistake::error(
                tcp_span.or(udp_span).unwrap_or(table.span),
                format!("service {} has no port", typed(&name.value)),
            );
            self.mistakes.push(mistake.advice("write `tcp = [3389]`").follows());
        }
        ServiceWritten { name, tcp, udp, udp_span, echo }
    }

    fn workstation(&mut self, name: At<String>, mut table: Table<'_>) -> WorkstationWritten {
        let table = &mut table;
        WorkstationWritten {
            name,
            address: self.value(table, "address", Self::by(address, "an IP address or a host name, in quotes")),
            services: self.texts(table, "services"),
            mac: self.value(table, "mac", Self::by(value::mac, "a network card's address, `\"00:11:22:33:44:55\"`")),
            wake: self.value(table, "wake", Self::by(broadcast, "an IPv4 broadcast address, `\"10.20.3.255\"`")),
            power_off_after: self.minute(table, "power_off_after"),
            certificate: self.value(
                table,
                "certificate",
                Self::by(value::fingerprint, "a certificate's SHA-256, `\"sha256:…\"` and 64 hexadecimal digits"),
            ),
            shared: self.switch(table, "shared"),
            span: table.span,
        }
    }

    fn limits(&mut self, table: &mut Table<'_>) -> LimitsWritten {
        LimitsWritten {
            idle: self.duration(table, "idle"),
            longest: self.duration(table, "longest"),
            grace: self.duration(table, "grace"),
            unused: self.duration(table, "unused"),
            unanswered: self.duration(table, "unanswered"),
            second_factor: self.word(
                table,
                "second_factor",
                keys::SECOND_FACTORS,
                &[SecondFactor::None, SecondFactor::Totp],
            ),
            redirect: self.list(table, "redirect", "a list of words", |reader, key, node| {
                reader.one_word(key, node, keys::REDIRECTIONS, &REDIRECTIONS)
            }),
            single_sign_on: self.switch(table, "single_sign_on"),
        }
    }

    fn profile(&mut self, name: At<String>, mut table: Table<'_>) -> ProfileWritten {
        let personal = self.one(&mut table, "personal", &keys::PERSONAL).map(|mut personal| {
            let span = personal.span;
            At { value: self.limits(&mut personal), span }
        });
        let table = &mut table;
        ProfileWritten {
            name,
            groups: self.texts(table, "groups"),
            devices: self.list(table, "devices", "a list of `managed` and `personal`", |reader, key, node| {
                reader.one_word(key, node, keys::DEVICES, &[Device::Managed, Device::Personal])
            }),
            limits: self.limits(table),
            warnings: self.list(
                table,
                "warnings",
                "a list of lengths of time",
                Self::by(value::duration, "a length of time, `\"5m\"`"),
            ),
            second_login: self.word(
                table,
                "second_login",
                keys::SECOND_LOGINS,
                &[SecondLogin::Replace, SecondLogin::Refuse],
            ),
            notices: self.texts(table, "notices"),
            unknown_client: self.word(
                table,
                "unknown_client",
                keys::UNKNOWN_CLIENTS,
                &[UnknownClient::Warn, UnknownClient::Twice, UnknownClient::LongestOnly],
            ),
            jiggler: self.word(table, "jiggler", keys::JIGGLERS, &[Jiggler::Ignored, Jiggler::Counts]),
            dry_run: self.switch(table, "dry_run"),
            wireguard_config: self.switch(table, "wireguard_config"),
            require_post_quantum: self.switch(table, "require_post_quantum"),
            personal,
            span: table.span,
        }
    }

    fn agreement(&mut self, mut table: Table<'_>, written: &mut Written) -> AgreementWritten {
        let table = &mut table;
        AgreementWritten {
            worker: self.name(table, "worker", written),
            structure: self.name(table, "structure", written),
            workstation: self.name(table, "workstation", written),
            profile: self.name(table, "profile", written),
            from: self.day(table, "from"),
            until: self.day(table, "until"),
            days: self.weekdays(table, "days"),
            hours: self.hours(table, "hours", written),
            phone_app: self.switch(table, "phone_app").map(|phone_app| phone_app.value),
            device: self.name(table, "device", written),
            quota: self.value(
                table,
                "quota",
                Self::by(value::quota, "a number of days per week or month, `\"2 days a week\"`"),
            ),
            span: table.span,
        }
    }

    fn exception(&mut self, mut table: Table<'_>, written: &mut Written) -> ExceptionWritten {
        let table = &mut table;
        ExceptionWritten {
            worker: self.text(table, "worker"),
            structure: self.text(table, "structure"),
            on: self.day(table, "on"),
            from: self.day(table, "from"),
            until: self.day(table, "until"),
            closed: self.switch(table, "closed"),
            suspended: self.switch(table, "suspended"),
            open: self.switch(table, "open"),
            hours: self.hours(table, "hours", written),
            extend: self.minute(table, "extend"),
            authorised_by: self.text(table, "authorised_by"),
            reason: self.text(table, "reason"),
            span: table.span,
        }
    }

    fn notice(&mut self, name: At<String>, mut table: Table<'_>) -> NoticeWritten {
        NoticeWritten {
            name,
            italian: self.text(&mut table, "it"),
            english: self.text(&mut table, "en"),
            span: table.span,
        }
    }

    fn lawful(&mut self, mut table: Table<'_>) -> LawfulWritten {
        let table = &mut table;
        LawfulWritten {
            act: self.text(table, "act"),
            from: self.day(table, "from"),
            log_norms: self.text(table, "log_norms"),
            span: table.span,
        }
    }

    fn roles(&mut self, mut table: Table<'_>) -> RolesWritten {
        let table = &mut table;
        let groups = |reader: &mut Self, table: &mut Table<'_>, key| {
            reader.texts(table, key).map(|groups| groups.value).unwrap_or_default()
        };
        RolesWritten {
            administrators: groups(self, table, "administrators"),
            technicians: groups(self, table, "technicians"),
            external_technicians: self
                .many(table, "external_technicians", &keys::EXTERNAL)
                .into_iter()
                .filter_map(|mut external| self.text(&mut external, "group").zip(self.day(&mut external, "until")))
                .collect(),
            director_general: groups(self, table, "director_general"),
            head_of_structure: self.texts_by_name(table, "head_of_structure"),
            service_head: self.texts_by_name(table, "service_head"),
            reviewer_office: groups(self, table, "reviewer_office"),
            span: table.span,
        }
    }

    fn assistance(&mut self, mut table: Table<'_>) -> AssistanceWritten {
        AssistanceWritten {
            services: self.texts(&mut table, "services"),
            longest: self.duration(&mut table, "longest"),
            span: table.span,
        }
    }

    fn texts_by_name(&mut self, table: &mut Table<'_>, key: &'static str) -> Vec<(At<String>, Vec<At<String>>)> {
        let Some(node) = table.take(key) else { return Vec::new() };
        if !node.get_ref().is_table() {
            self.expected(key, &node, "a table of structures, each with its groups");
            return Vec::new();
        }
        let DeValue::Table(entries) = node.into_inner() else { return Vec::new() };
        let mut named = Vec::with_capacity(entries.len());
        for (name, node) in entries {
            let name = At { span: self.span(name.span()), value: name.into_inner().into_owned() };
            named.extend(self.text_or_texts(key, &node).map(|groups| (name, groups)));
        }
        named
    }

    fn test(&mut self, mut table: Table<'_>) -> TestWritten {
        let table = &mut table;
        TestWritten {
            worker: self.text(table, "worker"),
            at: self.moments(table),
            permit: self.word(table, "expect", keys::EXPECTATIONS, &[true, false]),
            name: self.text(table, "name"),
            groups: self.texts(table, "groups"),
            device: self.word(table, "device", keys::DEVICES, &[Device::Managed, Device::Personal]),
            device_name: self.text(table, "device_name"),
            days_used: self.value(table, "days_used", |reader, key, node| {
                let count = node
                    .get_ref()
                    .as_integer()
                    .and_then(|number| u32::from_str_radix(number.as_str(), number.radix()).ok());
                let count = count.filter(|count| *count <= 31);
                if count.is_none() {
                    reader.expected(key, node, "a number of days, 0 to 31");
                }
                count
            }),
            reason: self.word(table, "reason", keys::REASONS, keys::REASONS),
            workstation: self.text(table, "workstation"),
            ends: self.minute(table, "ends"),
        }
    }
}
