// compiles
use countersign::gate::Sealed;
use countersign::upstream::{Clusters, send};

async fn forward(clusters: &Clusters, sealed: Sealed) -> bool {
    send(clusters, sealed).await.is_ok()
}

fn main() {
    let _ = forward;
}
