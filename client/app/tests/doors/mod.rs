//! How many connections a door takes at a time: few where an RDP program was started, more where nobody knows who comes.

use std::net::TcpStream;

use super::{
    gateway::{Gateway, Manners},
    running::{Program, echo, install},
};

/// Has five connections answered one after another and keeps them, ends the first, and tries until one more is answered.
const GREEDY: &str = r#"exec bash -c '
trap "" PIPE
answered() { exec {line}<>/dev/tcp/127.0.0.1/${1##*:} && echo >&$line && test "$(head -c 1 <&$line | wc -c)" = 1; }
answers=""
for number in 1 2 3 4 5; do
    answered "$1" && answers+=" yes" || answers+=" no"
    first=${first:-$line}
done
echo "answered:$answers"
exec {first}>&-
until answered "$1"; do exec {line}>&-; done
echo "and one more"
exec sleep 60' xfreerdp3 "$@" 2>/dev/null"#;

#[test]
fn a_door_takes_no_more_connections_than_the_rdp_program_needs() {
    let gateway = Gateway::start(Manners::default());
    let home = tempfile::tempdir().unwrap();
    install(&home, "xfreerdp3", GREEDY);
    let server = gateway.address.to_string();
    let arguments = ["connect", "--server", &server, "--user", "m.rossi", "--password-stdin"];
    let arguments = [&arguments[..], &["--fingerprint", &gateway.fingerprint]].concat();
    let mut program = Program::start_in(home, &arguments, super::PASSWORD);
    program.says("answered: yes yes yes yes no");
    program.says("and one more");
}

#[test]
fn a_door_for_whatever_a_person_starts_takes_more() {
    let gateway = Gateway::start(Manners::default());
    let program = Program::connect(&gateway, &["--no-run"]);
    let door = program.door();
    let mut streams: Vec<TcpStream> = (0..8).map(|_| TcpStream::connect(door).unwrap()).collect();
    streams.iter_mut().for_each(|stream| echo(stream, b"here"));
}
