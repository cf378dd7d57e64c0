//! The comparison of the pictures.

use std::collections::HashMap;

use super::app::Told;
use super::bank::Entry;

/// One payment as its app and the gateway's records have it.
#[derive(Clone, Debug)]
pub(super) struct Payment {
    pub(super) key: String,
    pub(super) told: Told,
    /// State and transaction of the record.
    pub(super) record: Option<(String, String)>,
    /// How many events of its transaction say that it was permitted, and how many what became of it.
    pub(super) events: (usize, usize),
}

/// What is wrong, a line a fault.
pub(super) fn faults(payments: &[Payment], ledger: &[Entry]) -> Vec<String> {
    let mut executed: HashMap<&str, Vec<&str>> = HashMap::new();
    for entry in ledger {
        executed.entry(&entry.key).or_default().push(&entry.transaction);
    }
    let mut faults = Vec::new();
    for payment in payments {
        let lines = executed.remove(payment.key.as_str()).unwrap_or_default();
        faults.extend(fault_of(payment, &lines).map(|fault| format!("{}: {fault}", payment.key)));
    }
    faults.extend(
        executed
            .keys()
            .map(|key| format!("{key}: executed, but nobody asked for it")),
    );
    faults
}

fn fault_of(payment: &Payment, ledger: &[&str]) -> Option<String> {
    if ledger.len() > 1 {
        return Some(format!("doubled: the bank executed it as {ledger:?}"));
    }
    let told = match (&payment.told, ledger) {
        (Told::Executed(told), [executed]) if told == executed => Ok("answered"),
        (Told::NotExecuted, []) => Ok("not-executed"),
        (Told::Executed(_), []) => Err("missing: acknowledged, but not in the bank's ledger".to_owned()),
        (Told::NotExecuted, _) => Err("executed, but said not to be".to_owned()),
        (Told::Executed(told), _) => Err(format!("told {told}, executed as {ledger:?}")),
    };
    let state = match told {
        Ok(state) => state,
        Err(fault) => return Some(fault),
    };
    let Some((recorded, transaction)) = &payment.record else {
        return Some("not on the gateway's record".to_owned());
    };
    if recorded != state || ledger.iter().any(|executed| executed != transaction) {
        return Some(format!("told {state}, recorded as {recorded} of {transaction}"));
    }
    (payment.events != (1, 1)).then(|| format!("its events are {:?}", payment.events))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payment(told: Told) -> Payment {
        let state = match &told {
            Told::Executed(_) => "answered",
            Told::NotExecuted => "not-executed",
        };
        Payment {
            key: "k".to_owned(),
            told,
            record: Some((state.to_owned(), "t".to_owned())),
            events: (1, 1),
        }
    }

    fn entry(key: &str, transaction: &str) -> Entry {
        Entry {
            transaction: transaction.to_owned(),
            key: key.to_owned(),
        }
    }

    #[test]
    fn pictures_that_agree_have_no_fault() {
        let executed = payment(Told::Executed("t".to_owned()));
        assert!(faults(&[executed], &[entry("k", "t")]).is_empty());
        assert!(faults(&[payment(Told::NotExecuted)], &[]).is_empty());
    }

    #[test]
    fn every_disagreement_is_found() {
        let executed = || payment(Told::Executed("t".to_owned()));
        let unrecorded = Payment {
            record: None,
            ..executed()
        };
        let still_unknown = Payment {
            record: Some(("unknown".to_owned(), "t".to_owned())),
            ..executed()
        };
        let eventless = Payment {
            events: (1, 0),
            ..executed()
        };
        let (k, twice) = (entry("k", "t"), entry("k", "t2"));
        let cases = [
            (executed(), vec![], "missing"),
            (executed(), vec![k.clone(), twice.clone()], "doubled"),
            (executed(), vec![k.clone(), k.clone()], "doubled"),
            (executed(), vec![twice], "executed as"),
            (executed(), vec![k.clone(), entry("other", "t3")], "nobody asked"),
            (payment(Told::NotExecuted), vec![k.clone()], "said not to be"),
            (unrecorded, vec![k.clone()], "record"),
            (still_unknown, vec![k.clone()], "recorded as unknown"),
            (eventless, vec![k], "events"),
        ];
        for (payment, ledger, expected) in cases {
            let found = faults(&[payment], &ledger);
            assert!(
                found.len() == 1 && found[0].contains(expected),
                "{expected}: {found:?}"
            );
        }
    }
}
