//! The deadline of what runs on a connection, kept from one exchange to the next.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use tokio::task::coop::unconstrained;
use tokio::time::{Instant, Sleep, sleep_until};

/// A timer that is set for the first exchange of a connection and stays: an exchange is over long before its
/// deadline, and to set a timer and take it back for each costs more than one that rings too early now and then.
#[derive(Default)]
pub(super) struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// What `work` comes to; `None` when it has not ended at the `deadline`. What is ready then has ended in time.
    pub(super) async fn within<F: Future>(&mut self, deadline: Instant, work: F) -> Option<F::Output> {
        let mut work = pin!(work);
        poll_fn(|context| match work.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => self.poll(deadline, context).map(|()| None),
        })
        .await
    }

    /// Ready when `deadline` has passed; otherwise the task is woken when it may have.
    fn poll(&mut self, deadline: Instant, context: &mut Context<'_>) -> Poll<()> {
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if deadline < sleep.deadline() {
            sleep.as_mut().reset(deadline);
        }
        // A deadline must be noticed by a task whose turn is over, too.
        while pin!(unconstrained(sleep.as_mut())).poll(context).is_ready() {
            if deadline <= sleep.deadline() {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::time::Duration;

    use tokio::task::{consume_budget, yield_now};

    use super::*;

    const LONG: Duration = Duration::from_secs(3600);
    const SHORT: Duration = Duration::from_millis(3);

    /// Whether work that never ends is cut at its deadline, and not before.
    async fn cuts(alarm: &mut Alarm, longest: Duration) -> bool {
        let deadline = Instant::now() + longest;
        let ended = alarm.within(deadline, pending::<()>()).await;
        ended.is_none() && Instant::now() >= deadline
    }

    #[tokio::test]
    async fn each_exchange_has_its_own_deadline_whatever_the_one_before_had() {
        let mut alarm = Alarm::default();
        assert!(alarm.within(Instant::now() + LONG, yield_now()).await.is_some());
        assert!(cuts(&mut alarm, SHORT).await, "it was set for later");
        assert!(alarm.within(Instant::now() + LONG, yield_now()).await.is_some());
        assert!(alarm.within(Instant::now() + SHORT, ready(7)).await == Some(7));
        assert!(cuts(&mut alarm, SHORT).await);
        assert!(cuts(&mut alarm, 5 * SHORT).await, "it has rung");
        let _ = alarm.within(Instant::now() + SHORT, yield_now()).await;
        assert!(cuts(&mut alarm, 5 * SHORT).await, "it rings too early");
    }

    #[tokio::test]
    async fn what_is_ready_has_ended_in_time_and_what_is_not_has_not() {
        let (mut alarm, past) = (Alarm::default(), Instant::now());
        assert_eq!(alarm.within(past, ready(7)).await, Some(7));
        assert_eq!(alarm.within(past, pending::<()>()).await, None);
        assert_eq!(alarm.within(past, pending::<()>()).await, None);
    }

    #[tokio::test]
    async fn a_deadline_ends_work_that_is_busy_without_a_pause() {
        let mut alarm = Alarm::default();
        let busy = async {
            loop {
                consume_budget().await;
            }
        };
        assert_eq!(alarm.within(Instant::now() + SHORT, busy).await, None::<()>);
    }
}
