//! What workers are told: messages of reviews that concerned them, and general notices to a structure.

use std::sync::Arc;

use gateway_record::{
    Draft, Fields, Hash, Kind,
    review::{Act, By, Refusal, Review, Signed, Words},
};
use jiff::{SignedDuration, Timestamp};
use policy::Notice;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{All, LONGEST_NOTICE, Mistake, NotTaken, Office, Register, Reviews, draft, named, of, written};
use crate::{
    directory::Person,
    store::{Matter, StoreError},
};

/// How long a general notice is shown to whoever has not read it.
const NOTICE_FOR: SignedDuration = SignedDuration::from_hours(60 * 24);
/// What the notices of this room are called, before their number.
const MESSAGE: &str = "review message ";
const GENERAL: &str = "general notice ";

/// Whether a notice of that name tells a worker of a review that concerned them.
pub(crate) fn is_message(name: &str) -> bool {
    name.starts_with(MESSAGE)
}

/// A message that is to go by mail.
#[derive(Debug)]
pub(crate) struct ToMail {
    pub(crate) request: u64,
    /// By the directory's identity.
    pub(crate) to: Arc<str>,
    pub(crate) opened_at: Timestamp,
    /// In Italian and in English.
    pub(crate) texts: [String; 2],
}

/// A notice to everybody in a structure.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct GeneralNotice {
    pub(crate) number: u64,
    pub(crate) structure: String,
    pub(crate) by: By,
    pub(crate) italian: Option<String>,
    pub(crate) english: Option<String>,
}

impl Reviews {
    /// Says which requests' workers should have been told by now.
    pub(super) async fn tell_overdue(&self, now: Timestamp) {
        let all = self.all.lock().await;
        for review in all.requests.values().filter(|review| review.is_overdue(now)) {
            tracing::warn!(
                request = review.number,
                "a worker has not read of a review in time: tell them otherwise, or put it off with a reason"
            );
        }
    }

    /// `review notice`
    pub(crate) async fn give_notice(
        &self,
        office: &Office,
        who: &Signed,
        structure: &str,
        texts: (Option<String>, Option<String>),
    ) -> Result<GeneralNotice, NotTaken> {
        let [italian, english] = [texts.0, texts.1].map(written);
        let mut all = self.all.lock().await;
        all.circumstances(office, structure).lawful()?;
        let by = who.acts(Act::Notice, structure, office.now)?;
        if !office.policy.structures().iter().any(|known| **known == *structure) {
            return Err(Mistake::NoSuchStructure(structure.to_owned()).into());
        }
        let lengths = [&italian, &english].map(|text| text.as_ref().map_or(0, String::len));
        if lengths == [0, 0] {
            return Err(Mistake::NoText.into());
        }
        if lengths.iter().any(|length| *length > LONGEST_NOTICE) {
            return Err(Mistake::TextTooLong.into());
        }
        let number = all.register.notices + 1;
        let notice = GeneralNotice { number, structure: structure.to_owned(), by, italian, english };
        let fields = Fields::default()
            .with("notice", number)
            .with("sha256", Hash(notice.version()).to_string())
            .with("role", notice.by.role.word());
        let draft = Draft {
            structure: Some(structure.to_owned()),
            fields,
            names: named("by", who),
            ..Draft::new(Kind::GeneralNotice, office.now)
        };
        let register = Register { notices: number, ..all.register.clone() };
        let rows = [self.row((Matter::Notice, number), &notice, office.now), self.register(&register, office.now)];
        let rows = rows.into_iter().collect::<Result<_, _>>().map_err(NotTaken::Failed)?;
        self.store.keep_review(rows, draft).await?;
        all.register = register;
        all.notices.insert(number, notice.clone());
        Ok(notice)
    }

    /// The general notices to structures that somebody may give one to, newest first.
    pub(crate) async fn given(&self, who: &Signed, now: Timestamp) -> Vec<GeneralNotice> {
        let all = self.all.lock().await;
        let may = |notice: &&GeneralNotice| who.acts(Act::Notice, &notice.structure, now).is_ok();
        all.notices.values().rev().filter(may).cloned().collect()
    }

    /// What this person of this structure has to read before a session: messages of reviews, and general notices.
    pub(crate) async fn to_read(&self, office: &Office, person: &Person, structure: &str) -> Vec<Arc<Notice>> {
        let mut all = self.all.lock().await;
        let who = self.worker(&mut all, office, person).await;
        let general = all.notices.values().filter(|notice| notice.structure == structure);
        let general = general.filter(|notice| office.now.duration_since(notice.by.at) < NOTICE_FOR);
        let general: Vec<Arc<Notice>> = general.map(|notice| Arc::new(notice.as_notice())).collect();
        let words = office.words();
        let unread = all.concerning(&who, office.now).filter(|review| review.is_unread_by(&who));
        let messages = unread.filter_map(|review| message(&words, review).ok());
        messages.chain(general).collect()
    }

    /// The openings that concerned this person and that they may know of.
    pub(crate) async fn of_person(&self, office: &Office, person: &Person) -> Vec<Review> {
        let mut all = self.all.lock().await;
        let who = self.worker(&mut all, office, person).await;
        all.concerning(&who, office.now).cloned().collect()
    }

