//! `ppdnn adapters`.

use crate::backend::Adapter;
use crate::cli::args::AdaptersArgs;
use crate::cli::compute::SOFTWARE;
use crate::cli::print::{json, say};
use crate::error::Result;

/// Lists the adapters, the likely fastest first.
pub(super) fn adapters(args: &AdaptersArgs) -> Result<()> {
    let list = Adapter::list();
    for (index, a) in list.iter().enumerate() {
        if args.json {
            json(&serde_json::json!({
                "index": index, "name": a.name, "kind": a.kind, "software": a.kind == SOFTWARE, "api": a.api,
                "max_operand_bytes": a.max_operand_bytes, "native_u64": a.native_u64,
            }));
        } else {
            let words = if a.native_u64 { "native u64" } else { "u64 in limbs" };
            let room = a.max_operand_bytes >> 20;
            let kind = if a.kind == SOFTWARE { "not a GPU: software on the CPU" } else { a.kind };
            say(&format!("{index}  {} ({kind}, {}), operands up to {room} MiB, {words}", a.name, a.api));
        }
    }
    if list.is_empty() && !args.json {
        say("no GPU with a Vulkan, Metal or DX12 driver; mesa-vulkan-drivers has a software driver");
    }
    Ok(())
}
