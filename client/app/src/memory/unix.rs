//! On Unix a core is not dumped; on Linux no other program of the same user looks in either.

/// No core dump of this program, nor of one that it starts, and no other program of the same user looks into this one. A system that
/// does not know how is no reason to refuse work.
pub(crate) fn hide() {
    use nix::sys::resource::{Resource, setrlimit};
    // One byte is less than any dump. Where dumps go to a program Linux asks for no limit but this one, which it takes for a program that
    // takes dumps itself; nothing else holds for what we start, which may be looked into.
    let _ = setrlimit(Resource::RLIMIT_CORE, 1, 1);
    #[cfg(target_os = "linux")]
    {
        let _ = nix::sys::prctl::set_dumpable(false);
    }
}
