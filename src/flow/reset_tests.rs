use super::*;
use crate::{
    domain::{
        ApplicationId, CounterName, Entropy, EntropyUnavailable, Keyring, LanguageTag, Sealed,
        TenantId, UserFlowId,
    },
    flow::ResetReason,
};

const TERMS: ResetTerms = ResetTerms {
    code: Duration::from_secs(600),
    cooldown: Duration::from_secs(60),
    grant: Duration::from_secs(600),
    ticket: Duration::from_secs(300),
};

#[derive(Debug)]
struct Fixed;

impl Entropy for Fixed {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyUnavailable> {
        bytes.fill(7);
        Ok(())
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn digest(byte: u8) -> Digest {
    Digest::from_bytes([byte; 32])
}

fn sealed() -> Sealed {
    Sealed::seal(&digest(1), b"", b"ada", 8, &Fixed).unwrap()
}

fn opened() -> Reset {
    let origin = Origin {
        address: sealed(),
        application: ApplicationId::parse("shop").unwrap(),
        context: vec![1, 2, 3],
        locale: Some(LanguageTag::parse("de-AT").unwrap()),
        reason: ResetReason::Forgot,
        tenant: TenantId::parse("contoso").unwrap(),
        user_flow: UserFlowId::parse("sign-in").unwrap(),
        visible: vec![CounterName::from_bytes([5; 32])],
    };
    Reset::opened(origin, digest(9), Duration::from_secs(3600), at(0))
}

fn bound(number: u32, now: Timestamp) -> Box<Bound> {
    Box::new(Bound {
        account: sealed(),
        announced: CodeFormat::Digits,
        binding: digest(2),
        code: digest(3),
        expires_at: now.after(TERMS.code),
        format: CodeFormat::Digits,
        key: Keyring::generate(&Fixed).unwrap().signing(),
        number,
        silent: vec![CounterName::from_bytes([8; 32])],
    })
}

fn next(reset: &Reset, event: Event, now: Timestamp) -> Reset {
    match reset.step(event, &TERMS, now) {
        Step::Next(next) => next,
        other => panic!("expected a next state, got {other:?}"),
    }
}

fn sent() -> Reset {
    next(&opened(), Event::Send { method: Method::Email, format: CodeFormat::Digits }, at(0))
}

fn sent_by_sms() -> Reset {
    let send = Event::Send { method: Method::Sms, format: CodeFormat::Digits };
    next(&bound_reset(), send, at(1))
}

fn bound_reset() -> Reset {
    next(&sent(), Event::Bind(bound(1, at(0))), at(1))
}

fn proved() -> Reset {
    next(&bound_reset(), Event::First { method: Method::Email }, at(2))
}

fn sent_after_proved() -> Reset {
    let send = Event::Send { method: Method::Sms, format: CodeFormat::Digits };
    next(&proved(), send, at(3))
}

fn verified() -> Reset {
    next(&bound_reset(), Event::Match { grant: digest(4) }, at(2))
}

fn with_host_proof() -> Reset {
    next(&sent_after_proved(), Event::HostProof { grant: digest(4) }, at(4))
}

fn completed() -> Reset {
    let event = Event::Complete { stamp: Stamp::from_bytes([6; 16]), ticket: digest(5) };
    next(&verified(), event, at(3))
}

/// Returns the reset of each row of the table, and two more.
pub(in crate::flow) fn every_stage() -> Vec<Reset> {
    let closed = next(&verified(), Event::Close, at(4));
    let stages = [opened(), sent(), bound_reset(), proved(), sent_after_proved(), verified()];
    [&stages[..], &[completed(), closed, sent_by_sms(), with_host_proof()]].concat()
}

fn every_event() -> Vec<Event> {
    vec![
        Event::Send { method: Method::Sms, format: CodeFormat::Digits },
        Event::Bind(bound(1, at(0))),
        Event::Try,
        Event::First { method: Method::Email },
        Event::HostProof { grant: digest(4) },
        Event::Match { grant: digest(4) },
        Event::Spend { grant: digest(4) },
        Event::Complete { stamp: Stamp::from_bytes([6; 16]), ticket: digest(5) },
        Event::Redeem { ticket: digest(5) },
        Event::Close,
    ]
}

/// Returns the rows of the table in the documentation, which says what each event does in each
/// stage.
fn table() -> Vec<Vec<&'static str>> {
    let rows = include_str!("reset.md").lines().filter(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.split('|').skip(2).map(str::trim).filter(|cell| !cell.is_empty()).collect())
        .collect()
}

#[test]
fn every_event_in_every_stage_does_what_the_table_says() {
    let table = table();
    let stages = every_stage();
    assert_eq!(table.len() + 2, stages.len());
    for (row, reset) in table.iter().zip(stages) {
        assert_eq!(row.len(), every_event().len());
        for (expected, event) in row.iter().zip(every_event()) {
            let event = match event {
                // The code of the latest send.
                Event::Bind(_) => Event::Bind(bound(reset.sends().max(1), at(0))),
                event => event,
            };
            let name = event.name();
            let got = match reset.step(event, &TERMS, at(100)) {
                Step::Next(next) => format!("{:?}", next.stage.name()),
                Step::Stay => "=".to_owned(),
                Step::Refused(refusal) => format!("{refusal:?}"),
            };
            assert_eq!(&got, expected, "{:?} + {name:?}", reset.stage.name());
        }
    }
}

#[test]
fn the_second_proof_must_be_another_one_than_the_first() {
    let send = |reset: &Reset, method| {
        reset.step(Event::Send { method, format: CodeFormat::Digits }, &TERMS, at(100))
    };
    for reset in [proved(), sent_after_proved()] {
        assert!(matches!(send(&reset, Method::Email), Step::Refused(Refusal::Gone)));
        assert!(matches!(send(&reset, Method::Sms), Step::Next(_)));
        assert!(reset.has_used_code());
    }
    let second = next(&sent_after_proved(), Event::Bind(bound(2, at(3))), at(3));
    assert!(!second.has_used_code() && !bound_reset().has_used_code());
}

/// Tries every order of events up to a length, in each of which the engine may hand any event to the
/// machine, and looks at every state.
#[test]
fn in_every_order_of_events_a_first_proof_leads_to_a_grant_only_with_a_second_one() {
    fn place(number: u32) -> usize {
        usize::try_from(number).unwrap()
    }
    fn go_on(reset: &Reset, ways: &[Method], left: u32, seen: &mut [usize; 3]) {
        let is_past = matches!(reset.stage, Stage::Verified { .. } | Stage::Completed { .. });
        if let (Some(first), true) = (&reset.first, is_past) {
            let bound = reset.bound.as_ref().unwrap();
            let way = ways[place(bound.number) - 1];
            assert!(first.has_host_proof || way != first.method, "{reset:?}");
            seen[usize::from(first.has_host_proof)] += 1;
        }
        seen[2] += 1;
        if left == 0 {
            return;
        }
        let now = at(i64::from(10 - left) * 100);
        let way = reset.bound.as_ref().map(|bound| ways[place(bound.number) - 1]);
        let mut events = vec![
            Event::Send { method: Method::Email, format: CodeFormat::Digits },
            Event::Send { method: Method::Sms, format: CodeFormat::Digits },
            Event::Bind(bound(reset.sends().max(1), now)),
            Event::Match { grant: digest(4) },
            Event::HostProof { grant: digest(6) },
            Event::Complete { stamp: Stamp::from_bytes([6; 16]), ticket: digest(5) },
        ];
        events.extend(way.map(|method| Event::First { method }));
        for event in events {
            let mut ways = ways.to_vec();
            if let Event::Send { method, .. } = &event {
                ways.push(*method);
            }
            if let Step::Next(next) = reset.step(event, &TERMS, now) {
                let kept = reset.first.as_ref().map(|first| (first.method, first.bound.number));
                let after = next.first.as_ref().map(|first| (first.method, first.bound.number));
                assert!(kept.is_none() || kept == after, "a first proof stays what it is");
                go_on(&next, &ways[..place(next.sends())], left - 1, seen);
            }
        }
    }
    let mut seen = [0; 3];
    go_on(&opened(), &[], 9, &mut seen);
    assert!(seen.iter().all(|count| *count > 100), "{seen:?}");
}

#[test]
fn what_follows_a_proof_of_the_host_rests_on_the_first_code() {
    let second = next(&sent_after_proved(), Event::Bind(bound(2, at(3))), at(3));
    let proved = next(&second, Event::HostProof { grant: digest(4) }, at(4));
    assert_eq!(proved.bound.as_ref().map(|bound| bound.number), Some(1));
    assert!(proved.first.as_ref().is_some_and(|first| first.has_host_proof));
    let again = |grant| proved.step(Event::HostProof { grant: digest(grant) }, &TERMS, at(5));
    assert!(matches!(again(4), Step::Stay));
    assert!(matches!(again(5), Step::Next(_)), "another proof gives another grant");
    let late = second.step(Event::HostProof { grant: digest(4) }, &TERMS, at(3600));
    assert!(matches!(late, Step::Refused(Refusal::Gone)));
}

#[test]
fn a_second_send_waits_for_the_cooldown_to_the_microsecond() {
    let again = |now| {
        sent().step(Event::Send { method: Method::Email, format: CodeFormat::Digits }, &TERMS, now)
    };
    let before = Timestamp::from_micros(60_000_000 - 1);

    let refused = Refusal::TooSoon { resend_at: at(60) };
    assert!(matches!(again(before), Step::Refused(refusal) if refusal == refused));
    assert!(matches!(again(at(60)), Step::Next(next) if next.sends() == 2));
}

#[test]
fn the_step_to_the_longer_format_needs_no_cooldown_and_happens_once() {
    let longer =
        next(&sent(), Event::Send { method: Method::Email, format: CodeFormat::Letters }, at(1));

    let again = longer.step(
        Event::Send { method: Method::Email, format: CodeFormat::Letters },
        &TERMS,
        at(2),
    );
    assert!(matches!(again, Step::Refused(Refusal::TooSoon { .. })));
}

#[test]
fn each_way_has_a_cooldown_of_its_own_and_neither_ends_the_other() {
    let send = |reset: &Reset, method, now| {
        reset.step(Event::Send { method, format: CodeFormat::Digits }, &TERMS, now)
    };
    let by_sms = sent_by_sms();
    assert_eq!(by_sms.sent.unwrap().resend_at_by(Method::Email), at(60));
    assert_eq!(by_sms.sent.unwrap().resend_at_by(Method::Sms), at(61));
    for (method, resend_at) in [(Method::Email, at(60)), (Method::Sms, at(61))] {
        let refused = Refusal::TooSoon { resend_at };
        assert!(matches!(send(&by_sms, method, at(59)), Step::Refused(it) if it == refused));
        assert!(matches!(send(&by_sms, method, resend_at), Step::Next(it) if it.sends() == 3));
    }
    // Whoever goes back and forth has to wait for each of them all the same.
    let Step::Next(mailed) = send(&by_sms, Method::Email, at(60)) else {
        panic!("it was too soon")
    };
    assert!(matches!(send(&mailed, Method::Sms, at(60)), Step::Refused(_)));
    assert!(matches!(send(&mailed, Method::Sms, at(61)), Step::Next(_)));
}

#[test]
fn a_code_by_another_way_supersedes_the_one_before_it_when_it_is_bound() {
    let by_sms = sent_by_sms();
    assert_eq!(by_sms.bound.as_ref().unwrap().number, 1);
    let newest = next(&by_sms, Event::Bind(bound(2, at(1))), at(2));
    assert_eq!(newest.bound.as_ref().unwrap().number, 2);
}

#[test]
fn no_code_is_sent_after_the_end_but_one_sent_before_lives_its_time() {
    let last = next(
        &opened(),
        Event::Send { method: Method::Email, format: CodeFormat::Digits },
        at(3599),
    );
    let late = last.step(
        Event::Send { method: Method::Email, format: CodeFormat::Digits },
        &TERMS,
        at(3700),
    );

    assert!(matches!(late, Step::Refused(Refusal::Gone)));
    assert_eq!(last.expires_at(), at(3599 + 600));
}

#[test]
fn the_old_code_counts_until_the_new_one_is_bound() {
    let resent = next(
        &bound_reset(),
        Event::Send { method: Method::Email, format: CodeFormat::Digits },
        at(60),
    );
    assert_eq!(resent.bound.as_ref().unwrap().number, 1);

    let superseded = resent.step(Event::Bind(bound(1, at(60))), &TERMS, at(61));
    assert!(matches!(superseded, Step::Refused(Refusal::Gone)));

    let newest = next(&resent, Event::Bind(bound(2, at(60))), at(62));
    assert_eq!(newest.bound.as_ref().unwrap().number, 2);
}

#[test]
fn a_code_is_dead_at_its_expiry_to_the_microsecond() {
    let reset = bound_reset();
    let before = Timestamp::from_micros(600_000_000 - 1);

    assert!(matches!(reset.step(Event::Try, &TERMS, before), Step::Stay));
    let at_expiry = reset.step(Event::Try, &TERMS, at(600));
    assert!(matches!(at_expiry, Step::Refused(Refusal::Expired)));
}

#[test]
fn a_send_whose_mail_never_came_expires_like_any_other() {
    assert!(matches!(sent().step(Event::Try, &TERMS, at(599)), Step::Refused(Refusal::NoCode)));
    assert!(matches!(sent().step(Event::Try, &TERMS, at(600)), Step::Refused(Refusal::Expired)));
}

#[test]
fn a_grant_and_a_ticket_are_dead_at_their_expiry() {
    let spend = |now| verified().step(Event::Spend { grant: digest(4) }, &TERMS, now);
    assert!(matches!(spend(Timestamp::from_micros(602_000_000 - 1)), Step::Stay));
    assert!(matches!(spend(at(602)), Step::Refused(Refusal::Gone)));

    let redeem = |now| completed().step(Event::Redeem { ticket: digest(5) }, &TERMS, now);
    assert!(matches!(redeem(Timestamp::from_micros(303_000_000 - 1)), Step::Stay));
    assert!(matches!(redeem(at(303)), Step::Refused(Refusal::Gone)));
}

#[test]
fn a_wrong_grant_or_ticket_is_gone() {
    let spend = verified().step(Event::Spend { grant: digest(99) }, &TERMS, at(3));
    assert!(matches!(spend, Step::Refused(Refusal::Gone)));
    let redeem = completed().step(Event::Redeem { ticket: digest(99) }, &TERMS, at(4));
    assert!(matches!(redeem, Step::Refused(Refusal::Gone)));
    let complete = Event::Complete { stamp: Stamp::from_bytes([6; 16]), ticket: digest(99) };
    assert!(matches!(completed().step(complete, &TERMS, at(4)), Step::Refused(Refusal::Gone)));
}

#[test]
fn a_clock_that_runs_back_revives_nothing() {
    let seen_late = next(&bound_reset(), Event::Match { grant: digest(4) }, at(599));
    let resent = next(
        &seen_late,
        Event::Send { method: Method::Email, format: CodeFormat::Digits },
        at(700),
    );

    let tried = resent.step(Event::Try, &TERMS, at(5));
    assert!(matches!(tried, Step::Refused(Refusal::Expired)));
    assert!(matches!(
        resent.step(
            Event::Send { method: Method::Email, format: CodeFormat::Digits },
            &TERMS,
            at(0)
        ),
        Step::Refused(Refusal::TooSoon { .. })
    ));
}

#[test]
fn a_repeated_right_code_writes_nothing_and_no_other_grant_can_follow() {
    let before = verified();
    assert!(matches!(before.step(Event::Match { grant: digest(4) }, &TERMS, at(50)), Step::Stay));

    let other = before.step(Event::Match { grant: digest(44) }, &TERMS, at(50));
    assert!(matches!(other, Step::Refused(Refusal::Gone)));
}
