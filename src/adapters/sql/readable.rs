//! Rows of which one may be damaged.

/// The rows that can be read. One that is damaged holds up none of the others; its fault is told
/// when no other row came with it.
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
