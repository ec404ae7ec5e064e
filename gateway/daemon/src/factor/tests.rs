use super::*;

const FROM: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_010 + second).unwrap()
}

fn person(id: &str) -> Person {
    Person { id: id.into(), name: format!("name-of-{id}").into(), groups: Vec::new() }
}

fn draft(kind: Kind) -> Draft {
    Draft::new(kind, at(0))
}

fn code(text: &str) -> Code {
    Code::new(text.to_owned())
}

/// A gateway's state, and the second factors in it.
struct Office {
    state: tempfile::TempDir,
    factors: Factors,
}

impl Office {
    async fn new() -> Self {
        let state = tempfile::tempdir().unwrap();
        let factors = open(state.path()).await;
        Self { state, factors }
    }

    /// The same after a restart.
    async fn again(self) -> Self {
        let Self { state, factors } = self;
        drop(factors);
        let factors = open(state.path()).await;
        Self { state, factors }
    }

    async fn offer(&self, who: &str) -> Code {
        self.factors.offer(&person(who), at(0), draft(Kind::FactorOffered)).await.unwrap().code
    }

    /// Enrols somebody; the app's first code is that of `at(0)`.
    async fn enrol(&self, who: &str) -> (Secret, Vec<Code>) {
        self.offer(who).await;
        let secret = self.begin(who).await;
        let codes = self.factors.confirm(&person(who), &code(&secret.code(at(0))), FROM, at(0)).await.unwrap();
        (secret, codes)
    }

    /// What the app of somebody who begins holds.
    async fn begin(&self, who: &str) -> Secret {
        let text = self.factors.begin(&person(who)).await.unwrap();
        let bits = text.expose().bytes().flat_map(|letter| {
            let value = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".iter().position(|known| *known == letter).unwrap();
            (0..5).rev().map(move |bit| u8::try_from((value >> bit) & 1).unwrap())
        });
        let bits: Vec<u8> = bits.collect();
        let bytes: Vec<u8> = bits.chunks(8).map(|byte| byte.iter().fold(0, |byte, bit| byte << 1 | bit)).collect();
        Secret::new(bytes.try_into().unwrap())
    }

    async fn show(&self, who: &str, text: &str, now: Timestamp) -> Result<(), NotShown> {
        self.factors.show(&person(who), Some(&code(text)), FROM, now).await
    }

    async fn words(&self) -> Vec<String> {
        let mut kinds = Vec::new();
        for journal in gateway_record::Journal::ALL {
            let mut rows =
                self.factors.store.read(crate::store::Query { journal: Some(journal), ..Default::default() });
            while let Some(kept) = rows.recv().await {
                kinds.push(kept.unwrap().record.kind.word().to_owned());
            }
        }
        kinds
    }
}

async fn open(state: &Path) -> Factors {
    let (store, _) = Store::open(state, at(0)).await.unwrap();
    Factors::open(state, store).await.unwrap()
}

fn wrong(word: &'static str) -> Result<(), NotShown> {
    Err(NotShown::Wrong(word))
}

#[tokio::test]
async fn nobody_enrols_without_the_offices_code() {
    let office = Office::new().await;
    let shown = async |text: &str, now: Timestamp| office.factors.show_enrolment(&person("1"), &code(text), now).await;
    assert_eq!(shown("AAAA-BBBB-CCCC-DDDD", at(0)).await, wrong("enrolment_not_offered"));
    assert_eq!(office.factors.begin(&person("1")).await.unwrap_err(), NotConfirmed::NothingBegun);
    let first = office.offer("1").await;
    assert_eq!(shown(first.expose(), at(0)).await, Ok(()));
    assert_eq!(shown("AAAA-BBBB-CCCC-DDDD", at(0)).await, wrong("enrolment_code_wrong"));
    assert_eq!(shown("", at(0)).await, wrong("enrolment_code_wrong"));
    let another = office.factors.show_enrolment(&person("2"), &first, at(0)).await;
    assert_eq!(another, wrong("enrolment_not_offered"), "a code is one worker's");
    assert_eq!(shown(first.expose(), at(7 * 24 * 3600 - 1)).await, Ok(()));
    assert_eq!(shown(first.expose(), at(7 * 24 * 3600)).await, wrong("enrolment_code_expired"));
    let second = office.offer("1").await;
    assert_eq!(shown(first.expose(), at(0)).await, wrong("enrolment_code_wrong"), "the next takes its place");
    assert_eq!(shown(second.expose(), at(0)).await, Ok(()));
}

