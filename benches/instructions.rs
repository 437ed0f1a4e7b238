//! Does one thing so many times, for `scripts/instructions` to count what it takes:
//! `SSPR_COUNT="check-right 1000"`.
#![allow(
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a bench talks"
)]

#[path = "support/flow.rs"]
mod flow;
#[path = "support/native.rs"]
mod native;
#[path = "support/nobody.rs"]
mod nobody;

use std::{env, hint::black_box};

use flow::{Flow, Who};
use hmac::{Hmac, KeyInit, Mac};
use native::Front;
use sha2::Sha256;
use sspr::{
    Keyring,
    adapters::SystemEntropy,
    domain::{Code, CodeFormat, Digest},
};
use subtle::ConstantTimeEq;

fn main() {
    let Ok(wish) = env::var("SSPR_COUNT") else {
        return println!("scripts/instructions counts the instructions of these");
    };
    let (what, times) = wish.split_once(' ').unwrap();
    let times: u32 = times.parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let mut flow = Flow::without_mail();
    let entropy = SystemEntropy::new();
    let keys = Keyring::generate(&entropy).unwrap();
    let (own, foreign) = (Digest::from_bytes([1; 32]), Digest::from_bytes([2; 32]));
    let (right, wrong) = (Code::parse("48291736").unwrap(), Code::parse("11111111").unwrap());
    let stored = keys.code_digest(keys.signing(), &own, &right).unwrap();
    let check = |binding: &Digest, code: &Code| {
        let digest = keys.code_digest(keys.signing(), black_box(binding), black_box(code));
        black_box(digest.is_some_and(|digest| digest.matches(&stored)));
    };
    let state = Hmac::<Sha256>::new(&[7; 64].into());
    let mut front = Front::new();
    for _ in 0..times {
        match what {
            "hmac" => {
                let mut mac = state.clone();
                mac.update(black_box(&[3; 40]));
                let ours: [u8; 32] = mac.finalize().into_bytes().into();
                black_box(bool::from(ours.ct_eq(black_box(&[4; 32]))));
            }
            "draw" => drop(black_box(Code::generate(CodeFormat::Digits, &entropy))),
            "check-right" => check(&own, &right),
            "check-wrong" => check(&own, &wrong),
            "check-foreign" => check(&foreign, &right),
            "flow" => runtime.block_on(flow.run()),
            "ask-customer" => runtime.block_on(flow.ask(Who::Customer)),
            "ask-stranger" => runtime.block_on(flow.ask(Who::Stranger)),
            "native-start" => drop(black_box(runtime.block_on(front.start()))),
            "native-pair" => drop(black_box(runtime.block_on(front.start_and_challenge()))),
            other => panic!("not one of these: {other}"),
        }
    }
}
