//! The office's gateway: one name, or a few that are tried in their order.

use gateway_api::GatewayName;

/// The office's gateway. Whichever of its names is taken, it is the same one: what is kept for it at home is kept under the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    first: GatewayName,
    others: Vec<GatewayName>,
}

impl Server {
    /// One with this name alone.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        GatewayName::parse(text).map(Self::from)
    }

    /// One with these names; none if there are none.
    pub(crate) fn of(names: Vec<GatewayName>) -> Option<Self> {
        let mut names = names.into_iter();
        Some(Self { first: names.next()?, others: names.collect() })
    }

    pub(crate) fn first(&self) -> &GatewayName {
        &self.first
    }

    /// All of them, in their order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &GatewayName> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

impl From<GatewayName> for Server {
    fn from(first: GatewayName) -> Self {
        Self { first, others: Vec::new() }
    }
}

impl std::fmt::Display for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.first)?;
        self.others.iter().try_for_each(|name| write!(f, ", {name}"))
    }
}
