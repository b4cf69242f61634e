//! Which moment is the current one, and taking hold of it without an atomic operation that others would wait for.

use std::cell::Cell;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;

use crate::snapshot::Moment;

/// The current moment of a loader, in a place where it can be swapped.
pub(crate) struct Current {
    /// That of the moment, or of the one that is about to take its place: one load tells whether what one holds is still current.
    number: AtomicU64,
    moment: ArcSwap<Moment>,
}

impl Current {
    pub(crate) fn new(moment: Arc<Moment>) -> Self {
        Current {
            number: AtomicU64::new(moment.number),
            moment: ArcSwap::new(moment),
        }
    }

    pub(crate) fn load(&self) -> Arc<Moment> {
        self.moment.load_full()
    }

    /// Whoever looks at it from now on gets this one.
    pub(crate) fn store(&self, moment: Arc<Moment>) {
        // First the number: whoever has seen the moment by another way then finds all that they held outdated. Who comes between
        // takes the long way, and gets what is there.
        self.number.store(moment.number, Ordering::SeqCst);
        self.moment.store(moment);
    }

    #[inline]
    fn is_at(&self, moment: &Moment) -> bool {
        self.number.load(Ordering::Acquire) == moment.number
    }

    /// Exchanges a moment for the current one, if it is not that.
    #[inline]
    pub(crate) fn renew(&self, moment: &mut Arc<Moment>) {
        if !self.is_at(moment) {
            self.exchange(moment);
        }
    }

    #[cold]
    fn exchange(&self, moment: &mut Arc<Moment>) {
        *moment = self.load();
    }

    /// The current moment, most often that which this thread held last.
    #[inline]
    pub(crate) fn hold(&self) -> Held {
        match LAST.try_with(Cell::take) {
            Ok(Some(moment)) if self.is_at(&moment) => Held(Some(moment)),
            other => self.hold_anew(other.ok().flatten()),
        }
    }

    #[cold]
    fn hold_anew(&self, last: Option<Arc<Moment>>) -> Held {
        drop(last);
        Held(Some(self.load()))
    }
}

impl Drop for Current {
    /// This thread keeps nothing of a loader that it drops.
    fn drop(&mut self) {
        let _ = LAST.try_with(Cell::take);
    }
}

thread_local! {
    /// What this thread held last. It is moved to who takes hold of it and back again, so that nobody counts: an operation on a
    /// counter that threads share takes longer than an answer, and keeps the processor from beginning the next one.
    /// The price: the moment of a thread's last answer stays until that thread asks again, or ends.
    static LAST: Cell<Option<Arc<Moment>>> = const { Cell::new(None) };
}

/// A moment that is held; nothing only while it is let go.
pub(crate) struct Held(Option<Arc<Moment>>);

impl Deref for Held {
    type Target = Moment;

    #[inline]
    fn deref(&self) -> &Moment {
        match &self.0 {
            Some(moment) => moment,
            None => unreachable!("there is a moment until it is dropped"),
        }
    }
}

impl Drop for Held {
    #[inline(always)]
    fn drop(&mut self) {
        let moment = self.0.take();
        // A thread that ends keeps nothing.
        let _ = LAST.try_with(|last| last.set(moment));
    }
}

#[cfg(test)]
mod tests {
    use radpack_manifest::Limits;

    use super::*;

    fn moment() -> Arc<Moment> {
        Arc::new(Moment::compile(Vec::new(), &Limits::default(), None).unwrap())
    }

    #[test]
    fn a_thread_holds_what_is_current_and_counts_nothing() {
        let (first, second) = (moment(), moment());
        let current = Current::new(Arc::clone(&first));
        let of_both = 2;
        drop(current.hold());
        assert_eq!(
            Arc::strong_count(&first),
            of_both + 1,
            "one for this thread"
        );
        let held = current.hold();
        assert_eq!(Arc::strong_count(&first), of_both + 1, "it was moved");
        let also = current.hold();
        assert_eq!(
            Arc::strong_count(&first),
            of_both + 2,
            "there was none to be moved"
        );
        current.store(Arc::clone(&second));
        assert_eq!(current.hold().number, second.number);
        assert_eq!((held.number, also.number), (first.number, first.number));
        drop((held, also));
        assert_eq!(current.hold().number, second.number);
        assert_eq!(
            Arc::strong_count(&first),
            1,
            "nobody is there any more who holds it"
        );
    }

    #[test]
    fn loaders_on_one_thread_do_not_mix() {
        let currents = [moment(), moment()].map(Current::new);
        for _ in 0..3 {
            let numbers = currents.each_ref().map(|current| current.hold().number);
            assert_eq!(
                numbers,
                currents.each_ref().map(|current| current.load().number)
            );
        }
    }

    #[test]
    fn a_thread_that_ends_keeps_nothing() {
        let first = moment();
        let current = Current::new(Arc::clone(&first));
        std::thread::scope(|scope| {
            let number = scope.spawn(|| current.hold().number).join().unwrap();
            assert_eq!(number, first.number);
        });
        // Threads are joined once what is local to them is gone.
        assert_eq!(Arc::strong_count(&first), 2);
        // What one thread took hold of, another may let go.
        let held = current.hold();
        std::thread::scope(|scope| {
            scope.spawn(|| drop(held)).join().unwrap();
        });
        assert_eq!(Arc::strong_count(&first), 2);
    }
}
