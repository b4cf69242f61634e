//! A model of the swap: who reads, who rebuilds, who publishes and who is told, in every order of steps.
//!
//! As in `flight_model.rs`, one step is what no other thread sees half of: what is done under a lock, a store, a send. The steps are
//! those of `Stack::read_entry`, `Stack::swap`, `Stack::ready`, `Stack::take_due` and `watch::run`, and named after them. Two
//! registers: one is there from the beginning, the other is added at any time. The server of the first publishes at any time; the watch finds
//! either of them due at any time, or somebody refreshes the first; whoever waits for `ready` may leave wherever it waits; the last
//! handle may be dropped at any time.
//! All reachable states are gone through, and broken variants must be found out.

use std::collections::HashSet;

const REGISTERS: usize = 2;
/// How often the server of the first register publishes something new.
const NEWS: u8 = 1;
/// How many more reads there are, by the watch or by a refresh.
const READS: u8 = 1;

/// What a register said; nothing before it was read.
type Version = Option<u8>;

/// What is under the lock that `swap` takes, and past it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Swap {
    /// Waits for the lock; with it, looks at what was read.
    Lock,
    /// `Moment::compile` runs, with its number and what it is made from.
    Compile(u8, [Version; REGISTERS]),
    /// The new one is in place, or what is there is as it should be; about to tell of what is in place, if that is another one than
    /// was told of last. Holds what was in place before.
    Tell(u8),
    Done,
}

/// A task of `Stack::read` that reads one register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Task {
    /// Waits for the register's documents.
    Lock(usize),
    /// Has them; asks the server.
    Fetch(usize),
    /// The answer is under way.
    Note(usize, u8),
    /// What was read is noted, and the documents are free; about to drop the `Reader`.
    Leave(usize),
    Swap(Swap),
}

/// Someone in `Stack::ready`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Waiter {
    /// About to take note of the events that there were.
    Mark,
    /// About to look whether something is pending.
    Check,
    /// With a mistake: has looked, and is about to take note.
    MarkLate,
    /// Waits for an event.
    Sleep,
    Swap(Swap),
    /// It is told that all is there.
    Ready,
    Left,
    /// The one or the other, of no account any longer.
    Gone,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    /// What the servers would answer.
    servers: [u8; REGISTERS],
    /// Whether the second register was added.
    added: bool,
    /// `Known::state`, and how many `Known::readers`.
    known: [Version; REGISTERS],
    readers: [u8; REGISTERS],
    /// Whether someone holds the documents of a register.
    documents: [bool; REGISTERS],
    tasks: Vec<Task>,
    waiter: Waiter,
    /// The lock of `swap`.
    locked: bool,
    /// The snapshot in place: its number, and what it was made from.
    current: (u8, [Version; REGISTERS]),
    /// The number that was given last.
    numbers: u8,
    /// The number of the snapshot that was told of last.
    told: u8,
    /// Whether there was an event since the waiter took note.
    event: bool,
    /// The watch: `Stack::wake`, the registers of whose time it knows, whether it was aborted, and how many reads there
    /// were after the first ones.
    wake: bool,
    watching: [bool; REGISTERS],
    dropped: bool,
    reads: u8,
    /// What was seen to go wrong in a step.
    wrong: Option<&'static str>,
}

/// What is wrong with the protocol, if something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mistake {
    None,
    /// Snapshots are made by several at once.
    NoLock,
    /// A register is read by several at once.
    NoDocuments,
    /// What changed is taken from the snapshot before, not from the one that was told of last.
    TellsFromBefore,
    /// `ready` takes note of the events after it has looked.
    MarksLate,
    /// `ready` does not wait for what was read to be in place.
    ReadyDoesNotSwap,
    /// Who has read a register does not wake the watch.
    DoesNotWake,
    /// Who has read a register swaps nothing.
    DoesNotSwap,
}

impl State {
    fn first() -> Self {
        State {
            servers: [0; REGISTERS],
            added: false,
            known: [None; REGISTERS],
            readers: [1, 0],
            documents: [false; REGISTERS],
            tasks: vec![Task::Lock(0)],
            waiter: Waiter::Mark,
            locked: false,
            current: (0, [None; REGISTERS]),
            numbers: 0,
            told: 0,
            event: false,
            wake: false,
            watching: [false; REGISTERS],
            dropped: false,
            reads: 0,
            wrong: None,
        }
    }

    fn is_there(&self, register: usize) -> bool {
        register == 0 || self.added
    }

