//! Prints how likely somebody succeeds who guesses at every opportunity, for any limits.
//! `cargo run --example guess_odds -- [--tries N] [--tries-per-day N] [--tenant-tries N]`
#![allow(clippy::print_stdout, reason = "an example talks")]

use sspr::policy::Limits;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let defaults = Limits::default();
    let option = |name: &str, default: u32| -> Result<u32, std::num::ParseIntError> {
        let mut arguments = std::env::args().skip_while(|argument| argument != name);
        arguments.nth(1).map_or(Ok(default), |value| value.parse())
    };
    let limits = Limits::builder()
        .tenant_tries(option("--tenant-tries", defaults.tenant_tries())?)
        .tries_per_challenge(option("--tries", defaults.tries_per_challenge())?)
        .tries_per_window(option("--tries-per-day", defaults.tries_per_window())?);
    // Limits that are too generous are refused, with the arithmetic in the error.
    match limits.build() {
        Ok(limits) => println!("{limits}"),
        Err(error) => println!("{error}"),
    }

    println!("\nwrong codes compared a day   one account, a day");
    for tries_per_window in [5, 10, 15, 25, 50, 100] {
        let row = Limits::builder().tries_per_window(tries_per_window).build();
        match row {
            Ok(limits) => println!("{tries_per_window:>26}   {:.1e}", limits.odds().account_day),
            Err(_) => println!("{tries_per_window:>26}   refused"),
        }
    }
    Ok(())
}
