//! What other searches share with the simulation.
#![allow(dead_code, reason = "each uses its own part")]

pub mod chance;
pub mod facts;
pub mod founding;
