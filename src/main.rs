//! The program: see `ppdnn --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ppdnn::cli::main()
}
