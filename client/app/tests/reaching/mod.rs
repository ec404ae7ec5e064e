//! An office computer that is not there: the end says so, and not only that a program ended.

use super::{
    gateway::{Gateway, Manners},
    running::Program,
};

/// Knocks, says that it did, and ends with a status.
fn knocking(status: u8) -> String {
    format!("bash -c 'exec 3<>/dev/tcp/{{host}}/{{port}}; cat <&3; echo knocked; exit {status}'")
}

#[test]
fn a_program_that_ends_because_the_workstation_refuses_is_told_as_that() {
    for (status, language, text) in [
        (147, "en", "anagrafe-07 refused the connection, so the session was closed."),
        (0, "it", "anagrafe-07 ha rifiutato il collegamento, e la sessione è stata chiusa."),
    ] {
        let gateway = Gateway::start(Manners { ports: vec![], ..Manners::default() });
        let mut program = Program::connect(&gateway, &["--language", language, "--run", &knocking(status)]);
        let (code, said) = program.end();
        assert_eq!(code, 4, "{said}");
        assert!(said.contains("knocked") && said.contains(text), "{said}");
        assert_eq!(said.matches("K7QM-2F9D").count(), 2, "when it began, and at the end: {said}");
        assert!(!said.contains("ended at once"), "{said}");
        assert_eq!(gateway.closes(), ["program_ended"]);
    }
}
