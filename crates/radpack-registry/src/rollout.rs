//! A release on its way from a few to all: by hand, in stages, or evenly over a time.
//!
//! How far it is follows from what was decided and when, and from the time that is asked about; no clock ticks here. A percentage is
//! whole, rounded down, and never falls.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Everybody.
const ALL: u8 = 100;

/// How a rollout rises.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Plan {
    /// It stays until someone raises it.
    Percent(u8),
    /// Evenly from none to all, over so many seconds.
    Over(u64),
    /// Each for a time, and then all.
    Stages(Vec<Stage>),
}

/// A stage of a rollout.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// How far it is.
    pub percent: u8,
    /// How many seconds it stays there.
    pub seconds: u64,
}

/// A rollout as it stands: what has been decided so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rollout {
    /// The event that began it.
    pub id: Uuid,
    /// How it rises.
    pub plan: Plan,
    /// It is never below this: what it had reached when it was last changed.
    pub floor: u8,
    /// How long it had run by then (milliseconds), pauses left out.
    pub ran: u64,
    /// Since when it has been running; nothing, while it is paused.
    pub running_since: Option<Timestamp>,
}

/// Why a rollout cannot be so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RolloutError {
    /// No such percentage.
    #[error("{text:?} is no percentage: these are the whole numbers from 0 to 100")]
    Percent {
        /// What was written.
        text: String,
    },
    /// It would take from some what they have.
    #[error("it is at {reached} % and cannot fall to {percent} %: raise it, or abort it")]
    Falls {
        /// How far it is.
        reached: u8,
        /// How far it was to be.
        percent: u8,
    },
    /// No such stages.
    #[error(
        "{text:?} are no stages: write them as 10%:30m,50%:1h, each higher than the one before"
    )]
    Stages {
        /// What was written.
        text: String,
    },
    /// No such time.
    #[error("{text:?} is no time for a rollout: write it as 30m or 2h, one second or more")]
    Time {
        /// What was written.
        text: String,
    },
}

impl Plan {
    /// How far it is when it has run for a time.
    fn percent(&self, ran: Duration) -> u8 {
        match self {
            Plan::Percent(percent) => (*percent).min(ALL),
            Plan::Over(seconds) => {
                let whole = u128::from(*seconds) * 1_000;
                let share = (ran.as_millis() * u128::from(ALL)).checked_div(whole);
                share.map_or(ALL, |share| share.min(u128::from(ALL)) as u8)
            }
            Plan::Stages(stages) => {
                let mut until = 0_u64;
                for stage in stages {
                    until = until.saturating_add(stage.seconds);
                    if ran < Duration::from_secs(until) {
                        return stage.percent.min(ALL);
                    }
                }
                ALL
            }
        }
    }

    /// How long it takes until all have it; nothing, where somebody raises it.
    fn length(&self) -> Duration {
        match self {
            Plan::Percent(_) => Duration::ZERO,
            Plan::Over(seconds) => Duration::from_secs(*seconds),
            Plan::Stages(stages) => Duration::from_secs(
                stages
                    .iter()
                    .fold(0, |sum: u64, stage| sum.saturating_add(stage.seconds)),
            ),
        }
    }

    /// Reads stages as people write them: `10%:30m,50%:1h`.
    ///
    /// ```
    /// use radpack_registry::Plan;
    ///
    /// assert_eq!(Plan::read_stages("10%:30m,50%:1h")?.to_string(), "10 % for 30m, 50 % for 1h, then 100 %");
    /// assert!(Plan::read_stages("50%:1h,10%:1h").is_err());
    /// # Ok::<(), radpack_registry::RolloutError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If they are not written so, or fall.
    pub fn read_stages(text: &str) -> Result<Plan, RolloutError> {
        let wrong = || RolloutError::Stages {
            text: text.to_owned(),
        };
        let mut stages: Vec<Stage> = Vec::new();
        for part in text.split(',') {
            let (percent, time) = part.split_once(':').ok_or_else(wrong)?;
            let stage = Stage {
                percent: read_percent(percent)?,
                seconds: read_seconds(time)?,
            };
            stages.push(stage);
        }
        let plan = Plan::Stages(stages);
        plan.check().map_err(|_| wrong())?;
        Ok(plan)
    }

