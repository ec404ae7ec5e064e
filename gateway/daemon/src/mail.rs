//! Mail to workers whose records were opened, beside the message that they read before their next session.
//!
//! Handed to the office's own server, over TLS always, to the address that the directory has of the worker. What is not taken is tried
//! again until it is, and said to be late; what was taken is recorded. Between the two the gateway may be killed: then a worker gets
//! the same mail, by its number, twice.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use lettre::{
    Message,
    message::{Mailbox, header::ContentType},
    transport::smtp::{
        authentication::{Credentials, DEFAULT_MECHANISMS},
        client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters},
        extension::ClientId,
    },
};
use serde_json::{Value, json};

use crate::{
    clock, config,
    directory::Directory,
    policy_change::PolicyChange,
    reviews::{Office, Reviews, ToMail},
    secret_file,
};

/// Between tries.
const EVERY: Duration = Duration::from_secs(60);
/// Until the server takes mail at all.
const REACHING: Duration = Duration::from_secs(30);
/// For one mail to be taken: the server may look long at what is in it before it says so (RFC 5321, 4.5.3.2.6).
const TAKING: Duration = Duration::from_secs(10 * 60);
/// Where TLS comes first (RFC 8314, 3.3); everywhere else it is asked for before anything else is said.
const TLS_FIRST: u16 = 465;

/// Who sends them.
#[derive(Debug)]
pub(crate) struct Mailer {
    config: config::Mail,
    directory: Arc<Directory>,
    change: Arc<PolicyChange>,
    reviews: Arc<Reviews>,
    standing: Mutex<Standing>,
    /// What the server took though that could not be recorded yet: by request and worker.
    taken: Mutex<BTreeSet<(u64, Arc<str>)>>,
}

/// How it goes.
#[derive(Debug, Default)]
struct Standing {
    /// Mails that are to be sent.
    waiting: usize,
    /// Of whom the directory has no address.
    without_address: usize,
    trouble: Option<(Timestamp, String)>,
}

/// What came of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    Taken,
    /// The directory has no address.
    Nowhere,
    /// It was put off, or read, meanwhile.
    NotNow,
}

impl Mailer {
    /// Over the configured server; connects to nobody yet.
    pub(crate) fn new(
        config: config::Mail,
        directory: Arc<Directory>,
        change: Arc<PolicyChange>,
        reviews: Arc<Reviews>,
    ) -> Self {
        Self { config, directory, change, reviews, standing: Mutex::default(), taken: Mutex::default() }
    }

    /// What would keep every mail from being taken, as far as that can be seen without the server.
    pub(crate) fn check(config: &config::Mail) -> Result<(), String> {
        tls(config)?;
        credentials(config).map(|_| ())
    }

    /// How it goes, for `status`.
    pub(crate) fn said(&self) -> Value {
        let standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, why) = standing.trouble.as_ref().map(|(since, why)| (since, why)).unzip();
        json!({
            "server": self.config.server.to_string(),
            "waiting": standing.waiting,
            "without_address": standing.without_address,
            "trouble": why,
            "trouble_since": since,
        })
    }

    /// How it goes, in figures: whether the server takes mail, how many wait for it, and how many of those for whom the directory has no
    /// address.
    pub(crate) fn figures(&self) -> (bool, usize, usize) {
        let standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        (standing.trouble.is_none(), standing.waiting, standing.without_address)
    }

    /// Sends what there is to send, until it is dropped.
    pub(crate) async fn watch(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(EVERY);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.reviews.minuted() => {}
            }
            self.send_all().await;
        }
    }

    async fn send_all(&self) {
        let office = Office { policy: self.change.policy().current(), now: clock::now().wall };
        let mails = self.reviews.to_mail(&office, self.config.wait).await;
        let mut standing = Standing { waiting: mails.len(), ..Standing::default() };
        for mail in mails {
            match self.send(&mail).await {
                Ok(Sent::Taken | Sent::NotNow) => standing.waiting -= 1,
                Ok(Sent::Nowhere) => standing.without_address += 1,
                Err(why) => standing.trouble = Some((office.now, why)),
            }
        }
        self.note(standing);
    }

    async fn send(&self, mail: &ToMail) -> Result<Sent, String> {
        let key = (mail.request, Arc::clone(&mail.to));
        if !self.taken().contains(&key) {
            let sent = self.hand_over(mail).await?;
            if sent != Sent::Taken {
                return Ok(sent);
            }
            self.taken().insert(key.clone());
        }
        self.reviews.was_mailed(mail, clock::now().wall).await?;
        self.taken().remove(&key);
        Ok(Sent::Taken)
    }

    fn taken(&self) -> MutexGuard<'_, BTreeSet<(u64, Arc<str>)>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn hand_over(&self, mail: &ToMail) -> Result<Sent, String> {
        // The mails before it may have taken long.
        if !self.reviews.is_to_mail(mail, self.config.wait, clock::now().wall).await {
            return Ok(Sent::NotNow);
        }
        let Some(address) = self.directory.mail_address(&mail.to, &self.config.attribute).await? else {
            return Ok(Sent::Nowhere);
        };
        let message = self.message(mail, &address)?;
        let taken = hand_over(&self.config, &message).await;
        taken.map_err(|why| format!("`{}` takes no mail: {why}", self.config.server))?;
        Ok(Sent::Taken)
    }

    /// In Italian and English, under a number that stays the same however often it is tried.
    fn message(&self, mail: &ToMail, address: &str) -> Result<Message, String> {
        let to = address.parse().map_err(|error| format!("the directory's address of a worker is none: {error}"))?;
        let [italian, english] = &mail.texts;
        let from = &self.config.from;
        let number =
            format!("<deskgate-review-{}-{}@{}>", mail.request, mail.opened_at.as_second(), from.email.domain());
        let message = Message::builder()
            .from(from.clone())
            .to(Mailbox::new(None, to))
            .subject("Consultazione di registrazioni / Your records were looked at")
            .message_id(Some(number))
            .header(ContentType::TEXT_PLAIN)
            .body(format!("{italian}\n\n--\n\n{english}\n"));
        message.map_err(|error| format!("a mail cannot be written: {error}"))
    }

    /// Says what changed.
    fn note(&self, mut now: Standing) {
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        match (&standing.trouble, &mut now.trouble) {
            (None, Some((_, why))) => tracing::error!(
                why,
                waiting = now.waiting,
                "MAIL TO WORKERS IS LATE: tried again each minute; they read the message before their next session all the same"
            ),
            (Some((since, _)), Some((still, _))) => *still = *since,
            (Some(_), None) => tracing::info!("mail to workers goes again"),
            (None, None) => {}
        }
        if now.without_address > standing.without_address {
            tracing::warn!(
                workers = now.without_address,
                "the directory has no mail address of workers whom reviews concern: they read the message before their next session"
            );
        }
        *standing = now;
    }
}

