//! A town of any size: one worker, workstation and agreement for each number, on five patterns of days and hours.

use policy::{SourceFile, Sources};

const HEAD: &str = r#"timezone = "Europe/Rome"
holidays = ["italy", "06-24"]
[services.rdp]
tcp = [3389]
[profiles.standard]
groups = ["CN=Lavoro Agile,OU=Gruppi,DC=comune,DC=example"]
longest = "13h"
[profiles.standard.personal]
idle = "10m"
[[exceptions]]
closed = true
from = 2026-08-10
until = 2026-08-14
"#;

const PATTERNS: [(&str, &str); 5] = [
    ("mar gio", "07:30-19:30"),
    ("lun mer", "08:00-13:00 14:00-18:00"),
    ("ven", "07:00-15:00"),
    ("lun gio", "22:00-06:00"),
    ("lun-ven", "08:00-14:00"),
];

fn workstations(count: usize) -> SourceFile {
    let mut text = String::new();
    for number in 0..count {
        let (high, low) = (number / 65_536, number % 65_536);
        text.push_str(&format!(
            "[workstations.pc-{number}]\naddress = \"10.{high}.{}.{}\"\nservices = [\"rdp\"]\n",
            low / 256,
            low % 256
        ));
    }
    SourceFile { name: "workstations.toml".into(), text }
}

fn head() -> SourceFile {
    SourceFile { name: "head.toml".into(), text: HEAD.into() }
}

/// The agreements as human resources export them.
pub(crate) fn in_csv(count: usize) -> Sources {
    let mut text = "worker;structure;workstation;profile;from;until;days;hours\n".to_owned();
    for number in 0..count {
        let (days, hours) = PATTERNS[number % PATTERNS.len()];
        let structure = number % 40;
        text.push_str(&format!(
            "worker.{number};Settore {structure};pc-{number};standard;01/01/2026;31/12/2026;{days};{hours}\n"
        ));
    }
    Sources::new(vec![head(), workstations(count), SourceFile { name: "agreements.csv".into(), text }])
}

/// The agreements as an administrator writes them.
pub(crate) fn in_toml(count: usize) -> Sources {
    let mut text = String::new();
    for number in 0..count {
        let (days, hours) = PATTERNS[number % PATTERNS.len()];
        let list = |text: &str| text.split(' ').map(|item| format!("{item:?}")).collect::<Vec<_>>().join(", ");
        text.push_str(&format!(
            "[[agreements]]\nworker = \"worker.{number}\"\nstructure = \"Settore {}\"\nworkstation = \"pc-{number}\"\nprofile = \
             \"standard\"\nfrom = 2026-01-01\nuntil = 2026-12-31\ndays = [{}]\nhours = [{}]\n\n",
            number % 40,
            list(days),
            list(hours),
        ));
    }
    Sources::new(vec![head(), workstations(count), SourceFile { name: "agreements.toml".into(), text }])
}
