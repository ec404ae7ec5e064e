//! How the policy stands: the one in force, the one that was left aside, and the folder as it is at this moment, with its
//! mistakes as `policy check` prints them. For those who run the gateway: the files are theirs.

use axum::response::Response;
use gateway_record::{Hash, review::Act};
use maud::{Markup, html};
use policy::Style;

use super::{
    page::{self, Tab},
    visitor::Visitor,
    words::Words,
};
use crate::{
    policy_files::Loaded,
    policy_in_force::{Standing, Unusable},
};

/// `GET /policy`
pub(super) async fn show(visitor: Visitor) -> Response {
    if let Err(answer) = visitor.right(Act::Run).await {
        return answer;
    }
    let (words, office) = (visitor.words(), &visitor.office);
    let in_force = visitor.desk().change.policy();
    let Standing { hash, since, rejected } = in_force.standing();
    let read = in_force.read().await;
    let content = html! {
        section {
            h2 { (words.policy_in_force) }
            dl.facts {
                (page::fact(words.since_when, page::moment(office, words, since)))
                (page::fact(words.agreements, office.policy.agreement_count()))
                (page::fact(words.structures, office.policy.structures().len()))
                (page::fact(words.timezone, office.policy.timezone()))
                (page::fact(words.hash, html! { code.hash { (hash) } }))
            }
            @if let Some(rejected) = rejected {
                div.problem {
                    p { strong { (words.policy_rejected) } " " (page::moment(office, words, rejected.at)) }
                    p lang="en" { (rejected.why) }
                }
            }
        }
        section {
            h2 { (words.policy_folder) }
            (folder(words, hash, &read))
        }
    };
    visitor.frame().tab(Tab::Policy, &content)
}

fn folder(words: &Words, in_force: Hash, read: &Result<Loaded, Unusable>) -> Markup {
    match read {
        Err(unusable) => html! {
            p.problem { (words.policy_mistakes) }
            (printed(words, &unusable.full))
        },
        Ok(loaded) => html! {
            @if Hash(loaded.hash) == in_force {
                p.good { (words.policy_same) }
            } @else {
                p.told { (words.policy_other) }
            }
            @if !loaded.ignored.is_empty() {
                p { (words.policy_left_out) }
                ul lang="en" { @for ignored in &loaded.ignored { li { code { (ignored.name) } ": " (ignored.what) } } }
            }
            @if loaded.warnings.iter().next().is_some() {
                p { (words.policy_warnings) }
                (printed(words, &loaded.warnings.render(&loaded.sources, Style::Plain)))
            }
        },
    }
}

/// As a terminal shows it.
fn printed(words: &Words, text: &str) -> Markup {
    page::wide(words.policy_folder, &html! { pre lang="en" { (text) } })
}
