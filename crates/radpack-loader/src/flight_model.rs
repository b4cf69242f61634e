//! A model of the single flight: its steps, and every order in which they can come.
//!
//! What is one step here is what no other thread sees half of: a look at the cache, what is done under the lock of the map's shard, a
//! send. Askers may leave wherever they wait, runtimes may go away wherever the work waits. All reachable states are gone through, and
//! broken variants of the protocol must be found out, so that it is known that the model can tell.

use std::collections::HashSet;

const ASKERS: usize = 3;
/// How many runtimes may go away.
const DEATHS: u8 = 2;
/// How often an asker goes into flight before it gives up.
const ROUNDS: u8 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Asker {
    /// About to look at the cache, without a lock.
    Look,
    /// About to go to the map, for the n-th time.
    Enter(u8),
    /// Has put the flight into the map; about to spawn its task. It does not wait in between, so it cannot leave.
    Spawn(usize, u8),
    /// Waits for the flight.
    Wait(usize, u8),
    /// Has the value, or was told that there is none.
    Done(bool),
    Left,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Task {
    NotSpawned,
    Working,
    /// The result is in the cache.
    Cached,
    /// The key has left the map.
    Landed,
    /// Those who wait have the value.
    Sent,
    /// The runtime went away while it worked: about to take the key off the map, and to drop the sender.
    Dying,
    DyingLanded,
    /// Those who wait know that nothing comes.
    Dropped,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    askers: [Asker; ASKERS],
    tasks: Vec<Task>,
    /// The flight that the map has.
    map: Option<usize>,
    cached: bool,
    deaths: u8,
}

/// What is wrong with the protocol, if something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mistake {
    None,
    /// The cache is not looked at again under the lock.
    NoSecondLook,
    /// The key leaves the map before the result is in the cache.
    LandsBeforeCaching,
    /// The sender is dropped before the key leaves the map.
    DropsBeforeLanding,
    /// A task that dies leaves its key in the map.
    LeavesKey,
}

/// All states that can come next.
fn next(state: &State, mistake: Mistake) -> Vec<State> {
    let mut states = Vec::new();
    let mut add = |change: &dyn Fn(&mut State)| {
        let mut state = state.clone();
        change(&mut state);
        states.push(state);
    };
    for (number, asker) in state.askers.into_iter().enumerate() {
        match asker {
            Asker::Look => add(&|state| {
                state.askers[number] = if state.cached {
                    Asker::Done(true)
                } else {
                    Asker::Enter(0)
                };
            }),
            Asker::Enter(round) => add(&|state| match state.map {
                Some(flight) => state.askers[number] = Asker::Wait(flight, round),
                None if state.cached && mistake != Mistake::NoSecondLook => {
                    state.askers[number] = Asker::Done(true);
                }
                None => {
                    let flight = state.tasks.len();
                    state.tasks.push(Task::NotSpawned);
                    state.map = Some(flight);
                    state.askers[number] = Asker::Spawn(flight, round);
                }
            }),
            Asker::Spawn(flight, round) => add(&|state| {
                state.tasks[flight] = Task::Working;
                state.askers[number] = Asker::Wait(flight, round);
            }),
            Asker::Wait(flight, round) => {
                match state.tasks[flight] {
                    Task::Sent => add(&|state| state.askers[number] = Asker::Done(true)),
                    Task::Dropped => add(&|state| {
                        let again = round + 1 < ROUNDS;
                        state.askers[number] = if again {
                            Asker::Enter(round + 1)
                        } else {
                            Asker::Done(false)
                        };
                    }),
                    _ => {}
                }
                add(&|state| state.askers[number] = Asker::Left);
            }
            Asker::Done(_) | Asker::Left => {}
        }
    }
    for (flight, task) in state.tasks.iter().enumerate() {
        let early = mistake == Mistake::LandsBeforeCaching;
        let late = mistake == Mistake::DropsBeforeLanding;
        match task {
            Task::NotSpawned | Task::Sent => {}
            Task::Working => {
                add(&|state| {
                    if early {
                        state.map = None;
                    } else {
                        state.cached = true;
                    }
                    state.tasks[flight] = Task::Cached;
                });
                if state.deaths < DEATHS {
                    add(&|state| {
                        state.deaths += 1;
                        state.tasks[flight] = Task::Dying;
                    });
                }
            }
            Task::Cached => add(&|state| {
                if early {
                    state.cached = true;
                } else {
                    state.map = None;
                }
                state.tasks[flight] = Task::Landed;
            }),
            Task::Landed => add(&|state| state.tasks[flight] = Task::Sent),
            Task::Dying if late => add(&|state| state.tasks[flight] = Task::Dropped),
            Task::Dying => add(&|state| {
                if mistake != Mistake::LeavesKey {
                    state.map = None;
                }
                state.tasks[flight] = Task::DyingLanded;
            }),
            Task::DyingLanded => add(&|state| state.tasks[flight] = Task::Dropped),
            // With the mistake, the key leaves only now.
            Task::Dropped if late && state.map == Some(flight) => add(&|state| state.map = None),
            Task::Dropped => {}
        }
    }
    states
}

/// What must not be, if it is.
fn wrong(state: &State) -> Option<&'static str> {
    let working = |task: &&Task| matches!(task, Task::NotSpawned | Task::Working);
    if state.tasks.iter().filter(working).count() > 1 {
        return Some("two do the same work at once");
    }
    let alive = |task: &&Task| !matches!(task, Task::Dying | Task::DyingLanded | Task::Dropped);
    if state.tasks.iter().filter(alive).count() > 1 {
        return Some("work that was done is done again");
    }
    if usize::from(state.deaths) < ROUNDS.into() && state.askers.contains(&Asker::Done(false)) {
        return Some("an asker is told that there is nothing, though hardly a runtime went away");
    }
    None
}

/// Goes through all states; how many there are, or the first thing that is wrong.
fn explore(mistake: Mistake) -> Result<usize, (&'static str, State)> {
    let first = State {
        askers: [Asker::Look; ASKERS],
        tasks: Vec::new(),
        map: None,
        cached: false,
        deaths: 0,
    };
    let mut seen = HashSet::from([first.clone()]);
    let mut open = vec![first];
    while let Some(state) = open.pop() {
        if let Some(what) = wrong(&state) {
            return Err((what, state));
        }
        let following = next(&state, mistake);
        if following.is_empty() {
            let ended = |asker: &Asker| matches!(asker, Asker::Done(_) | Asker::Left);
            if !state.askers.iter().all(ended) {
                return Err(("an asker waits for ever", state));
            }
            if state.map.is_some() {
                return Err(("a key stays in the map", state));
            }
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
fn in_every_order_of_steps_the_work_is_done_once_and_everyone_is_told() {
    let states = explore(Mistake::None).unwrap();
    assert!(states > 1_000, "only {states} states were gone through");
}

#[test]
fn the_model_finds_mistakes() {
    for (mistake, expected) in [
        (Mistake::NoSecondLook, "work that was done is done again"),
        (
            Mistake::LandsBeforeCaching,
            "work that was done is done again",
        ),
        (
            Mistake::DropsBeforeLanding,
            "an asker is told that there is nothing, though hardly a runtime went away",
        ),
        (Mistake::LeavesKey, "a key stays in the map"),
    ] {
        let found = explore(mistake).map_err(|(what, _)| what);
        assert_eq!(found, Err(expected), "{mistake:?}");
    }
}
