//! The sessions of agents: which agent works in which channel, on what, and how far it is.
//!
//! Owns nothing but the list of its parts: [`Sessions`] is where to begin.

mod change;
mod directory;
mod label;
mod new;
mod record;
mod store;
mod vocabulary;

pub use change::Step;
pub use new::NewSession;
pub use record::{ArchivedSession, Session, WorkflowState};
pub use store::Sessions;
pub use vocabulary::{
    ClaudePermissionMode, CodexApprovalPolicy, CodexSandboxMode, CodexWebSearchMode,
    DiscoverySource, Mode, Provider, SessionKind, WorkflowStatus,
};
