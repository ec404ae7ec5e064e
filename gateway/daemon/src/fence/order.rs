//! What the daemon and the fence's keeper say to each other: lines, each order answered by one, in order.
//!
//! ```text
//! put NUMBER SOURCE WORKSTATION tcp/3389,udp/3389,echo   in the place of what the session had
//! remove NUMBER
//! policy                                                read `workstation_networks` again
//!
//! ok        no WORDS        note WORDS (unasked)
//! ```
//!
//! Read strictly: the keeper believes nothing of a daemon that may have been taken over.

use std::{fmt, net::IpAddr};

use gateway_core::Protocol;

/// The longest line, in bytes, without its end: a session with every port there is.
pub(super) const LONGEST: usize = 2 << 20;

/// A port of the workstation; pings have none, and are 0.
pub(crate) type Port = (Protocol, u16);

/// The ways of one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ways {
    /// Its address in the tunnel.
    pub(crate) source: IpAddr,
    pub(crate) workstation: IpAddr,
    /// Ascending, each once.
    pub(crate) ports: Vec<Port>,
}

/// One order to the keeper. Sessions go by a number that means nothing to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Order {
    Put(u64, Ways),
    Remove(u64),
    Policy,
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put(number, Ways { source, workstation, ports }) => {
                write!(f, "put {number} {source} {workstation} ")?;
                for (place, (protocol, port)) in ports.iter().enumerate() {
                    let comma = if place == 0 { "" } else { "," };
                    match protocol {
                        Protocol::Tcp => write!(f, "{comma}tcp/{port}")?,
                        Protocol::Udp => write!(f, "{comma}udp/{port}")?,
                        Protocol::Echo => write!(f, "{comma}echo")?,
                    }
                }
                Ok(())
            }
            Self::Remove(number) => write!(f, "remove {number}"),
            Self::Policy => f.write_str("policy"),
        }
    }
}

impl Order {
    /// Reads a line without its end; none where it is not exactly what [`fmt::Display`] writes.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let order = match words.next()? {
            "put" => {
                let number = words.next()?.parse().ok()?;
                let source = words.next()?.parse().ok()?;
                let workstation = words.next()?.parse().ok()?;
                let ports = words.next()?.split(',').map(port).collect::<Option<Vec<_>>>()?;
                Self::Put(number, Ways { source, workstation, ports })
            }
            "remove" => Self::Remove(words.next()?.parse().ok()?),
            "policy" => Self::Policy,
            _ => return None,
        };
        // One way to write a thing: no second spaces, no leading zeros, no port twice.
        (order.is_ordered() && order.to_string() == line).then_some(order)
    }

    fn is_ordered(&self) -> bool {
        match self {
            Self::Put(_, Ways { ports, .. }) => ports.is_sorted_by(|a, b| a < b),
            Self::Remove(_) | Self::Policy => true,
        }
    }
}

fn port(text: &str) -> Option<Port> {
    if text == "echo" {
        return Some((Protocol::Echo, 0));
    }
    let (protocol, port) = text.split_once('/')?;
    let protocol = match protocol {
        "tcp" => Protocol::Tcp,
        "udp" => Protocol::Udp,
        _ => return None,
    };
    Some((protocol, port.parse().ok().filter(|port| *port != 0)?))
}

/// What the keeper says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// Done.
    Ok,
    /// Not done, and why.
    No(String),
    /// Something to be told, in answer to nothing.
    Note(String),
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, words) = match self {
            Self::Ok => return f.write_str("ok"),
            Self::No(words) => ("no", words),
            Self::Note(words) => ("note", words),
        };
        write!(f, "{word} {}", words.replace('\n', " "))
    }
}

impl Answer {
    pub(super) fn parse(line: &str) -> Option<Self> {
        match line.split_once(' ') {
            None => (line == "ok").then_some(Self::Ok),
            Some(("no", words)) => Some(Self::No(words.to_owned())),
            Some(("note", words)) => Some(Self::Note(words.to_owned())),
            Some(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_read_as_it_was_written() {
        let ports = vec![(Protocol::Tcp, 3389), (Protocol::Tcp, 65535), (Protocol::Udp, 3389), (Protocol::Echo, 0)];
        let [source, workstation] = ["100.96.0.2", "10.20.3.47"].map(|text| text.parse().unwrap());
        for (order, line) in [
            (
                Order::Put(7, Ways { source, workstation, ports }),
                "put 7 100.96.0.2 10.20.3.47 tcp/3389,tcp/65535,udp/3389,echo",
            ),
            (Order::Remove(u64::MAX), "remove 18446744073709551615"),
            (Order::Policy, "policy"),
        ] {
            assert_eq!(order.to_string(), line);
            assert_eq!(Order::parse(line), Some(order));
        }
    }

    #[test]
    fn what_is_not_exactly_an_order_is_none() {
        for line in [
            "",
            "put",
            "put 7 100.96.0.2 10.20.3.47",
            "put 7 100.96.0.2 10.20.3.47 ",
            "put 7 100.96.0.2 10.20.3.47 tcp/0",
            "put 7 100.96.0.2 10.20.3.47 tcp/03389",
            "put 7 100.96.0.2 10.20.3.47 tcp/3389,tcp/3389",
            "put 7 100.96.0.2 10.20.3.47 udp/1,tcp/1",
            "put 7 100.96.0.2 10.20.3.47 echo,tcp/1",
            "put 7 100.96.0.2 10.20.3.47 echo,echo",
            "put 7 100.96.0.2 10.20.3.47 echo/0",
            "put 7 100.96.0.2 10.20.3.0/24 tcp/3389",
            "put 7 100.96.0.2 10.20.3.47 tcp/3389 }",
            "put 7 100.96.0.2 10.20.3.47 tcp/3389; flush ruleset",
            "put -7 100.96.0.2 10.20.3.47 tcp/3389",
            "remove",
            "remove +7",
            "remove  7",
            "policy now",
            "Policy",
        ] {
            assert_eq!(Order::parse(line), None, "{line}");
        }
    }

    #[test]
    fn an_answer_is_one_line_whatever_it_says() {
        for answer in [Answer::Ok, Answer::No("why not".into()), Answer::Note("look here".into())] {
            assert_eq!(Answer::parse(&answer.to_string()), Some(answer));
        }
        assert_eq!(Answer::No("two\nlines".into()).to_string(), "no two lines");
        assert_eq!(Answer::parse("fine"), None);
    }
}
