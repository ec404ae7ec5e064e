//! Each role against each act, each step against each stage, and every refusal.

use gateway_api::SessionNumber;
use jiff::{SignedDuration, Timestamp, civil::date, tz::TimeZone};

use super::*;
use crate::{Hash, Kind};

const HERE: &str = "Tributi";
const ELSEWHERE: &str = "Anagrafe";
const WHY: &str = "Accessi rifiutati ogni notte da due settimane";
const DAY: SignedDuration = SignedDuration::from_hours(24);

fn now() -> Timestamp {
    "2026-11-20T10:00:00Z".parse().unwrap()
}

fn roles() -> [Role; 9] {
    [
        Role::Administrator,
        Role::Technician,
        Role::ExternalTechnician,
        Role::DirectorGeneral,
        Role::HeadOfStructure(HERE.to_owned()),
        Role::HeadOfStructure(ELSEWHERE.to_owned()),
        Role::ServiceHead(HERE.to_owned()),
        Role::ServiceHead(ELSEWHERE.to_owned()),
        Role::ReviewerOffice,
    ]
}

fn signed(name: &str, roles: &[Role]) -> Signed {
    let since = now() - HELD_FOR;
    let roles = roles.iter().map(|role| Held { role: role.clone(), since }).collect();
    Signed { id: format!("id of {name}"), name: name.to_owned(), roles, tags: vec![[name.len() as u8; 32]] }
}

fn general() -> Signed {
    signed("general", &[Role::DirectorGeneral])
}

fn head() -> Signed {
    signed("d.head", &[Role::HeadOfStructure(HERE.to_owned())])
}

fn office() -> Signed {
    signed("an.office", &[Role::ReviewerOffice])
}

fn rossi() -> Signed {
    signed("m.rossi.xyz", &[])
}

fn circumstances() -> Circumstances {
    Circumstances {
        lawful_from: Some(date(2026, 2, 1)),
        today: date(2026, 11, 20),
        notice_on: Some(date(2026, 11, 1)),
        anomaly_on: Some(date(2026, 11, 1)),
    }
}

fn asked() -> Asked {
    Asked {
        structure: HERE.to_owned(),
        subject: Subject {
            id: Some(rossi().id),
            name: Some("m.rossi.xyz".to_owned()),
            sessions: Vec::new(),
            tags: rossi().tags,
            known: Vec::new(),
        },
        events: Vec::new(),
        from: date(2026, 11, 1),
        until: date(2026, 11, 19),
        ground: Ground::B,
        reason: WHY.to_owned(),
    }
}

fn requested() -> Review {
    Review::request(7, (&head(), asked()), &circumstances(), now()).unwrap()
}

fn approved() -> Review {
    requested().approve(&general(), &circumstances(), now()).unwrap()
}

fn refused() -> Review {
    requested().refuse(&general(), WHY, now()).unwrap()
}

fn opened() -> Review {
    let (by, until) = approved().may_open(&office(), &circumstances(), now()).unwrap();
    approved().open(Opening { by, until, records: vec![4, 5], digest: Hash([7; 32]) })
}

fn words() -> Words {
    Words { zone: TimeZone::UTC, act: "Deliberazione n. 41".to_owned() }
}

fn minuted() -> Review {
    opened().minute(words().minute(3, &opened()).unwrap()).unwrap()
}

/// One attempt at an act.
fn attempt(act: Act, who: &Signed) -> Result<(), Refusal> {
    let circumstances = circumstances();
    match act {
        Act::Request => Review::request(8, (who, asked()), &circumstances, now()).map(drop),
        Act::Approve => {
            let answered = requested().approve(who, &circumstances, now()).map(drop);
            assert_eq!(requested().refuse(who, WHY, now()).map(drop), answered, "no is as hard as yes");
            answered
        }
        Act::Open => approved().may_open(who, &circumstances, now()).map(drop),
        Act::Postpone => minuted().postpone(who, (now() + DAY, WHY), None, now()).map(drop),
        Act::Notice | Act::Figures | Act::Read | Act::Run | Act::Verify => who.acts(act, HERE, now()).map(drop),
    }
}

