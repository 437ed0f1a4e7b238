//! Rows, of which some may be damaged.

/// Returns the rows that can be read. A damaged row holds up no other row. Its fault is returned
/// only if no row can be read.
pub(in crate::adapters) fn readable<T, E>(
    rows: impl IntoIterator<Item = Result<T, E>>,
) -> Result<Vec<T>, E> {
    let (mut read, mut fault) = (Vec::new(), None);
    for row in rows {
        match row {
            Ok(row) => read.push(row),
            Err(error) => fault = fault.or(Some(error)),
        }
    }
    match fault {
        Some(error) if read.is_empty() => Err(error),
        _ => Ok(read),
    }
}
