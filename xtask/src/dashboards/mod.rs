//! The panels of `dashboards/grafana`, as data with plain queries.

mod agents;
mod delivery;
mod grafana;
mod overview;
mod quality;
mod rag;
mod vintages;

use std::path::{Path, PathBuf};

pub use grafana::Dashboard;

/// All dashboards.
pub fn all() -> [Dashboard; 5] {
    [
        overview::dashboard(),
        rag::dashboard(),
        agents::dashboard(),
        quality::dashboard(),
        delivery::dashboard(),
    ]
}

impl Dashboard {
    /// The path of the JSON file.
    pub fn path(&self) -> PathBuf {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dashboards/grafana");
        folder.join(format!("{}.json", self.uid))
    }

    /// The content of the JSON file.
    pub fn text(&self) -> String {
        format!("{:#}\n", self.json())
    }
}