    /// The next step of `Stack::swap`; nothing where it has to wait.
    fn swap(&mut self, at: Swap, mistake: Mistake) -> Option<Swap> {
        let has_lock = mistake != Mistake::NoLock;
        Some(match at {
            Swap::Lock if has_lock && self.locked => return None,
            Swap::Lock => {
                self.locked = has_lock;
                if self.known != self.current.1 {
                    self.numbers += 1;
                    Swap::Compile(self.numbers, self.known)
                } else if mistake == Mistake::TellsFromBefore {
                    Swap::Tell(self.current.0)
                } else {
                    // What is in place is what was told of, unless somebody went away in between.
                    Swap::Tell(self.told)
                }
            }
            Swap::Compile(number, states) => {
                if number <= self.current.0 {
                    self.wrong = Some("an older snapshot takes the place of a newer one");
                }
                if (0..REGISTERS).any(|register| states[register] < self.current.1[register]) {
                    self.wrong = Some("a register goes back to what it was");
                }
                let before = match mistake {
                    Mistake::TellsFromBefore => self.current.0,
                    _ => self.told,
                };
                self.current = (number, states);
                Swap::Tell(before)
            }
            Swap::Tell(before) => {
                if before != self.current.0 {
                    if before != self.told {
                        self.wrong = Some("a swap is told of that does not follow the one before");
                    }
                    self.told = self.current.0;
                }
                self.locked = false;
                Swap::Done
            }
            Swap::Done => return None,
        })
    }

    /// The next step of a task.
    fn task(&mut self, number: usize, mistake: Mistake) -> Option<()> {
        let next = match self.tasks[number] {
            Task::Lock(register) => {
                if self.documents[register] && mistake != Mistake::NoDocuments {
                    return None;
                }
                self.documents[register] = true;
                Task::Fetch(register)
            }
            Task::Fetch(register) => Task::Note(register, self.servers[register]),
            Task::Note(register, version) => {
                if self.known[register] > Some(version) {
                    self.wrong = Some("a register goes back to what it was");
                }
                self.known[register] = Some(version);
                self.documents[register] = false;
                Task::Leave(register)
            }
            // `Reader::drop`.
            Task::Leave(register) => {
                self.readers[register] -= 1;
                self.wake |= mistake != Mistake::DoesNotWake;
                self.event = true;
                match mistake {
                    Mistake::DoesNotSwap => Task::Swap(Swap::Done),
                    _ => Task::Swap(Swap::Lock),
                }
            }
            Task::Swap(at) => {
                let next = self.swap(at, mistake)?;
                self.event |= next == Swap::Done;
                Task::Swap(next)
            }
        };
        self.tasks[number] = next;
        Some(())
    }

    /// The next step of who waits in `Stack::ready`.
    fn wait(&mut self, mistake: Mistake) -> Option<()> {
        let late = mistake == Mistake::MarksLate;
        self.waiter = match self.waiter {
            Waiter::Mark if late => Waiter::Check,
            Waiter::Mark => {
                self.event = false;
                Waiter::Check
            }
            Waiter::Check => {
                let pending = |register| self.is_there(register) && self.known[register].is_none();
                match (0..REGISTERS).any(pending) {
                    true if late => Waiter::MarkLate,
                    true => Waiter::Sleep,
                    false if mistake == Mistake::ReadyDoesNotSwap => Waiter::Ready,
                    false => Waiter::Swap(Swap::Lock),
                }
            }
            Waiter::MarkLate => {
                self.event = false;
                Waiter::Sleep
            }
            Waiter::Sleep if !self.event => return None,
            Waiter::Sleep => Waiter::Mark,
            Waiter::Swap(Swap::Done) => Waiter::Ready,
            Waiter::Swap(at) => Waiter::Swap(self.swap(at, mistake)?),
            Waiter::Ready | Waiter::Left | Waiter::Gone => return None,
        };
        if self.waiter == Waiter::Ready && self.current.1[0].is_none() {
            self.wrong = Some("ready says so before the register is in place");
        }
        Some(())
    }

    /// `Waiter` is dropped where it waits. What it holds is free again; what it was about to do is not done.
    fn leave(&mut self) -> Option<()> {
        match self.waiter {
            Waiter::Sleep | Waiter::Swap(Swap::Lock) => {}
            // It may be given up while `blocking` compiles or compares.
            Waiter::Swap(Swap::Compile(..) | Swap::Tell(_)) => self.locked = false,
            _ => return None,
        }
        self.waiter = Waiter::Left;
        Some(())
    }

    /// Somebody begins to read a register: `Stack::readers`.
    fn read(&mut self, register: usize) {
        self.readers[register] += 1;
        self.tasks.push(Task::Lock(register));
    }
}