#[tokio::test]
async fn an_enrolment_counts_once_the_app_shows_its_first_code() {
    let office = Office::new().await;
    let offered = office.offer("1").await;
    let secret = office.begin("1").await;
    let confirm = async |text: String| office.factors.confirm(&person("1"), &code(&text), FROM, at(0)).await;
    assert_eq!(confirm("000000".to_owned()).await.unwrap_err(), NotConfirmed::OtherCode(None));
    assert_eq!(confirm(secret.code(at(300))).await.unwrap_err(), NotConfirmed::OtherCode(Some(300)));
    assert_eq!(office.show("1", &secret.code(at(0)), at(0)).await, wrong("second_factor_not_enrolled"));
    let (replaced, secret) = (secret, office.begin("1").await);
    assert_eq!(confirm(replaced.code(at(0))).await.unwrap_err(), NotConfirmed::OtherCode(None), "begun anew");
    assert_eq!(confirm(secret.code(at(0))).await.unwrap().len(), RECOVERY_CODES);
    let shown = office.factors.show_enrolment(&person("1"), &offered, at(0)).await;
    assert_eq!(shown, wrong("enrolment_not_offered"), "used up");
    assert_eq!(office.show("1", &secret.code(at(0)), at(0)).await, wrong("second_factor_used"), "it was shown already");
    assert_eq!(office.show("1", &secret.code(at(30)), at(30)).await, Ok(()));
    assert_eq!(office.words().await, ["factor_enrolled", "factor_offered"]);
}

#[tokio::test]
async fn a_code_counts_once_also_after_a_restart() {
    let office = Office::new().await;
    let (secret, _) = office.enrol("1").await;
    let (now, next) = (at(60), at(90));
    assert_eq!(office.show("1", &secret.code(next), now).await, Ok(()), "the app may run ahead a little");
    assert_eq!(office.show("1", &secret.code(next), now).await, wrong("second_factor_used"));
    assert_eq!(office.show("1", &secret.code(now), now).await, wrong("second_factor_used"), "nor one from before it");
    let office = office.again().await;
    assert_eq!(office.show("1", &secret.code(next), next).await, wrong("second_factor_used"));
    assert_eq!(office.show("1", &secret.code(at(120)), at(120)).await, Ok(()));
}

#[tokio::test]
async fn one_code_sent_many_times_at_once_counts_once() {
    let office = Office::new().await;
    let (secret, recovery) = office.enrol("1").await;
    for text in [secret.code(at(60)), recovery[0].expose().to_owned()] {
        let shown = futures_util::future::join_all((0..8).map(|_| office.show("1", &text, at(60)))).await;
        assert_eq!(shown.iter().filter(|shown| shown.is_ok()).count(), 1, "{shown:?}");
    }
}

#[tokio::test]
async fn what_is_wrong_is_known_inside() {
    let office = Office::new().await;
    let (secret, _) = office.enrol("1").await;
    let none = office.factors.show(&person("1"), None, FROM, at(60)).await;
    assert_eq!(none, wrong("second_factor_missing"));
    assert_eq!(office.show("1", "not a code", at(60)).await, wrong("second_factor_wrong"));
    assert_eq!(office.show("1", &secret.code(at(60 + 24 * 3600)), at(60)).await, wrong("second_factor_wrong"));
    assert_eq!(office.show("1", &secret.code(at(360)), at(60)).await, wrong("second_factor_clock"));
    assert_eq!(office.show("1", "AAAAA-AAAAA", at(60)).await, wrong("recovery_code_wrong"));
    assert_eq!(office.show("2", &secret.code(at(60)), at(60)).await, wrong("second_factor_not_enrolled"));
    assert_eq!(office.show("1", &secret.code(at(60)), at(60)).await, Ok(()), "and none of it used the right one up");
}

