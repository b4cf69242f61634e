//! What events change of a package.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use semver::Version;

use super::{
    Channel, Contents, LineState, Package, PublishedVersion, Release, Rolling, Standing, Yank,
};
use crate::commit::FoldError;
use crate::event::Event;
use crate::number::Line;
use crate::rollout::{Plan, Rollout};
use crate::state::fact::{LineHolds, LineReturn, NewRelease, NewVersion, RolloutAction};

impl Channel {
    fn release_mut(&mut self, number: u32) -> Result<&mut Release, FoldError> {
        usize::try_from(number)
            .ok()
            .and_then(|number| self.releases.get_mut(number.checked_sub(1)?))
            .ok_or_else(|| FoldError::new(format!("there is no release {number}")))
    }

    fn add(
        &mut self,
        new: &NewRelease,
        event: &Event,
        restores: Option<u32>,
    ) -> Result<(), FoldError> {
        if new.number != self.next_number() {
            return Err(FoldError::new(format!(
                "the release {} of {} comes after {}",
                new.number,
                new.package,
                self.releases.len()
            )));
        }
        self.releases.push(Release {
            name: new.name.clone(),
            line: new.line,
            version: new.version.clone(),
            seq: event.seq,
            at: event.at,
            by: event.by.clone(),
            restores,
            standing: Standing::Good,
        });
        Ok(())
    }

    fn set(&mut self, line: Line, state: LineState) {
        if state == LineState::default() {
            self.lines.remove(&line);
        } else {
            self.lines.insert(line, state);
        }
    }
}

impl Package {
    pub(in crate::state) fn publish(
        &mut self,
        new: &NewVersion,
        event: &Event,
        message: Option<&String>,
    ) -> Result<(), FoldError> {
        let NewVersion {
            package, version, ..
        } = new;
        if self.versions.contains_key(version) {
            return Err(FoldError::new(format!("{package} has {version} already")));
        }
        if new.build != self.builds() + 1 {
            return Err(FoldError::new(format!(
                "the build {} of {package} comes after {}",
                new.build,
                self.builds()
            )));
        }
        let contents = match (&new.contents, &new.restores) {
            (Some(contents), _) => Arc::new(Contents::of(contents, version, event.seq)),
            (None, Some(restored)) => match self.versions.get(restored) {
                Some(restored) => Arc::clone(&restored.contents),
                None => {
                    return Err(FoldError::new(format!(
                        "{package} has no {restored} to restore"
                    )));
                }
            },
            (None, None) => {
                return Err(FoldError::new(format!(
                    "{package}@{version} consists of nothing"
                )));
            }
        };
        self.versions.insert(
            version.clone(),
            Arc::new(PublishedVersion {
                build: new.build,
                contents,
                seq: event.seq,
                at: event.at,
                by: event.by.clone(),
                message: message.cloned(),
                of: new.of.clone(),
                restores: new.restores.clone(),
                breaking: new.breaking.clone(),
                yanked: None,
            }),
        );
        Ok(())
    }

    pub(in crate::state) fn release(
        &mut self,
        channel: &str,
        new: &NewRelease,
        plan: Option<&Plan>,
        event: &Event,
    ) -> Result<(), FoldError> {
        if !self.versions.contains_key(&new.version) {
            return Err(FoldError::new(format!(
                "{} has no {} to release",
                new.package, new.version
            )));
        }
        let channel = self.channels.entry(channel.to_owned()).or_default();
        channel.add(new, event, None)?;
        let mut line = channel.line(new.line, event.at);
        let rolling = line.rolling.take();
        match plan {
            None => line.stable = Some(new.number),
            Some(plan) => {
                let rollout = match rolling {
                    Some(rolling) => rolling.rollout.supersede(plan.clone(), event.at),
                    None => Rollout::begin(event.id, plan.clone(), event.at),
                };
                line.rolling = Some(Rolling {
                    release: new.number,
                    rollout,
                });
            }
        }
        line.settle(event.at);
        channel.set(new.line, line);
        Ok(())
    }

