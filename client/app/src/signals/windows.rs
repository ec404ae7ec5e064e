//! On Windows the console tells of Ctrl-C, Ctrl-Break and its own close, and a window of ours that the logon ends: a program that can have
//! windows is told that by no console. The system leaves a few seconds for what follows the last two.

use std::io;

use tokio::{
    signal::windows::{CtrlBreak, CtrlC, CtrlClose, ctrl_break, ctrl_c, ctrl_close},
    sync::watch,
};

use super::{Word, told};
use crate::logon;

/// What means "enough".
pub(crate) struct Signals {
    interrupt: CtrlC,
    interrupt_harder: CtrlBreak,
    close: CtrlClose,
    log_off: watch::Receiver<()>,
}

impl Signals {
    /// From now on these no longer end the process by themselves.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { interrupt: ctrl_c()?, interrupt_harder: ctrl_break()?, close: ctrl_close()?, log_off: logon::end() })
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) -> Word {
        tokio::select! {
            _ = self.interrupt.recv() => Word::Person,
            _ = self.interrupt_harder.recv() => Word::Person,
            _ = self.close.recv() => Word::System,
            () = told(&mut self.log_off) => Word::System,
        }
    }
}