    /// Whether it is one that rises, and no further than to all.
    ///
    /// # Errors
    ///
    /// If it is not.
    pub fn check(&self) -> Result<(), RolloutError> {
        match self {
            Plan::Percent(percent) => check_percent(*percent),
            Plan::Over(0) => Err(RolloutError::Time {
                text: "0s".to_owned(),
            }),
            Plan::Over(_) => Ok(()),
            Plan::Stages(stages) => {
                stages.iter().try_for_each(|it| check_percent(it.percent))?;
                let rises = stages.is_sorted_by(|one, next| one.percent < next.percent);
                if rises && !stages.is_empty() && stages.iter().all(|it| it.seconds > 0) {
                    return Ok(());
                }
                Err(RolloutError::Stages {
                    text: self.to_string(),
                })
            }
        }
    }

    /// Reads the time of an even rollout: `2h`.
    ///
    /// # Errors
    ///
    /// If it is no time of a second or more.
    pub fn read_over(text: &str) -> Result<Plan, RolloutError> {
        read_seconds(text).map(Plan::Over)
    }
}

/// Reads a percentage, with or without its sign.
///
/// # Errors
///
/// If it is no whole number from 0 to 100.
pub fn read_percent(text: &str) -> Result<u8, RolloutError> {
    let digits = text.strip_suffix('%').unwrap_or(text);
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    let percent = digits
        .parse()
        .ok()
        .filter(|&percent| is_plain && percent <= ALL);
    percent.ok_or_else(|| RolloutError::Percent {
        text: text.to_owned(),
    })
}

fn check_percent(percent: u8) -> Result<(), RolloutError> {
    if percent <= ALL {
        return Ok(());
    }
    Err(RolloutError::Percent {
        text: percent.to_string(),
    })
}

fn read_seconds(text: &str) -> Result<u64, RolloutError> {
    let seconds = text.parse::<jiff::SignedDuration>().ok();
    let seconds = seconds.and_then(|time| u64::try_from(time.as_secs()).ok());
    seconds
        .filter(|&seconds| seconds > 0)
        .ok_or_else(|| RolloutError::Time {
            text: text.to_owned(),
        })
}

impl Rollout {
    /// One that begins now.
    #[must_use]
    pub fn begin(id: Uuid, plan: Plan, at: Timestamp) -> Rollout {
        Rollout {
            id,
            plan,
            floor: 0,
            ran: 0,
            running_since: Some(at),
        }
    }

    /// How far it is at a time, which is none before it was last changed.
    #[must_use]
    pub fn percent(&self, at: Timestamp) -> u8 {
        self.plan.percent(self.ran(at)).max(self.floor).min(ALL)
    }

    /// Whether everybody has it, so that it is none any more.
    #[must_use]
    pub fn is_complete(&self, at: Timestamp) -> bool {
        self.percent(at) == ALL
    }

