//! The tables of `manual::defaults`, each row held against the code.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use sspr::{
    TenantPolicy,
    domain::{CodeFormat, Password},
    engine::Context,
    policy::{Limits, LimitsBuilder, LimitsError, PasswordRules},
    store::SWEEP_MARGIN,
};

const CHAPTER: &str = include_str!("../../src/manual/defaults.md");
const UNBOUNDED: &str = "–";

/// The rows of the table below a heading, head and rule left out.
fn rows(heading: &str) -> Vec<Vec<&'static str>> {
    let section = CHAPTER.split("\n# ").find(|section| section.starts_with(heading));
    let section = section.unwrap_or_else(|| panic!("no section {heading}"));
    let lines = section.lines().filter(|line| line.starts_with("| "));
    let cells = |line: &'static str| line.trim_matches('|').split(" | ").map(str::trim).collect();
    lines.skip(1).map(cells).collect()
}

fn code(cell: &'static str) -> &'static str {
    cell.trim_matches('`')
}

/// A count, or a time in milliseconds: `1,000`, `200 ms`, `60 s`, `10 min`, `24 h`, `365 d`.
fn value(cell: &str) -> u64 {
    let (number, unit) = cell.split_once(' ').unwrap_or((cell, ""));
    let number: u64 = number.replace(',', "").parse().unwrap_or_else(|_| panic!("{cell}"));
    number
        * match unit {
            "" | "ms" => 1,
            "s" => 1_000,
            "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            other => panic!("no unit: {other}"),
        }
}

/// What a line of code comes to: a product, in `Duration::from_secs` or `from_millis` or in none.
fn evaluated(code: &str) -> u64 {
    let unit = if code.contains("from_secs(") { 1_000 } else { 1 };
    let tail = code.rsplit(['=', '(', ':', ',']).next().unwrap_or_default();
    let number = |factor: &str| -> u64 {
        let digits = factor.trim().trim_end_matches(')').replace('_', "");
        digits.parse().unwrap_or_else(|_| panic!("no number: {code}"))
    };
    tail.split('*').map(number).product::<u64>() * unit
}

/// One of the [`Limits`]: how it is read and how it is set, a time in milliseconds.
struct Limit {
    read: fn(&Limits) -> u64,
    set: fn(LimitsBuilder, u64) -> LimitsBuilder,
}

/// Every limit by name.
fn limits() -> BTreeMap<&'static str, Limit> {
    macro_rules! count {
        ($name:ident) => {{
            let set = |it: LimitsBuilder, to: u64| it.$name(to.try_into().unwrap());
            (stringify!($name), Limit { read: |it| it.$name().into(), set })
        }};
    }
    macro_rules! time {
        ($name:ident) => {{
            let read = |it: &Limits| it.$name().as_millis().try_into().unwrap();
            (stringify!($name), Limit { read, set: |it, to| it.$name(Duration::from_millis(to)) })
        }};
    }
    BTreeMap::from([
        count!(assists_per_account),
        count!(assists_per_actor),
        count!(assists_per_tenant),
        count!(lockout_threshold),
        count!(network_tries),
        count!(notice_texts_per_tenant),
        count!(opens_per_network),
        count!(sends_per_account),
        count!(sends_per_address),
        count!(sends_per_address_and_network),
        count!(sends_per_device),
        count!(sends_per_network),
        count!(sends_per_vouch),
        count!(submits_per_grant),
        count!(subscriber_network_factor),
        count!(tenant_tries),
        count!(text_watch_after),
        count!(text_watch_alarm),
        count!(text_watch_stop),
        count!(texts_per_block),
        count!(texts_per_network),
        count!(texts_per_number),
        count!(texts_per_tenant),
        count!(tries_per_challenge),
        count!(tries_per_streak),
        count!(tries_per_window),
        count!(trusted_sends_per_account),
        count!(wide_network_factor),
        time!(assistance_code_lifetime),
        time!(code_lifetime),
        time!(grant_lifetime),
        time!(lockout_first),
        time!(lockout_longest),
        time!(lockout_memory),
        time!(network_window),
        time!(resend_cooldown),
        time!(reset_lifetime),
        time!(sends_window),
        time!(streak_window),
        time!(temporary_password_lifetime),
        time!(text_stop),
        time!(text_watch_window),
        time!(ticket_lifetime),
        time!(tries_window),
    ])
}

fn with(field: &str, value: u64) -> LimitsBuilder {
    (limits()[field].set)(Limits::builder(), value)
}

/// Whether a number lies outside the bounds of its own; bad odds do not count.
fn is_out_of_bounds(field: &str, value: u64) -> bool {
    match with(field, value).build() {
        Err(LimitsError::Bound { field: named, .. }) => named == field,
        Ok(_) | Err(_) => false,
    }
}

