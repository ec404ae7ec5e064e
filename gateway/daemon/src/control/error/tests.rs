use axum::body::to_bytes;

use super::*;

async fn bytes(refused: &Refused) -> (StatusCode, Vec<(String, String)>, Vec<u8>) {
    let response = refused.answer(Language::It, "K7QM-2F9D");
    let status = response.status();
    let headers =
        response.headers().iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    (status, headers, to_bytes(response.into_body(), 10_000).await.unwrap().to_vec())
}

#[tokio::test]
async fn wrong_credentials_are_the_same_bytes_whatever_the_cause() {
    let first = bytes(&Refused::WrongCredentials("wrong_password")).await;
    for truth in ["unknown_user", "account_locked", "empty_password", "second_factor_wrong", "enrolment_code_wrong"] {
        assert_eq!(bytes(&Refused::WrongCredentials(truth)).await, first);
    }
}

#[test]
fn outside_hours_says_when_they_begin() {
    let next: Zoned = "2026-11-24T07:30[Europe/Rome]".parse().unwrap();
    let reason = policy::Reason::OutsideHours { next: Some(next.timestamp()) };
    let refused = Refused::Policy(reason, Some(next));
    assert_eq!(
        refused.english(),
        "This is outside your agreed hours. Your hours begin on Tuesday 24 November at 07:30."
    );
    assert_eq!(
        refused.italian(),
        "Siamo fuori dall'orario concordato. Il tuo orario inizia martedì 24 novembre alle 07:30."
    );
}

/// One of each at least.
fn refusals() -> Vec<Refused> {
    use devices::Trouble::{AnotherWorker, Expired, Foreign, Revoked};
    use policy::Reason;
    let (day, wait) = ("2026-11-22".parse().unwrap(), Duration::from_secs(60));
    let mut all = vec![
        Refused::BadRequest,
        Refused::WrongCredentials("wrong_password"),
        Refused::Blocked,
        Refused::FactorNotConfirmed(None),
        Refused::FactorNotConfirmed(Some(-90)),
        Refused::AlreadyConnected,
        Refused::Workstation(Trouble::Unknown),
        Refused::WireguardConfigNotAllowed,
        Refused::KeyExchange,
        Refused::LoginOver,
        Refused::TooMany("user", wait),
        Refused::Unavailable("disk_full"),
        Refused::Unavailable("overloaded"),
    ];
    let acts = [
        MustAct::PasswordExpired,
        MustAct::ChangePassword,
        MustAct::AccountExpired,
        MustAct::Disabled,
        MustAct::OutsideDirectoryHours,
        MustAct::NotFromHere,
    ];
    all.extend(acts.map(Refused::MustAct));
    all.extend([Expired, Foreign, Revoked, AnotherWorker].map(Refused::Device));
    let not_taken = [
        NotTaken::TooShort,
        NotTaken::TooSimple,
        NotTaken::UsedBefore,
        NotTaken::TooSoon,
        NotTaken::Rules,
        NotTaken::NotHere,
    ];
    all.extend(not_taken.map(Refused::PasswordNotTaken));
    let reasons = [
        Reason::NoAgreement,
        Reason::NotYet { from: day, next: None },
        Reason::Over { until: day },
        Reason::WrongGroup,
        Reason::Device { device: policy::Device::Personal, another: false },
        Reason::PhoneApp,
        Reason::Suspended { next: None },
        Reason::Closed { next: None },
        Reason::Holiday { next: None },
        Reason::OutsideHours { next: None },
        Reason::Quota { quota: policy::Quota { days: 2, per: policy::Per::Week }, next: None },
    ];
    all.extend(reasons.map(|reason| Refused::Policy(reason, None)));
    let assistance = [
        NotAssisted::NotTechnician,
        NotAssisted::NotProvided,
        NotAssisted::TooLong(wait),
        NotAssisted::NotConnected,
        NotAssisted::Own,
        NotAssisted::Busy,
        NotAssisted::LeftInPeace(wait),
        NotAssisted::No,
        NotAssisted::NoAnswer,
        NotAssisted::Gone,
        NotAssisted::TakenBack,
    ];
    all.extend(assistance.map(Refused::Assistance));
    all
}

#[test]
fn every_refusal_says_what_to_do() {
    let english = [
        "ask", "change", "check", "choose", "close", "install", "let the", "mix", "sign in", "start", "tell", "try",
        "update", "use",
    ];
    let italian = [
        "rivolgiti",
        "chiedi",
        "chiedigli",
        "chiedine",
        "chiamalo",
        "cambiala",
        "controlla",
        "scegli",
        "scegline",
        "chiudi",
        "installa",
        "lascia",
        "mescola",
        "accedi",
        "avvia",
        "comunica",
        "riprova",
        "aggiorna",
        "usa",
        "chiama",
        "si può richiedere",
    ];
    let mut without = Vec::new();
    for refused in refusals() {
        for (said, advice) in [(refused.english(), &english[..]), (refused.italian(), &italian[..])] {
            let last = said.trim_end_matches('.').rsplit(". ").next().unwrap_or_default().to_lowercase();
            let words: Vec<&str> = last.split(|letter: char| !letter.is_alphabetic()).collect();
            let last = format!(" {} ", words.join(" "));
            if !advice.iter().any(|word| last.contains(&format!(" {word} "))) {
                without.push(format!("{refused:?}: {said}"));
            }
        }
    }
    assert!(without.is_empty(), "{}", without.join("\n"));
}

#[tokio::test]
async fn waiting_is_told_to_programs_and_people() {
    let (status, headers, body) = bytes(&Refused::TooMany("user", Duration::from_millis(74_200))).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    assert!(headers.contains(&("retry-after".to_owned(), "75".to_owned())), "{headers:?}");
    let refusal: Refusal = serde_json::from_slice(&body).unwrap();
    assert_eq!((refusal.code, refusal.retry_after_s), (RefusalCode::TooManyAttempts, Some(75)));
    assert_eq!(refusal.message, "Troppi tentativi. Riprova tra 75 secondi.");
}
