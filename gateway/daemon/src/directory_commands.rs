//! `directory …`: keeps the people of the embedded directory.

use std::{
    io::{IsTerminal as _, Read as _},
    os::unix::fs::MetadataExt as _,
    path::Path,
    process::ExitCode,
};

use gateway_api::login::{LONGEST_PASSWORD, Password};
use serde_json::{Value, json};
use zeroize::Zeroize as _;

use crate::{
    Failure,
    cli::{DirectoryCommand, PasswordSource},
    config::{Config, Directory},
    directory::{FileDirectory, LdapDirectory, People, Step},
    policy_files,
    session_commands::{json as print_json, say},
};

/// `directory …`
pub(crate) fn run(config: &Config, command: DirectoryCommand) -> Result<ExitCode, Failure> {
    match command {
        DirectoryCommand::Add { user, groups, password } => {
            let password = new_password(password, &user)?;
            change(config, |people| people.add(&user, &password, groups).map_err(|error| error.to_string()))?;
            say(&format!("`{user}` is added"))
        }
        DirectoryCommand::Passwd { user, password } => {
            let password = new_password(password, &user)?;
            change(config, |people| people.set_password(&user, &password).map_err(|error| error.to_string()))?;
            say(&format!("`{user}` has a new password"))
        }
        DirectoryCommand::List(output) => {
            let people = People::read(people_file(config)?).map_err(|error| Failure::Unusable(error.to_string()))?;
            if output.json { print_json(&listed(&people)) } else { list(&people) }
        }
        DirectoryCommand::Test { user, password: source } => {
            let login =
                user.map(|user| password(source, &format!("Password for {user}: ")).map(|password| (user, password)));
            test(config, login.transpose()?.as_ref())
        }
    }
}

/// Walks the way of a login, telling each step; exit code 1 if one failed.
fn test(config: &Config, login: Option<&(String, Password)>) -> Result<ExitCode, Failure> {
    let groups = match policy_files::load(&config.policy) {
        Ok(loaded) => loaded.policy.groups().iter().map(ToString::to_string).collect(),
        Err(error) => {
            say(&format!("note    the policy cannot be read, so no group is asked about: {error}"))?;
            Vec::new()
        }
    };
    let mut whole = true;
    let mut tell = |step: Step| {
        whole &= step.holds;
        // A closed pipe is found out by the next command.
        let _ = say(&format!("{}  {}", if step.holds { "ok    " } else { "FAILED" }, step.words));
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Failed(format!("cannot start: {error}")))?;
    let login = login.map(|(user, password)| (user.as_str(), password));
    if login.is_some_and(|(_, password)| password.expose().is_empty()) {
        return Err(Failure::Unusable("an empty password is never asked about".to_owned()));
    }
    match &config.directory {
        Directory::Ldap(ldap) => {
            let directory = LdapDirectory::new(ldap.clone()).map_err(Failure::Unusable)?;
            runtime.block_on(directory.walk(login, &groups, &mut tell));
        }
        Directory::File { file } => {
            let directory = FileDirectory::new(file.clone()).map_err(|error| Failure::Failed(error.to_string()))?;
            runtime.block_on(directory.walk(login, &groups, &mut tell));
        }
    }
    Ok(ExitCode::from(u8::from(!whole)))
}

fn people_file(config: &Config) -> Result<&Path, Failure> {
    match &config.directory {
        Directory::File { file } => Ok(file),
        Directory::Ldap(_) => {
            Err(Failure::Unusable("the configuration names an LDAP directory: people are kept there".to_owned()))
        }
    }
}

fn change(config: &Config, change: impl FnOnce(&mut People) -> Result<(), String>) -> Result<(), Failure> {
    let file = people_file(config)?;
    let mut people = People::read(file).map_err(|error| Failure::Unusable(error.to_string()))?;
    change(&mut people).map_err(Failure::Unusable)?;
    // The gateway's own user must be able to read what root makes: that is who owns the state folder.
    let owner = std::fs::metadata(&config.state).ok().map(|state| (state.uid(), state.gid()));
    people.write(file, owner).map_err(|error| Failure::Failed(error.to_string()))
}

/// A new password: asked for twice, so that a slip of the finger is noticed.
fn new_password(source: PasswordSource, user: &str) -> Result<Password, Failure> {
    let first = password(source, &format!("Password for {user}: "))?;
    if source.password_stdin {
        return Ok(first);
    }
    let second = password(source, "Once more: ")?;
    if first.expose() == second.expose() {
        Ok(first)
    } else {
        Err(Failure::Failed("the two passwords differ".to_owned()))
    }
}

/// A password from the terminal without echo, or the first line of standard input.
fn password(source: PasswordSource, prompt: &str) -> Result<Password, Failure> {
    let unusable = |what: String| Failure::Unusable(what);
    if !source.password_stdin {
        if !std::io::stdin().is_terminal() {
            return Err(unusable("there is no terminal to ask on: give the password by --password-stdin".to_owned()));
        }
        let typed = rpassword::prompt_password(prompt);
        return typed.map(Password::new).map_err(|error| unusable(format!("no password: {error}")));
    }
    let mut bytes = Vec::with_capacity(LONGEST_PASSWORD + 3);
    let most = LONGEST_PASSWORD as u64 + 3;
    let read = std::io::stdin().lock().take(most).read_to_end(&mut bytes);
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let text = std::str::from_utf8(line).map(str::to_owned);
    bytes.zeroize();
    read.map_err(|error| unusable(format!("no password: {error}")))?;
    text.map(Password::new).map_err(|_| unusable("the password is not UTF-8".to_owned()))
}

fn listed(people: &People) -> Value {
    let entry = |(name, person): (&str, &crate::directory::FilePerson)| json!({ "user": name, "groups": person.groups, "disabled": person.disabled, "must_change": person.must_change });
    people.iter().map(entry).collect()
}

fn list(people: &People) -> Result<ExitCode, Failure> {
    if people.iter().next().is_none() {
        return say("the embedded directory is empty: add people with `deskgate-gateway directory add USER`");
    }
    let mut text = format!("{:<24} GROUPS", "USER");
    for (name, person) in people.iter() {
        let mark = match (person.disabled, person.must_change) {
            (true, _) => "  (disabled)",
            (false, true) => "  (must change the password)",
            (false, false) => "",
        };
        text += &format!("\n{name:<24} {}{mark}", person.groups.join(" "));
    }
    say(&text)
}
