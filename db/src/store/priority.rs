//! Who works for answers steps behind who gives them: a full service that is out of breath still says so at once.

/// The threads of a store that step behind others.
#[derive(Clone, Copy)]
pub enum Priority {
    Lane,
    Reader,
    Checkpointer,
}

impl Priority {
    /// Steps of niceness: with five a thread gets a third of the time of one that has none, with ten a tenth, where there is not enough
    /// for both. A lane serves many at once; a reader one.
    fn steps(self) -> i32 {
        match self {
            Self::Lane => 5,
            Self::Reader | Self::Checkpointer => 10,
        }
    }

    /// Gives the thread that calls this its priority. Where that cannot be, all are alike.
    pub fn take(self) {
        if let Err(error) = step_behind(self.steps()) {
            log::debug!("a thread keeps its priority: {error}");
        }
    }
}

#[cfg(target_os = "linux")]
fn step_behind(steps: i32) -> std::io::Result<()> {
    use rustix::process::{getpriority_process, setpriority_process};
    let own = getpriority_process(None)?;
    Ok(setpriority_process(None, (own + steps).min(19))?)
}

#[cfg(not(target_os = "linux"))]
fn step_behind(_steps: i32) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    #[cfg(target_os = "linux")]
    #[test]
    fn only_the_thread_that_asks_steps_behind() {
        use rustix::process::getpriority_process;

        use super::Priority;

        let own = || getpriority_process(None).expect("a priority");
        let before = own();
        let readers = std::thread::spawn(move || {
            Priority::Reader.take();
            own()
        });
        assert_eq!(readers.join().expect("a thread ends"), (before + 10).min(19));
        assert_eq!(own(), before);
    }
}
