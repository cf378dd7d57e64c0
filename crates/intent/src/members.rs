//! The JSON of an intent: its members in the order of canonical JSON (RFC 8785, section 3.2.3), absent ones left out,
//! so that nothing has to be sorted when it is written.

use crate::intent::Destination;
use crate::{Intent, ListedPayment, Party};
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use std::fmt;

impl Serialize for Intent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (payee, payee_name, payees) = match &self.destination {
            Destination::One { payee, payee_name } => (Some(payee), payee_name.as_ref(), None),
            Destination::Batch(payments) => (None, None, Some(payments)),
        };
        let mut members = serializer.serialize_map(None)?;
        members.serialize_entry("amount", &self.money.amount())?;
        members.serialize_entry("currency", self.currency().code())?;
        if let Some(debtor) = &self.debtor {
            members.serialize_entry("debtor", &Account(debtor))?;
        }
        if let Some(date) = &self.execution_date {
            members.serialize_entry("execution_date", &Shown(date))?;
        }
        if let Some(payee) = payee {
            members.serialize_entry("payee", &Account(payee))?;
        }
        if let Some(name) = payee_name {
            members.serialize_entry("payee_name", name)?;
        }
        if let Some(payments) = payees {
            members.serialize_entry("payees", payments)?;
        }
        if let Some(series) = &self.recurrence {
            members.serialize_entry("recurrence", &Shown(series))?;
        }
        if let Some(reference) = &self.reference {
            members.serialize_entry("reference", reference)?;
        }
        members.serialize_entry("type", &self.kind)?;
        members.end()
    }
}

impl Serialize for ListedPayment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        members.serialize_entry("amount", &self.money().amount())?;
        members.serialize_entry("payee", &Account(self.payee()))?;
        if let Some(name) = self.payee_name() {
            members.serialize_entry("payee_name", name)?;
        }
        if let Some(reference) = self.reference() {
            members.serialize_entry("reference", reference)?;
        }
        members.end()
    }
}

/// An account in its normal form.
struct Account<'a>(&'a Party);

impl Serialize for Account<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Party::Iban(iban) => serializer.serialize_str(iban.as_str()),
            Party::Opaque { .. } => serializer.collect_str(self.0),
        }
    }
}

/// Something that has one text.
struct Shown<'a, T>(&'a T);

impl<T: fmt::Display> Serialize for Shown<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self.0)
    }
}
