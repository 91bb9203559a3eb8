//! The sessions of agents: which agent works in which channel, on what, and how far it is.

mod vocabulary;

pub use vocabulary::{
    ClaudePermissionMode, CodexApprovalPolicy, CodexSandboxMode, CodexWebSearchMode,
    DiscoverySource, Mode, Provider, SessionKind, WorkflowStatus,
};
