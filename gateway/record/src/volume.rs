//! How volumes are rounded: enough to see a copy of a disk, not enough to tell one working day from another.

/// `bytes` to three significant digits, and never finer than 64 KiB.
pub fn rounded(bytes: u64) -> u64 {
    const STEP: u64 = 64 * 1024;
    let mut unit = 1u64;
    while bytes / unit >= 1000 {
        unit = unit.saturating_mul(10);
    }
    let unit = unit.max(STEP);
    (bytes / unit + u64::from(bytes % unit >= unit.div_ceil(2))).saturating_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::rounded;

    #[test]
    fn small_volumes_are_told_in_steps_of_64_kib() {
        assert_eq!(rounded(0), 0);
        assert_eq!(rounded(32_767), 0);
        assert_eq!(rounded(32_768), 65_536);
        assert_eq!(rounded(100_000), 131_072);
    }

    #[test]
    fn large_volumes_keep_three_digits() {
        assert_eq!(rounded(123_456_789), 123_000_000);
        assert_eq!(rounded(123_500_000), 124_000_000);
        assert_eq!(rounded(999_999_999), 1_000_000_000);
        assert_eq!(rounded(u64::MAX), 18_400_000_000_000_000_000);
    }
}
