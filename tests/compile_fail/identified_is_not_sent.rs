// error[E0277]: the trait bound `Identified: Sendable` is not satisfied
use countersign::gate::Identified;
use countersign::upstream::{Clusters, send};

async fn forward(clusters: &Clusters, unsealed: Identified) -> bool {
    send(clusters, unsealed).await.is_ok()
}

fn main() {
    let _ = forward;
}
