//! `GET /at/{moment}/m/…`: a module of a moment.

use super::place::{Elsewhere, Target, redirect};
use crate::moment::ServedMoment;
use crate::problem::Problem;
use crate::service::Shared;

/// What a file holds is in its name: it is the same at all moments, and elsewhere than at those that are fixed.
pub(super) async fn check(shared: &Shared, target: Target<'_>) -> Result<(), Elsewhere> {
    let moment = target.moment.unwrap_or_default().parse::<ServedMoment>();
    match moment {
        Ok(moment) if moment.is_full() => Ok(shared.check_moment(&moment.moment).await?),
        Ok(_) => Err(redirect(target.path, "no-store")?),
        Err(error) => Err(Problem::invalid(error.to_string()).into()),
    }
}