/// All states that can come next.
fn next(state: &State, mistake: Mistake) -> Vec<State> {
    let mut states = Vec::new();
    let mut add = |change: &dyn Fn(&mut State) -> Option<()>| {
        let mut state = state.clone();
        if change(&mut state).is_some() {
            // Who does a thing is no difference, and neither is what nobody looks at any longer.
            state.tasks.retain(|task| *task != Task::Swap(Swap::Done));
            state.tasks.sort_unstable();
            if matches!(state.waiter, Waiter::Ready | Waiter::Left) {
                state.waiter = Waiter::Gone;
                state.event = false;
            }
            states.push(state);
        }
    };
    for number in 0..state.tasks.len() {
        add(&|state| state.task(number, mistake));
    }
    add(&|state| state.wait(mistake));
    add(&State::leave);
    add(&|state| {
        (state.servers[0] < NEWS).then_some(())?;
        state.servers[0] += 1;
        Some(())
    });
    for register in 0..REGISTERS {
        // `watch::run`: the time of a register has come of which it knows. It is not due again while it is read.
        add(&|state| {
            let due = state.watching[register] && state.readers[register] == 0;
            (due && !state.dropped && state.reads < READS).then_some(())?;
            state.reads += 1;
            state.watching[register] = false;
            state.read(register);
            Some(())
        });
    }
    // `watch::run` is woken, and `Stack::take_due` looks at those that nobody reads.
    add(&|state| {
        (state.wake && !state.dropped).then_some(())?;
        state.wake = false;
        for register in 0..REGISTERS {
            state.watching[register] = state.is_there(register) && state.readers[register] == 0;
        }
        Some(())
    });
    // `Radpack::refresh`.
    add(&|state| {
        (state.reads < READS && !state.dropped).then_some(())?;
        state.reads += 1;
        state.read(0);
        Some(())
    });
    // `Radpack::register`.
    add(&|state| {
        (!state.added && !state.dropped).then_some(())?;
        state.added = true;
        state.read(1);
        Some(())
    });
    // `Stack::drop` aborts the watch. What is being read goes on; whoever waits for `ready` has a handle.
    add(&|state| {
        (!state.dropped && state.waiter == Waiter::Gone).then_some(())?;
        state.dropped = true;
        Some(())
    });
    states
}

/// What must not be while nobody reads anything.
fn at_rest(state: &State) -> Option<&'static str> {
    if state.waiter == Waiter::Sleep && !state.event {
        return Some("who waits for ready waits for ever");
    }
    if !matches!(state.waiter, Waiter::Swap(_)) {
        if state.current.1 != state.known {
            return Some("what was read is not put into place");
        }
        if state.told != state.current.0 {
            return Some("a swap was not told of");
        }
    }
    let forgotten = |register| state.is_there(register) && !state.watching[register];
    if !state.dropped && !state.wake && (0..REGISTERS).any(forgotten) {
        return Some("the watch forgets a register");
    }
    None
}

/// Goes through all states; how many there are, or the first thing that is wrong.
fn explore(mistake: Mistake) -> Result<usize, (&'static str, State)> {
    let first = State::first();
    let mut seen = HashSet::from([first.clone()]);
    let mut open = vec![first];
    while let Some(state) = open.pop() {
        if let Some(what) = state.wrong {
            return Err((what, state));
        }
        if state.tasks.is_empty()
            && let Some(what) = at_rest(&state)
        {
            return Err((what, state));
        }
        let following = next(&state, mistake);
        if following.is_empty() && !state.tasks.is_empty() {
            return Err(("a task waits for ever", state));
        }
        for state in following {
            if seen.insert(state.clone()) {
                open.push(state);
            }
        }
    }
    Ok(seen.len())
}

#[test]
fn in_every_order_of_steps_the_newest_is_in_place_and_every_swap_is_told() {
    let states = explore(Mistake::None).unwrap();
    assert!(states > 10_000, "only {states} states were gone through");
}

#[test]
fn the_model_finds_mistakes() {
    for (mistake, expected) in [
        (
            Mistake::NoLock,
            &[
                "an older snapshot takes the place of a newer one",
                "a register goes back to what it was",
                "a swap is told of that does not follow the one before",
            ][..],
        ),
        (
            Mistake::NoDocuments,
            &["a register goes back to what it was"],
        ),
        (
            Mistake::TellsFromBefore,
            &[
                "a swap was not told of",
                "a swap is told of that does not follow the one before",
            ],
        ),
        (Mistake::MarksLate, &["who waits for ready waits for ever"]),
        (
            Mistake::ReadyDoesNotSwap,
            &["ready says so before the register is in place"],
        ),
        (Mistake::DoesNotWake, &["the watch forgets a register"]),
        (
            Mistake::DoesNotSwap,
            &["what was read is not put into place"],
        ),
    ] {
        let found = explore(mistake).map_err(|(what, _)| what);
        assert!(
            found.is_err_and(|what| expected.contains(&what)),
            "{mistake:?}: {found:?}"
        );
    }
}
