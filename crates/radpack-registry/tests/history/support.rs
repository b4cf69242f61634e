//! A small state, and commands for it.

use std::collections::BTreeMap;

use radpack_registry::{
    Command, CommitError, Committed, Decision, Fold, FoldError, History, Ledger, Recorded, Refusal,
};
use serde_json::json;

/// Accounts that only grow: each event adds one to an account, and says what came of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Bank(pub(crate) BTreeMap<String, u64>);

impl Fold for Bank {
    fn apply(&mut self, recorded: &Recorded) -> Result<(), FoldError> {
        let event = &recorded.event;
        if event.kind != "added" {
            return Err(FoldError::unknown(event));
        }
        let account = event.payload["account"].as_str().unwrap_or_default();
        let balance = self.0.entry(account.to_owned()).or_default();
        *balance += 1;
        // Decided on against the very state that it is committed onto.
        if event.payload["balance"] != *balance {
            return Err(FoldError::new("it was decided on against another state"));
        }
        Ok(())
    }
}

/// Adds one to an account.
pub(crate) async fn add(
    history: &History,
    ledger: &mut Ledger<Bank>,
    command: &Command,
    account: &str,
) -> Result<Committed, CommitError> {
    history
        .commit(ledger, command, |bank, _| {
            let balance = bank.0.get(account).copied().unwrap_or(0);
            if account == "closed" {
                return Err(Refusal::new("this account is closed"));
            }
            let payload = json!({"account": account, "balance": balance + 1});
            Ok(Decision::new("added", payload))
        })
        .await
}

/// The bank as all events make it, read by someone new.
pub(crate) async fn read_anew(history: &History) -> Ledger<Bank> {
    let mut ledger = Ledger::default();
    history.catch_up(&mut ledger).await.unwrap();
    ledger
}