#[test]
fn each_role_has_the_acts_of_the_table_in_its_structure_and_no_other() {
    // request, approve, open, postpone, notice, figures, read; run, verify
    let table = [
        [false, false, false, false, false, false, false, true, true],
        [false, false, false, false, false, false, false, false, false],
        [false, false, false, false, false, false, false, false, false],
        [true, true, false, true, true, true, true, false, true],
        [true, true, false, true, true, true, true, false, false],
        [false, false, false, false, false, false, false, false, false],
        [true, true, false, false, false, false, true, false, false],
        [false, false, false, false, false, false, false, false, false],
        [false, false, true, false, true, true, true, false, true],
    ];
    for (role, row) in roles().iter().zip(table) {
        for (act, may) in Act::ALL.into_iter().zip(row) {
            let outcome = attempt(act, &signed("somebody.else", std::slice::from_ref(role)));
            let expected = if may { Ok(()) } else { Err(Refusal::NoRight(act)) };
            assert_eq!(outcome, expected, "{role:?} {act:?}");
        }
    }
    for act in Act::ALL {
        assert_eq!(attempt(act, &signed("nobody", &[])), Err(Refusal::NoRight(act)), "without any role");
    }
}

#[test]
fn who_runs_the_gateway_neither_approves_nor_opens_whatever_else_they_are() {
    for role in roles() {
        let both = signed("somebody.else", &[role, Role::Administrator, Role::DirectorGeneral, Role::ReviewerOffice]);
        assert_eq!(attempt(Act::Approve, &both), Err(Refusal::Administrator));
        assert_eq!(attempt(Act::Open, &both), Err(Refusal::Administrator));
    }
}

#[test]
fn a_message_is_for_the_person_and_not_for_who_has_the_name_now() {
    let rossi = rossi();
    let subject = Subject { id: Some(rossi.id), ..of_sessions(&[rossi.tags[0]]) };
    let namesake = Signed { tags: subject.tags.clone(), ..signed("another.name", &[]) };
    assert!(namesake.is(&subject) && !namesake.is_told(&subject));
    assert!(namesake.is_told(&Subject { id: None, ..subject }), "nothing else is known of whose they are");
}

#[test]
fn nobody_has_a_part_in_the_review_of_their_own_records() {
    let all = [Role::DirectorGeneral, Role::ReviewerOffice];
    let by_name = Signed { tags: Vec::new(), ..signed("m.rossi.xyz", &all) };
    let by_tag = Signed { tags: rossi().tags, ..signed("another.name", &all) };
    for who in [by_name, by_tag] {
        for act in [Act::Request, Act::Approve, Act::Open, Act::Postpone] {
            assert_eq!(attempt(act, &who), Err(Refusal::Subject), "{act:?}");
        }
    }
}

#[test]
fn whoever_asks_does_not_approve() {
    assert_eq!(requested().approve(&head(), &circumstances(), now()), Err(Refusal::Requester));
    assert_eq!(requested().refuse(&head(), WHY, now()), Err(Refusal::Requester));
    let renamed = Signed { name: "another.name".to_owned(), ..head() };
    assert_eq!(requested().approve(&renamed, &circumstances(), now()), Err(Refusal::Requester));
}

#[test]
fn a_role_counts_for_an_approval_after_seven_days() {
    let since = |since: Timestamp| Signed { roles: vec![Held { role: Role::DirectorGeneral, since }], ..general() };
    let newer = now() - HELD_FOR + SignedDuration::from_secs(1);
    let refused = requested().approve(&since(newer), &circumstances(), now());
    assert_eq!(refused, Err(Refusal::HeldTooShort(newer + HELD_FOR)));
    assert!(requested().approve(&since(now() - HELD_FOR), &circumstances(), now()).is_ok());
    let mut two = since(newer);
    two.roles.push(Held { role: Role::HeadOfStructure(HERE.to_owned()), since: now() - HELD_FOR });
    let approved = requested().approve(&two, &circumstances(), now()).unwrap();
    let Stage::Approved { by } = approved.stage else { panic!("{approved:?}") };
    assert_eq!(by.role, Role::HeadOfStructure(HERE.to_owned()), "the one that is old enough");
    let old_elsewhere = Held { role: Role::HeadOfStructure(ELSEWHERE.to_owned()), since: now() - HELD_FOR };
    let mut elsewhere = since(newer);
    elsewhere.roles.push(old_elsewhere);
    assert!(requested().approve(&elsewhere, &circumstances(), now()).is_err(), "of another structure");
}

