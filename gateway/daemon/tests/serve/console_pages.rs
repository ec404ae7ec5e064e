//! The web page as a browser and those who cannot see it have it: axe-core finds nothing against any page, in either language, light or
//! dark, wide or as narrow as a page at 400 %. With `DESKGATE_PICTURES=FOLDER` it draws the manual's pictures there (`tests/pictures`).

use std::{env, fs, path::Path};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::{browser::Chromium, console::PAGE, house::*, review_steps::*};

const AXE: &str = include_str!("../axe/axe.min.js");
const WHY: &str = "Accessi rifiutati ogni notte da due settimane, sempre dopo le 23";
/// A wide window, and the narrowest that WCAG 1.4.10 asks for.
const WINDOWS: [(u32, u32); 2] = [(1280, 900), (320, 640)];

fn url(path: &str) -> String {
    format!("https://{PAGE}{path}")
}

/// What axe-core has against the page that is shown, and whether it is wider than its window.
async fn check(browser: &mut Chromium, what: &str) {
    for (window, scheme) in WINDOWS.into_iter().zip(["light", "dark"]) {
        browser.look(window, scheme).await;
        // The page's policy lets no script in; the protocol does.
        browser.evaluate(AXE).await;
        let found = browser.evaluate("axe.run({ resultTypes: ['violations'] }).then(found => found.violations.map(one => ({ id: one.id, help: one.help, nodes: one.nodes.map(node => node.html + ' ' + node.failureSummary) })))").await;
        assert_eq!(found, Value::Array(Vec::new()), "{what}, {scheme}: {found:#}");
        let wider =
            browser.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth").await;
        assert_eq!(wider, 0, "{what} is wider than a window of {}", window.0);
        let headings = browser.evaluate("document.querySelectorAll('h1').length").await;
        assert_eq!(headings, 1, "{what}");
    }
}

async fn sign_in(browser: &mut Chromium, office: &Office, user: &str) {
    browser.go(&url("/login")).await;
    let (password, code) = (format!("pw-{user}"), office.code(user));
    let fields = [("#login-user", user), ("#login-password", &*password), ("#login-code", &*code)];
    browser.send("form.card", &fields).await;
    let said = browser.evaluate("document.body.innerText").await;
    assert!(said.as_str().unwrap().contains(user), "{said}");
}

async fn sign_out(browser: &mut Chromium) {
    browser.send("form.out", &[]).await;
}

async fn draw(browser: &mut Chromium, name: &str) {
    let Ok(folder) = env::var("DESKGATE_PICTURES") else { return };
    browser.look((1180, 900), "light").await;
    browser.draw(&Path::new(&folder).join(name)).await;
}

/// Colleagues of a structure, some of whose logins are refused.
fn people(office: &Office) {
    let house = &office.house;
    let mut policy = format!("{POLICY}{RULES}");
    for number in 1..=9 {
        let user = format!("w{number}");
        let added =
            house.run(&["directory", "add", &user, "--group", "smart", "--password-stdin"], &format!("pw-{user}"));
        assert!(added.status.success(), "{}", text(&added.stderr));
        let structure = if number <= 6 { "Servizi Demografici" } else { "Tributi" };
        policy += &format!(
            "[workstations.desk-{number}]\naddress = \"10.20.3.{}\"\nservices = [\"rdp\"]\n[[agreements]]\nworker = \"{user}\"\n\
             structure = \"{structure}\"\nworkstation = \"desk-{number}\"\nprofile = \"standard\"\nfrom = 2020-01-01\nuntil = 2099-12-31\n\
             days = [\"Mon\", \"Tue\", \"Wed\", \"Thu\", \"Fri\", \"Sat\", \"Sun\"]\nhours = \"00:00-24:00\"\n",
            60 + number
        );
    }
    house.set_policy(&policy);
}

/// A gateway of so many days ago, in which something happens that figures count.
fn long_ago(office: &Office, days: i64, refused: usize) {
    let mut gateway = office.house.serve_days_ago(days);
    block_on(async {
        for number in 1..=6 {
            let (token, _) = open(&format!("w{number}")).await;
            assert_eq!(close(&token, "").await, 204);
        }
        for round in 0..refused {
            assert_eq!(login(&format!("w{}", round % 6 + 1), "pw-wrong").await.status, 401);
        }
    });
    gateway.signal(Signal::SIGTERM);
    gateway.ended();
}