    /// Requests that name sessions of somebody who is there learn whose these were: once the tags' keys are gone nobody could say.
    pub(super) async fn recognise(&self, all: &mut All, who: &Signed, now: Timestamp) {
        let recognised: Vec<Review> = all.requests.values().filter_map(|review| review.recognise(who)).collect();
        for review in recognised {
            let kept = match self.row((Matter::Request, review.number), &review, now) {
                Ok(row) => self.store.keep_rows(vec![row]).await,
                Err(why) => Err(StoreError(why)),
            };
            match kept {
                Ok(()) => drop(all.requests.insert(review.number, review)),
                // The next time they sign in is as good.
                Err(error) => {
                    tracing::error!(%error, request = review.number, "whose sessions a request names is not kept");
                }
            }
            self.minuted.notify_one();
        }
    }

    /// A worker who is there, as requests know them.
    async fn worker(&self, all: &mut All, office: &Office, person: &Person) -> Signed {
        let tags = if all.requests.is_empty() { Ok(Vec::new()) } else { self.tags(office, person) };
        // Without its tags a person is known by the directory's identity alone.
        let tags = tags.unwrap_or_else(|error| {
            tracing::error!(%error, "messages of reviews may be missing");
            Vec::new()
        });
        let (id, name) = (person.id.to_string(), person.name.to_string());
        let who = Signed { id, name, roles: Vec::new(), tags };
        self.recognise(all, &who, office.now).await;
        who
    }

    /// Waits for a message to somebody who is known.
    pub(crate) async fn minuted(&self) {
        self.minuted.notified().await;
    }

    /// What is to go by mail.
    pub(crate) async fn to_mail(&self, office: &Office, wait: SignedDuration) -> Vec<ToMail> {
        let (all, words) = (self.all.lock().await, office.words());
        let mails = |review: &Review| -> Option<Vec<ToMail>> {
            let (opening, _) = review.told().ok()?;
            let (request, opened_at, texts) = (review.number, opening.by.at, words.message(review).ok()?);
            let to = review.to_mail(wait, office.now).into_iter();
            Some(to.map(|to| ToMail { request, to: to.into(), opened_at, texts: texts.clone() }).collect())
        };
        all.requests.values().filter_map(mails).flatten().collect()
    }

    /// Whether it still is.
    pub(crate) async fn is_to_mail(&self, mail: &ToMail, wait: SignedDuration, now: Timestamp) -> bool {
        let all = self.all.lock().await;
        all.requests.get(&mail.request).is_some_and(|review| review.to_mail(wait, now).contains(&&*mail.to))
    }

    /// It went.
    pub(crate) async fn was_mailed(&self, mail: &ToMail, now: Timestamp) -> Result<(), String> {
        let mut all = self.all.lock().await;
        let Some(Ok(next)) = all.requests.get(&mail.request).map(|review| review.mailed(&mail.to)) else {
            return Ok(());
        };
        let draft = draft(Kind::MessageMailed, &next, (of(&next), Fields::default()), now);
        self.keep(&mut all, next, None, draft).await.map_err(|StoreError(why)| why)
    }

    /// The worker has read what [`Self::to_read`] gave, as far as it is among these.
    pub(crate) async fn has_read(
        &self,
        office: &Office,
        person: &Person,
        names: impl Iterator<Item = &str>,
    ) -> Result<(), String> {
        let numbers: Vec<u64> = names.filter_map(|name| name.strip_prefix(MESSAGE)?.parse().ok()).collect();
        if numbers.is_empty() {
            return Ok(());
        }
        let mut all = self.all.lock().await;
        let who = self.worker(&mut all, office, person).await;
        for number in numbers {
            let unread = all.requests.get(&number).filter(|review| review.is_unread_by(&who));
            let Some(Ok(next)) = unread.map(|review| review.read(&who, office.now)) else { continue };
            let draft = draft(Kind::MessageRead, &next, (of(&next), Fields::default()), office.now);
            let kept = self.keep(&mut all, next, None, draft).await;
            kept.map_err(|StoreError(why)| why)?;
        }
        Ok(())
    }
}

impl GeneralNotice {
    fn version(&self) -> [u8; 32] {
        version([&self.italian, &self.english])
    }

    fn as_notice(&self) -> Notice {
        let text = |text: &Option<String>| text.as_deref().map(Into::into);
        Notice {
            name: format!("{GENERAL}{}", self.number).into(),
            version: self.version(),
            italian: text(&self.italian),
            english: text(&self.english),
        }
    }
}

fn message(words: &Words, review: &Review) -> Result<Arc<Notice>, Refusal> {
    let [italian, english] = words.message(review)?.map(Some);
    Ok(Arc::new(Notice {
        name: format!("{MESSAGE}{}", review.number).into(),
        version: version([&italian, &english]),
        italian: italian.as_deref().map(Into::into),
        english: english.as_deref().map(Into::into),
    }))
}

fn version(texts: [&Option<String>; 2]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for text in texts {
        let text = text.as_deref().unwrap_or_default();
        hash.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(text);
    }
    hash.finalize().into()
}