#[test]
fn before_the_rules_are_in_force_nothing_is_possible() {
    let at = |lawful_from| Circumstances { lawful_from, ..circumstances() };
    let tomorrow = date(2026, 11, 21);
    for (circumstances, refusal) in
        [(at(None), Refusal::NotLawful), (at(Some(tomorrow)), Refusal::NotLawfulYet(tomorrow))]
    {
        assert_eq!(Review::request(8, (&head(), asked()), &circumstances, now()), Err(refusal));
        assert_eq!(requested().approve(&general(), &circumstances, now()), Err(refusal));
        assert_eq!(approved().may_open(&office(), &circumstances, now()), Err(refusal));
    }
    let later = at(Some(date(2026, 11, 2)));
    let request = Review::request(8, (&head(), asked()), &later, now());
    assert_eq!(request, Err(Refusal::BeforeTheRules(date(2026, 11, 2))), "nor is what happened before them");
    let today = at(Some(date(2026, 11, 1)));
    assert!(Review::request(8, (&head(), asked()), &today, now()).is_ok());
}

#[test]
fn a_request_says_whose_records_which_days_on_which_ground_and_why() {
    let request = |asked: Asked| Review::request(8, (&head(), asked), &circumstances(), now()).map(drop);
    let nobody = Subject { id: None, name: None, sessions: Vec::new(), tags: Vec::new(), known: Vec::new() };
    assert_eq!(request(Asked { subject: nobody.clone(), ..asked() }), Err(Refusal::NoSubject));
    let session = Subject { sessions: vec![SessionNumber::new(1)], ..nobody };
    assert_eq!(request(Asked { subject: session, ..asked() }), Ok(()));
    assert_eq!(request(Asked { until: date(2026, 10, 31), ..asked() }), Err(Refusal::NoPeriod), "turned round");
    assert_eq!(request(Asked { until: date(2026, 11, 21), ..asked() }), Err(Refusal::NoPeriod), "not over");
    assert_eq!(request(Asked { until: date(2026, 11, 20), ..asked() }), Ok(()), "today");
    for reason in ["", "because", "                                   "] {
        assert_eq!(request(Asked { reason: reason.to_owned(), ..asked() }), Err(Refusal::NoReason), "{reason:?}");
    }
}

#[test]
fn grounds_a_and_c_need_what_went_before() {
    let request = |ground, circumstances: Circumstances| {
        Review::request(8, (&head(), Asked { ground, ..asked() }), &circumstances, now()).map(drop)
    };
    let nothing = Circumstances { notice_on: None, anomaly_on: None, ..circumstances() };
    let outcomes = Ground::ALL.map(|ground| request(ground, nothing));
    assert_eq!(outcomes, [Err(Refusal::NoNotice), Ok(()), Err(Refusal::NoAnomaly), Ok(())]);
    assert_eq!(Ground::ALL.map(|ground| request(ground, circumstances())), [Ok(()); 4]);
    let noticed = |day| Circumstances { notice_on: Some(date(2026, 11, day)), ..circumstances() };
    assert_eq!(request(Ground::A, noticed(20)), Err(Refusal::NoNotice), "what ended before the notice did not persist");
    assert_eq!(request(Ground::A, noticed(19)), Err(Refusal::NoNotice), "nor what ended on its day");
    assert_eq!(request(Ground::A, noticed(18)), Ok(()), "a day after it");
}

#[test]
fn no_step_can_be_left_out_or_taken_twice() {
    let circumstances = circumstances();
    // Before: what a step makes of each stage.
    let stages = [requested(), refused(), approved(), opened(), minuted()];
    let approve = stages.each_ref().map(|it| it.approve(&general(), &circumstances, now()).map(drop));
    let answered = Err(Refusal::Answered);
    assert_eq!(approve, [Ok(()), answered, answered, answered, answered]);
    let refuse = stages.each_ref().map(|it| it.refuse(&general(), WHY, now()).map(drop));
    assert_eq!(refuse, [Ok(()), answered, answered, answered, answered]);
    let open = stages.each_ref().map(|it| it.may_open(&office(), &circumstances, now()).map(drop));
    assert_eq!(open, [Err(Refusal::NotApproved), Err(Refusal::Refused), Ok(()), Ok(()), Ok(())]);
    let minute = stages.each_ref().map(|it| words().minute(3, it).map(drop));
    let (early, late) = (Err(Refusal::NotOpened), Err(Refusal::Minuted));
    assert_eq!(minute, [early, Err(Refusal::Refused), early, Ok(()), late]);
    let kept = words().minute(3, &opened()).unwrap();
    let written = stages.each_ref().map(|it| it.minute(kept.clone()).map(drop));
    assert_eq!(written, minute);
    let read = stages.each_ref().map(|it| it.read(&rossi(), now()).map(drop));
    let expected = [Err(Refusal::NotApproved), Err(Refusal::Refused), early, Err(Refusal::NotMinuted), Ok(())];
    assert_eq!(read, expected);
    let message = stages.each_ref().map(|it| words().message(it).map(drop));
    assert_eq!(message, expected);
    let postpone = stages.each_ref().map(|it| it.postpone(&head(), (now() + DAY, WHY), None, now()).map(drop));
    assert_eq!(postpone, expected);
    for stage in [requested(), refused(), opened(), minuted()] {
        let other = Opening { by: general().acts(Act::Read, HERE, now()).unwrap(), ..opening(&opened()) };
        assert_eq!(stage.open(other), stage, "the first opening stays");
    }
}

