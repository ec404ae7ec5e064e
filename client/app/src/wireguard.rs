//! A session handed to another WireGuard program: its configuration as `wg-quick` reads it.
//!
//! It holds a private key. It is written once, where the person said, readable by that person alone, and never over
//! something that exists.

use std::{
    fmt::Write as _,
    io::{self, Write},
    net::SocketAddr,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use gateway_api::login::Session;
use zeroize::Zeroizing;

use crate::{config::WireguardOutput, private};

/// Longer than any configuration: growing would leave copies of the key behind.
const LONGEST: usize = 4096;

/// The configuration of `session`, for the key that was made for it.
pub(crate) fn configuration(session: &Session, private: &[u8; 32], endpoint: SocketAddr) -> Zeroizing<String> {
    let host_bits = |address: std::net::IpAddr| if address.is_ipv4() { 32 } else { 128 };
    let mut key = Zeroizing::new([0; 44]);
    // 32 bytes are 44 characters: it fits.
    let _ = STANDARD.encode_slice(private, &mut *key);
    let mut text = Zeroizing::new(String::with_capacity(LONGEST));
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "# Session {number}, workstation {name}.\n\
         # Holds a private key, good for this session only: do not keep it, do not pass it on.\n\
         [Interface]\n\
         PrivateKey = {private}\n\
         Address = {address}/{address_bits}\n\
         MTU = {mtu}\n\
         \n\
         [Peer]\n\
         PublicKey = {public}\n\
         PresharedKey = {preshared}\n\
         Endpoint = {endpoint}\n\
         AllowedIPs = {workstation}/{workstation_bits}\n\
         PersistentKeepalive = 25\n",
        number = session.number,
        name = session.workstation.name,
        private = std::str::from_utf8(&*key).unwrap_or_default(),
        address = session.address,
        address_bits = host_bits(session.address),
        mtu = session.mtu,
        public = session.gateway.public_key,
        preshared = *session.preshared_key.encode(),
        workstation = session.workstation.address,
        workstation_bits = host_bits(session.workstation.address),
    );
    text
}

/// Writes it where the person said. A file must not exist yet.
pub(crate) fn write(output: &WireguardOutput, text: &str) -> io::Result<()> {
    match output {
        WireguardOutput::Stdout => {
            let mut stdout = io::stdout().lock();
            stdout.write_all(text.as_bytes())?;
            stdout.flush()
        }
        WireguardOutput::File(path) => private::create(path)?.write_all(text.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn session() -> Session {
        // Read from text, as it comes: keys borrow from it.
        let text = serde_json::json!({
            "number": "K7QM-2F9D", "token": STANDARD.encode([1; 32]),
            "gateway": { "public_key": STANDARD.encode([2; 32]), "endpoint": "gw:51820" },
            "preshared_key": STANDARD.encode([3; 32]), "address": "10.99.0.2", "mtu": 1380,
            "workstation": { "name": "anagrafe-07", "address": "2001:db8::7", "services": [{ "name": "rdp", "tcp": [3389] }] },
            "limits": { "idle_s": 900, "remaining_s": 1, "ends_at": 0, "grace_s": 120 }, "redirect": [],
        })
        .to_string();
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_configuration_says_what_a_wireguard_program_needs_and_warns() {
        let session = session();
        let text = configuration(&session, &[9; 32], "192.0.2.1:51820".parse().unwrap());
        for line in [
            format!("PrivateKey = {}", STANDARD.encode([9; 32])),
            format!("PublicKey = {}", STANDARD.encode([2; 32])),
            format!("PresharedKey = {}", STANDARD.encode([3; 32])),
            "Address = 10.99.0.2/32".into(),
            "MTU = 1380".into(),
            "Endpoint = 192.0.2.1:51820".into(),
            "AllowedIPs = 2001:db8::7/128".into(),
            "PersistentKeepalive = 25".into(),
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{}", *text);
        }
        assert!(text.contains("private key, good for this session only"));
        assert!(text.len() < LONGEST);
    }

    #[test]
    fn a_file_is_for_its_owner_alone_and_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let output = WireguardOutput::File(folder.path().join("wg.conf"));
        write(&output, "one").unwrap();
        let path = folder.path().join("wg.conf");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(write(&output, "two").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read_to_string(path).unwrap(), "one");
    }
}
