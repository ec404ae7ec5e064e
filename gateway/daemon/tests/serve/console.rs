//! The web page: who gets in, what each role sees and may, and that no form is taken but the visit's own. By a plain TLS client; what a
//! browser makes of the pages is for `console_pages.rs`.

use std::{collections::BTreeMap, fs};

use crate::{house::*, review_steps::*};

/// Where the page is.
pub(crate) const PAGE: &str = "127.0.0.1:8443";
const WHY: &str = "Accessi rifiutati ogni notte da due settimane";

/// An office whose gateway serves the page, with an administrator.
pub(crate) fn office(office: Office) -> Office {
    let house = &office.house;
    let config = fs::read_to_string(house.path("gateway.toml")).unwrap();
    fs::write(house.path("gateway.toml"), format!("{config}\n[console]\nlisten = \"{PAGE}\"\n")).unwrap();
    let added = house.run(&["directory", "add", "a.min", "--group", "ced", "--password-stdin"], "pw-a.min");
    assert!(added.status.success(), "{}", text(&added.stderr));
    office
}

/// A browser without a window: it keeps cookies, and says where its forms come from.
#[derive(Default)]
pub(crate) struct Browser {
    cookies: BTreeMap<String, String>,
    headers: String,
}

impl Browser {
    fn accepting(language: &str) -> Self {
        Self { headers: format!("\r\nAccept-Language: {language}"), ..Self::default() }
    }

    fn head(&self, line: &str, headers: &str) -> String {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = if cookies.is_empty() { String::new() } else { format!("\r\nCookie: {}", cookies.join("; ")) };
        format!("{line} HTTP/1.1{cookies}{}{headers}", self.headers)
    }

    fn send(&mut self, line: &str, headers: &str, body: &str) -> Answer {
        let head = self.head(line, headers);
        let answer = block_on(async { request_on(connect_to(PAGE).await, &head, body.as_bytes()).await });
        for line in answer.head.lines().filter_map(|line| line.strip_prefix("set-cookie: ")) {
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            match line.contains("Max-Age=0") {
                true => self.cookies.remove(name),
                false => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        answer
    }

    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.send(&format!("GET {path}"), "", "")
    }

    /// The same so many times side by side, on connections of their own: what came of each.
    fn get_at_once(&self, path: &str, times: usize) -> Vec<u16> {
        let head = self.head(&format!("GET {path}"), "");
        block_on(async {
            let mut asked = tokio::task::JoinSet::new();
            for _ in 0..times {
                let head = head.clone();
                asked.spawn(async move { request_on(connect_to(PAGE).await, &head, &[]).await.status });
            }
            asked.join_all().await
        })
    }

    /// The text of a page that must be there.
    pub(crate) fn page(&mut self, path: &str) -> String {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        text(&answer.body)
    }

    /// A form that this page's own document sends.
    fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.post_from("same-origin", path, fields)
    }

    fn post_from(&mut self, site: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let headers =
            format!("\r\nContent-Type: application/x-www-form-urlencoded\r\nOrigin: null\r\nSec-Fetch-Site: {site}");
        self.send(&format!("POST {path}"), &headers, &fields.join("&"))
    }

    /// The same with what ties forms to this visit.
    fn act(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let key = form_key(&self.page("/"));
        self.post(path, &[&[("form", &*key)], fields].concat())
    }

    fn sign_in(&mut self, user: &str, password: &str, code: &str) -> Answer {
        self.post("/login", &[("user", user), ("password", password), ("code", code)])
    }
}

impl Office {
    /// A browser in which somebody has signed in.
    pub(crate) fn browser(&self, user: &str) -> Browser {
        let mut browser = Browser::accepting("en");
        let answer = browser.sign_in(user, &format!("pw-{user}"), &self.code(user));
        assert_eq!((answer.status, header(&answer, "location")), (303, "/"), "{user}: {}", text(&answer.body));
        browser
    }

    fn acts(&self) -> Vec<String> {
        self.records("administrators")
    }

