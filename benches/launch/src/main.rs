//! Starts the comparison in `benches/compare`, with the same arguments.
//!
//! It is a member of the workspace so that `cargo run --release -p larder-compare` works from a fresh
//! clone, and it has no dependencies so that nobody else pays for that. The comparison itself has a
//! workspace of its own. This owns only how it is built and started.

use std::path::Path;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    // Beside the other builds, so that it goes with them and git knows not to look.
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| here.join("../../target"), Into::into)
        .join("compare");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["run", "--release", "--locked", "--manifest-path"])
        .arg(here.join("../compare/Cargo.toml"))
        .arg("--target-dir")
        .arg(target)
        .arg("--")
        .args(std::env::args_os().skip(1))
        .status();
    match status {
        Ok(status) => ExitCode::from(
            status
                .code()
                .and_then(|code| u8::try_from(code).ok())
                .unwrap_or(2),
        ),
        Err(error) => {
            // The one message that this program has.
            #[expect(clippy::print_stderr, reason = "a program tells why it cannot go on")]
            {
                eprintln!("cargo cannot be started: {error}");
            }
            ExitCode::from(2)
        }
    }
}
