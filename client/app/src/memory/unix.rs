//! On Unix a core is not dumped; on Linux no other program of the same user looks in either.

/// No core dump of this program, nor of one that it starts, and no other program of the same user looks into this one. A system that
/// does not know how is no reason to refuse work.
pub(crate) fn hide() {
    use nix::sys::resource::{Resource, setrlimit};
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    // Where dumps go to a program, the limit alone is not asked.
    #[cfg(target_os = "linux")]
    {
        let _ = nix::sys::prctl::set_dumpable(false);
    }
}
