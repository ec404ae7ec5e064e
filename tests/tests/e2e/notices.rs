//! What the office wants read: shown in full, marked by the worker alone, and no session before.

use e2e::{
    client::{Connect, exit},
    gateway::Setup,
    world::World,
};

const TEXT: &str = "Your office records when you sign in and out.\nIt never records what you do.";

#[test]
fn a_worker_reads_what_the_office_asks_for_once_and_then_works() {
    let world = World::new();
    let _desk = crate::desk(&world);
    let setup = Setup::default().profile("notices", "[\"privacy\"]");
    let files = setup.write(&world);
    std::fs::write(files.policy_folder().join("privacy.en.txt"), TEXT).expect("the world's folder is writable");
    files.set_policy(&(setup.policy() + "\n[notices.privacy]\nen = \"privacy.en.txt\"\n"));
    files.add_person(&world, "m.rossi");
    let gateway = e2e::gateway::Gateway::start(&world, files);

    // Nobody to ask: nothing is marked as read.
    let connect = Connect::new(&gateway, "m.rossi");
    let (code, said) = connect.refused(&world.home);
    assert_eq!(code, exit::REFUSED, "{said}");
    assert!(said.contains("It never records what you do.") && said.contains("in a terminal"), "{said}");
    assert!(gateway.sessions().is_empty());

    let (mut client, mut keyboard) = connect.start_at_terminal(&world);
    client.wait_for_words("Have you read it?");
    assert!(client.said().contains("It never records what you do."), "{}", client.said());
    assert!(gateway.sessions().is_empty(), "pending: no peer and no address");
    keyboard.type_line("n");
    assert_eq!(client.wait(e2e::wait::SOON).code(), exit::REFUSED, "{}", client.said());

    let (mut client, mut keyboard) = connect.start_at_terminal(&world);
    client.wait_for_words("Have you read it?");
    keyboard.type_line("y");
    client.port();
    assert_eq!(gateway.sessions().len(), 1);
    drop(client);

    let mut client = connect.start(&world.home);
    client.port();
    assert!(!client.said().contains("It never records"), "read once: {}", client.said());
    let records = gateway.records();
    let read = records.iter().filter(|record| record["kind"] == "notice_read");
    assert_eq!(read.count(), 1);
}
