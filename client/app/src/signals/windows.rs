//! On Windows the console tells: Ctrl-C, Ctrl-Break, its own close, logging off, shutting down. The system leaves a few seconds
//! for what follows the last three.

use std::io;

use tokio::signal::windows::{
    CtrlBreak, CtrlC, CtrlClose, CtrlLogoff, CtrlShutdown, ctrl_break, ctrl_c, ctrl_close, ctrl_logoff, ctrl_shutdown,
};

use super::Word;

/// What means "enough".
pub(crate) struct Signals {
    interrupt: CtrlC,
    interrupt_harder: CtrlBreak,
    close: CtrlClose,
    log_off: CtrlLogoff,
    shut_down: CtrlShutdown,
}

impl Signals {
    /// From now on these no longer end the process by themselves.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: ctrl_c()?,
            interrupt_harder: ctrl_break()?,
            close: ctrl_close()?,
            log_off: ctrl_logoff()?,
            shut_down: ctrl_shutdown()?,
        })
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) -> Word {
        tokio::select! {
            _ = self.interrupt.recv() => Word::Person,
            _ = self.interrupt_harder.recv() => Word::Person,
            _ = self.close.recv() => Word::System,
            _ = self.log_off.recv() => Word::System,
            _ = self.shut_down.recv() => Word::System,
        }
    }
}