#[test]
fn every_number_has_its_row_and_its_default() {
    let limits = limits();
    let rows = rows("The guess budget");

    let named: Vec<&str> = rows.iter().map(|row| code(row[0])).collect();
    for (field, limit) in &limits {
        let row = rows.iter().find(|row| code(row[0]) == *field);
        let row = row.unwrap_or_else(|| panic!("no row for {field}"));
        assert_eq!(value(row[2]), (limit.read)(&Limits::default()), "{field}");
        assert!(row[5].len() > 3, "{field} has no source");
    }
    assert_eq!(named.len(), limits.len(), "{named:?}");
    let all = format!("{:?}", Limits::default()).matches(": ").count();
    assert_eq!(limits.len(), all, "a limit is missing here");
}

/// The number in a cell, or the default of the limit that it names.
fn number(cell: &'static str) -> u64 {
    match cell.starts_with('`') {
        true => (limits()[code(cell)].read)(&Limits::default()),
        false => value(cell),
    }
}

#[test]
fn every_bound_is_the_one_that_is_refused_beyond() {
    for row in rows("The guess budget") {
        let (field, least, most) = (code(row[0]), row[3], row[4]);
        let step = if row[2].contains(' ') { 1_000 } else { 1 };
        let least = number(least);

        assert!(!is_out_of_bounds(field, least), "{field}: {least} is allowed");
        if let Some(below) = least.checked_sub(step) {
            assert!(is_out_of_bounds(field, below), "{field}: below {least} is not");
        }
        if most == UNBOUNDED {
            assert!(!is_out_of_bounds(field, u64::from(u32::MAX)), "{field} has an upper bound");
        } else {
            let most = number(most);
            assert!(!is_out_of_bounds(field, most), "{field}: {most} is allowed");
            assert!(is_out_of_bounds(field, most + step), "{field}: above {most} is not");
        }
    }
}

#[test]
fn every_number_has_its_name_in_json() {
    let written = TenantPolicy::customers("contoso").unwrap().to_json();
    let limits = written["limits"].as_object().unwrap();
    let rows = rows("The guess budget");

    for row in &rows {
        let name = code(row[1]);
        let unit = if row[2].contains(' ') { 1_000 } else { 1 };
        let seen = limits.get(name).and_then(serde_json::Value::as_u64);
        assert_eq!(seen.map(|seen| seen * unit), Some(value(row[2])), "{name}");
    }
    assert_eq!(rows.len(), limits.len());
}

#[test]
fn every_value_is_the_codes() {
    let symbols = |format: CodeFormat| format.length();
    let longest = |characters: usize| Password::parse(&"a".repeat(characters)).is_ok();
    let min_length = |least| PasswordRules::nist().with_min_length(least).is_ok();
    let terms = |count: usize, length: usize| {
        let word = "w".repeat(length);
        PasswordRules::nist().with_terms(vec![word.as_str(); count]).is_ok()
    };
    let edge = |holds: &dyn Fn(usize) -> bool| (1..2_000).filter(|n| holds(*n)).max().unwrap();
    let start = |holds: &dyn Fn(usize) -> bool| (1..2_000).find(|n| holds(*n)).unwrap();
    let known = BTreeMap::from([
        ("short code, symbols", symbols(CodeFormat::Digits)),
        ("long code, symbols", symbols(CodeFormat::Letters)),
        ("password, most characters", edge(&longest)),
        ("password, most bytes", Password::MAX_BYTES),
        ("password, least characters, `nist`", PasswordRules::nist().min_length()),
        ("password, least characters, `entra`", PasswordRules::entra().min_length()),
        ("`with_min_length`, least", start(&min_length)),
        ("`with_min_length`, most", edge(&min_length)),
        ("banned terms, most", edge(&|count| terms(count, 8))),
        ("banned term, least characters", start(&|length| terms(1, length))),
        ("context, most bytes", edge(&|bytes| Context::new(vec![0; bytes]).is_ok())),
        ("sweep margin, hours", usize::try_from(SWEEP_MARGIN.as_secs() / 3600).unwrap()),
    ]);
    let rows = rows("Values");

    for row in &rows {
        let seen = known.get(row[0]).unwrap_or_else(|| panic!("not compared: {}", row[0]));
        assert_eq!(value(row[1]), u64::try_from(*seen).unwrap(), "{}", row[0]);
    }
    assert_eq!(rows.len(), known.len());
}

#[test]
fn every_line_of_code_that_is_named_stands_there_and_says_the_same() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rows = rows("Mail, hashing");
    assert!(rows.len() > 30);

    for row in rows {
        let (file, line) = row[2].split_once(": ").unwrap();
        let source = fs::read_to_string(root.join(code(file))).unwrap();
        assert!(source.contains(code(line)), "{}: {file} does not hold {line}", row[0]);
        assert_eq!(value(row[1]), evaluated(code(line)), "{}: {line}", row[0]);
    }
}
