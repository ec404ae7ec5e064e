//! A home computer where the office has put the program into the desktop's menu, by the very lines of `deploy/README.md`.

use std::{fs, os::unix::fs::symlink, path::Path};

use crate::{
    window::Window,
    world::{World, program},
};

/// Where those lines install the program.
pub const PROGRAM: &str = "/usr/local/bin/deskgate";

/// Installs it at home. What is there before and after is that computer's alone.
///
/// # Panics
/// When the manual has other lines, or one of them fails.
pub fn install(world: &World) {
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let manual = fs::read_to_string(tree.join("deploy/README.md")).expect("the manual");
    let at_home = manual.split("\n## ").find(|chapter| chapter.starts_with("At home\n")).expect("its chapter");
    let lines: Vec<&str> = at_home.lines().filter_map(|line| line.strip_prefix("    ")).collect();
    assert_eq!(lines.len(), 6, "deploy/README.md tells something else: {lines:?}");

    // What the office brings along, for the computer does not see this tree.
    let brought = world.folder().join("brought");
    let files = Path::new("deploy/client/linux");
    fs::create_dir_all(brought.join(files)).expect("the world's folder is writable");
    for file in fs::read_dir(tree.join(files)).expect("a folder of ours") {
        let file = file.expect("its entries are read");
        fs::copy(file.path(), brought.join(files).join(file.file_name())).expect("the world's folder is writable");
    }
    symlink(program("deskgate"), brought.join("deskgate")).expect("the world's folder is writable");

    world.home.sh("for folder in bin share; do mount -t tmpfs -o mode=755 tmpfs /usr/local/$folder; done");
    world.home.sh(&format!("cd '{}'\n{}", brought.display(), lines.join("\n")));
}

/// Opens a file as a double click on it does, with whatever its desktop finds for it.
pub fn open<'a>(world: &'a World, file: &str) -> Window<'a> {
    let mut command = world.home.command("gio");
    command.args(["open", file]);
    // As after a login: the desktop's own folders, and nothing of whoever runs the tests.
    command.env("PATH", "/usr/local/bin:/usr/bin:/bin");
    for variable in ["XDG_DATA_DIRS", "XDG_DATA_HOME", "XDG_CONFIG_DIRS", "XDG_CONFIG_HOME", "XDG_CURRENT_DESKTOP"] {
        command.env_remove(variable);
    }
    Window::start_as(&world.home, command)
}