    /// Whether it is paused.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.running_since.is_none()
    }

    /// Whether whoever gets what another rollout brings gets what this one brings, from a time on.
    pub(crate) fn leads(&self, other: &Rollout, at: Timestamp) -> bool {
        let other_stays = other.is_paused() || matches!(other.plan, Plan::Percent(_));
        let is_as_fast = self.plan == other.plan
            && !self.is_paused()
            && self.floor >= other.floor
            && self.ran(at) >= other.ran(at);
        self.id == other.id && (is_as_fast || other_stays && self.percent(at) >= other.percent(at))
    }

    /// When it took its last step before a time, since it was last changed, and when it takes its next, if nobody changes it: between
    /// the two, whoever gets it stays the same.
    #[must_use]
    pub fn steps(&self, at: Timestamp) -> (Option<Timestamp>, Option<Timestamp>) {
        let Some(since) = self.running_since else {
            return (None, None);
        };
        let (since, at) = (since.as_millisecond(), at.as_millisecond());
        let left = self
            .plan
            .length()
            .as_millis()
            .saturating_sub(u128::from(self.ran));
        let end = since
            .saturating_add(i64::try_from(left).unwrap_or(i64::MAX))
            .saturating_add(1);
        let reached = self.percent_at_millisecond(at);
        let last = (at > since && self.percent_at_millisecond(since) < reached)
            .then(|| self.first_with(reached, since, at));
        let next = (reached < ALL && self.percent_at_millisecond(end) > reached)
            .then(|| self.first_with(reached + 1, at.max(since), end));
        let time = |at: Option<i64>| at.and_then(|at| Timestamp::from_millisecond(at).ok());
        (time(last), time(next))
    }

    /// The first millisecond after one and up to another at which it is so far; it is at the latter.
    fn first_with(&self, percent: u8, mut after: i64, mut by: i64) -> i64 {
        while by.saturating_sub(after) > 1 {
            let middle = after + (by - after) / 2;
            if self.percent_at_millisecond(middle) >= percent {
                by = middle;
            } else {
                after = middle;
            }
        }
        by
    }

    fn percent_at_millisecond(&self, at: i64) -> u8 {
        Timestamp::from_millisecond(at).map_or(ALL, |at| self.percent(at))
    }

    /// It stays where it is, and its time stands still. Pausing again changes nothing.
    pub fn pause(&mut self, at: Timestamp) {
        self.settle(at);
        self.running_since = None;
    }

    /// It goes on where it was paused.
    pub fn resume(&mut self, at: Timestamp) {
        self.settle(at);
        self.running_since = Some(at);
    }

    /// By hand from now on: at this percentage.
    ///
    /// # Errors
    ///
    /// If it is further already.
    pub fn set(&mut self, percent: u8, at: Timestamp) -> Result<(), RolloutError> {
        check_percent(percent)?;
        let reached = self.percent(at);
        if percent < reached {
            return Err(RolloutError::Falls { reached, percent });
        }
        self.settle(at);
        self.plan = Plan::Percent(percent);
        Ok(())
    }

    /// A newer release takes its place while it is on its way: that one goes to the same clients, and starts no lower.
    #[must_use]
    pub fn supersede(&self, plan: Plan, at: Timestamp) -> Rollout {
        Rollout {
            floor: self.percent(at),
            ..Rollout::begin(self.id, plan, at)
        }
    }

    /// What it has reached, and how long it has run, is written down: a change begins.
    fn settle(&mut self, at: Timestamp) {
        self.floor = self.percent(at);
        self.ran = u64::try_from(self.ran(at).as_millis()).unwrap_or(u64::MAX);
        if self.running_since.is_some() {
            self.running_since = Some(at);
        }
    }

    fn ran(&self, at: Timestamp) -> Duration {
        let since = self.running_since.map(|since| at.duration_since(since));
        // Who asks about a time before gets what was then written down.
        let since = since.and_then(|since| Duration::try_from(since).ok());
        Duration::from_millis(self.ran).saturating_add(since.unwrap_or_default())
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |seconds: u64| {
            let time = jiff::SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
            format!("{time:#}").replace(' ', "")
        };
        match self {
            Plan::Percent(percent) => write!(formatter, "{percent} %"),
            Plan::Over(seconds) => write!(formatter, "evenly over {}", time(*seconds)),
            Plan::Stages(stages) => {
                for stage in stages {
                    write!(
                        formatter,
                        "{} % for {}, ",
                        stage.percent,
                        time(stage.seconds)
                    )?;
                }
                formatter.write_str("then 100 %")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// So many seconds into a test.
    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn begin(plan: Plan) -> Rollout {
        Rollout::begin(Uuid::from_u128(1), plan, at(0))
    }

    #[test]
    fn it_rises_as_planned() {
        let stages = Plan::read_stages("10%:30m,50%:1h").unwrap();
        let over = Plan::read_over("2h").unwrap();
        for (plan, seconds, percent) in [
            (Plan::Percent(7), 0, 7),
            (Plan::Percent(7), 1_000_000, 7),
            (stages.clone(), -5, 10),
            (stages.clone(), 0, 10),
            (stages.clone(), 1_799, 10),
            (stages.clone(), 1_800, 50),
            (stages.clone(), 5_399, 50),
            (stages, 5_400, 100),
            (over.clone(), 0, 0),
            // Rounded down.
            (over.clone(), 71, 0),
            (over.clone(), 72, 1),
            (over.clone(), 7_199, 99),
            (over.clone(), 7_200, 100),
            (over, 9_000, 100),
        ] {
            assert_eq!(
                begin(plan.clone()).percent(at(seconds)),
                percent,
                "{plan}, {seconds}"
            );
        }
    }

    #[test]
    fn a_pause_stops_its_time() {
        let mut rollout = begin(Plan::Over(1_000));
        rollout.pause(at(250));
        assert!(rollout.is_paused());
        rollout.pause(at(300));
        assert_eq!(rollout.percent(at(900_000)), 25);
        rollout.resume(at(10_000));
        rollout.resume(at(10_100));
        assert_eq!(
            rollout.percent(at(10_000)),
            35,
            "what was reached is not forgotten"
        );
        assert_eq!(rollout.percent(at(10_250)), 50);
        assert!(rollout.is_complete(at(10_750)));
    }

    #[test]
    fn by_hand_it_rises_only() {
        let mut rollout = begin(Plan::Over(1_000));
        assert_eq!(
            rollout.set(20, at(300)).unwrap_err().to_string(),
            "it is at 30 % and cannot fall to 20 %: raise it, or abort it"
        );
        rollout.set(30, at(300)).unwrap();
        assert_eq!(rollout.percent(at(5_000)), 30);
        rollout.set(100, at(6_000)).unwrap();
        assert!(rollout.is_complete(at(6_000)));
    }

    #[test]
    fn between_its_steps_nothing_changes() {
        let mut paused = begin(Plan::Over(1_000));
        paused.pause(at(105));
        assert_eq!(paused.steps(at(500)), (None, None));
        assert_eq!(begin(Plan::Percent(10)).steps(at(500)), (None, None));
        let stages = begin(Plan::read_stages("10%:30m,50%:1h").unwrap());
        assert_eq!(stages.steps(at(0)), (None, Some(at(1_800))));
        assert_eq!(stages.steps(at(1_799)), (None, Some(at(1_800))));
        assert_eq!(stages.steps(at(1_800)), (Some(at(1_800)), Some(at(5_400))));
        assert_eq!(stages.steps(at(9_000)), (Some(at(5_400)), None));
        paused.resume(at(10_000));
        for rollout in [begin(Plan::Over(1_000)), paused] {
            for seconds in [10_000, 10_004, 10_005, 10_500, 10_899] {
                let (last, next) = rollout.steps(at(seconds));
                let percent = rollout.percent(at(seconds));
                if let Some(last) = last {
                    assert!(last <= at(seconds));
                    assert_eq!(rollout.percent(last), percent);
                    let before = Timestamp::from_millisecond(last.as_millisecond() - 1).unwrap();
                    assert!(rollout.percent(before) < percent);
                }
                if let Some(next) = next {
                    assert!(next > at(seconds));
                    assert_eq!(rollout.percent(next), percent + 1);
                    let before = Timestamp::from_millisecond(next.as_millisecond() - 1).unwrap();
                    assert_eq!(rollout.percent(before), percent);
                }
            }
        }
    }

    #[test]
    fn a_newer_release_goes_on_from_there() {
        let newer = begin(Plan::Over(1_000)).supersede(Plan::Percent(10), at(450));
        assert_eq!(newer.id, Uuid::from_u128(1));
        assert_eq!(newer.percent(at(450)), 45);
        let newer = begin(Plan::Percent(5)).supersede(Plan::Over(100), at(450));
        assert_eq!((newer.percent(at(450)), newer.percent(at(540))), (5, 90));
    }

    #[test]
    fn what_people_write_is_read() {
        for (text, shown) in [
            ("5%:24h", "5 % for 24h, then 100 %"),
            ("0%:10s,1:90m", "0 % for 10s, 1 % for 1h30m, then 100 %"),
        ] {
            assert_eq!(Plan::read_stages(text).unwrap().to_string(), shown);
        }
        for text in [
            "",
            "10%",
            "10%:",
            ":1h",
            "10%:1h,",
            "50%:1h,50%:1h",
            "10%:0s",
            "10%:-1h",
            "101%:1h",
            "10%:x",
        ] {
            assert!(Plan::read_stages(text).is_err(), "{text}");
        }
        for text in ["0", "100", "10%"] {
            assert!(read_percent(text).is_ok(), "{text}");
        }
        for text in ["", "%", "101", "-1", "+5", "1.5", "10%%"] {
            assert!(read_percent(text).is_err(), "{text}");
        }
        assert_eq!(Plan::read_over("2h").unwrap().to_string(), "evenly over 2h");
        assert_eq!(
            Plan::read_over("0").unwrap_err().to_string(),
            "\"0\" is no time for a rollout: write it as 30m or 2h, one second or more"
        );
    }

    #[test]
    fn it_is_written_so() {
        let rollout = begin(Plan::Stages(vec![Stage {
            percent: 5,
            seconds: 60,
        }]));
        let json = serde_json::to_string(&rollout).unwrap();
        assert_eq!(
            json,
            r#"{"id":"00000000-0000-0000-0000-000000000001","plan":{"stages":[{"percent":5,"seconds":60}]},"floor":0,"ran":0,"running_since":"2027-01-15T08:00:00Z"}"#
        );
        assert_eq!(serde_json::from_str::<Rollout>(&json).unwrap(), rollout);
    }

    fn plan() -> impl Strategy<Value = Plan> {
        prop_oneof![
            (0..=100u8).prop_map(Plan::Percent),
            (0..2_000u64).prop_map(Plan::Over),
            prop::collection::vec((0..=100u8, 0..500u64), 0..4).prop_map(|mut stages| {
                stages.sort_unstable();
                let stage = |(percent, seconds)| Stage { percent, seconds };
                Plan::Stages(stages.into_iter().map(stage).collect())
            }),
        ]
    }

    /// What people decide on the way.
    fn steps() -> impl Strategy<Value = Vec<(i64, u8, u8)>> {
        prop::collection::vec((0..400i64, 0..6u8, 0..=100u8), 0..8)
    }

    proptest! {
        /// Whoever gets what the one brings gets what the other brings, for ever, if nothing is decided any more.
        #[test]
        fn what_leads_stays_ahead(plan in plan(), one in steps(), other in steps(), later in 0..3_000i64) {
            let go = |steps: Vec<(i64, u8, u8)>| {
                let mut rollout = begin(plan.clone());
                let mut time = 0;
                for (passing, action, percent) in steps {
                    time += passing;
                    match action {
                        0 | 1 => rollout.pause(at(time)),
                        2 | 3 => rollout.resume(at(time)),
                        // One that would fall stays as it is.
                        4 => drop(rollout.set(percent, at(time))),
                        _ => {}
                    }
                }
                (rollout, time)
            };
            let ((one, begun), (other, since)) = (go(one), go(other));
            let time = begun.max(since);
            prop_assert!(one.leads(&one, at(time)));
            if one.leads(&other, at(time)) {
                for time in [time, time + later / 2, time + later] {
                    prop_assert!(one.percent(at(time)) >= other.percent(at(time)));
                }
            }
        }
    }

    proptest! {
        /// Whatever is decided on the way.
        #[test]
        fn a_percentage_never_falls(
            first in plan(),
            steps in prop::collection::vec((0..400i64, 0..5u8, 0..=100u8, plan()), 0..12),
        ) {
            let mut rollout = begin(first);
            let (mut time, mut reached) = (0, 0);
            for (later, action, percent, plan) in steps {
                for passing in [0, later / 2, later] {
                    let now = rollout.percent(at(time + passing));
                    prop_assert!((reached..=100).contains(&now), "{} after {}", now, reached);
                    reached = now;
                }
                time += later;
                match action {
                    0 => rollout.pause(at(time)),
                    1 => rollout.resume(at(time)),
                    2 => prop_assert_eq!(rollout.set(percent, at(time)).is_ok(), percent >= reached),
                    3 => rollout = rollout.supersede(plan, at(time)),
                    _ => {}
                }
            }
        }
    }
}