#[tokio::test]
async fn a_recovery_code_counts_once_and_is_told() {
    let office = Office::new().await;
    let (_, codes) = office.enrol("1").await;
    let typed = codes[3].expose().to_lowercase().replace('-', " ");
    assert_eq!(office.show("1", &typed, at(60)).await, Ok(()));
    assert_eq!(office.show("1", &typed, at(60)).await, wrong("recovery_code_wrong"));
    let office = office.again().await;
    assert_eq!(office.show("1", &typed, at(60)).await, wrong("recovery_code_wrong"));
    assert_eq!(office.show("1", codes[4].expose(), at(61)).await, Ok(()));
    assert_eq!(office.factors.list(at(61)).await[0].recovery_codes, Some(8));
    let news: Vec<Happened> = office.factors.news(&person("1"), at(61)).await.iter().map(|news| news.what).collect();
    assert_eq!(news, [Happened::Enrolled, Happened::RecoveryCodeUsed, Happened::RecoveryCodeUsed]);
    assert_eq!(office.words().await.iter().filter(|kind| *kind == "recovery_code_used").count(), 2);
}

#[tokio::test]
async fn news_are_told_at_the_next_login_and_for_a_week() {
    let office = Office::new().await;
    office.enrol("1").await;
    let (day, news) = (24 * 3600, async |office: &Office, now| office.factors.news(&person("1"), now).await.len());
    let office = office.again().await;
    assert_eq!(news(&office, at(30 * day)).await, 1, "whenever that is");
    assert_eq!(news(&office, at(30 * day)).await, 0);
    office.factors.reset(&person("1"), at(31 * day), draft(Kind::FactorReset)).await.unwrap();
    assert_eq!(news(&office, at(31 * day)).await, 1);
    assert_eq!(news(&office, at(38 * day - 1)).await, 1, "who signed in first may have been somebody else");
    assert_eq!(news(&office, at(38 * day)).await, 1);
    assert_eq!(news(&office, at(38 * day)).await, 0);
    assert_eq!(news(&office, at(39 * day)).await, 0);
}

#[tokio::test]
async fn what_the_office_takes_back_counts_no_more() {
    let office = Office::new().await;
    let reset = async || office.factors.reset(&person("1"), at(60), draft(Kind::FactorReset)).await;
    assert_eq!(reset().await.unwrap_err(), NotDone::NotEnrolled);
    let (secret, codes) = office.enrol("1").await;
    let again = office.factors.offer(&person("1"), at(60), draft(Kind::FactorOffered)).await;
    assert_eq!(again.unwrap_err(), NotDone::Enrolled);
    let offered = reset().await.unwrap();
    for old in [secret.code(at(60)), codes[0].expose().to_owned()] {
        assert_eq!(office.show("1", &old, at(60)).await, wrong("second_factor_not_enrolled"));
    }
    assert_eq!(office.factors.show_enrolment(&person("1"), &offered.code, at(60)).await, Ok(()));
    let office = office.again().await;
    assert_eq!(office.factors.list(at(60)).await[0].offered_until, Some(offered.ends_at));
    office.factors.remove_listed("NAME-OF-1", at(60), draft(Kind::FactorRemoved)).await.unwrap();
    assert!(office.factors.list(at(60)).await.is_empty());
    let shown = office.factors.show_enrolment(&person("1"), &offered.code, at(60)).await;
    assert_eq!(shown, wrong("enrolment_not_offered"));
    let none = office.factors.remove("1", at(60), draft(Kind::FactorRemoved)).await;
    assert_eq!(none, Err(NotDone::NotEnrolled));
    assert_eq!(office.words().await, ["factor_enrolled", "factor_offered", "factor_reset", "factor_removed"]);
}

#[tokio::test]
async fn the_database_names_nobody_and_holds_no_secret() {
    let office = Office::new().await;
    let (secret, codes) = office.enrol("anna").await;
    let rows = office.factors.store.factors().await.unwrap();
    let sealed = rows[0].sealed.clone().unwrap();
    for hidden in [&b"anna"[..], secret.expose(), codes[0].expose().as_bytes()] {
        assert!(!sealed.windows(hidden.len()).any(|window| window == hidden));
    }
    // With another key, all are as if they had none; and nobody gets in for it.
    let state = office.state.path().to_owned();
    std::fs::remove_file(state.join("factors-key")).unwrap();
    let office = office.again().await;
    assert_eq!(office.show("anna", &secret.code(at(60)), at(60)).await, wrong("second_factor_not_enrolled"));
    assert!(office.factors.list(at(60)).await.is_empty());
}