#[test]
fn every_page_is_for_everybody_in_italian() {
    every_page_in("it");
}

#[test]
fn every_page_is_for_everybody_in_english() {
    every_page_in("en");
}

fn every_page_in(language: &str) {
    let office = Office::new();
    people(&office);
    for (days, refused) in [(250, 6), (190, 8), (130, 18)] {
        long_ago(&office, days, refused);
    }
    let office = office_with_roles(office);
    let _gateway = office.house.serve();
    for user in ["a.min", "m.rossi"] {
        office.enrol(user, 0);
    }
    let sessions: Vec<String> = block_on(async {
        let mut numbers = Vec::new();
        for user in ["m.rossi", "w1", "w2", "w3", "w7", "w8"] {
            numbers.push(open(user).await.1);
        }
        numbers
    });
    let from = yesterday();
    let asked = ["request", "--worker", "m.rossi", "--from", &from, "--ground", "b", "--reason", WHY];
    for _ in 0..2 {
        let (done, said) = office.step("d.head", &asked);
        assert!(done, "{said}");
    }
    let steps: [(&str, &[&str]); 2] =
        [("d.general", &["approve", "1"]), ("r.office", &["open", "--request", "1", "--to", &office.path("opened")])];
    for (user, step) in steps {
        let (done, said) = office.step(user, step);
        assert!(done, "{user} {step:?}: {said}");
    }
    let text_of_notice = office.path("notice.it");
    fs::write(&text_of_notice, "Molti accessi sono rifiutati: controllate la password.").unwrap();
    let (done, said) = office.step("d.head", &["notice", "Servizi Demografici", "--it", &text_of_notice]);
    assert!(done, "{said}");

    block_on(async {
        let mut browser = Chromium::start(language).await;
        browser.go(&url("/login")).await;
        assert_eq!(browser.evaluate("document.documentElement.lang").await, language);
        check(&mut browser, &format!("{language}: sign in")).await;
        browser.send("form.card", &[("#login-user", "x"), ("#login-password", "x"), ("#login-code", "x")]).await;
        check(&mut browser, &format!("{language}: not signed in")).await;
        let session = format!("/sessions/{}", sessions[0]);
        let pages: [(&str, &[&str]); 4] = [
            ("a.min", &["/", "/sessions", &session, "/record", "/policy", "/own", "/figures", "/nothing"]),
            (
                "d.general",
                &["/", "/figures", "/requests", "/requests/new", "/requests/1", "/requests/2", "/notices", "/record"],
            ),
            ("r.office", &["/", "/requests/1"]),
            ("m.rossi", &["/", "/own"]),
        ];
        for (user, paths) in pages {
            sign_in(&mut browser, &office, user).await;
            for path in paths {
                browser.go(&url(path)).await;
                check(&mut browser, &format!("{language}: {user} {path}")).await;
                if language == "en" {
                    match *path {
                        "/figures" if user == "d.general" => draw(&mut browser, "console-figures.png").await,
                        "/requests/1" if user == "r.office" => draw(&mut browser, "console-request.png").await,
                        _ => {}
                    }
                }
            }
            if user == "a.min" {
                mistakes(&mut browser, &session, &format!("{language}: {user}")).await;
            }
            sign_out(&mut browser).await;
        }
    });
}

/// Pages that come back with something to mend.
async fn mistakes(browser: &mut Chromium, session: &str, what: &str) {
    browser.go(&url(session)).await;
    browser.evaluate("document.querySelectorAll('input').forEach(input => input.required = false)").await;
    browser.send("form.card", &[("#close-why", "no"), ("#close-code", "")]).await;
    check(browser, &format!("{what}: a session that is not closed")).await;
    browser.go(&url("/record")).await;
    browser.send("main form", &[]).await;
    check(browser, &format!("{what}: the record that was checked")).await;
}

/// The same with everybody's role held for eight days, and the page.
fn office_with_roles(office: Office) -> Office {
    let office = crate::console::office(office);
    office.settle();
    office
}
