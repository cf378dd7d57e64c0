//! Parameters by their number: `$2` is the second value wherever it stands in the text.
//!
//! SQLite takes `$2` for a name and numbers names in the order of their appearance, so values must be bound by what the
//! name says, not by position.

use rusqlite::Statement;

use super::error::StoreError;
use super::row::Value;

/// Binds `values` to `$1`, `$2`, … of `statement`.
///
/// # Errors
/// [`StoreError::Failed`] when the text has a parameter that is not `$` and a number, or has more or fewer than `values`.
pub(super) fn bind(statement: &mut Statement<'_>, values: &[Value]) -> Result<(), StoreError> {
    let mut bound = 0;
    for index in 1..=statement.parameter_count() {
        let number = statement
            .parameter_name(index)
            .and_then(|name| name.strip_prefix('$')?.parse::<usize>().ok());
        let value = number.and_then(|number| values.get(number.checked_sub(1)?));
        let value = value.ok_or_else(|| StoreError::Failed("a parameter without a value".to_owned()))?;
        statement.raw_bind_parameter(index, value)?;
        bound += 1;
    }
    if bound == values.len() {
        Ok(())
    } else {
        Err(StoreError::Failed("a value without a parameter".to_owned()))
    }
}