    pub(in crate::state) fn change_rollout(
        &mut self,
        channel: &str,
        line: Line,
        action: RolloutAction,
        event: &Event,
    ) -> Result<(), FoldError> {
        let nothing = || FoldError::new(format!("nothing is on its way in the line {line}"));
        let channel = self.channels.get_mut(channel).ok_or_else(nothing)?;
        let mut state = channel.line(line, event.at);
        let Some(rolling) = &mut state.rolling else {
            return Err(nothing());
        };
        match action {
            RolloutAction::Set(percent) => rolling
                .rollout
                .set(percent, event.at)
                .map_err(|error| FoldError::new("the rollout cannot be set so").caused_by(error))?,
            RolloutAction::Pause => rolling.rollout.pause(event.at),
            RolloutAction::Resume => rolling.rollout.resume(event.at),
            RolloutAction::Promote => {
                state.stable = Some(rolling.release);
                state.rolling = None;
            }
            RolloutAction::Abort => {
                channel.release_mut(rolling.release)?.standing = Standing::Aborted;
                state.rolling = None;
            }
        }
        state.settle(event.at);
        channel.set(line, state);
        Ok(())
    }

    pub(in crate::state) fn return_line(
        &mut self,
        channel: &str,
        back: &LineReturn,
        event: &Event,
    ) -> Result<(), FoldError> {
        if let Some(by) = &back.by
            && !self.versions.contains_key(&by.version)
        {
            return Err(FoldError::new(format!(
                "{} has no {} to release",
                by.package, by.version
            )));
        }
        let channel = self.channels.entry(channel.to_owned()).or_default();
        let mut state = channel.line(back.line, event.at);
        for &number in &back.left {
            channel.release_mut(number)?.standing = Standing::RolledBack;
        }
        if let Some(number) = back.aborted {
            channel.release_mut(number)?.standing = Standing::Aborted;
        }
        // What users have again is good again, whatever became of it before.
        if let Some(number) = back.to {
            channel.release_mut(number)?.standing = Standing::Good;
        }
        state.rolling = None;
        state.stable = match &back.by {
            Some(by) => {
                channel.add(by, event, back.to)?;
                Some(by.number)
            }
            None => back.to,
        };
        channel.set(back.line, state);
        Ok(())
    }

    pub(in crate::state) fn yank(
        &mut self,
        version: &Version,
        reason: &str,
        seq: u64,
    ) -> Result<(), FoldError> {
        let Some(published) = self.versions.get_mut(version) else {
            return Err(FoldError::new(format!("there is no {version} to yank")));
        };
        Arc::make_mut(published).yanked = Some(Yank {
            seq,
            reason: reason.to_owned(),
        });
        Ok(())
    }

    /// A channel's lines are these from now on.
    pub(in crate::state) fn hold(
        &mut self,
        channel: &str,
        lines: &BTreeMap<Line, LineHolds>,
        at: Timestamp,
    ) -> Result<(), FoldError> {
        let Some(channel) = self.channels.get_mut(channel) else {
            return Err(FoldError::new(format!(
                "nothing was ever released in {channel}"
            )));
        };
        let before: Vec<LineState> = channel
            .lines
            .keys()
            .map(|&line| channel.line(line, at))
            .collect();
        let rollout_of = |release: u32| {
            let mut rollings = before.iter().filter_map(|line| line.rolling.as_ref());
            rollings.find(|rolling| rolling.release == release).cloned()
        };
        channel.lines = lines
            .iter()
            .map(|(&line, holds)| {
                let rolling = holds.rolling.map(|release| {
                    rollout_of(release).ok_or_else(|| {
                        FoldError::new(format!("the release {release} is not on its way"))
                    })
                });
                let rolling = rolling.transpose()?;
                Ok((
                    line,
                    LineState {
                        stable: holds.stable,
                        rolling,
                    },
                ))
            })
            .collect::<Result<_, FoldError>>()?;
        Ok(())
    }
}
