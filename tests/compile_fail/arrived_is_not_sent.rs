// error[E0277]: the trait bound `Arrived: Sendable` is not satisfied
use countersign::gate::Arrived;
use countersign::upstream::{Clusters, send};

async fn forward(clusters: &Clusters, unsealed: Arrived) -> bool {
    send(clusters, unsealed).await.is_ok()
}

fn main() {
    let _ = forward;
}