    /// A journal as `kind`, with its reasons.
    fn records(&self, journal: &str) -> Vec<String> {
        let records = self.house.json(&["log", "show", "--journal", journal, "--json"]);
        let field = |record: &serde_json::Value, name: &str| {
            record["fields"][name].as_str().map(|said| format!(" {said}")).unwrap_or_default()
        };
        let line = |record: &serde_json::Value| {
            ["act", "reason", "why"]
                .iter()
                .fold(record["kind"].as_str().unwrap().to_owned(), |line, name| line + &field(record, name))
        };
        records.as_array().unwrap().iter().map(line).collect()
    }
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

fn form_key(page: &str) -> String {
    let (_, rest) = page.split_once("name=\"form\" value=\"").unwrap_or_else(|| panic!("no form: {page}"));
    rest.split('"').next().unwrap().to_owned()
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    let found = answer.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    found.unwrap_or_default()
}

#[test]
fn a_visit_begins_with_all_factors_and_ends_by_signing_out() {
    let office = office(Office::new());
    let _gateway = office.house.serve();
    for user in ["d.general", "n.agreement"] {
        office.enrol(user, 0);
    }
    let mut browser = Browser::accepting("en");
    let first = browser.get("/");
    assert_eq!((first.status, header(&first, "location")), (303, "/login"));
    let login = browser.get("/login");
    for (name, said) in [
        (
            "content-security-policy",
            "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        ),
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("strict-transport-security", "max-age=31536000"),
    ] {
        assert_eq!(header(&login, name), said, "{}", login.head);
        assert_eq!(header(&first, name), said, "also on what leads elsewhere");
    }
    assert!(!text(&login.body).contains("<script") && !text(&login.body).contains("style="));

    // The same words whatever is wrong, and no cookie.
    let code = office.code("d.general");
    let right = "pw-d.general";
    let said = |answer: Answer| {
        assert_eq!((answer.status, header(&answer, "set-cookie")), (401, ""), "{}", answer.head);
        let page = text(&answer.body);
        let (_, said) = page.split_once("role=\"alert\"").unwrap();
        said.split("(support number").next().unwrap().to_owned()
    };
    let wrong = said(browser.sign_in("d.general", "pw-wrong", &code));
    assert!(wrong.contains("are not right"), "{wrong}");
    assert_eq!(said(browser.sign_in("d.general", right, "")), wrong);
    assert_eq!(said(browser.sign_in("d.general", right, "000000")), wrong);
    assert_eq!(said(browser.sign_in("nobody", right, &code)), wrong);
    let reasons: Vec<String> =
        office.house.story().into_iter().filter(|line| line.starts_with("login_refused")).collect();
    let expected = ["wrong_password", "second_factor_missing", "second_factor_wrong", "unknown_user"];
    assert_eq!(reasons, expected.map(|reason| format!("login_refused {reason}")));

    let entered = browser.sign_in("d.general", right, &code);
    assert_eq!((entered.status, header(&entered, "location")), (303, "/"), "{}", text(&entered.body));
    let cookie = header(&entered, "set-cookie");
    assert!(cookie.starts_with("__Host-deskgate="), "{cookie}");
    for part in ["Path=/", "Secure", "HttpOnly", "SameSite=Strict"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let secret = browser.cookies["__Host-deskgate"].clone();
    assert!(secret.len() >= 32, "{secret}");
    assert!(browser.page("/").contains("d.general"));
    // Another browser has a visit of its own; a second login in this one ends its first.
    let mut other = office.browser("d.general");
    let answer = browser.sign_in("d.general", right, &office.code("d.general"));
    assert_eq!(answer.status, 303);
    assert_ne!(browser.cookies["__Host-deskgate"], secret);
    let mut thief = Browser::default();
    thief.cookies.insert("__Host-deskgate".to_owned(), secret);
    assert_eq!(header(&thief.get("/"), "location"), "/login");
    assert_eq!(other.get("/").status, 200);
    let before = browser.cookies.clone();
    let left = browser.act("/logout", &[]);
    assert_eq!((left.status, header(&left, "location")), (303, "/login?out"));
    assert!(browser.cookies.is_empty());
    browser.cookies = before;
    assert_eq!(browser.get("/").status, 303, "signed out is signed out");
    assert_eq!(other.get("/").status, 200, "elsewhere it goes on");

    // Whoever has no role reads what is recorded of them, and is no entry in the administrators' journal.
    let mut worker = office.browser("n.agreement");
    assert!(worker.page("/own").contains("Nobody has looked"));
    let acts: Vec<String> = office.acts().into_iter().filter(|line| line.starts_with("console_")).collect();
    let left = "console_left signed_out";
    assert_eq!(acts, ["console_entered", "console_entered", left, "console_entered", left]);
    let shown = office.house.says(&["log", "show", "--journal", "administrators"]);
    assert!(shown.contains("roles=director_general") && !shown.contains("d.general"), "sealed: {shown}");
}

#[test]
fn no_form_is_taken_but_the_visits_own() {
    let office = office(Office::new());
    let _gateway = office.house.serve();
    for user in ["d.head", "d.general"] {
        office.enrol(user, 0);
    }
    let (mut head, mut general) = (office.browser("d.head"), office.browser("d.general"));
    let (own, others) = (form_key(&head.page("/")), form_key(&general.page("/")));
    let yesterday = yesterday();
    let fields = |key| [("form", key), ("worker", "m.rossi"), ("from", &*yesterday), ("ground", "b"), ("reason", WHY)];
    for key in ["", "0", &others] {
        assert_eq!(head.post("/requests/new", &fields(key)).status, 403, "`{key}`");
    }
    for site in ["cross-site", "same-site", "none"] {
        assert_eq!(head.post_from(site, "/requests/new", &fields(&own)).status, 403, "{site}");
    }
    let silent = "\r\nContent-Type: application/x-www-form-urlencoded";
    assert_eq!(head.send("POST /requests/new", silent, &format!("form={own}")).status, 403);
    let json = "\r\nContent-Type: text/plain\r\nSec-Fetch-Site: same-origin";
    assert_eq!(head.send("POST /requests/new", json, &format!("form={own}")).status, 400);
    let long = "x".repeat(49 * 1024);
    assert_eq!(head.post("/requests/new", &[("form", &own), ("reason", &long)]).status, 400);
    assert_eq!(head.get("/requests/1/approve").status, 405, "nothing is done by a link");
    assert_eq!(head.post("/login", &[]).status, 401, "signing in needs no visit, and everything else");
    assert_eq!(head.post_from("cross-site", "/login", &[]).status, 403);
    assert!(head.page("/requests").contains("no requests that you may read"));
    let asked = head.post("/requests/new", &fields(&own));
    assert_eq!((asked.status, header(&asked, "location")), (303, "/requests/1"), "{}", text(&asked.body));
}

#[test]
fn each_role_sees_its_pages_and_no_other() {
    let office = office(Office::new());
    let _gateway = office.house.serve();
    let paths = ["/", "/own", "/sessions", "/policy", "/record", "/figures", "/requests", "/requests/new", "/notices"];
    let table = [
        ("a.min", [200, 200, 200, 200, 200, 403, 403, 403, 403]),
        ("d.general", [200, 200, 403, 403, 200, 200, 200, 200, 200]),
        ("d.head", [200, 200, 403, 403, 403, 200, 200, 200, 200]),
        ("r.office", [200, 200, 403, 403, 200, 200, 200, 403, 200]),
        ("n.agreement", [200, 200, 403, 403, 403, 403, 403, 403, 403]),
    ];
    let mut refused = 0;
    for (user, row) in table {
        office.enrol(user, 0);
        let mut browser = office.browser(user);
        let menu = browser.page("/");
        for (path, status) in paths.iter().zip(row) {
            let answer = browser.get(path);
            assert_eq!(answer.status, status, "{user} {path}: {}", text(&answer.body));
            let is_linked = menu.contains(&format!("href=\"{path}\""));
            assert!(*path == "/requests/new" || is_linked == (status == 200), "{user} {path}: {menu}");
            refused += usize::from(status == 403);
        }
        // And acts without their pages.
        for (act, may) in [("/record", row[4]), ("/notices", row[8])] {
            let answer = browser.act(act, &[("structure", "Tributi")]);
            assert_eq!(answer.status == 403, may == 403, "{user} {act}: {}", text(&answer.body));
            refused += usize::from(answer.status == 403);
        }
        let answer = browser.act("/sessions/0000-0000/close", &[("why", "because of a test"), ("code", "0")]);
        assert_eq!(answer.status == 403, user != "a.min", "{user}");
        refused += usize::from(answer.status == 403);
    }
    let denied: Vec<String> =
        office.records("reviews").into_iter().filter(|line| line.starts_with("review_denied")).collect();
    assert_eq!(denied.len(), refused, "each refusal is recorded: {denied:?}");
    for act in ["run", "verify", "figures", "read", "request", "notice"] {
        assert!(denied.contains(&format!("review_denied {act} no_right")), "{act}: {denied:?}");
    }
}

#[test]
fn an_administrator_sees_no_names_and_closes_a_session_with_a_reason_and_a_code() {
    let office = office(Office::new());
    let _gateway = office.house.serve();
    office.enrol("a.min", 0);
    let (_, number) = block_on(open("m.rossi"));
    let mut browser = office.browser("a.min");
    let (list, page) = (browser.page("/sessions"), browser.page(&format!("/sessions/{number}")));
    for said in [&list, &page] {
        assert!(said.contains(&number) && said.contains("Servizi Demografici"), "{said}");
        assert!(!said.contains("rossi") && !said.contains("anagrafe") && !said.contains("10.20.3"), "{said}");
    }
    let close = format!("/sessions/{number}/close");
    let code = office.code("a.min");
    let short = browser.act(&close, &[("why", "no"), ("code", &code)]);
    assert_eq!(short.status, 422);
    let page = text(&short.body);
    assert!(page.contains("id=\"close-why-wrong\"") && page.contains("aria-invalid=\"true\""), "{page}");
    let why = "asked for by <phone>";
    let wrong = browser.act(&close, &[("why", why), ("code", "000000")]);
    assert_eq!(wrong.status, 401);
    let page = text(&wrong.body);
    assert!(page.contains("id=\"close-code-wrong\"") && page.contains("asked for by &lt;phone&gt;"), "{page}");
    assert_eq!(office.house.open_sessions(), 1);
    assert!(office.house.story().contains(&"login_refused second_factor_wrong".to_owned()));
    let closed = browser.act(&close, &[("why", why), ("code", &code)]);
    assert_eq!((closed.status, header(&closed, "location")), (303, "/sessions"), "{}", text(&closed.body));
    assert_eq!(office.house.open_sessions(), 0);
    assert!(office.house.story().contains(&"session_closed administrator".to_owned()));
    assert!(office.acts().contains(&"session_closed_by_order".to_owned()));
    // The code has been used, and there is nothing left to close.
    assert_eq!(browser.act(&close, &[("why", why), ("code", &code)]).status, 404);
    let again = browser.act("/sessions/zzzz-zzzz/close", &[("why", why), ("code", &code)]);
    assert_eq!(again.status, 404);
}

#[test]
fn a_request_is_asked_approved_opened_and_minuted_on_pages() {
    let office = office(Office::settled());
    let _gateway = office.house.serve();
    block_on(async {
        let (token, _) = open("m.rossi").await;
        assert_eq!(close(&token, "").await, 204);
    });
    let [mut head, mut general, mut reviewer] = ["d.head", "d.general", "r.office"].map(|user| office.browser(user));
    let from = yesterday();
    let short = head.act("/requests/new", &[("worker", "m.rossi"), ("from", &from), ("ground", "b"), ("reason", "?")]);
    assert_eq!(short.status, 422);
    assert!(text(&short.body).contains("id=\"request-reason-wrong\""), "{}", text(&short.body));
    let asked = head.act("/requests/new", &[("worker", "m.rossi"), ("from", &from), ("ground", "b"), ("reason", WHY)]);
    assert_eq!(header(&asked, "location"), "/requests/1", "{}", text(&asked.body));
    // Whoever asks is not shown the answer, and does not give it.
    assert!(!head.page("/requests/1").contains("/requests/1/approve"));
    let own = head.act("/requests/1/approve", &[]);
    assert_eq!(own.status, 403);
    assert!(text(&own.body).contains("whoever asks does not approve"), "{}", text(&own.body));
    let early = reviewer.act("/requests/1/open", &[("code", &office.code("r.office"))]);
    assert!(text(&early.body).contains("approval by a second person is missing"), "{}", text(&early.body));
    assert!(general.page("/requests/1").contains("/requests/1/approve"));
    assert_eq!(general.act("/requests/1/approve", &[]).status, 303);

    // Each opening takes a code of its own.
    let wrong = reviewer.act("/requests/1/open", &[("code", "000000")]);
    assert_eq!((wrong.status, header(&wrong, "content-disposition")), (401, ""));
    let code = office.code("r.office");
    let opened = reviewer.act("/requests/1/open", &[("code", &code)]);
    assert_eq!(opened.status, 200, "{}", text(&opened.body));
    assert_eq!(header(&opened, "content-disposition"), "attachment; filename=\"review-1-open.json\"");
    let file = text(&opened.body);
    assert!(file.contains("deskgate_review") && !file.contains("m.rossi"), "{file}");
    assert_eq!(reviewer.act("/requests/1/open", &[("code", &code)]).status, 401, "a code counts once");
    for browser in [&mut head, &mut general, &mut reviewer] {
        let page = browser.page("/requests/1");
        assert!(page.contains("VERBALE N. 1") && page.contains("shown at the next login"), "{page}");
    }
    let put_off = head.act("/requests/1/postpone", &[("until", "soon"), ("reason", WHY)]);
    assert!(text(&put_off.body).contains("id=\"postpone-until-wrong\""), "{}", text(&put_off.body));
    let story: Vec<String> = office.records("reviews");
    for kind in ["review_requested", "review_approved", "review_opened", "minute_written"] {
        assert_eq!(story.iter().filter(|line| **line == kind).count(), 1, "{kind}: {story:?}");
    }
    // The worker reads of it on the page too.
    office.enrol("m.rossi", 0);
    let own = office.browser("m.rossi").page("/own");
    assert!(own.contains("Session opened") && own.contains("Head of structure") && !own.contains("d.head"), "{own}");
}

#[test]
fn a_notice_is_given_to_a_structure_on_its_page() {
    let office = office(Office::new());
    let _gateway = office.house.serve();
    office.enrol("d.head", 0);
    let mut head = office.browser("d.head");
    let empty = head.act("/notices", &[("structure", "Servizi Demografici")]);
    assert!(text(&empty.body).contains("id=\"notice-italian-wrong\""), "{}", text(&empty.body));
    let elsewhere = head.act("/notices", &[("structure", "Tributi"), ("italian", "Attenzione.")]);
    assert_eq!(elsewhere.status, 403, "{}", text(&elsewhere.body));
    let given = head.act("/notices", &[("structure", "Servizi Demografici"), ("italian", "Molti <accessi>.")]);
    assert_eq!(given.status, 303, "{}", text(&given.body));
    assert!(head.page("/notices").contains("Molti &lt;accessi&gt;."));
    assert!(office.records("reviews").contains(&"general_notice".to_owned()));
}

#[test]
fn record_and_policy_are_shown_as_they_are() {
    let office = office(Office::new());
    let _gateway = office.house.serve();
    office.enrol("a.min", 0);
    let mut browser = office.browser("a.min");
    let before = browser.page("/record");
    assert!(before.contains("Not checked since the gateway started") && before.contains("not proven"), "{before}");
    assert_eq!(browser.act("/record", &[]).status, 303);
    wait("the check to end", || browser.page("/record").contains("Nothing was altered"));
    assert!(browser.page("/policy").contains("The files are those in force"));
    office.house.set_policy(&format!("colour = \"red\"\n{POLICY}{RULES}"));
    let wrong = browser.page("/policy");
    assert!(wrong.contains("no policy") && wrong.contains("colour") && wrong.contains("office.toml"), "{wrong}");
}

#[test]
fn a_role_that_goes_ends_the_visit() {
    let office = office(Office::new());
    let _gateway = office.house.serve();
    office.enrol("d.general", 0);
    let mut general = office.browser("d.general");
    assert_eq!(general.get("/requests").status, 200);
    office.house.set_policy(&format!("{POLICY}{}", RULES.replace("director_general = \"directors\"", "")));
    office.house.says(&["reload"]);
    let over = general.get("/requests");
    assert_eq!((over.status, header(&over, "location")), (303, "/login?changed"));
    assert!(general.cookies.is_empty() && office.acts().contains(&"console_left role_gone".to_owned()));
    // Blocked while the visit lasts.
    office.house.set_policy(&format!("{POLICY}{RULES}"));
    office.house.says(&["reload"]);
    let mut again = office.browser("d.general");
    office.house.says(&["worker", "block", "d.general"]);
    assert_eq!(header(&again.get("/"), "location"), "/login?changed");
}

#[test]
fn the_language_is_the_browsers_until_another_is_chosen() {
    let office = office(Office::new());
    let _gateway = office.house.serve();
    let mut browser = Browser::accepting("it-IT,it;q=0.9,en;q=0.8");
    let page = browser.page("/login");
    assert!(page.contains("<html lang=\"it\">") && page.contains("<h1>Accedi</h1>"), "{page}");
    let chosen = browser.get("/language/en?to=%2Flogin");
    assert_eq!((chosen.status, header(&chosen, "location")), (303, "/login"));
    assert!(browser.page("/login").contains("<h1>Sign in</h1>"));
    let elsewhere = browser.get("/language/en?to=%2F%2Fevil.example");
    assert_eq!(header(&elsewhere, "location"), "/", "nowhere else");
    assert_eq!(browser.get("/language/xx").status, 404);
    assert_eq!(browser.get("/nothing").status, 404);
    assert_eq!(header(&browser.get("/style.css"), "content-type"), "text/css; charset=utf-8");
}

#[test]
fn guesses_are_limited_as_at_a_login() {
    let office = office(Office::new());
    let _gateway = office.house.serve();
    let mut browser = Browser::accepting("en");
    let mut answers = (0..30).map(|_| browser.sign_in("d.general", "pw-wrong", "000000").status);
    assert!(answers.any(|status| status == 429), "somebody who guesses is held up");
}

/// How often the rules had to refuse somebody something.
fn denied(office: &Office) -> usize {
    office.records("reviews").iter().filter(|line| line.starts_with("review_denied")).count()
}

#[test]
fn whoever_is_refused_again_and_again_waits() {
    let office = office(Office::new());
    let _gateway = office.house.serve();
    for user in ["a.min", "d.head"] {
        office.enrol(user, 0);
    }
    let (mut browser, mut also, mut other) =
        (office.browser("a.min"), office.browser("a.min"), office.browser("d.head"));
    for _ in 0..40 {
        assert_eq!(browser.get("/policy").status, 200, "what is not refused is not counted");
    }
    let answers: Vec<u16> = (0..30).map(|_| browser.get("/requests").status).collect();
    assert!(answers[..29].iter().all(|status| *status == 403) && answers[29] == 303, "{answers:?}");
    assert!(browser.cookies.is_empty());
    assert!(browser.page("/login?refused").contains("had to be refused"));
    assert_eq!(header(&also.get("/policy"), "location"), "/login", "their other visits are over too");
    assert_eq!(other.get("/requests").status, 200, "others are not concerned");
    assert_eq!(denied(&office), 30);
    assert_eq!(office.acts().iter().filter(|line| *line == "console_left refused").count(), 2);
    // Signing in anew is no way round it, here or at the socket.
    let again = browser.sign_in("a.min", "pw-a.min", &office.code("a.min"));
    assert_eq!(again.status, 429, "{}", text(&again.body));
    assert!(text(&again.body).contains("Too many attempts. Try again in"), "{}", text(&again.body));
    office.refused("a.min", &["requests"], "Too many attempts. Try again in");
    assert_eq!(denied(&office), 30);
    assert!(office.house.says(&["log", "show"]).contains("limit=steps"));
}

#[test]
fn requests_side_by_side_are_no_way_round_the_limit() {
    let office = office(Office::new());
    let _gateway = office.house.serve();
    office.enrol("a.min", 0);
    let (first, second) = (office.browser("a.min"), office.browser("a.min"));
    first.get_at_once("/requests", 50);
    second.get_at_once("/requests", 50);
    assert_eq!(denied(&office), 30);
}

#[test]
fn sound_requests_side_by_side_end_no_visit_just_below_the_limit() {
    let office = office(Office::new());
    let _gateway = office.house.serve();
    office.enrol("a.min", 0);
    let mut browser = office.browser("a.min");
    for _ in 0..29 {
        assert_eq!(browser.get("/requests").status, 403);
    }
    assert_eq!(browser.get_at_once("/policy", 40), [200; 40]);
    let refused = browser.get_at_once("/requests", 40);
    assert_eq!((denied(&office), refused), (30, vec![303; 40]));
}

#[test]
fn a_restart_leaves_a_trace_of_the_visits_that_it_ends() {
    let office = office(Office::new());
    let mut gateway = office.house.serve();
    office.enrol("d.general", 0);
    let visits = || -> Vec<String> { office.acts().into_iter().filter(|line| line.starts_with("console_")).collect() };
    let mut browser = office.browser("d.general");
    let stop = |gateway: &mut Gateway| {
        gateway.signal(nix::sys::signal::Signal::SIGTERM);
        gateway.ended();
    };
    stop(&mut gateway);
    gateway = office.house.serve();
    assert_eq!(header(&browser.get("/"), "location"), "/login");
    assert_eq!(visits(), ["console_entered", "console_left stopped"]);
    let mut again = office.browser("d.general");
    gateway.signal(nix::sys::signal::Signal::SIGKILL);
    gateway.ended();
    for _ in 0..2 {
        gateway = office.house.serve();
        stop(&mut gateway);
    }
    let _gateway = office.house.serve();
    assert_eq!(header(&again.get("/"), "location"), "/login");
    let told = ["console_entered", "console_left stopped", "console_entered", "console_left restart"];
    assert_eq!(visits(), told, "once");
    let shown = office.house.says(&["log", "show", "--journal", "administrators"]);
    assert!(shown.contains("visits=1"), "{shown}");
}