fn opening(review: &Review) -> Opening {
    match &review.stage {
        Stage::Opened { opening, .. } | Stage::Minuted { opening, .. } => opening.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_approval_and_an_opening_have_their_time() {
    let circumstances = circumstances();
    let end = now() + OPEN_WITHIN;
    let last = end - SignedDuration::from_secs(1);
    assert!(approved().may_open(&office(), &circumstances, last).is_ok());
    assert_eq!(approved().may_open(&office(), &circumstances, end), Err(Refusal::Over(end)));
    for stage in [opened(), minuted()] {
        let (_, until) = stage.may_open(&office(), &circumstances, last).unwrap();
        assert_eq!(until, now() + OPEN_FOR, "opening again makes it no longer");
        assert_eq!(stage.may_open(&office(), &circumstances, until), Err(Refusal::Over(until)));
    }
}

#[test]
fn the_message_is_due_and_is_put_off_with_a_reason_and_not_for_ever() {
    let (_, message) = minuted().told().map(|(opening, message)| (opening.clone(), message.clone())).unwrap();
    assert_eq!((message.due, message.read_at), (now() + MESSAGE_WITHIN, None));
    assert!(minuted().is_told(now()) && !opened().is_told(now()));
    let until = now() + DAY;
    let postpone = |until, why, known_until| minuted().postpone(&head(), (until, why), known_until, now());
    assert_eq!(postpone(until, "later", None), Err(Refusal::NoReason));
    let latest = now() + POSTPONED_BY;
    assert_eq!(postpone(latest + DAY, WHY, None), Err(Refusal::TooLate(latest)));
    assert_eq!(postpone(now(), WHY, None), Err(Refusal::TooLate(latest)));
    let known = now() + DAY * 3;
    assert_eq!(
        postpone(known + DAY, WHY, Some(known)),
        Err(Refusal::TooLate(known)),
        "while it is known whom it is for"
    );
    assert!(postpone(known, WHY, Some(known)).is_ok());
    let postponed = postpone(until, WHY, None).unwrap();
    assert!(!postponed.is_told(until - SignedDuration::from_secs(1)) && postponed.is_told(until));
    let read = postponed.read(&rossi(), until).unwrap();
    assert_eq!(read.postpone(&head(), (until + DAY, WHY), None, until), Err(Refusal::MessageRead));
    assert_eq!(read.read(&rossi(), until + DAY).unwrap(), read, "the first reading counts");
}

fn of_sessions(tags: &[Tag]) -> Subject {
    let sessions = (1..=tags.len() as u64).map(SessionNumber::new).collect();
    Subject { id: None, name: None, sessions, tags: tags.to_vec(), known: Vec::new() }
}

/// The minuted review of sessions that have these tags.
fn minuted_of(tags: &[Tag]) -> Review {
    let mut review = minuted();
    review.asked.subject = of_sessions(tags);
    review
}

#[test]
fn each_worker_of_the_named_sessions_is_told() {
    let (rossi, verdi) = (rossi(), signed("g.verdi", &[]));
    let review = minuted_of(&[rossi.tags[0], verdi.tags[0]]);
    assert!(review.is_unread_by(&rossi) && review.is_unread_by(&verdi) && !review.is_unread_by(&head()));
    let half = review.read(&rossi, now()).unwrap();
    assert!(!half.is_unread_by(&rossi) && half.is_unread_by(&verdi), "one reading is not another's");
    assert!(half.is_overdue(now() + MESSAGE_WITHIN + DAY));
    let whole = half.read(&verdi, now() + DAY).unwrap();
    assert_eq!(whole.told().unwrap().1.read_at, Some(now() + DAY));
    assert!(!whole.is_unread_by(&rossi) && !whole.is_unread_by(&verdi));
    let [italian, english] = words().message(&review).unwrap();
    assert!(italian.contains("2 registrazioni in tutto, di più sessioni") && english.contains("2 records in all"));
    let [_, english] = words().message(&minuted()).unwrap();
    assert!(english.contains("(2 records)"), "{english}");
}

#[test]
fn mail_goes_once_to_each_who_is_known_and_has_not_read_it() {
    let rossi = rossi();
    assert_eq!(minuted().to_mail(SignedDuration::ZERO, now()), [&rossi.id]);
    assert_eq!(minuted().to_mail(DAY, now()), [""; 0], "it can still be put off");
    assert_eq!(minuted().to_mail(DAY, now() + DAY), [&rossi.id]);
    assert_eq!(opened().to_mail(SignedDuration::ZERO, now()), [""; 0], "after the minute");
    assert_eq!(minuted().mailed(&rossi.id).unwrap().to_mail(SignedDuration::ZERO, now()), [""; 0]);
    assert_eq!(minuted().read(&rossi, now()).unwrap().to_mail(SignedDuration::ZERO, now()), [""; 0]);
    let postponed = minuted().postpone(&head(), (now() + DAY, WHY), None, now()).unwrap();
    assert_eq!(
        (
            postponed.to_mail(SignedDuration::ZERO, now()).len(),
            postponed.to_mail(SignedDuration::ZERO, now() + DAY).len()
        ),
        (0, 1)
    );
    let verdi = signed("g.verdi", &[]);
    let review = minuted_of(&[rossi.tags[0], verdi.tags[0], [99; 32]]);
    assert_eq!(review.to_mail(SignedDuration::ZERO, now()), [""; 0], "nobody knows whose the sessions were");
    let known = review.recognise(&rossi).unwrap().recognise(&verdi).unwrap();
    assert_eq!(known.to_mail(SignedDuration::ZERO, now()), [&verdi.id, &rossi.id]);
    let read = known.read(&rossi, now()).unwrap();
    assert_eq!(read.to_mail(SignedDuration::ZERO, now()), [&verdi.id]);
    assert_eq!(read.mailed(&verdi.id).unwrap().to_mail(SignedDuration::ZERO, now()), [""; 0]);
}

#[test]
fn who_was_recognised_once_is_told_also_when_their_tag_is_gone() {
    let (rossi, verdi) = (rossi(), signed("g.verdi", &[]));
    let review = minuted_of(&[rossi.tags[0], verdi.tags[0]]);
    assert_eq!(review.recognise(&head()), None);
    let known = review.recognise(&rossi).unwrap();
    assert_eq!(known.recognise(&rossi), None, "once is enough");
    assert_eq!(known.asked.subject.unknown().collect::<Vec<_>>(), [&verdi.tags[0]]);
    let later = |who: &Signed| Signed { tags: Vec::new(), ..who.clone() };
    assert!(known.is_unread_by(&later(&rossi)) && !known.is_unread_by(&later(&verdi)));
    assert!(later(&rossi).is(&known.asked.subject), "nor do they have a part in it");
    assert!(!known.read(&later(&rossi), now()).unwrap().is_unread_by(&later(&rossi)));
    assert_eq!(minuted().recognise(&rossi), None, "a request that names a person knows them");
    assert_eq!(minuted().asked.subject.unknown().count(), 0);
}

#[test]
fn an_unread_message_is_overdue_unless_it_was_put_off() {
    let due = now() + MESSAGE_WITHIN;
    let after = due + SignedDuration::from_secs(1);
    assert!(!minuted().is_overdue(due) && minuted().is_overdue(after) && !opened().is_overdue(after));
    assert!(!minuted().read(&rossi(), now()).unwrap().is_overdue(after));
    let postponed = minuted().postpone(&head(), (after + DAY, WHY), None, now()).unwrap();
    assert!(!postponed.is_overdue(after) && postponed.is_overdue(after + DAY));
}

#[test]
fn an_extract_is_kept_by_who_may_open_while_it_is_open_with_an_end_and_a_reason() {
    let circumstances = circumstances();
    let until = now() + DAY * 90;
    let keep =
        |review: &Review, who: &Signed, until, why| review.may_keep(who, &circumstances, (until, why), now()).map(drop);
    let stages = [requested(), refused(), approved(), opened(), minuted()];
    let outcomes = stages.each_ref().map(|review| keep(review, &office(), until, WHY));
    let (early, unwritten) = (Err(Refusal::NotOpened), Err(Refusal::NotMinuted));
    assert_eq!(outcomes, [Err(Refusal::NotApproved), Err(Refusal::Refused), early, unwritten, Ok(())]);
    assert_eq!(keep(&minuted(), &general(), until, WHY), Err(Refusal::NoRight(Act::Open)));
    assert_eq!(keep(&minuted(), &office(), until, "because"), Err(Refusal::NoReason));
    let latest = now() + KEPT_FOR;
    for wrong in [now(), latest + DAY] {
        assert_eq!(keep(&minuted(), &office(), wrong, WHY), Err(Refusal::KeptTooLong(latest)));
    }
    let over = now() + OPEN_FOR;
    let late = minuted().may_keep(&office(), &circumstances, (until, WHY), over);
    assert_eq!(late, Err(Refusal::Over(over)), "once the opening is over there is nothing to keep");
    let by = minuted().may_keep(&office(), &circumstances, (until, WHY), now()).unwrap();
    let extract = Extract { by, until, why: WHY.to_owned(), digest: Hash([8; 32]) };
    let kept = minuted().keep(extract.clone()).keep(extract);
    assert_eq!((kept.extracts.len(), kept.stage), (2, minuted().stage));
}

#[test]
fn the_minute_says_everything_in_both_languages_and_its_hash_is_of_that() {
    let minute = words().minute(3, &opened()).unwrap();
    for word in [
        "VERBALE N. 3",
        "MINUTE NO. 3",
        "Deliberazione n. 41",
        HERE,
        "m.rossi.xyz",
        "d.head",
        "general",
        "an.office",
        WHY,
        "lettera b)",
        "letter b)",
        "dal 01.11.2026 al 19.11.2026",
        "from 2026-11-01 until 2026-11-19",
        "4, 5",
        "dirigente di Tributi",
        "director general",
        "27.11.2026 10:00",
    ] {
        assert!(minute.text.contains(word), "{word} is missing in:\n{}", minute.text);
    }
    assert_eq!(minute, words().minute(3, &opened()).unwrap());
    assert_ne!(minute.hash, words().minute(4, &opened()).unwrap().hash);
    let [italian, english] = words().message(&minuted()).unwrap();
    assert!(italian.contains("verbale n. 3") && english.contains("minute no. 3"), "{italian}\n{english}");
    for text in [italian, english] {
        assert!(!text.contains("d.head") && !text.contains("general,"), "roles, not names: {text}");
    }
}

#[test]
fn every_refusal_names_what_is_missing_and_has_a_word_of_its_own() {
    let at = now();
    let day = date(2026, 2, 1);
    let all = [
        Refusal::NotLawful,
        Refusal::NotLawfulYet(day),
        Refusal::BeforeTheRules(day),
        Refusal::NoRight(Act::Open),
        Refusal::Administrator,
        Refusal::Requester,
        Refusal::Subject,
        Refusal::HeldTooShort(at),
        Refusal::NoReason,
        Refusal::NoPeriod,
        Refusal::NoSubject,
        Refusal::NoNotice,
        Refusal::NoAnomaly,
        Refusal::NotApproved,
        Refusal::Answered,
        Refusal::Refused,
        Refusal::Over(at),
        Refusal::NotOpened,
        Refusal::NotMinuted,
        Refusal::Minuted,
        Refusal::MessageRead,
        Refusal::TooLate(at),
        Refusal::KeptTooLong(at),
    ];
    let mut words: Vec<&str> = all.iter().map(|refusal| refusal.word()).collect();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), all.len());
    for refusal in all {
        let said = refusal.to_string();
        assert!(said.len() > 20 && !said.ends_with('.'), "{said}");
    }
    assert!(Refusal::NotApproved.to_string().contains("approval by a second person is missing"));
}

#[test]
fn a_request_is_kept_and_read_back_at_every_stage() {
    for review in [requested(), refused(), approved(), opened(), minuted()] {
        let text = serde_json::to_string(&review).unwrap();
        assert_eq!(serde_json::from_str::<Review>(&text).unwrap(), review, "{text}");
    }
    let some = Asked { events: vec!["session_opened".to_owned()], ..asked() };
    assert!(
        some.covers(Kind::SessionOpened) && !some.covers(Kind::SessionClosed) && asked().covers(Kind::SessionClosed)
    );
    assert!(Ground::ALL.into_iter().all(|ground| Ground::from_letter(ground.letter()) == Some(ground)));
    assert_eq!(Ground::from_letter("e"), None);
}
