//! In which order a guest sees its calls done. A guest that waits for several may do another thing
//! next by which is done first (`Promise.race`), so a run that is begun again after a crash must be
//! given its answers in the order of the first time.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::domain::effect::{Answer, CallFault};

/// The result of a call on its way to the guest.
pub(super) type Delivery = Result<Answer, CallFault>;

/// Hands answers on in their order. Shared by the calls of one run.
#[derive(Debug, Clone)]
pub(super) struct AnswerOrder(Arc<Mutex<Queue>>);

#[derive(Debug)]
struct Queue {
    /// Whether the next answer waits until the guest has taken the last. A guest that always waits
    /// for all of its calls, as the script engine does, then never sees two at once.
    one_by_one: bool,
    /// The guest has been handed an answer and has not taken it.
    handed: bool,
    next: u32,
    waiting: BTreeMap<u32, (oneshot::Sender<Delivery>, Answer)>,
}

impl AnswerOrder {
    pub(super) fn new(one_by_one: bool) -> Self {
        Self(Arc::new(Mutex::new(Queue {
            one_by_one,
            handed: false,
            next: 0,
            waiting: BTreeMap::new(),
        })))
    }

    /// A call is done: its answer is handed on when its turn has come; a fault at once.
    pub(super) fn done(&self, to: oneshot::Sender<Delivery>, delivery: Delivery) {
        match delivery {
            Ok(
                answer @ Answer {
                    order: Some(order), ..
                },
            ) => {
                let mut queue = self.0.lock();
                queue.waiting.insert(order, (to, answer));
                queue.hand_on();
            }
            // A guest that dropped the call does not wait for it.
            other => drop(to.send(other)),
        }
    }

    /// The guest has taken an answer.
    pub(super) fn taken(&self) {
        let mut queue = self.0.lock();
        queue.handed = false;
        queue.hand_on();
    }
}

impl Queue {
    fn hand_on(&mut self) {
        while !(self.one_by_one && self.handed)
            && let Some((to, answer)) = self.waiting.remove(&self.next)
        {
            self.next += 1;
            self.handed = to.send(Ok(answer)).is_ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::effect::CallResult;

    fn answer(order: u32) -> Delivery {
        Ok(Answer {
            charge: None,
            result: CallResult::Operation(Ok(order.to_string())),
            at: 0,
            order: Some(order),
        })
    }

    fn calls<const N: usize>() -> [(oneshot::Sender<Delivery>, oneshot::Receiver<Delivery>); N] {
        std::array::from_fn(|_| oneshot::channel())
    }

    #[test]
    fn answers_are_handed_on_in_their_order_whenever_they_come() {
        let order = AnswerOrder::new(false);
        let [(a, mut a_seen), (b, mut b_seen), (c, mut c_seen)] = calls();
        order.done(b, answer(1));
        assert!(b_seen.try_recv().is_err());
        order.done(a, answer(0));
        assert!(a_seen.try_recv().is_ok() && b_seen.try_recv().is_ok());
        order.done(c, answer(2));
        assert!(c_seen.try_recv().is_ok());
    }

    #[test]
    fn one_by_one_the_next_waits_until_the_last_was_taken() {
        let order = AnswerOrder::new(true);
        let [
            (a, mut a_seen),
            (b, mut b_seen),
            (c, c_seen),
            (d, mut d_seen),
        ] = calls();
        order.done(b, answer(1));
        order.done(a, answer(0));
        assert!(a_seen.try_recv().is_ok() && b_seen.try_recv().is_err());
        order.taken();
        assert!(b_seen.try_recv().is_ok());
        // A call whose receiver was dropped does not hold up the next.
        drop(c_seen);
        order.done(c, answer(2));
        order.done(d, answer(3));
        order.taken();
        assert!(d_seen.try_recv().is_ok());
    }

    #[test]
    fn a_fault_and_what_has_no_order_come_at_once() {
        let order = AnswerOrder::new(true);
        let [(a, mut a_seen), (b, mut b_seen)] = calls();
        order.done(a, Err(CallFault::NotRecorded("x".into())));
        assert!(a_seen.try_recv().unwrap().is_err());
        let free = answer(0).map(|answer| Answer {
            order: None,
            ..answer
        });
        order.done(b, free);
        assert!(b_seen.try_recv().unwrap().is_ok());
    }
}
