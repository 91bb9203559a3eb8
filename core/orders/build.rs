//! Says to the sources of larder-core that they are built on the scheduler.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(larder_orders)");
    println!("cargo::rustc-cfg=larder_orders");
    println!("cargo::rerun-if-changed=build.rs");
}
