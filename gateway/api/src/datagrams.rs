//! WireGuard datagrams on the session channel: a binary frame each, and how both ends hold several together.

/// Datagrams laid end to end, all of one size but the last, which may be shorter: what a loop sends at once.
#[derive(Debug)]
pub struct Run {
    /// The datagrams.
    pub bytes: Vec<u8>,
    /// The size of each, in bytes.
    pub segment: usize,
}

/// Datagrams of any size each, laid end to end: what came together.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Batch {
    /// Adds one.
    pub fn add(&mut self, datagram: &[u8]) {
        self.bytes.extend_from_slice(datagram);
        self.ends.push(self.bytes.len());
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.ends.len()
    }

    /// One after the other.
    pub fn datagrams(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).filter_map(|(start, end)| self.bytes.get(start..*end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_come_out_as_they_went_in() {
        let mut batch = Batch::default();
        let datagrams: [&[u8]; 3] = [b"one", b"", b"three"];
        datagrams.iter().for_each(|datagram| batch.add(datagram));
        assert_eq!((batch.count(), batch.datagrams().collect::<Vec<_>>()), (3, datagrams.to_vec()));
    }
}