/// Returns once the server has taken it.
async fn hand_over(config: &config::Mail, message: &Message) -> Result<(), String> {
    let too_long = |_| "it took too long".to_owned();
    let mut connection = tokio::time::timeout(REACHING, connect(config)).await.map_err(too_long)??;
    let written = message.formatted();
    let sent = connection.send(message.envelope(), &written);
    // What the server says from here on may name whom the mail is to.
    tokio::time::timeout(TAKING, sent).await.map_err(too_long)?.map_err(|error| without_names(&error))?;
    // It has the mail, however it takes leave.
    let _ = tokio::time::timeout(REACHING, connection.quit()).await;
    Ok(())
}

/// A connection to which a mail may be given.
async fn connect(config: &config::Mail) -> Result<AsyncSmtpConnection, String> {
    let server = &config.server;
    let own = ClientId::Domain(config.from.email.domain().to_owned());
    // The files may have been renewed since the last time.
    let (tls, credentials) = (tls(config)?, credentials(config)?);
    let first = (server.port == TLS_FIRST).then(|| tls.clone());
    let to = (server.host.as_str(), server.port);
    let mut connection = AsyncSmtpConnection::connect_tokio1(to, Some(REACHING), &own, first, None)
        .await
        .map_err(|error| words(&error))?;
    if server.port != TLS_FIRST {
        connection.starttls(tls, &own).await.map_err(|error| words(&error))?;
    }
    if let Some(credentials) = credentials {
        connection.auth(DEFAULT_MECHANISMS, &credentials).await.map_err(|error| words(&error))?;
    }
    Ok(connection)
}

fn tls(config: &config::Mail) -> Result<TlsParameters, String> {
    let unreadable = |path: &Path, error: &dyn std::fmt::Display| {
        format!("cannot read the authorities `{}`: {error}; correct [mail] ca", path.display())
    };
    let pem = std::fs::read(&config.ca).map_err(|error| unreadable(&config.ca, &error))?;
    let authorities = Certificate::from_pem(&pem).map_err(|error| unreadable(&config.ca, &error))?;
    let tls = TlsParameters::builder(config.server.host.clone())
        .certificate_store(CertificateStore::None)
        .add_root_certificate(authorities);
    tls.build_rustls().map_err(|error| unreadable(&config.ca, &words(&error)))
}

fn credentials(config: &config::Mail) -> Result<Option<Credentials>, String> {
    let Some(login) = &config.login else { return Ok(None) };
    let bytes = secret_file::read_shared(&login.password_file).map_err(|error| error.to_string())?;
    let password = secret_file::first_line(&login.password_file, &bytes).map_err(|error| error.to_string())?;
    Ok(Some(Credentials::new(login.user.clone(), password.to_string())))
}

/// Why a mail was not taken, without the server's own words.
fn without_names(error: &lettre::transport::smtp::Error) -> String {
    match error.status() {
        Some(code) => format!("it answers a mail with code {code}; its own log says more"),
        None if error.is_client() => words(error),
        None => "the connection broke off in the middle of a mail".to_owned(),
    }
}

/// An error with what is behind it.
fn words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut behind = error.source();
    while let Some(source) = behind {
        let more = source.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        behind = source.source();
    }
    text
}
